"""The writer's thread outlives every error, and no strategy waits for the trouble of another."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
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
from stratvars.writer import Writer


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
