"""A strategy's own thread sends its save where nobody else has one to send, and never for too long."""

from __future__ import annotations

import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from types import FrameType

import psycopg
import pytest

from either import sql
from postgres.stores import history, rows, waits
from postgres.waiting import eventually
from stratvars import Backup
from stratvars.errors import NotSavedError
from stratvars.revision import Reason
from stratvars.store.sqlite.lock import FileLock, lock_path

MANY = 30


class Interrupted(BaseException):
    """What a signal's handler raises in the thread of the strategy."""


def keep(backup: Backup, number: int) -> None:
    backup.vars.n = number
    backup.keep(Reason.ITERATION, complete=True)


def keep_many(backup: Backup) -> None:
    for number in range(MANY):
        keep(backup, number)


def warm(backup: Backup) -> None:
    """The first two: nothing is known of the rows, and the statement is not prepared."""
    for number in (-2, -1):
        keep(backup, number)


def numbers(url: str) -> list[int]:
    return [number for (number,) in sql(url, "SELECT revision FROM vars_backup_history ORDER BY epoch, revision")]


def path_of(url: str) -> str:
    return url.removeprefix("sqlite:///")


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'own.db'}"


def check_that_it_is_late(backup: Backup, number: int) -> None:
    backup.vars.n = number
    began = time.monotonic()
    with pytest.raises(NotSavedError):
        backup.save(timeout=0.3)
    assert 0.25 < time.monotonic() - began < 0.6


def spent_by_the_writer(work: Callable[[], object]) -> float:
    """Seconds of a processor that the writer's thread took meanwhile."""
    [thread] = [thread for thread in threading.enumerate() if thread.name == "stratvars-writer"]
    assert thread.ident is not None
    clock = time.pthread_getcpuclockid(thread.ident)
    before = time.clock_gettime(clock)
    work()
    return time.clock_gettime(clock) - before


def test_saves_of_one_strategy_are_sent_by_its_own_thread(any_url: str) -> None:
    with Backup("bot", any_url) as backup:
        warm(backup)
        keep_many(backup)  # meanwhile the thread ends what a start leaves to it: a first look at the history
        before = time.thread_time()
        theirs = spent_by_the_writer(lambda: keep_many(backup))
        ours = time.thread_time() - before
    assert theirs < ours / 10


def test_saves_that_are_asked_for_at_once_are_sent_together_by_the_writers_thread(
    pg_url: str, admin: psycopg.Connection
) -> None:
    backups = [Backup(f"bot-{number}", pg_url).open() for number in range(8)]
    for backup in backups:
        warm(backup)
    [(before,)] = rows(admin, "SELECT pg_current_xact_id()::text::bigint")

    threads = [threading.Thread(target=keep_many, args=(backup,)) for backup in backups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [(after,)] = rows(admin, "SELECT pg_current_xact_id()::text::bigint")
    for backup in backups:
        backup.close()
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert after - before < MANY * len(backups) / 2


def test_a_save_by_the_own_thread_ends_at_its_deadline_and_lands_once_on_the_same_connection(
    pg_url: str, admin: psycopg.Connection
) -> None:
    backends = "SELECT pid FROM pg_stat_activity WHERE application_name = 'stratvars'"
    with Backup("bot", pg_url) as backup:
        warm(backup)
        before = rows(admin, backends)
        with psycopg.connect(pg_url) as other:
            other.execute("LOCK TABLE vars_backup")
            check_that_it_is_late(backup, 1)
            assert waits(admin), "it is still waited for, by the writer's thread"
        assert eventually(lambda: rows(admin, "SELECT variables FROM vars_backup") == [('{"n":1}',)])
        keep(backup, 2)
        assert rows(admin, backends) == before
    assert history(admin) == [1, 2, 3, 4, 5]


@contextmanager
def our_lock(path: str) -> Iterator[None]:
    with closing(FileLock(lock_path(Path(path)))) as lock, lock.hold(1.0):
        yield


@contextmanager
def a_foreign_transaction(path: str) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.parametrize("late", [1, 3])
def test_saves_into_a_file_that_hang_end_at_their_deadlines_and_the_first_and_the_newest_land_once(
    file_url: str, late: int
) -> None:
    with Backup("bot", file_url) as backup:
        warm(backup)
        with a_foreign_transaction(path_of(file_url)):
            for number in range(late):
                check_that_it_is_late(backup, number)
        newest = f'{{"n":{late - 1}}}'
        assert eventually(lambda: sql(file_url, "SELECT variables FROM vars_backup") == [(newest,)])
        keep(backup, late)
    assert numbers(file_url) == [*range(1, 2 + min(late, 2) + 3)], "the two before, the late ones, the next and the end"


@pytest.mark.parametrize("locked", [our_lock, a_foreign_transaction])
def test_a_file_that_another_process_keeps_locked_is_told_after_a_second_all_the_same(
    file_url: str, caplog: pytest.LogCaptureFixture, locked: Callable[[str], AbstractContextManager[None]]
) -> None:
    with Backup("bot", file_url) as backup:
        warm(backup)
        with locked(path_of(file_url)):
            began = time.time()
            keep(backup, 1)
        told = [record.created - began for record in caplog.records if "cannot be saved" in record.message]
        assert eventually(lambda: sql(file_url, "SELECT variables FROM vars_backup") == [('{"n":1}',)])
    assert len(told) == 1
    assert 0.9 < told[0] < 1.7, "a moment for the lock by the own thread, and a second by the writer's"


def test_the_thread_for_the_disk_ends_with_the_backup(file_url: str) -> None:
    def threads() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "stratvars-disk"]

    with Backup("bot", file_url) as backup:
        warm(backup)
        assert len(threads()) == 1
    assert eventually(lambda: not threads())


@contextmanager
def interrupting() -> Iterator[list[float]]:
    """Signals raise ``Interrupted`` in the main thread; how long each took to come, while the block runs."""
    came: list[float] = []

    def interrupt(_: int, frame: FrameType | None) -> None:
        came.append(time.monotonic())
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        yield came
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def keep_until_interrupted(backup: Backup, number: int, delay: float) -> int:
    """The number of the last state that was asked for."""
    try:
        signal.setitimer(signal.ITIMER_REAL, delay)
        while True:
            number += 1
            keep(backup, number)
    except Interrupted:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return number


def play(url: str, rounds: int, chance: random.Random) -> tuple[int, list[int]]:
    """How often a save was interrupted, and how many revisions there were after each."""
    number = 0
    many: list[int] = []
    with interrupting() as came, Backup("bot", url) as backup:
        warm(backup)
        for _ in range(rounds):
            number = keep_until_interrupted(backup, number, chance.uniform(0.0001, 0.004)) + 1
            began = time.monotonic()
            backup.vars.n = number
            backup.save()
            assert time.monotonic() - began < 1.5
            assert sql(url, "SELECT variables FROM vars_backup") == [(f'{{"n":{number}}}',)]
            many.append(len(numbers(url)))
    return len(came), many


@pytest.mark.parametrize("rounds", [150, pytest.param(5000, marks=[pytest.mark.torture, pytest.mark.timeout(600)])])
def test_whatever_a_signal_interrupts_the_next_save_is_right(
    any_url: str, rounds: int, record_property: Callable[[str, object], None]
) -> None:
    came, many = play(any_url, rounds, random.Random(7))
    kept = numbers(any_url)
    record_property("counted", f"signals that raised in a strategy's thread: {came}, of {kept[-1]} revisions")
    assert came == rounds
    assert kept == [*range(1, len(kept) + 1)], "none is lost, none repeated, and no number is left out"
    assert many == sorted(set(many))
