"""What a long outage costs: two backends at most, and two states per strategy."""

from __future__ import annotations

import gc
import logging
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import pytest
from course import Course, play_with_backup
from scenes import OURS, Scene
from troubles import ROW_LOCKED, TABLE_LOCKED, Trouble, stopped

from stratvars import Backup, session
from stratvars.lane import Offer
from stratvars.revision import Reason, Revision
from stratvars.store.postgres import connect

pytest_plugins = ["stages"]

_SAMPLE = 0.02
Told = Callable[[str, object], None]


@dataclass
class Watcher:
    """Looks at the bot's backends again and again.

    Attributes:
        seen: how many there were, at each look.
        waiting: how many of the looks showed one that waits for a lock.
    """

    seen: list[int] = field(default_factory=list)
    waiting: int = 0

    def look(self, url: str, is_over: threading.Event) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not is_over.wait(_SAMPLE):
                found = connection.execute(f"SELECT wait_event_type {OURS}".encode()).fetchall()
                self.seen.append(len(found))
                self.waiting += ("Lock",) in found


@contextmanager
def watched(scene: Scene) -> Iterator[Watcher]:
    watcher, is_over = Watcher(), threading.Event()
    thread = threading.Thread(target=watcher.look, args=(scene.admin_url, is_over))
    thread.start()
    try:
        yield watcher
    finally:
        is_over.set()
        thread.join()


def hold(lock: Trouble, lasts: float, scene: Scene, caplog: pytest.LogCaptureFixture) -> str:
    """A course through a lock; what was counted."""
    caplog.set_level(logging.DEBUG)
    course = Course(scene.admin_url, lock.during(scene), lock.says, lasts=lasts, known=session.DEADLINE + 0.8)
    with watched(scene) as watcher:
        play_with_backup(course, scene.direct())
    course.judge([record for record in caplog.records if record.levelno > logging.DEBUG], caplog.text)
    assert watcher.waiting > 5 * lasts, "it was looked at while saves waited"
    assert max(watcher.seen) <= 2
    return f"backends: at most {max(watcher.seen)} in {len(watcher.seen)} looks, {watcher.waiting} at one waiting"


@pytest.mark.parametrize(
    ("lock", "lasts"),
    [
        (ROW_LOCKED, 10),
        (TABLE_LOCKED, 8),
        pytest.param(ROW_LOCKED, 60, marks=pytest.mark.torture),
        pytest.param(TABLE_LOCKED, 60, marks=pytest.mark.torture),
    ],
    ids=str,
)
def test_a_lock_held_for_long_never_makes_a_process_hold_more_than_two_backends(
    lock: Trouble, lasts: float, scene: Scene, caplog: pytest.LogCaptureFixture, record_property: Told
) -> None:
    record_property("counted", hold(lock, lasts, scene, caplog))


def test_a_statement_that_is_stopped_again_and_again_leaves_no_backend_behind(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, record_property: Told
) -> None:
    monkeypatch.setattr(connect, "SILENCE", 0.3)
    record_property("counted", hold(TABLE_LOCKED, 4, scene, caplog))


def test_a_long_outage_keeps_two_states_however_many_iterations_it_has(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, record_property: Told
) -> None:
    monkeypatch.setattr(session, "DEADLINE", 0.5)
    size = 200_000

    def iterate(backup: Backup, numbers: range) -> None:
        for number in numbers:
            backup.vars.book = f"{number:06}" * (size // 6)
            backup.keep(Reason.ITERATION, complete=True)

    with Backup("bot", scene.direct()) as backup:
        iterate(backup, range(5))
        with stopped(scene):
            iterate(backup, range(5, 10))
            tracemalloc.start()
            try:
                iterate(backup, range(10, 100))
                gc.collect()
                early, _ = tracemalloc.get_traced_memory()
                iterate(backup, range(100, 500))
                gc.collect()
                late, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            offers, revisions = counted(Offer), counted(Revision)
    grown = (late - early) / size
    record_property(
        "counted", f"outage of 500 iterations: {offers} states, {revisions} in flight, {grown:+.2f} in memory"
    )
    assert offers <= 3, "the last durable one, the one in flight and the newest"
    assert revisions <= 1
    assert grown < 1


def counted(kind: type) -> int:
    return sum(isinstance(thing, kind) for thing in gc.get_objects())
