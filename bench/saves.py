"""What a durable save of five small variables costs, and what it writes, beside a bare upsert of the same text.

A floor stands beside both: see ``floors.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
from floors import postgres_floor, sqlite_floor
from frame import Row, Scale, compared, floor_of, other_thread, race, run, told
from places import (
    SQLITE_WARM_UP,
    Bare,
    bare_postgres,
    bare_sqlite,
    database,
    distant_database,
    network,
    opened,
    server,
    sqlite_folder,
    sqlite_url,
)
from states import five, hundred, text_of

from stratvars import Backup
from stratvars.revision import Reason


class Alike:
    """A backup, a yardstick and floors that are given the same state."""

    def __init__(self, backup: Backup, bare: Bare) -> None:
        self._bare = bare
        self.text = ""
        self.backup = backup

    def prepare(self, number: int) -> None:
        """The next state, all of it new."""
        values = five(number)
        self.backup.vars.update(values)
        self.text = text_of(values)

    def upsert(self) -> None:
        """The yardstick."""
        self._bare.write(self.text)


def on_postgres(scale: Scale) -> Iterator[Row]:
    with (
        distant_database() as url,
        bare_postgres(url) as bare,
        postgres_floor(url) as floor,
        closing(opened(url)) as backup,
    ):
        alike = Alike(backup, bare)
        times = race(
            {"bare": alike.upsert, "ours": backup.save, "floor": lambda: floor.save(alike.text)},
            rounds=scale.rounds,
            warm_up=scale.warm_up * 4,
            prepare=alike.prepare,
        )
    yield compared(
        "1",
        "5 small variables, all change, PostgreSQL",
        "bare upsert",
        1.5,
        (times["ours"], times["bare"]),
        floor=floor_of(times["floor"], times["bare"]),
    )


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
    warm_up = scale.warm_up if scale.is_quick else SQLITE_WARM_UP
    with (
        sqlite_folder() as folder,
        bare_sqlite(folder) as bare,
        sqlite_floor(folder) as floor,
        other_thread() as hand_over,
        closing(opened(sqlite_url(folder))) as backup,
    ):
        alike = Alike(backup, bare)
        times = race(
            {
                "bare": alike.upsert,
                "ours": backup.save,
                "floor": lambda: hand_over(lambda: floor.save(alike.text)),
                "own thread": lambda: floor.save(alike.text),
            },
            rounds=scale.rounds,
            warm_up=warm_up,
            prepare=alike.prepare,
        )
    # A call that hangs in an fsync cannot be given up by the thread that makes it: another one has to.
    own = times["own thread"].median / times["bare"].median
    yield compared(
        "2",
        "the same, SQLite, both warmed until the log has wrapped",
        "bare upsert, WAL and FULL",
        1.5,
        (times["ours"], times["bare"]),
        floor=floor_of(times["floor"], times["bare"], beside=f"in the caller's own thread {own:.3g}x"),
    )


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
    run(__file__, on_postgres, round_trips, on_sqlite, unchanged, write_ahead)
