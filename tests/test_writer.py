"""The writer's thread outlives every error, and no strategy waits for the trouble of another."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from postgres.waiting import eventually
from stratvars import open_archive
from stratvars.errors import RefusedError, UnavailableError, UnreachableError
from stratvars.lane import Lane, Offer
from stratvars.outcome import Outcome
from stratvars.revision import Claim, Holder, Reason, Revision, State
from stratvars.store.base import PATIENCE
from stratvars.store.memory import MemoryStore
from stratvars.waking import Alarm, Waiting, Watch
from stratvars.writer import Writer, _next_group, _share


class Unforeseen(MemoryStore):
    """A store that went back, and in which the next acquire fails as nobody thought of."""

    failures = 0

    def acquire(self, *arguments: Any, **options: Any) -> Claim | Holder:
        if self.failures > 0:
            self.failures -= 1
            raise LookupError("sk-canary")
        return super().acquire(*arguments, **options)


def test_an_unforeseen_error_while_starting_over_is_tried_again_and_shows_no_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Unforeseen()
    store.prepare("vars_backup")
    lost = Claim("vars_backup", "bot", "start-1", "me", 3, 7)  # of this claim the store knows nothing
    store.failures = 2
    with closing(Writer(store)) as writer:
        lane = Lane(lost, State({"x": "1"}), 1)
        writer.attach(lane)
        ticket = writer.offer(lane, Offer(State({"x": "2"}), Reason.ITERATION, complete=True))
        assert writer.wait(lane, ticket, 10)
    assert store.failures == 0
    stored = store.current("vars_backup", "bot")
    assert stored is not None
    assert stored.variables == '{"x":2}'
    assert "LookupError" in caplog.text
    assert "sk-canary" not in caplog.text


class Choosy(MemoryStore):
    """A store that refuses the saves of some strategies, and counts the tries."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: dict[str, UnavailableError] = {}
        self.tries: list[tuple[str, ...]] = []

    def save(self, batch: Sequence[Revision], *, patience: float = PATIENCE) -> list[Outcome]:
        names = tuple(revision.claim.strategy for revision in batch)
        self.tries.append(names)
        for name in names:
            if name in self.refused:
                raise self.refused[name]
        return super().save(batch, patience=patience)


def lanes_on(writer: Writer, store: MemoryStore, *names: str) -> list[Lane]:
    store.prepare("vars_backup")
    lanes = []
    for name in names:
        claim = store.acquire("vars_backup", name, "me", name)
        assert isinstance(claim, Claim)
        lane = Lane(claim, State({}), 1)
        writer.attach(lane)
        lanes.append(lane)
    return lanes


def leave(writer: Writer, lane: Lane, text: str) -> int:
    return writer.offer(lane, Offer(State({"x": text}), Reason.ITERATION, complete=True))


def saved_at_once(writer: Writer, lanes: Sequence[Lane], text: str) -> list[bool]:
    """Whether each became durable, where all wait before the first is sent."""
    with writer._turning:
        tickets = [leave(writer, lane, text) for lane in lanes]
    return [writer.wait(lane, ticket, 10) for lane, ticket in zip(lanes, tickets, strict=True)]


def test_one_that_cannot_be_saved_does_not_hold_up_the_others_and_goes_alone(caplog: pytest.LogCaptureFixture) -> None:
    store = Choosy()
    store.refused["bad"] = RefusedError("it is not wanted")
    with closing(Writer(store)) as writer:
        bad, *good = lanes_on(writer, store, "bad", "a", "b")
        for number in range(20):
            leave(writer, bad, str(number))
            tickets = [leave(writer, lane, str(number)) for lane in good]
            assert all(writer.wait(lane, ticket, 10) for lane, ticket in zip(good, tickets, strict=True))
        assert bad.done == 0
        assert sum(len(names) > 1 and "bad" in names for names in store.tries) <= 1, "known to be in trouble: alone"
        assert store.tries.count(("bad",)) <= 10, "and with growing pauses"
        ticket = leave(writer, bad, "99")
        store.refused.clear()
        assert writer.wait(bad, ticket, 10)
    stored = store.current("vars_backup", "bad")
    assert stored is not None
    assert stored.variables == '{"x":99}'
    messages = [record.getMessage() for record in caplog.records]
    assert ["'bad' cannot be saved" in messages[0], "'bad' is saved again" in messages[1], len(messages)] == [
        True,
        True,
        2,
    ]


def test_an_unreachable_database_is_asked_once_for_all_and_reported_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Choosy()
    names = [f"bot-{number}" for number in range(9)]
    with closing(Writer(store)) as writer:
        lanes = lanes_on(writer, store, *names)
        store.refused = dict.fromkeys(names, UnreachableError("nobody answers"))
        with writer._turning:  # or the first would be met alone
            tickets = [leave(writer, lane, "1") for lane in lanes]
        assert eventually(lambda: all(lane.trouble_since is not None for lane in lanes))
        [begun] = [record.getMessage() for record in caplog.records]
        tries = len(store.tries)
        store.refused.clear()
        assert all(writer.wait(lane, ticket, 10) for lane, ticket in zip(lanes, tickets, strict=True))
    assert tries < len(names), "what one has met is not tried by each of the others"
    assert begun.startswith("'bot-0', 'bot-1', 'bot-2', 'bot-3', 'bot-4' and 4 more cannot be saved: nobody answers")
    ended = [record.getMessage() for record in caplog.records][1:]
    assert all("saved again" in line for line in ended)


