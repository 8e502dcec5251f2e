"""Between rows of the tables and records. The order of the columns is that of ``statements.sql``."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from stratvars.edits import Asked
from stratvars.revision import Entry, Revision, Stored
from stratvars.store.current import asked_from, entry_from, stored_from


def stored(row: tuple[Any, ...]) -> Stored:
    """A row of ``current`` or ``all_current``."""
    return stored_from(row, time_in(row[2]))


def time_in(found: object) -> datetime:
    """When something was written. Another hand may put anything there, and what is no time is 1970."""
    try:
        return in_utc(found)
    except (TypeError, ValueError):
        return datetime.fromtimestamp(0, UTC)


def in_utc(found: Any) -> datetime:
    """A time as the file has it; one without a zone was written by hand, and SQLite takes it for UTC."""
    time = datetime.fromisoformat(found)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def entry(row: tuple[Any, ...]) -> Entry:
    """A row of ``revisions``."""
    return entry_from(row, time_in(row[3]))


def asked(row: tuple[Any, ...]) -> Asked:
    """A row of ``edits``."""
    return asked_from(row, time_in(row[6]))


def writer(revision: Revision) -> tuple[object, ...]:
    """The parameters of ``save_writer``."""
    return (
        revision.number,
        revision.digest,
        revision.reason._value_,  # before Python 3.12 ``value`` is a function of Python's
        revision.complete,
        revision.held_back,
        revision.format,
        revision.claim.epoch,
        from_now(revision.claim.lease),
        revision.claim.strategy,
    )


def mover(revision: Revision) -> tuple[object, ...]:
    """The parameters of ``move_on``."""
    return (*writer(revision), revision.claim.epoch, revision.claim.start_id, revision.follows)


@cache
def from_now(seconds: float) -> str:
    """The modifier of SQLite's date functions; see sqlite.org/lang_datefunc.html."""
    return f"{seconds:+.3f} seconds"


def history(revision: Revision) -> tuple[object, ...]:
    """The parameters of ``save_history``."""
    return (
        revision.claim.strategy,
        revision.claim.epoch,
        revision.number,
        revision.reason._value_,
        revision.complete,
        revision.snapshot,
        revision.changed,
        revision.removed,
        revision.held_back,
        revision.claim.start_id,
        revision.format,
    )
