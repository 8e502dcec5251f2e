"""What a durable save of five small variables costs, and what it writes, beside a bare upsert of the same text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
from frame import Row, Scale, compared, race, run, told
from places import (
    SQLITE_WARM_UP,
    Bare,
    bare_postgres,
    bare_sqlite,
    database,
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
    """A backup and a yardstick that are given the same state."""

    def __init__(self, backup: Backup, bare: Bare) -> None:
        self._bare = bare
        self._text = ""
        self.backup = backup

    def prepare(self, number: int) -> None:
        """The next state, all of it new."""
        values = five(number)
        self.backup.vars.update(values)
        self._text = text_of(values)

    def upsert(self) -> None:
        """The yardstick."""
        self._bare.write(self._text)


def on_postgres(scale: Scale) -> Iterator[Row]:
    with database() as url, bare_postgres(url) as bare, closing(opened(url)) as backup:
        alike = Alike(backup, bare)
        times = race(
            {"bare": alike.upsert, "ours": backup.save},
            rounds=scale.rounds,
            warm_up=scale.warm_up * 4,
            prepare=alike.prepare,
        )
    yield compared("1", "5 small variables, all change, PostgreSQL", "bare upsert", 1.5, (times["ours"], times["bare"]))


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
    with sqlite_folder() as folder, bare_sqlite(folder) as bare, closing(opened(sqlite_url(folder))) as backup:
        alike = Alike(backup, bare)
        times = race(
            {"bare": alike.upsert, "ours": backup.save}, rounds=scale.rounds, warm_up=warm_up, prepare=alike.prepare
        )
    work = "the same, SQLite, both warmed until the log has wrapped"
    yield compared("2", work, "bare upsert, WAL and FULL", 1.5, (times["ours"], times["bare"]))


def unchanged(scale: Scale) -> Iterator[Row]:
    with server() as made, network(made) as (proxy, url), closing(opened(url)) as backup:
        backup.vars.update(hundred())
        backup.save()
        values = backup.vars.all()
        before = proxy.counts
        times = race(
            {
                "dumps": lambda: json.dumps(values),
                "ours": lambda: backup.keep(Reason.ITERATION, complete=True),
            },
            rounds=scale.rounds,
            warm_up=scale.warm_up,
        )
        spent = proxy.counts - before
    beside = f"{spent.bytes_to_server} bytes sent in {scale.rounds} iterations"
    work = "an iteration in which none of 100 mixed variables changed"
    yield compared("3", work, "json.dumps of them", 0.15, (times["ours"], times["dumps"]), beside=beside)


def write_ahead(scale: Scale) -> Iterator[Row]:
    """Bytes of the server's log, after a checkpoint whose full pages are already written."""
    with database() as url, bare_postgres(url) as bare, closing(opened(url)) as backup:
        alike = Alike(backup, bare)
        many = scale.rounds
        with closing(psycopg.connect(url, autocommit=True)) as admin:
            admin.execute("CHECKPOINT")
            for number in range(20):
                alike.prepare(number)
                alike.upsert()
                backup.save()
            bare_bytes = _logged(admin, alike.upsert, alike.prepare, many)
            save_bytes = _logged(admin, backup.save, alike.prepare, many)
    beside = f"{save_bytes:.0f} over {bare_bytes:.0f} bytes: current state, writers' row, history and its key"
    yield Row(
        "14",
        "log bytes per save of 5 small variables",
        "bare upsert",
        "3x",
        f"{told(save_bytes / bare_bytes, 3)}; {beside}",
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
