"""The rows of the store in memory, and between them and the records."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from stratvars.edits import Asked, Edit, Fate
from stratvars.revision import COUNTED, Entry, Kept, Landmark, Moment, Reason, Revision, Stored
from stratvars.store.tenure import KEPT, Tenure
from stratvars.store.verdict import Found


@dataclass(slots=True)
class Row:
    """What the rows of a strategy are in a database."""

    found: Found
    stored: Stored | None = None
    history: list[tuple[Kept, datetime]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    fenced: list[Kept] = field(default_factory=list)
    fenced_entries: list[Entry] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def take(self) -> tuple[Edit, ...]:
        """The edits that wait, for the start that holds the strategy."""
        self.asked = [replace(one, taken_by=self.found.epoch) if is_open(one) else one for one in self.asked]
        return tuple(one.edit for one in self.asked if is_open(one))

    def resolve(self, number: int, fate: Fate, said: str = "", revision: int = 0) -> None:
        """What became of an edit, if it still waits."""
        for index, one in enumerate(self.asked):
            if one.edit.number == number and is_open(one):
                self.asked[index] = replace(one, fate=fate, said=said, revision=revision)


def fate_of(refused: str) -> Fate:
    """Of an edit that is asked for; ``refused``: why it cannot be applied."""
    return Fate.REFUSED if refused else Fate.OPEN


def is_open(asked: Asked) -> bool:
    """Whether the edit still waits."""
    return asked.fate == Fate.OPEN


def renewed(found: Found) -> Found:
    """With a lease that begins now; the moment it ends is the stamp."""
    return found._replace(stamp=repr(time.monotonic() + found.lease))


def aged(found: Found) -> Found:
    """With what is left of its lease at this moment."""
    return found._replace(left=float(found.stamp) - time.monotonic())


def stored_from(revision: Revision, owner: str) -> Stored:
    """The current state that a revision leaves."""
    return Stored(
        strategy=revision.claim.strategy,
        variables=revision.variables,
        revision=revision.number,
        reason=revision.reason.value,
        saved_at=datetime.now(UTC),
        age=0.0,
        format=revision.format,
        foreign=False,
        epoch=revision.claim.epoch,
        owner=owner,
        complete=revision.complete,
        held_back=json.loads(revision.held_back),
        crashes=0,
        completed=0,
    )


def kept_from(revision: Revision) -> Kept:
    """A revision as it stands in the history."""
    return Kept(
        number=revision.number,
        reason=revision.reason.value,
        age=0.0,
        complete=revision.complete,
        snapshot=revision.snapshot,
        changed=revision.changed,
        removed=revision.removed,
        held_back=revision.held_back,
        format=revision.format,
    )


def entry_from(revision: Revision, stored: Stored) -> Entry:
    """A revision as the history lists it."""
    return Entry(
        epoch=stored.epoch,
        number=stored.revision,
        reason=stored.reason,
        saved_at=stored.saved_at,
        age=0.0,
        complete=stored.complete,
        snapshot=revision.snapshot,
        size=size_of_text(revision.changed),
        held_back=stored.held_back,
        start_id=revision.claim.start_id,
    )


def tenure_of(strategy: str, row: Row) -> Tenure:
    """Who holds a strategy, and what is kept of it."""
    reason = "" if row.stored is None else row.stored.reason
    kept = min(len(row.history) + len(row.fenced), KEPT)
    return Tenure(strategy, reason, kept, aged(row.found).holder)


def is_at(kept: Kept, moment: Moment) -> bool:
    """Whether a revision is one that is asked for."""
    return kept.complete if moment is Landmark.LAST_ITERATION else kept.number == moment


def seen_now(row: Row | None) -> list[Stored]:
    """The row as a reader sees it at this moment, if anything was saved."""
    if row is None or row.stored is None:
        return []
    now = replace(row.stored, age=age_of(row.stored.saved_at), owner=row.found.owner)
    return [_with_crashes(now, row.history) if now.reason == Reason.CRASH else now]


def _with_crashes(stored: Stored, history: list[tuple[Kept, datetime]]) -> Stored:
    completed = max((kept.number for kept, _ in history if kept.complete), default=0)
    later = [kept for kept, _ in history[-COUNTED:] if kept.number > completed]
    crashes = sum(kept.reason == Reason.CRASH for kept in later)
    return replace(stored, crashes=crashes, completed=completed)


def age_of(at: datetime) -> float:
    """Seconds since a moment."""
    return max(0.0, (datetime.now(UTC) - at).total_seconds())


def size_of_text(text: str) -> int:
    """In bytes, as a database counts it."""
    return len(text.encode(errors="surrogateescape"))
