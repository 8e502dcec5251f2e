"""From a row of ``current`` or ``all_current`` to a record; every SQL store asks for the same columns in this order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from stratvars.revision import Stored, digest_of


def stored_from(row: Sequence[Any], saved_at: datetime) -> Stored:
    """The record; ``saved_at`` is the third column, as the database's own driver must be understood.

    The columns of the writers' row are None where this library never wrote.
    """
    strategy, variables, _, age, revision, reason, format_, digest, epoch, owner, complete, held_back = row
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
        held_back=json.loads(held_back or "{}"),
    )
