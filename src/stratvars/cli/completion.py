"""``stratvars completion``: the lines that teach a shell to complete."""

from __future__ import annotations

from typing import Final

import click

from stratvars.cli.errors import tell
from stratvars.cli.output import print_exactly

_EXAMPLE: Final = """\b
Examples:
  stratvars completion bash >> ~/.bashrc
  stratvars completion zsh >> ~/.zshrc
  stratvars completion fish > ~/.config/fish/completions/stratvars.fish
"""


@click.command(epilog=_EXAMPLE)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, *, shell: str) -> None:
    """Print what a shell needs to complete.

    It then completes commands, options, the names of strategies and those of variables. A database that does not answer
    within a second has none.
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is not None:
        print_exactly(found(ctx.find_root().command, {}, "stratvars", "_STRATVARS_COMPLETE").source().strip())
    tell(f"for {shell}; begin a new shell when it stands in its file")
