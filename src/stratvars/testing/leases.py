"""What every store does with a lease; see the package."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from stratvars.outcome import Fenced, Renewed, Saved, WentBack
from stratvars.revision import Claim, Holder, Reason, Renewing
from stratvars.store.base import Store
from stratvars.testing.samples import TABLE, OneSide, revision_of

_LEASE = 30.0


class LeaseContract(OneSide):
    """``open`` is that of ``StoreContract``."""

    def test_who_holds_a_strategy_and_for_how_long_is_told(self, store: Store) -> None:
        _claimed(store, "start-1")
        holder = _refused(store)
        assert (holder.epoch, holder.owner, holder.start_id, holder.lease) == (1, "owner of start-1", "start-1", _LEASE)
        assert _LEASE - 5 < holder.left <= _LEASE + 0.001  # a store may count in milliseconds

    def test_a_lease_ends_by_the_clock_of_the_database(self, store: Store) -> None:
        _claimed(store, "start-1", lease=1.0)
        time.sleep(1.1)
        assert _refused(store).left <= 0, "the caller judges what that means"

    def test_a_renewal_and_a_save_begin_it_anew(self, store: Store) -> None:
        claim = _claimed(store, "start-1")
        seen = [_refused(store)]
        for renews in (lambda: store.renew([Renewing(claim, 0)]), lambda: store.save([revision_of(claim, {"x": "1"})])):
            time.sleep(0.3)
            renews()
            seen.append(_refused(store))
        assert len({holder.stamp for holder in seen}) == 3
        assert all(holder.left > _LEASE - 0.25 for holder in seen[1:])

    def test_a_renewal_answers_for_each_claim(self, store: Store) -> None:
        mine, lost, gone = (_claimed(store, "start-1", name) for name in ("mine", "lost", "gone"))
        taken = _claimed(store, "start-2", "lost", take_over=Holder(1, "owner of start-1"))
        store.release(gone)
        before = _refused(store, "lost").stamp
        time.sleep(0.01)
        answers = store.renew([Renewing(claim, 0) for claim in (lost, gone, mine)])
        assert answers == [Fenced(Holder(2, taken.owner)), WentBack(0, 0), Renewed()]
        assert _refused(store, "lost").stamp == before, "the lease of another start is not touched"

    def test_an_owner_that_renewed_since_it_was_looked_at_keeps_the_strategy(self, store: Store) -> None:
        claim = _claimed(store, "start-1")
        holder = _refused(store)
        time.sleep(0.01)
        store.renew([Renewing(claim, 0)])
        answer = store.acquire(TABLE, "bot", "me", "start-2", take_over=holder)
        assert answer == holder, "equal, for it is of the same start"
        assert isinstance(answer, Holder)
        assert answer.stamp != holder.stamp
        assert store.save([revision_of(claim, {"x": "1"})]) == [Saved(1)]
        assert isinstance(store.acquire(TABLE, "bot", "me", "start-2", take_over=_refused(store)), Claim)

    def test_the_dead_are_taken_over_from_whatever_they_did_last(self, store: Store) -> None:
        claim = _claimed(store, "start-1")
        holder = replace(_refused(store), stamp="")
        time.sleep(0.01)
        store.renew([Renewing(claim, 0)])
        assert isinstance(store.acquire(TABLE, "bot", "me", "start-2", take_over=holder), Claim)

    def test_what_was_fenced_is_kept_and_never_current(self, store: Store) -> None:
        first = _claimed(store, "start-1")
        assert store.save([revision_of(first, {"x": "1"})]) == [Saved(1)]
        second = _claimed(store, "start-2", take_over=Holder(1, "owner of start-1"))
        refused = revision_of(first, {"x": "2"}, follows=1, reason=Reason.FENCED, complete=False)
        for _ in range(2):
            store.keep_fenced(refused)
        stored = store.load(second)
        assert stored is not None
        assert (stored.variables, stored.revision) == ('{"x":1}', 1)
        assert store.save([revision_of(second, {"x": "3"})]) == [Saved(2)]

    def test_who_was_taken_over_stays_fenced_when_the_later_start_gives_up_without_a_save(self, store: Store) -> None:
        first = _claimed(store, "start-1")
        store.release(_claimed(store, "start-2", take_over=Holder(1, "owner of start-1")))
        refused = revision_of(first, {"x": "1"}, reason=Reason.FENCED, complete=False)
        [answer] = store.save([refused])
        assert isinstance(answer, Fenced)
        store.keep_fenced(refused)
        assert store.load(first) is None
        third = _claimed(store, "start-3")
        assert (third.epoch, third.revision) == (3, 0), "what was refused was never saved"
        assert store.save([revision_of(third, {"x": "2"})]) == [Saved(1)]


def _claimed(
    store: Store, start_id: str, name: str = "bot", *, take_over: Holder | None = None, lease: float = _LEASE
) -> Claim:
    claim = store.acquire(TABLE, name, f"owner of {start_id}", start_id, take_over=take_over, lease=lease)
    if not isinstance(claim, Claim):
        pytest.fail(f"{name!r} is held by {claim}")
    return claim


def _refused(store: Store, name: str = "bot") -> Holder:
    answer = store.acquire(TABLE, name, "me", "another start")
    if not isinstance(answer, Holder):
        pytest.fail(f"{name!r} is held by nobody")
    return answer
