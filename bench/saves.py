"""What a durable save of five small variables costs, and what it writes, beside a bare upsert of the same text.

A floor stands beside both: see ``floors.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from floors import Texts, floor_path, in_its_place, postgres_floor, sqlite_floor
from frame import ROUNDS, Row, Scale, Times, compared, floor_of, other_thread, race, run, told
from places import (
    SQLITE_WARM_UP,
    Bare,
    bare_postgres,
    bare_sqlite,
    database,
    distant_database,
    network,
    one_core,
    opened,
    server,
    sqlite_folder,
    sqlite_url,
)
from states import five, hundred, text_of

from stratvars import Backup
from stratvars.revision import Reason

_ROUNDS = 2000
"""Some seconds of each contest: a disk and a scheduler have moods that last tenths of one."""
_PACE = 0.01
"""Seconds from one save to the next of a bot that waits meanwhile: its processor has slept, and its caches are cold."""


@dataclass(frozen=True)
class Pace:
    """How often a work is done: so many times, after a warm-up, with so many seconds between two."""

    rounds: int
    warm_up: int
    pause: float = 0.0

    @property
    def slow(self) -> Pace:
        """A bot's own pace."""
        return replace(self, rounds=min(self.rounds, ROUNDS), pause=_PACE)


class Alike:
    """A backup, a yardstick and floors that are given the same state."""

    def __init__(self, backup: Backup, bare: Bare) -> None:
        self._bare = bare
        self.values: dict[str, Any] = {}
        self.text = ""
        self.backup = backup

    def prepare(self, number: int) -> None:
        """The next state, all of it new."""
        self.values = five(number)
        self.backup.vars.update(self.values)
        self.text = text_of(self.values)

    def upsert(self) -> None:
        """The yardstick."""
        self._bare.write(self.text)

    def beside(self, work: Callable[[], object], pace: Pace) -> Pair:
        """A work and the yardstick, by turns and with nothing else.

        Each further one would empty the caches for both, and keep a processor awake that sleeps where a bot is alone.
        """
        contest = {"work": work, "yardstick": self.upsert}
        times = race(contest, rounds=pace.rounds, warm_up=pace.warm_up, prepare=self.prepare, pause=pace.pause)
        return times["work"], times["yardstick"]


Pair = tuple[Times, Times]
"""Of a work, and of the yardstick beside it."""


def _ratio(pair: Pair) -> str:
    return f"{pair[0].median / pair[1].median:.3g}x"


def on_postgres(scale: Scale) -> Iterator[Row]:
    work, pace = "5 small variables, all change, PostgreSQL", Pace(scale.rounds, scale.warm_up * 4)
    yield _on_postgres(pace, work)
    yield _on_postgres(pace.slow, f"{work}, one each {_PACE * 1000:.0f} ms")


def _on_postgres(pace: Pace, work: str) -> Row:
    with (
        distant_database() as url,
        bare_postgres(url) as bare,
        postgres_floor(url) as floor,
        closing(opened(url)) as backup,
    ):
        alike, texts = Alike(backup, bare), Texts()
        ours = alike.beside(backup.save, pace)
        least = alike.beside(lambda: floor.save(alike.text), pace)
        seeing = alike.beside(lambda: floor.save(texts.of(alike.values)), pace)
    floor_cell = floor_of(*least, beside=f"with texts and SHA-256 {_ratio(seeing)}")
    return compared("1", work, "bare upsert", 1.5, ours, floor=floor_cell)


def round_trips(scale: Scale) -> Iterator[Row]:
    with server() as made, network(made) as (proxy, url), closing(opened(url)) as backup:
        trips = []
        for number in range(scale.rounds):
            backup.vars.update(five(number))
            before = proxy.counts
            backup.save()
            trips.append((proxy.counts - before).round_trips)
    yield Row("1", "the same, round trips", "", "1", f"{told(max(trips), 1, '')}, the first included: {trips[0]}")


def on_sqlite(scale: Scale) -> Iterator[Row]:
    work = "the same, SQLite, both warmed until the log has wrapped"
    pace = Pace(scale.rounds, scale.warm_up if scale.is_quick else SQLITE_WARM_UP)
    yield _on_sqlite(pace, work)
    yield _on_sqlite(pace.slow, f"{work}, one each {_PACE * 1000:.0f} ms")
    with one_core():  # as where a bot rents one: there no thread wakes another processor
        yield _on_sqlite(pace, f"{work}, on one core")


