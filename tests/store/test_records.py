"""The side of every store that looks back: the same answers, and what they cost in a long history."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from postgres.stores import store_at
from stratvars.history import fold
from stratvars.revision import COUNTED, Claim, Holder, Landmark, Reason
from stratvars.settings import resolve
from stratvars.store import sqlfiles
from stratvars.store.base import Records, Store
from stratvars.store.memory import MemoryStore
from stratvars.store.postgres.records import PostgresRecords
from stratvars.store.postgres.statements import statements
from stratvars.store.sqlite.records import SqliteRecords
from stratvars.store.sqlite.store import SqliteStore
from stratvars.testing import TABLE, RecordsContract, revision_of

Sides = tuple[Store, Records]


class TestMemoryRecords(RecordsContract):
    def open(self, place: Path) -> Sides:
        store = MemoryStore()
        return store, store


class TestSqliteRecords(RecordsContract):
    def open(self, place: Path) -> Sides:
        return sqlite_sides(place)


class TestPostgresRecords(RecordsContract):
    @pytest.fixture(autouse=True)
    def server(self, any_pg_url: str) -> None:
        self.url = any_pg_url

    def open(self, place: Path) -> Sides:
        return store_at(self.url), PostgresRecords(resolve(self.url))


def sqlite_sides(place: Path) -> Sides:
    store = SqliteStore(place / "stratvars.db")
    store.prepare(TABLE)
    return store, SqliteRecords(place / "stratvars.db")


@dataclass
class Database:
    """A store with its records, and its own SQL."""

    store: Store
    records: Records
    execute: Callable[[str], object]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        store, records = sqlite_sides(tmp_path)
        connection = sqlite3.connect(tmp_path / "stratvars.db", isolation_level=None)
        with closing(store), closing(records), closing(connection):
            yield Database(store, records, connection.execute)
    else:
        url = request.getfixturevalue("pg_url")
        with closing(store_at(url)) as pg, closing(PostgresRecords(resolve(url))) as pg_records:
            pg.prepare(TABLE)
            with psycopg.connect(url, autocommit=True) as admin:
                yield Database(pg, pg_records, lambda query: admin.execute(query.encode()))


def acquired(store: Store, start_id: str = "start-1", take_over: Holder | None = None) -> Claim:
    claim = store.acquire(TABLE, "bot", "me", start_id, take_over=take_over)
    assert isinstance(claim, Claim)
    return claim


def test_what_a_start_saved_that_had_lost_the_strategy_is_no_part_of_the_past(database: Database) -> None:
    claim = acquired(database.store)
    for number in (1, 2):
        database.store.save([revision_of(claim, {"n": str(number)}, follows=number - 1)])
    later = acquired(database.store, "start-2", Holder(claim.epoch, "me"))
    # As the loser of the takeover would have kept them: a number that the new owner uses too, and one that it does not.
    copy = """INSERT INTO vars_backup_history SELECT strategy_id, epoch, revision + {}, saved_at, 'fenced', complete,
        snapshot, '{{"n":"fenced"}}', removed, held_back, 'start-3', format FROM vars_backup_history
        WHERE epoch = 1 AND revision = 2"""
    for further in (1, 3):
        database.execute(copy.format(further))
    database.store.save([revision_of(later, {"n": "3"}, complete=False)])
    following = revision_of(later, {"n": "4"}, follows=3, reason=Reason.CRASH, complete=False)
    database.store.save([replace(following, snapshot=False)])  # so that a snapshot is looked for before it
    assert [kept.number for kept in database.records.history(TABLE, "bot", 4)] == [3, 4]
    assert fold(database.records.history(TABLE, "bot", 4)).state.texts == {"n": "4"}
    assert database.records.history(TABLE, "bot", 5) == []
    fenced = database.records.revisions(TABLE, "bot", limit=9, reason="fenced")
    assert [(entry.epoch, entry.number) for entry in fenced] == [(1, 5), (1, 3)], "but it can be listed"
    assert "fenced" not in {entry.reason for entry in database.records.revisions(TABLE, "bot", limit=9)}
    assert fold(database.records.history(TABLE, "bot", Landmark.LAST_ITERATION)).state.texts == {"n": "2"}
    stored = database.store.load(later)
    assert stored is not None
    assert (stored.crashes, stored.completed) == (1, 2)


def fill(database: Database, many: int, reason: str) -> None:
    """So many revisions without ado; then the writers' row says that the last is a crash."""
    database.store.save([revision_of(acquired(database.store), {})])
    database.execute("DELETE FROM vars_backup_history")
    is_complete = "1 = 0" if reason == "crash" else "1 = 1"
    database.execute(
        f"""INSERT INTO vars_backup_history
        WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {many})
        SELECT 'bot', 1, i, CURRENT_TIMESTAMP, '{reason}', {is_complete}, i = 1, '{{}}', '[]', '{{}}', 'start-1', 1
        FROM numbers"""
    )
    database.execute("UPDATE vars_backup_writers SET reason = 'crash'")


