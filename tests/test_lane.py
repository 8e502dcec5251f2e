"""One in flight, the newest behind it, and a history that reads back exactly."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from stratvars.edits import Change, Edit, Fate, Resolution
from stratvars.lane import Lane, Offer
from stratvars.revision import Claim, Holder, Reason, Revision, State
from stratvars.texts import split_texts

CLAIM = Claim("vars_backup", "bot", "start-1", "me", 1, 0)


def a_lane(restored: dict[str, str] | None = None) -> Lane:
    return Lane(CLAIM, State(restored or {}), 1)


def settle(lane: Lane) -> None:
    revision = lane.next()
    assert revision is not None
    lane.settle(revision)


def offer(texts: dict[str, str], *, complete: bool = True, final: bool = False, **held_back: str) -> Offer:
    return Offer(State(texts, held_back), Reason.ITERATION, complete=complete, final=final)


def sent(lane: Lane) -> Revision:
    revision = lane.next()
    assert revision is not None
    return revision


def test_nothing_changed_writes_nothing_and_is_done() -> None:
    lane = a_lane({"x": "1"})
    ticket = lane.offer(offer({"x": "1"}))
    assert lane.next() is None
    assert lane.done == ticket
    assert not lane.has_work


def test_the_final_state_is_written_even_when_nothing_changed() -> None:
    lane = a_lane({"x": "1"})
    lane.offer(offer({"x": "1"}, final=True))
    assert sent(lane).variables == '{"x":1}'


def test_a_final_state_that_waits_stays_final_when_a_newer_one_takes_its_place() -> None:
    lane = a_lane({"x": "1"})
    lane.offer(offer({"x": "1"}, final=True))
    lane.offer(offer({"x": "1"}))
    assert sent(lane).number == 1


def test_the_one_in_flight_never_changes_however_many_wait_behind_it() -> None:
    lane = a_lane()
    first_ticket = lane.offer(offer({"x": "1"}))
    first = sent(lane)
    for value in range(2, 100):
        last_ticket = lane.offer(offer({"x": str(value)}))
        assert lane.next() is first
    settle(lane)
    assert first_ticket <= lane.done < last_ticket
    newest = sent(lane)
    assert (newest.variables, newest.number, newest.follows) == ('{"x":99}', 2, 1), "only the newest is sent"
    settle(lane)
    assert lane.done == last_ticket
    assert not lane.has_work


def test_a_state_that_the_one_in_flight_has_made_durable_is_not_written_again() -> None:
    lane = a_lane({"x": "1"})
    lane.offer(offer({"x": "2"}))
    assert sent(lane).number == 1
    ticket = lane.offer(offer({"x": "2"}))
    assert (lane.done < ticket, lane.has_work) == (True, True)
    settle(lane)
    assert (lane.done == ticket, lane.has_work, lane.next()) == (True, False, None)


def test_what_is_settled_already_settles_nothing_behind_it() -> None:
    lane = a_lane()
    lane.offer(offer({"x": "1"}))
    first = sent(lane)
    lane.settle(first)
    ticket = lane.offer(offer({"x": "2"}))
    second = sent(lane)
    lane.settle(first)
    assert (lane.next() is second, lane.acknowledged, lane.done < ticket) == (True, 1, True)


def test_a_change_taken_back_while_another_was_in_flight_is_still_written() -> None:
    lane = a_lane({"x": "1"})
    lane.offer(offer({"x": "2"}))
    assert sent(lane).variables == '{"x":2}'
    lane.offer(offer({"x": "1"}))
    settle(lane)
    assert sent(lane).variables == '{"x":1}'


def test_deleting_and_clearing_are_changes() -> None:
    lane = a_lane({"x": "1", "y": "2"})
    lane.offer(offer({"y": "2", "z": "0"}))
    sent(lane)
    settle(lane)
    lane.offer(offer({"y": "2"}))
    revision = sent(lane)
    assert (revision.variables, revision.changed, revision.removed) == ('{"y":2}', "{}", '["z"]')
    settle(lane)
    lane.offer(offer({}))
    assert sent(lane).variables == "{}"


def test_the_order_of_the_variables_is_part_of_the_state() -> None:
    lane = a_lane({"x": "1", "y": "2"})
    lane.offer(offer({"y": "2", "x": "1"}))
    revision = sent(lane)
    assert revision.variables == '{"y":2,"x":1}'
    assert revision.snapshot, "an order cannot be told by what changed"


def test_a_state_with_something_held_back_is_not_a_completed_iteration() -> None:
    lane = a_lane({"x": "1"})
    lane.offer(offer({"x": "1", "y": "2"}, x="a lambda cannot be stored"))
    revision = sent(lane)
    assert not revision.complete
    assert json.loads(revision.held_back) == {"x": "a lambda cannot be stored"}


def test_an_iteration_that_completes_what_was_saved_inside_it_is_written_once_more() -> None:
    lane = a_lane()
    lane.offer(offer({"order": '"7"'}, complete=False))
    assert not sent(lane).complete
    settle(lane)
    lane.offer(offer({"order": '"7"'}))
    assert sent(lane).complete, "or going back to the last completed iteration would send the order again"
    settle(lane)
    lane.offer(offer({"order": '"7"'}))
    assert lane.next() is None


def test_after_the_store_went_back_everything_is_written_under_a_number_never_sent() -> None:
    lane = a_lane()
    for value in "123":
        lane.offer(offer({"x": value, "y": "0"}))
        sent(lane)
        settle(lane)
    lane.offer(offer({"x": "4", "y": "0"}))
    assert sent(lane).number == 4
    lane.start_over(Claim("vars_backup", "bot", "start-1", "me", 8, 4))
    again = sent(lane)
    assert (again.number, again.follows, again.claim.epoch, again.snapshot) == (5, 4, 8, True)
    assert again.variables == again.changed == '{"x":4,"y":0}'


def test_after_the_store_went_back_the_newest_state_wins() -> None:
    lane = a_lane()
    lane.offer(offer({"x": "1"}))
    sent(lane)
    ticket = lane.offer(offer({"x": "2"}))
    lane.start_over(Claim("vars_backup", "bot", "start-1", "me", 2, 1))
    assert sent(lane).variables == '{"x":2}'
    settle(lane)
    assert lane.done == ticket


def test_a_lane_of_a_later_epoch_goes_on_counting() -> None:
    lane = Lane(Claim("vars_backup", "bot", "start-2", "me", 5, 41), State({"x": "1"}), 1)
    lane.offer(offer({"x": "2"}))
    revision = sent(lane)
    assert (revision.number, revision.follows, revision.snapshot) == (42, 41, True)


texts = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3).map(str), max_size=6)


@given(st.lists(st.tuples(texts, st.booleans()), max_size=60))
@settings(deadline=None)
def test_what_was_sent_folds_to_exactly_the_state_that_was_offered(steps: list[tuple[dict[str, str], bool]]) -> None:
    lane, folded = a_lane(), dict[str, str]()
    for state, acknowledged_late in steps:
        lane.offer(offer(state))
        revision = lane.next()
        if revision is not None:
            folded = {} if revision.snapshot else dict(folded)
            folded.update(split_texts(revision.changed))
            for name in json.loads(revision.removed):
                del folded[name]
            assert folded == split_texts(revision.variables)
            assert list(folded) == list(split_texts(revision.variables))
            if acknowledged_late:
                assert lane.next() is revision
            settle(lane)
        assert folded == state


def test_reading_back_is_bounded_by_snapshots() -> None:
    lane, since, longest = a_lane(), 0, 0
    for value in range(3000):
        lane.offer(offer({"x": str(value), "y": '"' + "y" * 100 + '"'}))
        since = 0 if sent(lane).snapshot else since + 1
        longest = max(longest, since)
        settle(lane)
    assert 100 < longest <= 500


def test_an_edit_that_the_store_brings_again_and_again_is_given_once() -> None:
    lane = a_lane({"x": "1"})
    edit = Edit(Change({"x": "5"}), 1, "kim", number=3)
    resolved = structs.replace(offer({"x": "5"}), resolves=(Resolution(3, Fate.APPLIED),))
    assert [lane.deliver([edit]) for _ in range(2)] == [True, False]
    assert lane.edits == (edit,)
    lane.offer(resolved, lane.edits)
    assert lane.deliver([edit]) is False, "on its way, and in the store still open"
    assert not lane.edits


def test_what_an_offer_resolves_outlives_the_offer() -> None:
    lane = a_lane({"x": "1"})
    for number in (1, 2, 3):
        lane.offer(structs.replace(offer({"x": str(number)}), resolves=(Resolution(number, Fate.APPLIED),), final=True))
    first = sent(lane)
    assert [one.number for one in first.resolves] == [1, 2, 3]
    lane.offer(offer({"x": "9"}))
    lane.start_over(replace(CLAIM, epoch=2, revision=7))
    again = sent(lane)
    assert ([one.number for one in again.resolves], again.variables) == ([1, 2, 3], '{"x":9}')
    lane.holder = Holder(3, "another")
    lane.offer(offer({"x": "10"}))
    refused = lane.fenced()
    assert refused is not None
    assert refused.resolves == ()
