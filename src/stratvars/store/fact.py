"""What an examination of a database finds: one fact after the other, each graded, and with a remedy where it is bad.

Every store examines its own database and writes nothing; ``stratvars doctor`` prints what was found.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stratvars.names import command
from stratvars.revision import Stored
from stratvars.store.growth import Histories


class Grade(StrEnum):
    """How a fact is to be taken."""

    OK = "ok"
    WARN = "warn"
    """A strategy runs, and something is worse than it could be."""
    FAIL = "fail"
    """A strategy cannot run, or what it saves is not safe."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was looked at.

    Attributes:
        name: what was looked at; always the same word for the same thing.
        grade: how it is to be taken.
        text: what was found; never a value of a variable, never a password.
        remedy: what to do about it; empty only when it is ok.
    """

    name: str
    grade: Grade
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """All that was found.

    Attributes:
        facts: about the database, in the order they were looked at.
        strategies: what is saved in the table, by name; none when it could not be looked at.
        histories: how large they are; None when they could not be looked at.
    """

    facts: tuple[Fact, ...]
    strategies: tuple[Stored, ...] = ()
    histories: Histories | None = None


def ok(name: str, text: str) -> Fact:
    """As it should be."""
    return Fact(name, Grade.OK, text)


def warn(name: str, text: str, remedy: str) -> Fact:
    """Worse than it could be."""
    return Fact(name, Grade.WARN, text, remedy)


def fail(name: str, text: str, remedy: str) -> Fact:
    """No strategy can run so, or none is safe."""
    return Fact(name, Grade.FAIL, text, remedy)


def another_shape(table: str) -> Fact:
    """Something else has the name of one of the tables."""
    text = f"{table}, or one of those beside it, is not one that stratvars made"
    return fail("tables", text, "choose another table: backup_table_name, --table")


def lost_table(table: str) -> Fact:
    """The user's table is gone, and those beside it are not."""
    text = f"{table} is gone, while the tables beside it are there; what was saved in it cannot be restored"
    return fail("tables", text, "put back the table from a copy of the database, or choose another one")


def lost_row(strategy: str) -> Fact:
    """The strategy's row is gone, and the one about its writers is not."""
    text = f"{strategy}: its row is gone, so a start of it is refused"
    history, back = command("history", strategy), command("rewind", strategy, "--to REVISION")
    remedy = (
        f"go back to the newest revision that {history} lists: {back}; or put back a copy of the database; to start "
        "from nothing, choose another name"
    )
    return fail("strategy", text, remedy)
