"""What may hang is done by a thread of its own, and given up in time by who waits for it."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Iterator
from functools import partial

import pytest

from postgres.waiting import eventually
from stratvars.store.sqlite.worker import Worker

SOON = 0.1
LATE = 10.0


class Thing:
    """What a work holds."""


@pytest.fixture
def worker() -> Iterator[Worker[object]]:
    worker: Worker[object] = Worker("a-worker")
    yield worker
    worker.close()
    assert eventually(lambda: not threads())


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "a-worker"]


def within(seconds: float) -> float:
    return time.monotonic() + seconds


def fail() -> None:
    raise OSError("the disk is gone")


def test_all_work_is_done_by_one_other_thread(worker: Worker[object]) -> None:
    assert threads() == [], "none is started for nothing"
    done = {worker.do(threading.get_ident, within(LATE)) for _ in range(100)}
    assert done == {thread.ident for thread in threads()}
    assert len(done) == 1
    assert threading.get_ident() not in done


def test_what_hangs_is_given_up_in_time_and_nothing_is_begun_behind_it(worker: Worker[object]) -> None:
    gate = threading.Lock()
    begun: list[int] = []

    def hang() -> None:
        begun.append(1)
        gate.acquire()

    with gate:
        for _ in range(3):
            began = time.monotonic()
            assert worker.do(hang, within(SOON)) is None
            assert time.monotonic() - began < SOON * 3
    assert eventually(gate.locked), "what hung goes on"
    assert eventually(lambda: worker.do(lambda: "next", within(LATE)) == "next"), "its answer is not the next one's"
    assert begun == [1]


def test_what_fails_has_no_answer_and_the_next_work_is_done(worker: Worker[object]) -> None:
    assert worker.do(fail, within(LATE)) is None
    assert worker.do(lambda: 1, within(LATE)) == 1


def test_nothing_of_a_work_is_held_when_it_is_done(worker: Worker[object]) -> None:
    thing = Thing()
    held = weakref.ref(thing)
    assert worker.do(partial(repr, thing), within(LATE)) == repr(thing)
    del thing
    assert eventually(lambda: gc.collect() >= 0 and held() is None)
