"""docs/cli.md: the help of every command. ``.venv/bin/python tests/cli/manual.py`` writes it anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from stratvars.cli import _stratvars

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
BEGIN, END = "<!-- help: tests/cli/manual.py -->\n", "<!-- end of help -->\n"
WIDTH = 80
"""Columns of the terminal; click leaves two of them free."""


def commands() -> Iterator[tuple[click.Context, click.Command]]:
    """Every command, the group itself first, with the context it is called in."""
    group = click.Context(_stratvars, info_name="stratvars", terminal_width=WIDTH - 2, **_stratvars.context_settings)
    yield group, _stratvars
    for name in _stratvars.list_commands(group):
        command = _stratvars.get_command(group, name)
        assert command is not None, name
        yield click.Context(command, info_name=name, parent=group, terminal_width=WIDTH - 2), command


def help_of(context: click.Context, command: click.Command) -> str:
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines())


def with_help(page: str) -> str:
    """The page with the help of every command between its marks."""
    head, _, rest = page.partition(BEGIN)
    helps = ((context.command_path, help_of(context, command)) for context, command in commands())
    parts = [f"## {path}\n\n```text\n{text}\n```\n" for path, text in helps]
    return head + BEGIN + "\n" + "\n".join(parts) + "\n" + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(with_help(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
