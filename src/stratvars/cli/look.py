"""``stratvars list`` and ``stratvars show``: look at what is saved, while the bots run or when none does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stratvars.cli.errors import tell
from stratvars.cli.options import db_option, table_option
from stratvars.cli.text import close_to, either, listed
from stratvars.errors import NewerFormatError, UndecodableError, UsageError

if TYPE_CHECKING:
    from stratvars.archive import Archive
    from stratvars.revision import Stored

_KILO = 1000
_LIST_EXAMPLE = """\b
Example:
  stratvars list --db sqlite:///bots.db
"""
_SHOW_EXAMPLE = """\b
Examples:
  stratvars show btc-live
  stratvars show btc-live --json | jq .position
"""


@click.command("list", epilog=_LIST_EXAMPLE)
@db_option
@table_option
def list_strategies(db: str | None, table: str) -> None:
    """List every strategy with saved variables, one per line."""
    from stratvars.archive import open_archive
    from stratvars.cli.output import Column, print_table

    with open_archive(db, table=table) as archive:
        found = archive.strategies()
        if not found:
            raise UsageError(_nothing_saved(archive))
    columns = (
        Column("name"),
        Column("revision", is_number=True),
        Column("saved"),
        Column("why"),
        Column("variables", is_number=True),
        Column("size", is_number=True),
    )
    print_table(columns, [_row(stored) for stored in found])


@click.command("show", epilog=_SHOW_EXAMPLE)
@click.argument("name")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the stored JSON object exactly as it is, passwords and all."
)
@click.option(
    "--reveal", is_flag=True, help="Show what stands under names with key, secret, token or password in them."
)
@db_option
@table_option
def show_variables(name: str, as_json: bool, reveal: bool, db: str | None, table: str) -> None:
    """Show the saved variables of one strategy."""
    from stratvars.archive import open_archive
    from stratvars.cli.output import print_exactly

    with open_archive(db, table=table) as archive:
        stored = archive.current(name)
        if stored is None:
            raise UsageError(_unknown(name, archive))
    tell(_header(stored))
    if as_json:
        print_exactly(stored.variables)
    else:
        _print_variables(stored, reveal=reveal)


def _print_variables(stored: Stored, *, reveal: bool) -> None:
    from stratvars.cli.masking import HIDDEN, readable
    from stratvars.cli.output import Column, print_table
    from stratvars.codec import FORMAT
    from stratvars.revision import split_texts

    if stored.format > FORMAT:
        raise NewerFormatError(
            f"{stored.strategy!r} was saved in format {stored.format}, and this version of stratvars reads up to "
            f"format {FORMAT}; install a newer one, or add --json to see the text as it is"
        )
    texts = split_texts(stored.variables)
    rows, unreadable = [], []
    for name, text in texts.items():
        try:
            rows.append((name, readable(name, text, reveal=reveal)))
        except UndecodableError as error:
            unreadable.append(UndecodableError(name + error.path, error.problem))
    print_table((Column("name"), Column("value", is_cut=True)), rows)
    if any(HIDDEN in value for _, value in rows):
        tell(f"{HIDDEN} stands for what may be a password; --reveal shows it")
    for held_back, problem in stored.held_back.items():
        tell(_about_held_back(held_back, problem, is_there=held_back in texts))
    _raise_first(unreadable)


def _about_held_back(name: str, problem: str, *, is_there: bool) -> str:
    older = "the value above is older" if is_there else "it has no saved value"
    return f"{name} is held back, {older}: {problem}"


def _raise_first(errors: list[UndecodableError]) -> None:
    for error in errors[1:]:
        tell(f"stratvars: {error}")
    if errors:
        raise errors[0]


def _header(stored: Stored) -> str:
    return f"{stored.strategy}: revision {stored.revision}, saved {_when(stored)} ({_why(stored)})"


def _row(stored: Stored) -> tuple[str, ...]:
    size = _size(len(stored.variables.encode(errors="surrogateescape")))
    return stored.strategy, str(stored.revision), _when(stored), _why(stored), _count(stored), size


def _when(stored: Stored) -> str:
    from stratvars.schedule import age

    return f"{age(stored.age)} ago"


def _why(stored: Stored) -> str:
    if stored.reason == "":
        return "written by hand"
    return f"{stored.reason}, changed by hand since" if stored.foreign else stored.reason


def _count(stored: Stored) -> str:
    from stratvars.revision import split_texts

    try:
        return str(len(split_texts(stored.variables)))
    except UndecodableError:
        return "?"


def _size(count: int) -> str:
    if count < _KILO:
        return f"{count} B"
    if count < _KILO**2:
        return f"{count / _KILO:.1f} kB"
    return f"{count / _KILO**2:.1f} MB"


def _nothing_saved(archive: Archive) -> str:
    return (
        f"nothing is saved in the table {archive.table} of {archive.database} (chosen by: {archive.database.origin}); "
        "name another with --table or --db, or run a strategy first"
    )


def _unknown(name: str, archive: Archive) -> str:
    names = [stored.strategy for stored in archive.strategies()]
    if not names:
        return _nothing_saved(archive)
    close = close_to(name, names)
    meant = f"did you mean {either(close)}? S" if close else "s"
    return f"nothing is saved under the name {name}; {meant}aved in {archive.database}: {listed(names)}"
