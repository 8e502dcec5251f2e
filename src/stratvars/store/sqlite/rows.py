"""Between rows of the tables and records. The order of the columns is that of ``statements.sql``."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from stratvars.revision import Revision, Stored, digest_of


def stored(row: tuple[Any, ...]) -> Stored:
    """A row of ``current`` or ``all_current``."""
    strategy, variables, saved_at, age, revision, reason, format_, digest, epoch, owner, complete, held_back = row
    return Stored(
        strategy=strategy,
        variables=variables,
        revision=revision or 0,
        reason=reason or "",
        saved_at=datetime.fromisoformat(saved_at),
        age=max(0.0, age),
        format=format_ or 0,
        foreign=digest != digest_of(variables),
        epoch=epoch or 0,
        owner=owner or "",
        complete=bool(complete),
        held_back=json.loads(held_back or "{}"),
    )


def writer(revision: Revision) -> tuple[object, ...]:
    """The parameters of ``save_writer``."""
    return (
        revision.number,
        revision.digest,
        revision.reason.value,
        revision.complete,
        revision.held_back,
        revision.format,
        revision.claim.epoch,
        revision.claim.strategy,
    )


def history(revision: Revision) -> tuple[object, ...]:
    """The parameters of ``save_history``."""
    return (
        revision.claim.strategy,
        revision.claim.epoch,
        revision.number,
        revision.reason.value,
        revision.complete,
        revision.snapshot,
        revision.changed,
        revision.removed,
        revision.held_back,
        revision.claim.start_id,
        revision.format,
    )
