"""What every side that looks does; see the package."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

from msgspec.structs import replace

from stratvars.history import fold
from stratvars.outcome import Renewed, Saved
from stratvars.retention import ALL, Retention, Size
from stratvars.revision import LEASE, Holder, Landmark, Moment, Reason, Renewing
from stratvars.store.base import Records, Store
from stratvars.testing.samples import TABLE, BothSides, acquired, revision_of
from stratvars.thinning import Step


class RecordsContract(BothSides):
    """See the module."""

    def test_who_holds_each_strategy_is_told_with_the_lease_that_is_left(self, sides: tuple[Store, Records]) -> None:
        store, records = sides
        claim, other = acquired(store, "bot"), acquired(store, "other", start_id="start-2")
        for number in range(3):
            store.save([revision_of(claim, {"n": str(number)}, follows=number, reason=Reason.CRASH)])
        store.save([revision_of(other, {})])
        store.release(other)
        bot, released = sorted(records.tenures(TABLE), key=lambda tenure: tenure.strategy)
        assert (bot.strategy, bot.reason, bot.kept) == ("bot", "crash", 3)
        assert (bot.holder, bot.holder.start_id, bot.holder.lease) == (Holder(1, "me"), "start-1", LEASE)
        assert LEASE - 5 < bot.holder.left <= LEASE
        assert (released.strategy, released.reason, released.kept) == ("other", "iteration", 1)
        assert released.holder.owner == ""
        assert store.renew([Renewing(claim, claim.revision)]) == [Renewed()]
        again = next(tenure for tenure in records.tenures(TABLE) if tenure.strategy == "bot")
        assert again.holder.stamp >= bot.holder.stamp
        assert records.tenures("none") == []
        assert records.is_held(bot.holder) in {True, None}
        assert records.is_held(released.holder) in {False, None}

    def test_a_moment_is_told_from_the_newest_snapshot_before_it(self, sides: tuple[Store, Records]) -> None:
        store, records = sides
        claim = acquired(store, "bot")
        snapshots, starts, unfinished = {1, 3, 5}, {5}, {7}
        for number in range(1, 8):
            if number in starts:
                claim = acquired(store, "bot", start_id="start-2", take_over=Holder(claim.epoch, "me"))
            revision = revision_of(claim, {"n": str(number)}, follows=number - 1, complete=number not in unfinished)
            if number not in snapshots:
                revision = replace(revision, snapshot=False, changed='{"m":[1, 2]}', removed='["é"]', format=number)
            assert store.save([revision]) == [Saved(number)]
        store.save([revision_of(acquired(store, "new"), {}, reason=Reason.CRASH, complete=False)])

        def numbers(moment: Moment, name: str = "bot", table: str = TABLE) -> list[int]:
            return [kept.number for kept in records.history(table, name, moment)]

        wanted = {1: [1], 2: [1, 2], 3: [3], 4: [3, 4], 5: [5], 6: [5, 6], 7: [5, 6, 7]}
        assert {moment: numbers(moment) for moment in wanted} == wanted
        assert numbers(Landmark.LAST_ITERATION) == [5, 6]
        assert numbers(8) == numbers(1, "Bot") == numbers(1, table="other") == []
        assert numbers(Landmark.LAST_ITERATION, "new") == [], "none was ever completed"
        [_, kept] = records.history(TABLE, "bot", 6)
        assert (kept.reason, kept.complete, kept.snapshot, kept.format) == ("iteration", True, False, 6)
        assert (kept.changed, kept.removed, kept.held_back, kept.age >= 0) == ('{"m":[1, 2]}', '["é"]', "{}", True)

    def test_the_history_is_listed_newest_first_and_page_by_page(self, sides: tuple[Store, Records]) -> None:
        store, records = sides
        claim = acquired(store, "bot")
        deltas, crashes, starts = {2}, {3, 6}, {5}
        for number in range(1, 8):
            if number in starts:
                claim = acquired(store, "bot", start_id="start-2", take_over=Holder(claim.epoch, "me"))
            is_crash = number in crashes
            reason = Reason.CRASH if is_crash else Reason.MANUAL if number == 4 else Reason.ITERATION
            revision = revision_of(claim, {"n": '"é"'}, follows=number - 1, reason=reason, complete=not is_crash)
            revision = replace(revision, snapshot=number not in deltas)
            assert store.save([replace(revision, held_back='{"é":"why"}') if is_crash else revision]) == [Saved(number)]
        store.save([revision_of(acquired(store, "other"), {})])
        store.keep_fenced(revision_of(claim, {"n": "lost"}, number=9, reason=Reason.FENCED))
        every = records.revisions(TABLE, "bot", limit=100)
        places = [(entry.epoch, entry.number) for entry in every]
        assert places == [(2, 7), (2, 6), (2, 5), (1, 4), (1, 3), (1, 2), (1, 1)]
        assert [entry.start_id for entry in every] == ["start-2"] * 3 + ["start-1"] * 4
        third, second = every[4:6]
        assert (third.reason, third.complete, third.snapshot, third.held_back) == ("crash", False, True, {"é": "why"})
        assert (second.reason, second.complete, second.snapshot, second.held_back) == ("iteration", True, False, {})
        assert (second.size, second.age >= 0, second.saved_at.utcoffset()) == (len('{"n":"é"}') + 1, True, timedelta(0))
        times = [entry.saved_at for entry in every]
        assert times == sorted(times, reverse=True)

        def numbers(limit: int = 100, **wanted: Any) -> list[int]:
            return [entry.number for entry in records.revisions(TABLE, "bot", limit=limit, **wanted)]

        assert numbers(2) == [7, 6]
        assert (numbers(2, before=(2, 6)), numbers(before=(2, 1)), numbers(before=(1, 1))) == ([5, 4], [4, 3, 2, 1], [])
        assert (numbers(reason="fenced"), numbers(reason="manual"), numbers(reason="stop")) == ([9], [4], [])
        assert (numbers(reason="crash"), numbers(1, reason="crash", before=(2, 6))) == ([6, 3], [3])
        assert numbers(until=third.saved_at) == [entry.number for entry in every if entry.saved_at <= third.saved_at]
        assert numbers(until=times[-1] - timedelta(seconds=1)) == []
        assert all(numbers(1, until=time) == numbers(until=time)[:1] != [] for time in times)
        assert numbers(until=times[2], before=(2, 6), reason="iteration") == [5, 2, 1]
        assert numbers(until=(times[0] + timedelta(hours=5)).astimezone(timezone(timedelta(hours=-9)))) == numbers()
        assert records.revisions(TABLE, "Bot", limit=9) == records.revisions("none", "bot", limit=9) == []

    def test_thinning_takes_the_oldest_and_what_stays_says_what_it_said(self, sides: tuple[Store, Records]) -> None:
        store, records = sides
        claim = acquired(store, "bot")
        whole = revision_of(claim, {"a": "1", "b": "[1, 2]"})
        assert store.save([whole]) == [Saved(1)]
        for number, (changed, removed) in enumerate([('{"b":2}', "[]"), ('{"c":3}', '["a"]'), ('{"a":4}', "[]")], 2):
            delta = replace(whole, number=number, follows=number - 1, snapshot=False, changed=changed, removed=removed)
            assert store.save([delta]) == [Saved(number)]
        store.save([revision_of(acquired(store, "other"), {})])
        before = {number: fold(records.history(TABLE, "bot", number)).state.texts for number in (3, 4)}
        assert [*before[4].items()] == [("b", "2"), ("c", "3"), ("a", "4")]
        assert store.thin(TABLE, "bot", Step(ALL)).gone == ()
        plan = store.thin(TABLE, "bot", Step(ALL, over=Size(2, 0)))
        assert (plan.gone, plan.removed.revisions, plan.kept.revisions) == (((1, 1), (1, 2)), 2, 2)
        assert (plan.left.is_positive, plan.after) == (False, None)
        assert [entry.number for entry in records.revisions(TABLE, "bot", limit=9)] == [4, 3]
        assert records.history(TABLE, "bot", 2) == []
        now = {number: fold(records.history(TABLE, "bot", number)).state.texts for number in (3, 4)}
        assert {number: [*texts.items()] for number, texts in now.items()} == {
            number: [*texts.items()] for number, texts in before.items()
        }
        assert store.save([revision_of(claim, {"n": "5"}, follows=4)]) == [Saved(5)], "and the strategy goes on"
        everything = store.thin(TABLE, "bot", Step(Retention(0, 0, 0), over=Size(9, 9)))
        assert (everything.gone, everything.left.is_positive) == (((1, 3), (1, 4)), True), "the newest stays"
        assert store.thin(TABLE, "nobody", Step(ALL, over=Size(9, 9))).after is None
        assert len(records.revisions(TABLE, "other", limit=9)) == 1
