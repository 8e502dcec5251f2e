"""Thinning beside readers, beside another thinner, beside the writer, and killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from postgres.stores import rows, store_at
from stratvars import lane as lanes
from stratvars import thinning
from stratvars.archive import Archive
from stratvars.errors import UnavailableError
from stratvars.history import fold
from stratvars.lane import Lane, Offer
from stratvars.outcome import Saved
from stratvars.retention import ALL, Retention, Size
from stratvars.revision import Claim, Reason, State
from stratvars.settings import resolve
from stratvars.store.base import Store
from stratvars.store.opening import open_records, open_store
from stratvars.testing import TABLE
from stratvars.thinning import Step

MANY = 400
Report = Callable[[str, object], None]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/bots.db" if request.param == "sqlite" else str(request.getfixturevalue("pg_url"))


@pytest.fixture
def store(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(lanes, "_DELTAS_PER_SNAPSHOT", 20)
    with closing(open_store(resolve(url))) as store:
        store.prepare(TABLE)
        yield store


def texts_of(number: int) -> dict[str, str]:
    """Of each revision another state, whose names come and go."""
    return {f"v{number % 7}": str(number), "n": str(number), f"w{number % 3}": f"[{number}]"}


class Player:
    """The one that saves."""

    def __init__(self, store: Store) -> None:
        self._store = store
        claim = store.acquire(TABLE, "bot", "me", "start-1")
        assert isinstance(claim, Claim)
        self._lane = Lane(claim, State({}), 1)
        self.number = 0

    def save(self) -> None:
        self._lane.offer(Offer(State(texts_of(self.number + 1)), Reason.ITERATION, complete=True))
        revision = self._lane.next()
        assert revision is not None
        assert self._store.save([revision]) == [Saved(self.number + 1)]
        self._lane.settle(revision)
        self.number += 1


class Reader(threading.Thread):
    """Asks for every revision, again and again, until it is told to stop."""

    def __init__(self, url: str, last: int) -> None:
        super().__init__()
        self._url = url
        self._last = last
        self.over = threading.Event()
        self.asked = self.found = self.listed = 0
        self.wrong: list[object] = []

    def run(self) -> None:
        with closing(open_records(resolve(self._url))) as records, Archive(resolve(self._url), TABLE) as archive:
            while not self.over.is_set():
                for number in range(1, self._last + 1, 7):
                    self.asked += 1
                    kept = records.history(TABLE, "bot", number)
                    if kept:
                        self.found += 1
                        self._check(number, fold(kept).state.texts)
                for change in archive.changes("bot").rows:
                    self.listed += 1
                    self._check(change.entry.number, change.texts)

    def _check(self, number: int, texts: object) -> None:
        if texts != texts_of(number):
            self.wrong.append((number, texts))


def test_readers_beside_a_thinner_and_a_writer_never_see_a_state_that_never_was(
    url: str, store: Store, monkeypatch: pytest.MonkeyPatch, record_property: Report
) -> None:
    monkeypatch.setattr(thinning, "_PAGE", 60)
    player = Player(store)
    for _ in range(MANY):
        player.save()
    readers = [Reader(url, MANY) for _ in range(2)]
    for reader in readers:
        reader.start()
    gone = steps = 0
    with closing(open_store(resolve(url))) as other:
        other.prepare(TABLE)
        since = (0, 0)
        while gone < MANY - 60:
            # Every third of a page goes by its number, as if one had come of age after the other.
            plan = other.thin(TABLE, "bot", Step(ALL, since, Size(9, 0)))
            gone, steps = gone + len(plan.gone), steps + 1
            since = plan.after or (0, 0)
            player.save()
            time.sleep(0.005)
    for reader in readers:
        reader.over.set()
        reader.join()
    assert [reader.wrong for reader in readers] == [[], []]
    with closing(open_records(resolve(url))) as records:
        for entry in records.revisions(TABLE, "bot", limit=10_000):
            assert fold(records.history(TABLE, "bot", entry.number)).state.texts == texts_of(entry.number)
    asked, found, listed = (sum(getattr(r, what) for r in readers) for what in ("asked", "found", "listed"))
    record_property("counted", f"{steps} steps took {gone}; meanwhile {asked} asked, {found} found, {listed} listed")
    assert min(found, listed, gone) > 0


def test_thinners_that_want_different_things_leave_every_state_that_stays_as_it_was(url: str, store: Store) -> None:
    player = Player(store)
    for _ in range(MANY):
        player.save()
    errors: list[Exception] = []

    def thin(over: int) -> None:
        try:
            with closing(open_store(resolve(url))) as mine:
                mine.prepare(TABLE)
                for _ in range(30):
                    mine.thin(TABLE, "bot", Step(ALL, (0, 0), Size(over, 0)))
        except UnavailableError:
            pass  # on SQLite another one may have the file for a second
        except Exception as error:  # noqa: BLE001  told below
            errors.append(error)

    threads = [threading.Thread(target=thin, args=(over,)) for over in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with closing(open_records(resolve(url))) as records:
        entries = records.revisions(TABLE, "bot", limit=10_000)
        for entry in entries:
            assert fold(records.history(TABLE, "bot", entry.number)).state.texts == texts_of(entry.number)
    assert MANY - 180 <= len(entries) < MANY - 3, "each removed some; one that finds another at work leaves it to that"


CHILD = f"""
import sys
from stratvars.settings import resolve
from stratvars.store.opening import open_store
from stratvars.retention import ALL, Size
from stratvars.thinning import Step
store = open_store(resolve(sys.argv[1]))
store.prepare({TABLE!r})
print("begins", flush=True)
while True:
    store.thin({TABLE!r}, "bot", Step(ALL, (0, 0), Size(3, 0)))
"""


def test_a_thinner_that_is_killed_leaves_no_half_of_a_step(url: str, store: Store, record_property: Report) -> None:
    player = Player(store)
    left: list[int] = []
    for kill in range(4):
        for _ in range(120):
            player.save()
        with subprocess.Popen([sys.executable, "-c", CHILD, url], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "begins\n"
            time.sleep(0.03 + kill * 0.011)
            os.kill(child.pid, signal.SIGKILL)
        with closing(open_records(resolve(url))) as records:
            entries = records.revisions(TABLE, "bot", limit=10_000)
            for entry in entries:
                assert fold(records.history(TABLE, "bot", entry.number)).state.texts == texts_of(entry.number)
        left.append(len(entries))
        player.save()
    record_property("counted", f"killed in the middle of thinning: {left} revisions stayed")
    assert min(left) < player.number


def test_the_writers_row_is_not_locked_and_a_locked_one_does_not_hold_a_step_up(
    pg_url: str, admin: psycopg.Connection
) -> None:
    with closing(store_at(pg_url)) as store:
        store.prepare(TABLE)
        player = Player(store)
        for _ in range(5):
            player.save()
        with admin.transaction():
            assert rows(admin, f"SELECT strategy_id FROM {TABLE}_writers FOR UPDATE") == [("bot",)]
            assert rows(admin, f"SELECT strategy_id FROM {TABLE} FOR UPDATE") == [("bot",)]
            assert store.thin(TABLE, "bot", Step(Retention(0, 0, 0), over=Size(3, 0))).removed.revisions == 4
