"""What a save, a start and looking back cost in a history of a million revisions, beside one of a thousand.

Both stand in one database, as two strategies, and are filled by SQL.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from hashlib import sha256

import psycopg
from frame import Row, Scale, compared, race, run
from places import database, opened, sqlite_folder
from states import text_of

from stratvars import Backup, open_archive
from stratvars.archive import Archive
from stratvars.history import differences
from stratvars.settings import resolve
from stratvars.store.opening import open_store

SHORT, LONG, QUICK = 1_000, 1_000_000, 10_000
CHAIN = 500
"""Revisions from one snapshot to the next."""
_SAVING, _LOOKING = 1.15, 1.5
"""The targets of a save and a start, and of looking back."""
TABLE = "vars_backup"
DELTA = """'{"trade_count":' || i || ',"last_price":' || (i % 997) || '.5}'"""
WHOLE = """'{"trade_count":' || i || ',"last_price":' || (i % 997) || '.5,"side":"long","stop":99.75,"armed":true}'"""
FILLING = (
    f"""INSERT INTO {TABLE}_history (strategy_id, epoch, revision, saved_at, reason, complete, snapshot, changed,
        removed, held_back, start_id, format)
    WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < @many)
    SELECT '@name', 1 + (i - 1) / 50000, i, @at, CASE WHEN i % 1000 = 0 THEN 'stop' ELSE 'iteration' END, 1 = 1,
        i % {CHAIN} = 1, CASE WHEN i % {CHAIN} = 1 THEN {WHOLE} ELSE {DELTA} END, '[]', '{{}}', 'start', 1
    FROM numbers""",
    f"""INSERT INTO {TABLE}_writers (strategy_id, epoch, revision, start_id, owner, lease_until, lease, digest, reason,
        complete, held_back, format, written_by, open_edits@column)
    VALUES ('@name', 1 + (@many - 1) / 50000, @many, 'start', '', @now, 15, '@digest', 'stop', 1 = 1, '{{}}', 1, 1,
        0@value)""",
    f"""INSERT INTO {TABLE} (id, last_updated, variables, strategy_id)
    VALUES ('@name', @now, '@newest', '@name')""",
)
Work = Callable[[str, int], object]


def on_sqlite(scale: Scale) -> Iterator[Row]:
    with sqlite_folder() as folder:
        url = f"sqlite:///{folder}/bots.db"
        _prepare(url)
        with closing(sqlite3.connect(folder / "bots.db", isolation_level=None)) as connection:
            begin = "strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'"
            places = {"@at": f"{begin}, (i - @many) || ' seconds')", "@now": f"{begin})", "@column": "", "@value": ""}
            _fill(connection.execute, places, scale)
        yield from _rows(url, "SQLite", scale)


def on_postgres(scale: Scale) -> Iterator[Row]:
    with database() as url:
        _prepare(url)
        with psycopg.connect(url, autocommit=True) as connection:
            places = {"@at": "now() + make_interval(secs => i - @many)", "@now": "now()"}
            places |= {"@column": ", row_xmin", "@value": ", '0'"}
            _fill(lambda query: connection.execute(query.encode()), places, scale)
            connection.execute(f"VACUUM ANALYZE {TABLE}_history".encode())
        yield from _rows(url, "PostgreSQL", scale)


def _prepare(url: str) -> None:
    with closing(open_store(resolve(url))) as store:
        store.prepare(TABLE)


def _fill(execute: Callable[[str], object], places: dict[str, str], scale: Scale) -> None:
    """Fill both histories; ``places`` holds what differs from one database to the other."""
    for name, many in _histories(scale).items():
        state = {"trade_count": many, "last_price": many % 997 + 0.5, "side": "long", "stop": 99.75, "armed": True}
        newest = text_of(state)  # by its digest a start knows that no other hand has written it
        digest = sha256(newest.encode()).hexdigest()
        of_history = {"@name": name, "@many": str(many), "@newest": newest, "@digest": digest}
        for statement in FILLING:
            filled = statement
            for place, text in {**places, **of_history}.items():
                filled = filled.replace(place, text)
            execute(filled)


def _histories(scale: Scale) -> dict[str, int]:
    return {"long": QUICK if scale.is_quick else LONG, "short": SHORT}


def _rows(url: str, where: str, scale: Scale) -> Iterator[Row]:
    with ExitStack() as stack:
        archive = stack.enter_context(open_archive(url))
        backups = {name: stack.enter_context(closing(opened(url, name, "all"))) for name in _histories(scale)}
        for title, work in _looks(archive).items():
            yield _row("", f"{title}, {where}", work, _LOOKING, scale)
        yield _row("9", f"a save, {where}", lambda name, _: _save(backups[name]), _SAVING, scale)
    yield _row("9", f"a start and its end, {where}", lambda name, _: _restore(url, name), _SAVING, scale)


def _row(number: str, title: str, work: Work, limit: float, scale: Scale) -> Row:
    """A thing that is done in both histories."""

    def done(name: str, many: int) -> Callable[[], object]:
        return lambda: work(name, many)

    contenders = {name: done(name, many) for name, many in _histories(scale).items()}
    times = race(contenders, rounds=scale.rounds, warm_up=min(scale.warm_up, 20))
    return compared(number, title, f"after {SHORT:,} revisions", limit, (times["long"], times["short"]))


def _looks(archive: Archive) -> dict[str, Work]:
    """How one looks back at a strategy of so many revisions."""

    def diff(name: str, many: int) -> object:
        old, new = (archive.at(name, number).state.texts for number in (many // 2, many // 2 + 300))
        return differences(old, new)

    return {
        "`history NAME`": lambda name, _: archive.revisions(name, limit=21),
        "`history NAME VARIABLE`": lambda name, _: archive.changes(name, "trade_count", limit=21),
        "`history NAME --reason crash`": lambda name, _: archive.revisions(name, reason="crash", limit=21),
        "`show NAME --at 250`": lambda name, _: archive.at(name, 250),
        "`show NAME --at 10m`": lambda name, _: archive.at(name, "10m"),
        "`show NAME --at last-iteration`": lambda name, _: archive.at(name, "last-iteration"),
        "`diff NAME A B`": diff,
    }


def _save(backup: Backup) -> None:
    backup.vars.trade_count = time.perf_counter_ns()
    backup.save()


def _restore(url: str, name: str) -> None:
    opened(url, name, "all").close()


if __name__ == "__main__":
    run(__file__, on_sqlite, on_postgres)
