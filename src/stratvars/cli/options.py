"""Options that several commands share, and how a number or a moment on the command line is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from stratvars.moment import When

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
json_lines_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object for each line, with values as they are stored.",
)
reveal_option = click.option(
    "--reveal", is_flag=True, help="Show what stands under names with key, secret, token or password in them."
)
_WAIT = 15.0
note_option = click.option("--note", metavar="TEXT", default="", help="Why; kept with the edit.")
wait_option = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    default=_WAIT,
    help=f"How long to wait for the strategy. Default: {_WAIT:g}.",
)
no_wait_option = click.option("--no-wait", is_flag=True, help="Leave the edit with the database and do not wait.")
WHENS = """\b
WHEN is one of
  42                a revision, by its number
  10m               so long ago: s, m, h, d or w
  2026-11-23T14:00  a time; without a zone, one of this machine's
  last-iteration    the end of the last completed iteration
  before-crash      before the first error or crash of the newest in a row
"""
CODES = """\b
Exit codes:
  0  done
  1  failed
  2  wrong use; there is no such strategy, variable or moment
  3  what is saved cannot be read, or the database cannot be used
"""
OWNED_CODES = f"""{CODES}\
  4  the strategy runs
"""


def read_when(ctx: click.Context, parameter: click.Parameter, text: str | None) -> When | None:
    """A click callback that reads a moment."""
    from stratvars import moment
    from stratvars.errors import UsageError

    try:
        return None if text is None else moment.parse(text)
    except UsageError as error:
        raise click.BadParameter(str(error), ctx, parameter) from None


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
