"""What the suites save, and how they ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stratvars.revision import (
    Claim,
    Holder,
    Reason,
    Revision,
    Stored,
)
from stratvars.store.base import Records, Store
from stratvars.texts import join_texts

TABLE = "vars_backup"


class OneSide:
    """A contract for the side that writes."""

    def open(self, place: Path) -> Store:
        """A new store on the database at ``place``, a folder of the test's own."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """A store with its tables."""
        with closing(self.open(tmp_path)) as store:
            store.prepare(TABLE)
            yield store


class BothSides:
    """A contract for what is written and then looked at."""

    def open(self, place: Path) -> tuple[Store, Records]:
        """A store on the database at ``place``, a folder of the test's own, and what looks at it."""
        raise NotImplementedError

    @pytest.fixture
    def sides(self, tmp_path: Path) -> Iterator[tuple[Store, Records]]:
        """Both, with the tables."""
        store, records = self.open(tmp_path)
        with closing(store), closing(records):
            store.prepare(TABLE)
            yield store, records


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
