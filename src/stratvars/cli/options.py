"""Options that several commands share, and how a number on the command line is read."""

from __future__ import annotations

from collections.abc import Callable

import click

_DEFAULT_TABLE = "vars_backup"

_DATABASE = "Database, such as sqlite:///bots.db or postgresql://user@host/name. Default:"
_FALLBACK = "DB_CONNECTION_STR (environment or .env), else stratvars.db in the current folder."

db_option = click.option("--db", metavar="URL", help=f"{_DATABASE} {_FALLBACK}")
run_db_option = click.option("--db", metavar="URL", help=f"{_DATABASE} as in the class, else {_FALLBACK}")
table_option = click.option(
    "--table",
    metavar="TABLE",
    default=_DEFAULT_TABLE,
    help=f"Table the strategies save in, their backup_table_name. Default: {_DEFAULT_TABLE}.",
)


def whole_number(least: int) -> Callable[[click.Context, click.Parameter, str | None], int | None]:
    """A click callback that reads a whole number of at least ``least``."""

    def read(ctx: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
        if text is None:
            return None
        try:
            number = int(text)
        except ValueError:
            raise click.BadParameter(f"{text!r} is not a whole number", ctx, parameter) from None
        if number < least:
            raise click.BadParameter(f"{text} is too small; it must be {least} or more", ctx, parameter)
        return number

    return read
