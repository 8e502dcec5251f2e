"""What every store does; see the package."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from stratvars.outcome import Fenced, Saved, WentBack
from stratvars.revision import Claim, Holder, Reason, State
from stratvars.store.base import Store
from stratvars.testing.samples import TABLE, OneSide, acquired, loaded, revision_of


class StoreContract(OneSide):
    """See the module."""

    survives: ClassVar[bool] = True

    def test_a_first_start_finds_nothing_and_has_epoch_one(self, store: Store) -> None:
        claim = acquired(store, "bot")
        assert (claim.epoch, claim.revision) == (1, 0)
        assert store.load(claim) is None

    def test_what_was_saved_is_loaded_byte_for_byte(self, store: Store) -> None:
        claim = acquired(store, "bot")
        texts = {"x": "1.50", "Ünïcode 'quoted\" 💰": '"a\\u0000b"', "list": "[1, 2]"}
        assert store.save([revision_of(claim, texts)]) == [Saved(1)]
        stored = loaded(store, claim)
        assert stored.variables == State(texts).to_json()
        assert (stored.revision, stored.reason, stored.complete, stored.format) == (1, "iteration", True, 1)
        assert stored.foreign is False
        assert stored.age >= 0
        assert stored.saved_at.utcoffset() is not None

    def test_each_save_replaces_the_current_state(self, store: Store) -> None:
        claim = acquired(store, "bot")
        for number in (1, 2, 3):
            assert store.save([revision_of(claim, {"n": str(number)}, follows=number - 1)]) == [Saved(number)]
        assert loaded(store, claim).variables == '{"n":3}'

    def test_a_save_that_is_sent_again_is_saved_once(self, store: Store) -> None:
        claim = acquired(store, "bot")
        revision = revision_of(claim, {"x": "1"})
        assert store.save([revision]) == store.save([revision]) == [Saved(1)]
        assert store.save([revision_of(claim, {"x": "2"}, follows=1)]) == [Saved(2)]
        assert store.save([revision]) == [Saved(1)], "an older one, sent late, is not written over a newer one"
        assert loaded(store, claim).variables == '{"x":2}'

    def test_an_acquire_that_is_sent_again_gives_the_same_claim(self, store: Store) -> None:
        assert store.acquire(TABLE, "bot", "me", "start-1") == store.acquire(TABLE, "bot", "me", "start-1")

    def test_a_strategy_that_is_held_is_not_given_to_another(self, store: Store) -> None:
        claim = acquired(store, "bot")
        answer = store.acquire(TABLE, "bot", "other", "start-2")
        assert answer == Holder(claim.epoch, "me")
        assert store.save([revision_of(claim, {"x": "1"})]) == [Saved(1)], "and the holder goes on"

    def test_a_takeover_needs_the_holder_that_was_looked_at(self, store: Store) -> None:
        claim = acquired(store, "bot")
        wrong = Holder(claim.epoch + 1, "me")
        assert store.acquire(TABLE, "bot", "other", "start-2", take_over=wrong) == Holder(claim.epoch, "me")
        assert store.save([revision_of(claim, {"x": "1"})]) == [Saved(1)], "and the holder goes on"
        second = store.acquire(TABLE, "bot", "other", "start-2", take_over=Holder(claim.epoch, "me"))
        assert isinstance(second, Claim)
        assert second.epoch == claim.epoch + 1
        late = store.acquire(TABLE, "bot", "third", "start-3", take_over=Holder(claim.epoch, "me"))
        assert late == Holder(second.epoch, "other"), "of two that saw the same death, one takes over"

    def test_a_save_of_an_older_epoch_is_refused_and_changes_nothing(self, store: Store) -> None:
        old = acquired(store, "bot")
        store.save([revision_of(old, {"x": "1"})])
        new = acquired(store, "bot", start_id="start-2", take_over=Holder(old.epoch, "me"))
        assert new.revision == 1
        assert store.save([revision_of(old, {"x": "stolen"}, follows=1)]) == [Fenced(Holder(new.epoch, "me"))]
        assert loaded(store, new).variables == '{"x":1}'

    def test_a_release_frees_the_name_and_keeps_epoch_and_revision_growing(self, store: Store) -> None:
        claim = acquired(store, "bot")
        store.save([revision_of(claim, {"x": "1"})])
        store.release(claim)
        again = acquired(store, "bot", start_id="start-2")
        assert (again.epoch, again.revision) == (claim.epoch + 1, 1)

    def test_a_late_release_does_not_free_what_another_holds(self, store: Store) -> None:
        old = acquired(store, "bot")
        new = acquired(store, "bot", start_id="start-2", take_over=Holder(old.epoch, "me"))
        store.release(old)
        assert store.acquire(TABLE, "bot", "third", "start-3") == Holder(new.epoch, "me")

    def test_a_start_that_never_saved_leaves_no_trace(self, store: Store) -> None:
        store.release(acquired(store, "bot"))
        assert acquired(store, "bot", start_id="start-2").epoch == 1
        assert store.names(TABLE) == []

    def test_a_store_that_knows_less_than_it_acknowledged_says_so(self, store: Store) -> None:
        claim = acquired(store, "bot")
        ahead = revision_of(claim, {"x": "1"}, number=6, follows=5)
        assert store.save([ahead]) == [WentBack(claim.epoch, 0)]
        never_here = Claim(TABLE, "ghost", "start-9", "me", 4, 9)
        assert store.save([revision_of(never_here, {"x": "1"})]) == [WentBack(0, 0)]
        assert store.load(claim) is None

    def test_an_acquire_above_goes_beyond_what_was_ever_sent(self, store: Store) -> None:
        first = acquired(store, "bot")
        claim = store.acquire(TABLE, "bot", "me", first.start_id, above=(7, 40))
        assert isinstance(claim, Claim)
        assert (claim.epoch, claim.revision) == (8, 40)
        assert store.acquire(TABLE, "bot", "me", first.start_id, above=(7, 40)) == claim, "also when sent again"
        assert store.save([revision_of(claim, {"x": "1"})]) == [Saved(41)]
        store.release(claim)
        later = store.acquire(TABLE, "bot", "me", "start-2", above=(9, 50))
        assert isinstance(later, Claim)
        assert (later.epoch, later.revision) == (10, 50)
        assert store.save([revision_of(later, {"x": "2"})]) == [Saved(51)]

    def test_a_lost_row_can_be_told_from_a_first_start(self, store: Store) -> None:
        claim = store.acquire(TABLE, "bot", "me", "start-1", above=(0, 5))
        assert isinstance(claim, Claim)
        assert (store.load(claim), claim.revision) == (None, 5)

    def test_strategies_and_tables_never_meet(self, store: Store) -> None:
        odd = ["bot", "Bot", "bo_", "bo%", "b'o\"t", " ", "бот", "bot; drop table vars_backup"]
        store.prepare("other")
        for name in odd:
            claim = acquired(store, name)
            store.save([revision_of(claim, {"who": f'"{odd.index(name)}"'})])
        other = store.acquire("other", "bot", "me", "start-1")
        assert isinstance(other, Claim)
        assert store.load(other) is None
        assert sorted(store.names(TABLE)) == sorted(odd)
        assert store.names("other") == []
        for name in odd:
            assert loaded(store, acquired(store, name)).variables == f'{{"who":"{odd.index(name)}"}}'

    def test_a_batch_answers_for_each_member(self, store: Store) -> None:
        first, second, third = (acquired(store, name) for name in ("a", "b", "c"))
        acquired(store, "b", start_id="start-2", take_over=Holder(second.epoch, "me"))
        outcomes = store.save([revision_of(claim, {"x": "1"}) for claim in (first, second, third)])
        assert outcomes == [Saved(1), Fenced(Holder(2, "me")), Saved(1)]

    def test_crashes_in_a_row_are_counted_since_the_last_completed_iteration(self, store: Store) -> None:
        def after(*taken: tuple[Reason, bool]) -> tuple[int, int]:
            """A start that takes these revisions of "bot", beside one of another strategy that crashes."""
            for name in ("Bot", "bot"):
                claim = acquired(store, name, start_id=f"start-{len(taken)}-{name}")
                for reason, complete in taken if name == "bot" else [(Reason.CRASH, False)]:
                    store.save([revision_of(claim, {"x": "1"}, reason=reason, complete=complete)])
                    claim = replace(claim, revision=claim.revision + 1)
                store.release(claim)
            stored = loaded(store, claim)
            return stored.crashes, stored.completed

        crash, error = (Reason.CRASH, False), (Reason.ERROR, False)
        assert after(crash) == (1, 0)
        assert after(error, crash) == (2, 0)
        assert after((Reason.ITERATION, True), crash) == (1, 4)
        assert after((Reason.MANUAL, False), error, crash) == (2, 4), "an unfinished iteration ends no row of crashes"
        assert after(crash) == (3, 4)
        assert after(error) == (0, 0), "looked up only when the newest is a crash"
        assert after(crash) == (4, 4)
        assert after((Reason.EDIT, True)) == (0, 0)
        assert after(crash) == (1, 12)

    def test_a_load_counts_the_crashes_however_its_claim_was_made(self, store: Store) -> None:
        def counted(*claims: Claim) -> list[tuple[int, int]]:
            return [(found.crashes, found.completed) for found in (loaded(store, claim) for claim in claims)]

        first = acquired(store, "bot")
        crash = revision_of(first, {"x": "1"}, follows=1, reason=Reason.CRASH, complete=False)
        for revision in (revision_of(first, {"x": "1"}), crash):
            assert store.save([revision]) == [Saved(revision.number)]
        again = acquired(store, "bot")
        above = store.acquire(TABLE, "bot", "me", "start-1", above=(4, 7))
        taken = acquired(store, "bot", start_id="start-2", take_over=Holder(5, "me"))
        assert isinstance(above, Claim)
        assert counted(first, again, above, taken) == [(1, 1)] * 4, "the first saved it itself"
        store.release(taken)
        freed = acquired(store, "bot", start_id="start-3")
        assert counted(freed) == [(1, 1)]
        assert store.save([revision_of(freed, {"x": "2"}, reason=Reason.EDIT, complete=False)]) == [Saved(8)]
        calm = acquired(store, "bot", start_id="start-4", take_over=Holder(7, "me"))
        ghost = revision_of(freed, {"x": "3"}, follows=8, reason=Reason.CRASH, complete=False)
        assert store.save([ghost]) == [Fenced(Holder(8, "me"))]
        assert counted(freed, calm) == [(0, 0)] * 2
        crash = revision_of(calm, {"x": "3"}, reason=Reason.CRASH, complete=False)
        assert store.save([crash]) == [Saved(9)]
        assert counted(calm, acquired(store, "bot", start_id="start-4")) == [(2, 1)] * 2

    def test_preparing_twice_keeps_what_is_there(self, store: Store) -> None:
        claim = acquired(store, "bot")
        store.save([revision_of(claim, {"x": "1"})])
        store.prepare(TABLE)
        assert loaded(store, claim).variables == '{"x":1}'

    def test_closing_twice_is_fine(self, store: Store) -> None:
        store.close()
        store.close()

    def test_a_second_connection_and_a_restart_see_what_was_saved(self, store: Store, tmp_path: Path) -> None:
        if not self.survives:
            pytest.skip("this store lives as long as its object")
        claim = acquired(store, "bot")
        store.save([revision_of(claim, {"x": "1"})])
        with closing(self.open(tmp_path)) as second:
            second.prepare(TABLE)
            assert loaded(second, claim).variables == '{"x":1}'
        store.close()
        with closing(self.open(tmp_path)) as third:
            third.prepare(TABLE)
            assert third.names(TABLE) == ["bot"]
