"""The command line. A command's module is imported when the command is asked for, and what is slow when it runs.

Data goes to stdout, talk to stderr. Every error becomes one sentence and an exit code in ``errors.py``.
"""

from __future__ import annotations

import sys
from importlib import import_module
from traceback import walk_tb
from typing import NoReturn

import click

from stratvars import __version__
from stratvars.cli.errors import exit_code_of
from stratvars.cli.text import close_to, either
from stratvars.errors import UsageError

_COMMANDS = {
    "run": "stratvars.cli.run:run",
    "list": "stratvars.cli.look:list_strategies",
    "show": "stratvars.cli.look:show_variables",
    "history": "stratvars.cli.past:show_history",
    "diff": "stratvars.cli.diff:diff",
    "set": "stratvars.cli.change:set_variables",
    "unset": "stratvars.cli.change:unset_variables",
    "edits": "stratvars.cli.change:list_edits",
    "rewind": "stratvars.cli.rewind:rewind",
    "watch": "stratvars.cli.watch:watch",
    "export": "stratvars.cli.move:export_strategies",
    "import": "stratvars.cli.move:import_strategies",
    "rename": "stratvars.cli.manage:rename",
    "drop": "stratvars.cli.manage:drop",
    "completion": "stratvars.cli.completion:completion",
    "prune": "stratvars.cli.prune:prune",
    "doctor": "stratvars.cli.doctor:doctor",
    "demo": "stratvars.cli.demo:demo",
}

_OF_FILES = {"run", "export", "import"}
"""Those that are given files, whose names may be any bytes; they look at what else they are given themselves."""

_EXAMPLE = """\b
Example:
  stratvars run bot.py --name btc-live
"""


class _LazyGroup(click.Group):
    """Imports a command when it is asked for, and knows what a mistyped one was meant to be."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        where = _COMMANDS.get(cmd_name)
        if where is None:
            return None
        module, _, attribute = where.partition(":")
        command = getattr(import_module(module), attribute)
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        if word not in _COMMANDS and not word.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(_no_such_command(word), ctx)
        if word not in _OF_FILES:
            _check_text(args)
        return super().resolve_command(ctx, args)


def _check_text(arguments: list[str]) -> None:
    if "".join(arguments).isascii():
        return
    from stratvars.names import is_unicode

    for place, argument in enumerate(arguments):
        if not is_unicode(argument):  # it is not shown, for it may hold a value
            raise UsageError(
                f"argument {place} of {arguments[0]} is no text in {sys.getfilesystemencoding()}, the encoding of this "
                "shell; write it in that, or set LC_ALL to a locale of its own encoding, such as C.UTF-8"
            )


def _no_such_command(word: str) -> str:
    if ".py" in word:
        return f"there is no command {word!r}; to run that file, write: stratvars run {word}"
    close = close_to(word, _COMMANDS)
    if close:
        return f"there is no command {word!r}; did you mean {either(close)}?"
    return f"there is no command {word!r}; there are {', '.join(_COMMANDS)}."


@click.group(
    cls=_LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EXAMPLE,
)
@click.version_option(__version__, message="stratvars %(version)s", help="Print the version and exit.")
@click.pass_context
def _stratvars(ctx: click.Context) -> None:
    """Keep the variables of trading strategies, run them, and look at what is saved."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> NoReturn:
    """Run the command in ``sys.argv`` and end the process with its exit code."""
    sys.exit(exit_code_of(_run))


def _run() -> object:
    try:
        return _stratvars.main(prog_name="stratvars", standalone_mode=False)
    except OSError as error:
        *_, (frame, _) = walk_tb(error.__traceback__)
        if frame.f_code is not click.echo.__code__:
            raise
        from stratvars.cli.output import unwritten

        raise unwritten(error) from None  # click's own help, or the version
