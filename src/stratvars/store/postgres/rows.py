"""Between rows of the tables and records. The order of the columns is that of ``statements.sql``."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from stratvars.revision import Entry, Revision, Stored
from stratvars.store.current import entry_from, stored_from

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def stored(row: tuple[Any, ...]) -> Stored:
    """A row of ``current`` or ``all_current``."""
    # As a number: the text of a timestamp depends on the role's DateStyle and TimeZone.
    return stored_from(row, _EPOCH + timedelta(microseconds=row[2]))


def entry(row: tuple[Any, ...]) -> Entry:
    """A row of ``revisions``."""
    return entry_from(row, _EPOCH + timedelta(microseconds=row[3]))


def save(revision: Revision, patience: str) -> dict[str, object]:
    """The parameters of ``save``; ``patience`` in milliseconds."""
    claim = revision.claim
    return {
        "patience": patience,
        "id": str(uuid.uuid4()),
        "strategy": claim.strategy,
        "epoch": claim.epoch,
        "start_id": claim.start_id,
        "lease": claim.lease,
        "number": revision.number,
        "follows": revision.follows,
        "variables": revision.variables,
        "digest": revision.digest,
        "reason": revision.reason.value,
        "complete": revision.complete,
        "held_back": revision.held_back,
        "format": revision.format,
        "snapshot": revision.snapshot,
        "changed": revision.changed,
        "removed": revision.removed,
    }
