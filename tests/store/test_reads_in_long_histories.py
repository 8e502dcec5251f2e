"""Looking back takes as much work in a long history as in a short one, counted by the databases themselves."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stratvars.settings import resolve
from stratvars.store import sqlfiles
from stratvars.store.current import HIGHEST
from stratvars.store.postgres.statements import statements
from stratvars.store.postgres.store import PostgresStore
from stratvars.store.sqlite.store import SqliteStore

SHORT, LONG = 1_000, 40_000
TABLE = "vars_backup"
COLUMNS = """(strategy_id, epoch, revision, saved_at, reason, complete, snapshot, changed, removed, held_back, start_id,
    format)"""
FILL = f"""INSERT INTO {TABLE}_history {COLUMNS}
    WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < %d)
    SELECT '%s', 1 + 4 * (i - 1) / %d, i, %s, CASE WHEN i %% 400 = 0 THEN 'stop' WHEN i %% 2 = 0 THEN 'manual'
        ELSE 'iteration' END, 0 = 0, i %% 50 = 1, '{{}}', '[]', '{{}}', 's', 1 FROM numbers"""
Work = Callable[[str, str, dict[str, Any]], int]


@contextmanager
def on_sqlite(folder: Path) -> Iterator[Work]:
    """Instructions of SQLite's virtual machine."""
    path = folder / "bots.db"
    with closing(SqliteStore(path)) as store:
        store.prepare(TABLE)
    connection = sqlite3.connect(path, isolation_level=None)
    for many in (SHORT, LONG):
        at = f"strftime('%Y-%m-%d %H:%M:%f+00:00', '2026-01-01', (i - {many}) || ' seconds')"
        connection.execute(FILL % (many, many, many, at))

    def work(strategy: str, statement: str, parameters: dict[str, Any]) -> int:
        ticks: list[int] = []
        connection.set_progress_handler(lambda: ticks.append(1), 1)
        connection.execute(sqlfiles.statements("stratvars.store.sqlite", TABLE)[statement], parameters).fetchall()
        connection.set_progress_handler(None, 1)
        return len(ticks)

    with closing(connection):
        yield work


@contextmanager
def on_postgres(url: str) -> Iterator[Work]:
    """Pages of the server's memory."""
    with closing(PostgresStore(resolve(url))) as store:
        store.prepare(TABLE)
    connection = psycopg.connect(url, autocommit=True)
    for many in (SHORT, LONG):
        at = f"timestamptz '2026-01-01Z' + make_interval(secs => i - {many})"
        connection.execute((FILL % (many, many, many, at)).encode())
    connection.execute(f"VACUUM ANALYZE {TABLE}_history".encode())

    def work(strategy: str, statement: str, parameters: dict[str, Any]) -> int:
        query = b"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + statements(TABLE)[statement].encode()
        [(told,)] = connection.execute(query, parameters).fetchall()
        [plan] = json.loads(told) if isinstance(told, str) else told
        pages = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
        assert isinstance(pages, int)
        return pages

    with closing(connection):
        yield work


@pytest.fixture(params=["sqlite", "postgresql"])
def work(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Work]:
    is_file = request.param == "sqlite"
    with on_sqlite(tmp_path) if is_file else on_postgres(request.getfixturevalue("pg_url")) as counted:
        yield counted


def test_looking_back_takes_no_more_work_in_a_long_history(work: Work, record_property: Callable[..., None]) -> None:
    whole = {"epoch": HIGHEST[0], "revision": HIGHEST[1], "reason": None, "until": None, "limit": 20}
    told = []
    for statement, wanted in (
        ("history", {"revision": 3}),
        ("history", {"revision": SHORT // 2}),
        ("history", {"revision": SHORT}),
        ("history", {"revision": None}),
        ("history", {"revision": 10**9}),
        ("revisions", whole),
        ("revisions", whole | {"epoch": 1}),
        ("revisions", whole | {"reason": "iteration"}),
        ("revisions", whole | {"reason": "manual"}),
        ("newest_crash", {}),
        ("marked", whole | {"reason": "stop", "limit": 2}),
        ("marked", whole | {"reason": "crash"}),
        ("later", {"until": "2025-12-31T23:50:00+00:00"}),
    ):
        short, long = (work(str(many), statement, {"strategy": str(many), **wanted}) for many in (SHORT, LONG))
        told.append((short, long))
        # A search in a longer index takes a step more.
        assert long <= 1.5 * short + 8, (statement, wanted, short, long)
    record_property("counted", f"work in short and in long histories: {told}")
