"""Names of strategies and tables: what every database can store, checked before anything is opened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from stratvars.errors import UsageError

if TYPE_CHECKING:
    from stratvars.database import Database

NAME_VARIABLE: Final = "STRATEGY_NAME"
LONGEST_STRATEGY_NAME: Final = 1_000
LONGEST_TABLE_NAME: Final = 55
_MOST_LISTED: Final = 10


def listed(names: Iterable[str]) -> str:
    """The names one after the other; of many, the first ones and how many more there are."""
    every = list(names)
    more = len(every) - _MOST_LISTED
    shown = ", ".join(every[:_MOST_LISTED])
    return f"{shown} and {more} more" if more > 0 else shown


def nothing_saved(name: str | None, others: Sequence[str], database: Database, table: str) -> str:
    """The sentence that says where was looked, and what is there; without a name, that nothing is."""
    from difflib import get_close_matches  # in trouble only

    where = f"in the table {table!r} of {database} (chosen by: {database.origin})"
    if name is None:
        return f"nothing is saved {where}"
    close = get_close_matches(name, others, 1)
    meant = f"did you mean {close[0]!r}? S" if close else "s"
    there = listed(map(repr, others)) or "nothing"
    return f"nothing is saved under the name {name!r} {where}; {meant}aved there: {there}"


def command(verb: str, name: str, options: str = "") -> str:
    """A command that a message shows, on one line for a shell: what to do, the strategy's name, and then the options.

    What cannot be seen is spelt out, and such a name is not found. For who has chosen table and database; else see
    ``commands``.
    """
    text = shell_word(name)
    words = f"{options} -- {text}" if name.startswith("-") else f"{text} {options}"  # after -- it is no option
    return f"stratvars {verb} {words.strip()}"


def shell_word(text: str) -> str:
    """One word of a shell on one line."""
    from shlex import quote  # in trouble only

    return quote(text if text.isprintable() else text.encode("unicode_escape").decode())


def check_strategy_name(name: str) -> None:
    """Raise ``UsageError`` unless the name can be stored by every database."""
    what = f"the strategy's name (the argument or {NAME_VARIABLE})"
    _check_name(name, what, LONGEST_STRATEGY_NAME)
    if name.strip() == "":
        raise UsageError(f"{what} is blank; give it a name that can be seen")


def check_table_name(table: str) -> None:
    """Raise ``UsageError`` unless the name can be that of a table with others beside it."""
    _check_name(table, "the table's name", LONGEST_TABLE_NAME)
    lower = table.lower()
    if lower.endswith(("_writers", "_history", "_edits")):
        ending = lower[lower.rindex("_") :]
        raise UsageError(
            f"the table's name {table!r} ends in {ending}, and tables with that ending stand beside another "
            "table; choose another ending for backup_table_name"
        )
    if lower.startswith("sqlite_"):
        raise UsageError(f"the table's name {table!r} begins with sqlite_, which SQLite reserves; choose another")


def _check_name(name: str, what: str, longest: int) -> None:
    if not isinstance(name, str):
        raise UsageError(f"{what} must be a string, not {type(name).__name__}")
    if name == "":
        raise UsageError(f"{what} is empty; give it at least one character")
    if "\0" in name:
        raise UsageError(f"{what} {name!r} holds a NUL character, which PostgreSQL cannot store; leave it out")
    if not is_unicode(name):
        raise UsageError(f"{what} {name!r} holds half of a character; decode it properly")
    length = len(name.encode())
    if length > longest:
        raise UsageError(f"{what} is {length} bytes of UTF-8 long; make it at most {longest}")


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold the text: no half of a surrogate pair stands in it."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