class Paced(Choosy):
    """A store that takes so many seconds for each save of a batch."""

    def __init__(self, pace: float) -> None:
        super().__init__()
        self.pace = pace

    def save(self, batch: Sequence[Revision], *, patience: float = PATIENCE) -> list[Outcome]:
        time.sleep(self.pace * len(batch))
        return super().save(batch, patience=patience)


@pytest.mark.parametrize(
    ("pace", "groups"), [(0.0, [66, 64, 64, 6]), (0.001, [66, 132, 2])], ids=["as quick as they are", "slower"]
)
def test_a_database_is_sent_small_groups_unless_it_is_slower_than_the_strategies(
    pace: float, groups: list[int]
) -> None:
    store = Paced(pace)
    with closing(Writer(store)) as writer:
        lanes = lanes_on(writer, store, *(f"bot-{number:03}" for number in range(200)))
        assert all(saved_at_once(writer, lanes, "1"))
    found = [len(names) for names in store.tries]
    # A moment in which the machine does something else may make any database a slow one.
    assert found == groups or (pace == 0.0 and found[0] == 66)
    assert sorted(name for names in store.tries for name in names) == sorted(lane.claim.strategy for lane in lanes)


class Refilling(Choosy):
    """A store during whose saves the same strategies leave another state."""

    refill: Callable[[str], object]

    def save(self, batch: Sequence[Revision], *, patience: float = PATIENCE) -> list[Outcome]:
        for revision in batch if len(self.tries) < 2 else ():
            self.refill(revision.claim.strategy)
        return super().save(batch, patience=patience)


def test_strategies_that_always_have_more_to_save_let_the_others_go_first() -> None:
    store = Refilling()
    with closing(Writer(store)) as writer:
        lanes = lanes_on(writer, store, *(f"bot-{number:03}" for number in range(100)))
        by_name = {lane.claim.strategy: lane for lane in lanes}
        store.refill = lambda name: leave(writer, by_name[name], "2")
        assert all(saved_at_once(writer, lanes, "1"))
    assert set(store.tries[1]) > {f"bot-{number:03}" for number in range(64, 100)}


@pytest.mark.parametrize(("pace", "groups"), [(0.0, [32, 28]), (0.001, [32, 28, 60])], ids=["quick", "slow"])
def test_where_no_more_than_a_group_waits_half_of_it_goes_unless_the_database_is_slow(
    pace: float, groups: list[int]
) -> None:
    store = Paced(pace)
    with closing(Writer(store)) as writer:
        lanes = lanes_on(writer, store, *(f"bot-{number:02}" for number in range(60)))
        for text in ("1", "2"):
            assert all(saved_at_once(writer, lanes, text))
    found = [len(names) for names in store.tries]
    assert found[: len(groups)] == groups
    assert sum(found) == 120


@pytest.mark.parametrize(
    ("at_least", "sent", "took", "wanted"),
    [
        *((32, 32, 0.1, 64), (64, 64, 0.1, 128), (128, 128, 0.1, 256), (32, 64, 0.1, 128), (128, 40, 0.1, 128)),
        *((512, 512, 0.08, 512), (512, 512, 0.04, 256), (64, 64, 0.01, 64), (64, 64, 0.001, 32), (128, 40, 0.001, 32)),
    ],
)
def test_a_group_grows_while_the_database_is_slow_and_shrinks_again(
    at_least: int, sent: int, took: float, wanted: int
) -> None:
    assert _next_group(at_least, sent, took) == wanted


@pytest.mark.parametrize(("waiting", "wanted"), [(10, 32), (64, 32), (65, 64), (300, 100), (800, 256), (5000, 256)])
def test_a_part_of_those_who_wait_goes_so_that_neither_the_strategies_nor_the_database_stand_still(
    waiting: int, wanted: int
) -> None:
    assert _share(waiting) == wanted


def waited_for(writer: Writer, lanes: Sequence[Lane], timeout: float) -> list[float]:
    """How long a thread for each lane waited, where all of their states land in one group; infinite: in vain."""
    waits = [math.inf] * len(lanes)

    def wait(index: int) -> None:
        started = time.monotonic()
        if writer.wait(lanes[index], tickets[index], timeout):
            waits[index] = time.monotonic() - started

    with writer._turning:
        tickets = [leave(writer, lane, repr(time.perf_counter_ns())) for lane in lanes]
        threads = [threading.Thread(target=wait, args=(index,)) for index in range(len(lanes))]
        for thread in threads:
            thread.start()
        assert eventually(lambda: len(writer._waiting) == len(lanes))
    for thread in threads:
        thread.join()
    return waits


