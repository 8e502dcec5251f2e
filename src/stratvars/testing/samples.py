"""What the suites save, and how they ask."""

from __future__ import annotations

import pytest

from stratvars.revision import (
    Claim,
    Holder,
    Reason,
    Revision,
    Stored,
    join_texts,
)
from stratvars.store.base import Store

TABLE = "vars_backup"


def revision_of(
    claim: Claim,
    texts: dict[str, str],
    *,
    number: int | None = None,
    follows: int | None = None,
    reason: Reason = Reason.ITERATION,
    complete: bool = True,
) -> Revision:
    """A snapshot of the texts that follows what the claim found, as a lane would make it."""
    before = claim.revision if follows is None else follows
    variables = join_texts(texts)
    return Revision(
        claim=claim,
        number=before + 1 if number is None else number,
        follows=before,
        reason=reason,
        complete=complete,
        variables=variables,
        changed=variables,
        removed="[]",
        held_back="{}",
        snapshot=True,
        format=1,
    )


def acquired(store: Store, name: str, *, start_id: str = "start-1", take_over: Holder | None = None) -> Claim:
    """The claim to a strategy; without it the test fails."""
    claim = store.acquire(TABLE, name, "me", start_id, take_over=take_over)
    if not isinstance(claim, Claim):
        pytest.fail(f"{name!r} is held by {claim}")
    return claim


def loaded(store: Store, claim: Claim) -> Stored:
    """What is current; without anything the test fails."""
    stored = store.load(claim)
    if stored is None:
        pytest.fail("nothing is saved")
    return stored