def test_crashes_are_counted_as_far_back_as_the_bound_and_no_further(database: Database) -> None:
    fill(database, COUNTED + 200, "crash")
    stored = database.records.current(TABLE, "bot")
    [same] = database.records.strategies(TABLE)
    assert stored is not None
    assert (stored.crashes, same.crashes) == (COUNTED, COUNTED)
    memory = MemoryStore()
    memory.prepare(TABLE)
    claim = acquired(memory)
    for number in range(COUNTED + 200):
        memory.save([revision_of(claim, {}, follows=number, reason=Reason.CRASH, complete=False)])
    in_memory = memory.load(claim)
    assert in_memory is not None
    assert in_memory.crashes == COUNTED


@pytest.mark.parametrize("statement", ["current", "all_current"])
def test_on_sqlite_a_start_after_a_crash_takes_no_more_steps_in_a_longer_history(
    tmp_path: Path, statement: str
) -> None:
    steps = {}
    for reason, many in (("crash", 2_000), ("crash", 20_000), ("stop", 20_000)):
        place = tmp_path / f"{reason}-{many}"
        place.mkdir()
        store, records = sqlite_sides(place)
        with closing(store), closing(records), closing(sqlite3.connect(place / "stratvars.db")) as connection:
            fill(Database(store, records, lambda query, run=connection: run.execute(query)), many, "iteration")  # type: ignore[misc]
            connection.execute("UPDATE vars_backup_writers SET reason = ?", (reason,))
            connection.commit()
            counted: list[int] = []
            connection.set_progress_handler(lambda into=counted: into.append(1), 1)  # type: ignore[misc]
            sql = sqlfiles.statements("stratvars.store.sqlite", TABLE)[statement]
            assert connection.execute(sql, ("bot",) if statement == "current" else ()).fetchall()
            steps[reason, many] = len(counted)
    assert steps["crash", 2_000] > 1_000
    assert abs(steps["crash", 20_000] - steps["crash", 2_000]) < 100, steps
    assert steps["stop", 20_000] < 200, steps


@pytest.mark.parametrize("statement", ["current", "all_current"])
@pytest.mark.parametrize("reason", ["crash", "stop"])
def test_on_postgresql_a_start_reads_the_end_of_the_history_only_and_only_after_a_crash(
    pg_url: str, statement: str, reason: str
) -> None:
    with closing(store_at(pg_url)) as store, psycopg.connect(pg_url, autocommit=True) as admin:
        store.prepare(TABLE)
        fill(
            Database(store, PostgresRecords(resolve(pg_url)), lambda query: admin.execute(query.encode())),
            20_000,
            "iteration",
        )
        admin.execute("UPDATE vars_backup_writers SET reason = %s", (reason,))
        admin.execute("ANALYZE")
        query = "EXPLAIN (ANALYZE, FORMAT JSON) " + statements(TABLE)[statement]
        [[[plan]]] = admin.execute(query.encode(), {"strategy": "bot"}).fetchall()
    nodes = [node for node in nodes_of(plan["Plan"]) if node.get("Relation Name") == "vars_backup_history"]
    assert {node["Node Type"] for node in nodes} == {"Index Scan"}
    read = sum(node["Actual Rows"] * node["Actual Loops"] for node in nodes)
    assert 0 < read <= COUNTED + 1 if reason == "crash" else read == 0, nodes


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes_of(part)
