"""Between rows of the tables and records. The order of the columns is that of ``statements.sql``."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from stratvars.revision import Revision, Stored, digest_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def stored(row: tuple[Any, ...]) -> Stored:
    """A row of ``current`` or ``all_current``."""
    strategy, variables, saved_at, age, revision, reason, format_, digest, epoch, owner, complete, held_back = row
    return Stored(
        strategy=strategy,
        variables=variables,
        revision=revision or 0,
        reason=reason or "",
        # As a number: the text of a timestamp depends on the role's DateStyle and TimeZone.
        saved_at=_EPOCH + timedelta(microseconds=saved_at),
        age=max(0.0, age),
        format=format_ or 0,
        foreign=digest != digest_of(variables),
        epoch=epoch or 0,
        owner=owner or "",
        complete=bool(complete),
        held_back=json.loads(held_back or "{}"),
    )


def save(revision: Revision, patience: str) -> dict[str, object]:
    """The parameters of ``save``; ``patience`` in milliseconds."""
    claim = revision.claim
    return {
        "patience": patience,
        "id": str(uuid.uuid4()),
        "strategy": claim.strategy,
        "epoch": claim.epoch,
        "start_id": claim.start_id,
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
