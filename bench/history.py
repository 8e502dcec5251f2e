"""What looking back and saving cost in a history of a million revisions, as ratios of the same in one of a thousand.

Both stand in one database, as two strategies; every round asks each once, in turn, and only ratios of medians are told.
The histories are filled by SQL. With ``--page`` the table is written into docs/performance.md too. With ``--quick`` the
long history is a short one, to see that all of it runs. The server is one of the tests' own.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, redirect_stderr
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from stratvars import Backup, open_archive
from stratvars.archive import Archive
from stratvars.history import differences
from stratvars.settings import resolve
from stratvars.store.opening import open_store

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from postgres.binaries import found_servers
from postgres.servers import Server

SHORT = 1_000
WARM_UP = 5
CHAIN = 500
"""Revisions from one snapshot to the next."""
TARGET = 1.5
TABLE = "vars_backup"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- bench/history.py -->\n", "<!-- end of bench/history.py -->\n"
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
    VALUES ('@name', 1 + (@many - 1) / 50000, @many, 'start', '', @now, 15, '', 'stop', 1 = 1, '{{}}', 1, 1,
        0@value)""",
    f"""INSERT INTO {TABLE} (id, last_updated, variables, strategy_id)
    SELECT '@name', @now, {WHOLE}, '@name' FROM (SELECT @many AS i) AS newest""",
)
Work = Callable[[str, int], object]


@dataclass(frozen=True)
class Scale:
    """How long the long history is, and how often each work is done."""

    long: int
    rounds: int


WHOLE_RUN, QUICK = Scale(1_000_000, 60), Scale(10_000, 3)


def fill(run: Callable[[str], object], scale: Scale, places: dict[str, str]) -> None:
    """Fill both histories; ``places`` holds what differs from one database to the other."""
    for name, many in (("short", SHORT), ("long", scale.long)):
        for statement in FILLING:
            filled = statement
            for place, text in {**places, "@name": name, "@many": str(many)}.items():
                filled = filled.replace(place, text)
            run(filled)


@contextmanager
def on_sqlite(scale: Scale) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bots.db"
        with closing(open_store(resolve(url))) as store:
            store.prepare(TABLE)
        with closing(sqlite3.connect(f"{folder}/bots.db", isolation_level=None)) as connection:
            begin = "strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'"
            places = {"@at": f"{begin}, (i - @many) || ' seconds')", "@now": f"{begin})", "@column": "", "@value": ""}
            fill(connection.execute, scale, places)
        yield url


@contextmanager
def on_postgres(scale: Scale) -> Iterator[str]:
    with Server(found_servers()[0]) as server:
        url = server.create_database()
        with closing(open_store(resolve(url))) as store:
            store.prepare(TABLE)
        with psycopg.connect(url, autocommit=True) as connection:
            places = {"@at": "now() + make_interval(secs => i - @many)", "@now": "now()"}
            places |= {"@column": ", row_xmin", "@value": ", '0'"}
            fill(lambda query: connection.execute(query.encode()), scale, places)
            connection.execute(f"VACUUM ANALYZE {TABLE}_history".encode())
        yield url


def works(archive: Archive, backups: dict[str, Backup]) -> dict[str, Work]:
    """What is done with a strategy of so many revisions."""

    def diff(name: str, many: int) -> object:
        old, new = (archive.at(name, number).state.texts for number in (many // 2, many // 2 + 300))
        return differences(old, new)

    def save(name: str, _: int) -> None:
        backups[name].vars.trade_count = time.perf_counter_ns()
        backups[name].save()

    return {
        "`history NAME`": lambda name, _: archive.revisions(name, limit=21),
        "`history NAME VARIABLE`": lambda name, _: archive.changes(name, "trade_count", limit=21),
        "`history NAME --reason crash`": lambda name, _: archive.revisions(name, reason="crash", limit=21),
        "`show NAME --at 250`": lambda name, _: archive.at(name, 250),
        "`show NAME --at 10m`": lambda name, _: archive.at(name, "10m"),
        "`show NAME --at last-iteration`": lambda name, _: archive.at(name, "last-iteration"),
        "`diff NAME A B`": diff,
        "a save": save,
    }


def restore(url: str, name: str) -> None:
    with redirect_stderr(io.StringIO()), Backup(name, url, retention="all", wait=0):
        pass


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def ratio(work: Work, scale: Scale) -> tuple[float, float]:
    """The median of the short history in seconds, and how many times that the long one takes."""
    gc.collect()
    times: dict[str, list[float]] = {"short": [], "long": []}
    for number in range(scale.rounds + WARM_UP):
        for name, many in (("short", SHORT), ("long", scale.long)):
            took = seconds(lambda name=name, many=many: work(name, many))  # type: ignore[misc]
            if number >= WARM_UP:
                times[name].append(took)
    short, long = (statistics.median(values) for values in times.values())
    return short, long / short


def measure(url: str, scale: Scale) -> dict[str, float]:
    found: dict[str, float] = {}
    names = ("short", "long")
    with ExitStack() as stack:
        archive = stack.enter_context(open_archive(url))
        backups = {name: stack.enter_context(Backup(name, url, retention="all")) for name in names}
        for title, work in works(archive, backups).items():
            found[title] = tell(title, *ratio(work, scale))
    found["a start, and its end"] = tell("a start, and its end", *ratio(lambda name, _: restore(url, name), scale))
    return found


def tell(title: str, short: float, found: float) -> float:
    print(f"  {title:34} {short * 1e3:8.3f} ms {found:6.2f}x   target {TARGET:g}x", flush=True)
    return found


def section(results: dict[str, dict[str, float]]) -> str:
    where = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores"
    medians = f"medians of {WHOLE_RUN.rounds} rounds"
    lines = [
        f"`python bench/history.py --page`, {datetime.now(UTC):%Y-%m-%d}, {where}, {medians}.",
        "",
        f"| a million revisions against a thousand | target | {' | '.join(results)} |",
        f"|---|---|{'---|' * len(results)}",
    ]
    lines += [
        f"| {title} | {TARGET:g}x | {' | '.join(f'{found[title]:.2f}x' for found in results.values())} |"
        for title in next(iter(results.values()))
    ]
    return "\n".join(lines) + "\n"


def write(text: str) -> None:
    """Put the section in the place of the old one."""
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(before + BEGIN + text + END + rest.partition(END)[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="write the table into docs/performance.md")
    parser.add_argument("--quick", action="store_true", help="little of all, to see that it runs")
    options = parser.parse_args()
    if options.page and options.quick:
        parser.error("the page gets whole runs only")
    scale = QUICK if options.quick else WHOLE_RUN
    results = {}
    for name, place in (("SQLite", on_sqlite), ("PostgreSQL", on_postgres)):
        print(f"{name}: {scale.long:,} revisions against {SHORT:,}", flush=True)
        with place(scale) as url:
            results[name] = measure(url, scale)
    if options.page:
        write(section(results))


if __name__ == "__main__":
    main()
