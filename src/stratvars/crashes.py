"""Several crashes in a row: what the start line says about them, and the command that goes back.

A crash saves the state at that moment, and that is what a restart goes on from. Where the state itself is the cause,
each restart crashes again; then the last completed iteration is the place to go back to.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stratvars import settings
from stratvars.database import DATABASE_VARIABLE, Database
from stratvars.errors import UsageError
from stratvars.names import in_command, shell_word
from stratvars.revision import Landmark, Stored

IN_A_ROW: Final = 3
"""From so many crashes on the start line speaks of them."""
_DEFAULT_TABLE: Final = "vars_backup"


@dataclass(frozen=True, slots=True)
class _Way:
    """How the command reaches the same database; all of it may be empty.

    Attributes:
        option: of the command.
        before: what the shell does before the command.
        first: what the reader does before that.
    """

    option: str = ""
    before: str = ""
    first: str = ""


def about_crashes(stored: Stored, table: str, database: Database) -> str:
    """The part of the start line about crashes in a row; it ends with the command, which holds no password."""
    crashed = f"crashed {stored.crashes} times in a row"
    if stored.completed == 0:
        return f"{crashed}, and never completed an iteration"
    way = _way_to(database)
    in_table = "" if table == _DEFAULT_TABLE else f" --table {shell_word(table)}"
    options = f"--to {Landmark.LAST_ITERATION}{in_table}{way.option}"
    return (
        f"{crashed} since the last completed iteration (revision {stored.completed}): to go back to it, "
        f"stop this{way.first} and run: {way.before}stratvars rewind {in_command(stored.strategy, options)}"
    )


def _way_to(database: Database) -> _Way:
    if _is_found_again(database):
        return _Way()
    if database.url.reveal() == str(database):
        return _Way(option=f" --db {shell_word(str(database))}")
    if database.origin == "argument":
        return _Way(
            option=f' --db "${DATABASE_VARIABLE}"', first=f", set {DATABASE_VARIABLE} to the URL of the database"
        )
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
