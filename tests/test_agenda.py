"""What a writer does next: whoever has work at once, a lease before it ends, and no look at those that sleep."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from stratvars import lease
from stratvars.agenda import Agenda
from stratvars.lane import Lane, Offer
from stratvars.revision import Claim, Holder, Reason, State


def a_lane(name: str = "bot", length: float = 15.0, age: float = 0.0) -> Lane:
    claim = Claim("vars_backup", name, "start-1", "me", 1, 0, length)
    return Lane(claim, State({"x": "1"}), 1, lease.now() - age)


def settle(lane: Lane) -> None:
    revision = lane.next()
    assert revision is not None
    lane.settle(revision)


def give_work(lane: Lane, text: str = "2") -> None:
    lane.offer(Offer(State({"x": text}), Reason.ITERATION, complete=True))


def send(lane: Lane) -> None:
    settle(lane)


def calls(work: Callable[[], object]) -> int:
    """How many functions it calls."""
    many = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal many
        many += event == "call"

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return many


def turn(agenda: Agenda, lane: Lane) -> None:
    """What a writer asks in a turn in which one lane saves."""
    give_work(lane, repr(time.perf_counter_ns()))
    agenda.note([lane])
    assert agenda.ready() == [lane]
    send(lane)
    assert agenda.due() == []
    agenda.note([lane])
    assert 0 < agenda.delay() <= 5


def test_a_turn_costs_the_same_however_many_lanes_sleep() -> None:
    agenda, lane = Agenda(), a_lane()
    agenda.add(lane)
    turn(agenda, lane)
    alone = calls(lambda: turn(agenda, lane))
    for number in range(500):
        agenda.add(a_lane(f"bot-{number}"))
    turn(agenda, lane)
    assert calls(lambda: turn(agenda, lane)) < alone + 10


def test_who_has_work_is_ready_until_it_is_sent_and_when_it_may_be_tried_again() -> None:
    agenda, lane, other = Agenda(), a_lane(), a_lane("other")
    for one in (lane, other):
        agenda.add(one)
    assert (agenda.ready(), agenda.works_only(lane)) == ([], True)
    give_work(lane)
    agenda.note([lane])
    assert agenda.ready() == [lane]
    assert (agenda.works_only(lane), agenda.works_only(other)) == (True, False)
    assert agenda.delay() == 0
    lane.retry_at = time.monotonic() + 3
    assert agenda.ready() == []
    assert 2 < agenda.delay() <= 3
    lane.retry_at = 0.0
    send(lane)
    agenda.note([lane])
    assert (agenda.ready(), agenda.works_only(other)) == ([], True)


def test_of_many_that_have_work_those_are_ready_that_were_not_sent_yet() -> None:
    agenda, lanes = Agenda(), [a_lane(f"bot-{number}") for number in range(5)]
    for lane in lanes:
        agenda.add(lane)
        give_work(lane)
        agenda.note([lane])
    assert agenda.ready(2) == lanes[:2]
    for lane in lanes[:2]:
        assert lane.next() is not None
        give_work(lane, "3")
        agenda.note([lane])
        settle(lane)
    assert agenda.ready(3) == lanes[:3], "what is given to one that has work leaves it where it is"
    agenda.put_back(lanes[:2])
    assert agenda.ready(3) == lanes[2:]
    assert agenda.ready() == [*lanes[2:], *lanes[:2]]
    assert agenda.delay() == 0


def test_a_lane_that_has_work_when_it_comes_is_ready() -> None:
    agenda, lane = Agenda(), a_lane()
    lane.adopt(State({"x": "9"}), '{"x":9}')
    agenda.add(lane)
    assert agenda.ready() == [lane]


def test_a_lane_that_is_no_more_served_is_not_noted_again() -> None:
    agenda, lane = Agenda(), a_lane()
    agenda.add(lane)
    give_work(lane)
    agenda.note([lane])
    agenda.remove(lane)
    agenda.note([lane])
    assert (len(agenda), agenda.ready(), agenda.due()) == (0, [], [])


@pytest.mark.parametrize("others", [0, 3])
def test_a_lease_is_due_after_a_quarter_of_it_and_not_before(others: int) -> None:
    agenda, old = Agenda(), a_lane("old", age=3.65)
    for lane in (old, *(a_lane(f"bot-{number}") for number in range(others))):
        agenda.add(lane)
    assert agenda.due() == []
    assert 0 < agenda.delay() <= 0.1
    assert agenda.due() == []
    time.sleep(0.11)
    assert agenda.due() == [old]
    old.lease.renew(lease.now())
    agenda.note([old])
    assert agenda.due() == []
    assert 3 < agenda.delay() <= 3.75


def test_a_lease_that_counts_from_long_ago_is_due_as_soon_as_its_save_has_landed() -> None:
    agenda, lane = Agenda(), a_lane(age=8.0)
    agenda.add(lane)
    give_work(lane)
    agenda.note([lane])
    assert lane.next() is not None
    assert agenda.due() == [], "a save renews it too"
    assert agenda.delay() == 0
    flight = lane._in_flight
    assert flight is not None
    lane._in_flight = replace(flight, since=flight.since - 7)  # it was sent so long ago, and again since
    settle(lane)
    agenda.note([lane])
    assert agenda.delay() == 0
    assert agenda.due() == [lane]


def test_a_lane_in_memory_is_never_due() -> None:
    agenda, lane = Agenda(), a_lane(length=math.inf)
    agenda.add(lane)
    assert (agenda.due(), agenda.delay()) == ([], math.inf)


def test_a_lane_that_was_taken_over_is_left_alone() -> None:
    agenda, lane = Agenda(), a_lane(age=14.0)
    agenda.add(lane)
    give_work(lane)
    agenda.note([lane])
    lane.holder = Holder(2, "other")
    assert (agenda.ready(), agenda.due(), agenda.delay()) == ([], [], math.inf)
