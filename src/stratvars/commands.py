"""Commands that a message shows: they reach the table and the database that it speaks of, and hold no password."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stratvars import settings
from stratvars.database import DATABASE_VARIABLE, Database
from stratvars.errors import UsageError
from stratvars.names import command, shell_word

Show = Callable[[str, str, str], str]
"""See ``names.command``; the options may be empty."""
_DEFAULT_TABLE: Final = "vars_backup"


@dataclass(frozen=True, slots=True)
class Commands:
    """The lines for whoever has only the message.

    Attributes:
        table, database: what they must reach.
    """

    table: str
    database: Database

    def show(self, verb: str, strategy: str, options: str) -> str:
        """See ``Show``. A variable of the shell stands in place of a URL with a password: see ``first``."""
        way = _way_to(self.database)
        in_table = "" if self.table == _DEFAULT_TABLE else f" --table {shell_word(self.table)}"
        return f"{way.before}{command(verb, strategy, f'{options}{in_table}{way.option}'.strip())}"

    @property
    def first(self) -> str:
        """What is to be done before; may be empty."""
        return _way_to(self.database).first


@dataclass(frozen=True, slots=True)
class _Way:
    """How a command reaches the same database; all of it may be empty.

    Attributes:
        option: of the command.
        before: what the shell does before the command.
        first: what the reader does before that.
    """

    option: str = ""
    before: str = ""
    first: str = ""


def _way_to(database: Database) -> _Way:
    if _is_found_again(database):
        return _Way()
    if database.url.reveal() == str(database):
        return _Way(option=f" --db {shell_word(str(database))}")
    if database.origin == "argument":
        return _Way(option=f' --db "${DATABASE_VARIABLE}"', first=f"set {DATABASE_VARIABLE} to the URL of the database")
    # It stands in a .env file, which is looked for from the folder of the script upward.
    folder = settings.find_folder(sys.modules.get("__main__"))
    return _Way(before=f"cd {shell_word(str(folder))} && ")


def _is_found_again(database: Database) -> bool:
    """Whether the command finds it by itself: it is named in the environment, or in a ``.env`` seen from here."""
    if database.origin in {"argument", "default"}:
        return False
    try:
        return settings.resolve(folder=Path.cwd()).url == database.url
    except (UsageError, OSError):  # a start never fails because of what it says
        return False