def _on_sqlite(pace: Pace, work: str) -> Row:
    with (
        sqlite_folder() as folder,
        bare_sqlite(folder) as bare,
        sqlite_floor(folder) as floor,
        in_its_place(floor_path(folder), floor.save) as guarded,
        other_thread() as hand_over,
        closing(opened(sqlite_url(folder))) as backup,
    ):
        alike, texts, texts_here = Alike(backup, bare), Texts(), Texts()

        def see_and_hand_over() -> None:
            text = texts.of(alike.values)
            hand_over(lambda: guarded(text))

        works = (
            backup.save,
            lambda: hand_over(lambda: floor.save(alike.text)),
            lambda: floor.save(alike.text),
            see_and_hand_over,
            lambda: guarded(texts_here.of(alike.values)),
        )
        ours, least, least_here, seeing, seeing_here = [alike.beside(one, pace) for one in works]
    # A call that hangs in an fsync cannot be given up by the thread that makes it: another one has to.
    beside = (
        f"in the caller's own thread {_ratio(least_here)}; with texts, SHA-256, lock and the file's place "
        f"{_ratio(seeing)}, in the own thread {_ratio(seeing_here)}"
    )
    floor_cell = floor_of(*least, beside=beside)
    return compared("2", work, "bare upsert, WAL and FULL", 1.5, ours, floor=floor_cell)


def unchanged(scale: Scale) -> Iterator[Row]:
    yield _unchanged(scale, "an iteration in which none of 100 mixed variables changed", uses=False)
    yield _unchanged(scale, "the same, each of them read in it", uses=True)


def _unchanged(scale: Scale, work: str, *, uses: bool) -> Row:
    with server() as made, network(made) as (proxy, url), closing(opened(url)) as backup:
        backup.vars.update(hundred())
        backup.save()
        values = hundred()  # a bot keeps its variables nowhere else
        before = proxy.counts
        times = race(
            {
                "dumps": lambda: json.dumps(values),
                "ours": lambda: backup.keep(Reason.ITERATION, complete=True),
            },
            rounds=scale.rounds,
            warm_up=max(scale.warm_up, 30),
            prepare=lambda _: backup.vars.all() if uses else None,
        )
        spent = proxy.counts - before
    beside = f"{spent.bytes_to_server} bytes sent in {scale.rounds} iterations"
    return compared("3", work, "json.dumps of them", 0.15, (times["ours"], times["dumps"]), beside=beside)


def write_ahead(scale: Scale) -> Iterator[Row]:
    """Bytes of the server's log, after a checkpoint whose full pages are already written."""
    with (
        database() as url,
        bare_postgres(url) as bare,
        postgres_floor(url) as floor,
        closing(opened(url)) as backup,
    ):
        alike = Alike(backup, bare)
        many = scale.rounds
        with closing(psycopg.connect(url, autocommit=True)) as admin:
            admin.execute("CHECKPOINT")
            for number in range(20):
                alike.prepare(number)
                alike.upsert()
                backup.save()
                floor.save(alike.text)
            bare_bytes = _logged(admin, alike.upsert, alike.prepare, many)
            save_bytes = _logged(admin, backup.save, alike.prepare, many)
            floor_bytes = _logged(admin, lambda: floor.save(alike.text), alike.prepare, many)
    beside = f"{save_bytes:.0f} over {bare_bytes:.0f} bytes: current state, writers' row, history and its key"
    yield Row(
        "14",
        "log bytes per save of 5 small variables",
        "bare upsert",
        "3x",
        f"{told(save_bytes / bare_bytes, 3)}; {beside}",
        f"{floor_bytes / bare_bytes:.3g}x, {floor_bytes:.0f} bytes",
    )


def _logged(
    admin: psycopg.Connection, work: Callable[[], object], prepare: Callable[[int], object], many: int
) -> float:
    before = _position(admin)
    for number in range(many):
        prepare(number)
        work()
    return (_position(admin) - before) / many


def _position(admin: psycopg.Connection) -> int:
    [position] = admin.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone() or (0,)
    return int(position)


if __name__ == "__main__":
    run(__file__, on_postgres, round_trips, on_sqlite, unchanged, write_ahead, rounds=_ROUNDS)