def test_of_the_threads_that_wait_for_a_group_each_wakes_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    store, ringers = MemoryStore(), []
    ring = Alarm.ring

    def noted(alarm: Alarm) -> None:
        ringers.append(threading.current_thread().name)
        ring(alarm)

    monkeypatch.setattr(Alarm, "ring", noted)
    with closing(Writer(store)) as writer:
        lanes = lanes_on(writer, store, *(f"bot-{number}" for number in range(20)))
        assert max(waited_for(writer, lanes, 10)) < 10
    assert len(ringers) >= 20
    assert any(name != "stratvars-writer" for name in ringers)


def test_who_does_not_wait_in_a_thread_is_called_as_soon_as_the_state_is_durable() -> None:
    store, called = MemoryStore(), threading.Event()
    with closing(Writer(store)) as writer:
        [lane] = lanes_on(writer, store, "bot")
        with writer._turning:
            watch = writer.watch(lane, leave(writer, lane, "1"), called.set)
            assert not called.is_set()
        assert called.wait(2)
        assert watch.is_settled
        assert lane not in writer._waiting


class Interrupted(Watch, frozen=True, eq=False):
    """A look at it is hit by a signal."""

    @property
    def is_settled(self) -> bool:
        raise KeyboardInterrupt


def test_a_signal_that_raises_in_a_look_at_who_waits_loses_nobody() -> None:
    store, waiting = MemoryStore(), Waiting()
    with closing(Writer(store)) as writer:
        [lane] = lanes_on(writer, store, "bot")
        waiting.add(Interrupted(lane, 1))
        waiting.add(Watch(lane, 99))
        with pytest.raises(KeyboardInterrupt):
            waiting.take_settled([lane])
        assert lane in waiting


def test_one_that_has_left_when_it_was_to_wake_the_next_holds_nobody_up() -> None:
    store = MemoryStore()
    with closing(Writer(store)) as writer:
        lanes = lanes_on(writer, store, *(f"bot-{number}" for number in range(20)))
        # Several, for each turn of the writer wakes one, and there may be more than one.
        writer._waiting._sleepers.extend(Alarm(lanes[0], 0) for _ in range(10))
        waits = waited_for(writer, lanes, 10)
        assert max(waits) < 2
        assert not writer._waiting.has_sleepers


def test_where_no_thread_can_be_started_the_waiting_caller_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")  # as at the end of the interpreter

    monkeypatch.setattr(threading.Thread, "start", refuse)
    store = Choosy()
    store.refused["a"] = UnavailableError("not yet")
    with closing(Writer(store)) as writer:
        [lane] = lanes_on(writer, store, "a")
        ticket = leave(writer, lane, "1")
        assert not writer.wait(lane, ticket, 0.1)
        store.refused.clear()
        assert writer.wait(lane, ticket, 10)
        writer.retire(lane, 10)
    stored = store.current("vars_backup", "a")
    assert stored is not None
    assert (stored.variables, stored.owner) == ('{"x":1}', "")


INTERRUPTED = """
import signal, sys, threading, time
from stratvars import Backup
backup = Backup("bot", sys.argv[1]).open()
end = time.monotonic() + 1.5
hits = 0
armed = False
def interrupt(*_):
    global armed
    if armed:
        armed = False
        raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
number = 0
signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.0007)
while time.monotonic() < end:
    try:
        armed = True
        while True:
            number += 1
            backup.vars.number = number
            backup.save()
    except KeyboardInterrupt:
        hits += 1
armed = False
signal.setitimer(signal.ITIMER_REAL, 0)
backup.vars.number = "last"
saver = threading.Thread(target=backup.save, daemon=True)
saver.start()
saver.join(10)
print(hits, saver.is_alive(), flush=True)
backup.close()
"""


def test_an_error_raised_by_a_signal_handler_in_a_save_never_leaves_a_lock_taken(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bot.db"
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, url], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    hits, is_stuck = done.stdout.split()
    assert int(hits) > 300
    assert is_stuck == "False"
    with open_archive(url) as archive:
        stored = archive.current("bot")
    assert stored is not None
    assert stored.variables == '{"number":"last"}'


class Slow(MemoryStore):
    """A store that takes its time to give a strategy up."""

    def release(self, claim: Claim) -> None:
        time.sleep(0.05)
        super().release(claim)


def test_where_many_end_together_a_last_save_does_not_wait_until_all_others_are_given_up() -> None:
    store = Slow()
    with closing(Writer(store)) as writer:
        last, *others = lanes_on(writer, store, *(f"bot-{number:02}" for number in range(41)))
        for lane in others:
            writer.retire(lane, 0.0)
        ticket = leave(writer, last, "1")
        assert writer.wait(last, ticket, 1.0), "all others together take two seconds"
        assert eventually(lambda: not writer._retired)
    taken = [store.acquire("vars_backup", lane.claim.strategy, "you", "another") for lane in others]
    assert all(isinstance(claim, Claim) for claim in taken)
