"""From rows to records; every SQL store asks for the same columns in this order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from stratvars.edits import Asked, Change, Edit
from stratvars.revision import Entry, Kept, Reason, Stored
from stratvars.texts import digest_of

HIGHEST = (2**63 - 1, 2**63 - 1)
"""A place in the history that every revision comes before: the highest numbers that a database keeps."""


def listing(reason: str | None) -> str:
    """The statement that lists the revisions of a reason: all but two reasons are rare, and have an index."""
    return "revisions" if reason in {None, Reason.ITERATION, Reason.MANUAL} else "marked"


def stored_from(row: Sequence[Any], saved_at: datetime) -> Stored:
    """A row of ``current`` or ``all_current``; ``saved_at`` is the third column, as the driver must be understood.

    The columns of the writers' row are None where this library never wrote, the last two unless the newest revision
    is a crash.
    """
    strategy, variables, _, age, revision, reason, format_, digest, epoch, owner, complete, held_back, *more = row
    completed, crashes = more
    return Stored(
        strategy=strategy,
        variables=variables,
        revision=revision or 0,
        reason=reason or "",
        saved_at=saved_at,
        age=max(0.0, age),
        format=format_ or 0,
        foreign=digest != digest_of(variables),
        epoch=epoch or 0,
        owner=owner or "",
        complete=bool(complete),
        held_back={} if held_back in {None, "{}"} else json.loads(held_back),
        crashes=crashes or 0,
        completed=completed or 0,
    )


def kept_from(row: Sequence[Any]) -> Kept:
    """A row of ``history``."""
    number, reason, age, complete, snapshot, changed, removed, held_back, format_ = row
    return Kept(
        number=number,
        reason=reason,
        age=max(0.0, age),
        complete=bool(complete),
        snapshot=bool(snapshot),
        changed=changed,
        removed=removed,
        held_back=held_back,
        format=format_,
    )


def entry_from(row: Sequence[Any], saved_at: datetime) -> Entry:
    """A row of ``revisions``; ``saved_at`` is the fourth column, as the driver must be understood."""
    epoch, number, reason, _, age, complete, snapshot, size, held_back, start_id = row
    return Entry(
        epoch=epoch,
        number=number,
        reason=reason,
        saved_at=saved_at,
        age=max(0.0, age),
        complete=bool(complete),
        snapshot=bool(snapshot),
        size=size,
        held_back=json.loads(held_back),
        start_id=start_id,
    )


def edit_from(row: Sequence[Any]) -> Edit:
    """The first six columns of ``edits``."""
    number, change, format_, author, note, token, *_ = row
    return Edit(Change.from_json(change), format_, author, note, token, number)


def asked_from(row: Sequence[Any], asked_at: datetime) -> Asked:
    """A row of ``edits``; ``asked_at`` is the seventh column, as the driver must be understood."""
    *_, age, taken_by, fate, said, revision = row
    return Asked(edit_from(row), asked_at, max(0.0, age), taken_by, fate, said, revision)


def rewritten(strategy: str, epoch: int, revision: Kept) -> dict[str, Any]:
    """The parameters of ``rewrite``."""
    return {
        "strategy": strategy,
        "epoch": epoch,
        "number": revision.number,
        "snapshot": revision.snapshot,
        "changed": revision.changed,
        "removed": revision.removed,
        "format": revision.format,
    }
