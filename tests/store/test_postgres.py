"""What is true of the PostgreSQL store alone: its tables, their names, and two starts at once."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from msgspec import structs

from postgres.stores import acquired, nth, rows, store_at, waits
from postgres.waiting import eventually
from stratvars.errors import RefusedError
from stratvars.outcome import Saved
from stratvars.revision import Claim, Holder, Reason
from stratvars.settings import resolve
from stratvars.store.base import Store
from stratvars.store.postgres.records import PostgresRecords
from stratvars.store.postgres.statements import table_names
from stratvars.store.postgres.store import PostgresStore
from stratvars.testing import TABLE, StoreContract, revision_of
from stratvars.testing.samples import loaded


class TestPostgresStore(StoreContract):
    @pytest.fixture(autouse=True)
    def server(self, any_pg_url: str) -> None:
        self.url = any_pg_url

    def open(self, place: Path) -> Store:
        return store_at(self.url)


def test_the_contracts_table_has_its_four_columns(store: PostgresStore, admin: psycopg.Connection) -> None:
    store.save([revision_of(acquired(store), {"trade_count": "5", "last_price": "102.5"})])
    columns = rows(
        admin,
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns "
        "WHERE table_name = 'vars_backup' ORDER BY ordinal_position",
    )
    assert columns == [
        ("id", "text", "NO"),
        ("last_updated", "timestamp with time zone", "NO"),
        ("variables", "text", "NO"),
        ("strategy_id", "text", "NO"),
    ]
    constraints = rows(
        admin, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'vars_backup'::regclass"
    )
    assert {("PRIMARY KEY (id)",), ("UNIQUE (strategy_id)",)} <= set(constraints)
    external = rows(admin, "SELECT attname FROM pg_attribute WHERE attstorage = 'e' AND attrelid >= 16384 ORDER BY 1")
    assert {("variables",), ("changed",)} <= set(external)
    stored = rows(admin, "SELECT strategy_id, variables, length(id) FROM vars_backup")
    assert stored == [("bot", '{"trade_count":5,"last_price":102.5}', 36)]


ODD = ["MyTable", "vars-backup", "select", "it's", 'say "hi"', "100%", "%s", "%(id)s", "{T}", '"T"', " ", "таблица"]


@pytest.mark.parametrize("table", [*ODD, "x" * 55, "a.b.c", ".x", "x."])
def test_any_name_works_for_a_table(pg_url: str, admin: psycopg.Connection, table: str) -> None:
    with closing(store_at(pg_url)) as store, closing(PostgresRecords(resolve(pg_url))) as records:
        assert records.strategies(table) == []
        store.prepare(table)
        claim = acquired(store, table=table)
        for number in range(1, 9):  # enough for the driver to prepare the statement
            assert store.save([nth(claim, number)]) == [Saved(number)]
        assert store.load(claim) is not None
        assert store.names(table) == ["bot"]
        assert [stored.variables for stored in records.strategies(table)] == ['{"n":8}']
    made = {name for (name,) in rows(admin, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert made == {table, f"{table}_writers", f"{table}_history", f"{table}_edits"}


def test_a_name_with_one_dot_is_a_table_in_a_schema(pg_url: str, admin: psycopg.Connection) -> None:
    with closing(store_at(pg_url)) as store:
        with pytest.raises(RefusedError, match="CREATE SCHEMA"):
            store.prepare("My bots.state")
        admin.execute('CREATE SCHEMA "My bots"')
        store.prepare("My bots.state")
        assert store.save([nth(acquired(store, table="My bots.state"), 1)]) == [Saved(1)]
    assert rows(admin, 'SELECT variables FROM "My bots".state') == [('{"n":1}',)]


@pytest.mark.parametrize(
    "shape",
    [
        "id text, variables text",
        "id text PRIMARY KEY, last_updated timestamptz, variables jsonb, strategy_id text UNIQUE",
        "id text PRIMARY KEY, last_updated timestamptz, variables text, strategy_id text",
        "id text PRIMARY KEY, last_updated timestamptz, variables text, strategy_id text UNIQUE, mine int NOT NULL",
        "id text PRIMARY KEY, last_updated timestamp, variables text, strategy_id text UNIQUE",
    ],
)
def test_a_table_of_another_shape_is_left_as_it_is(pg_url: str, admin: psycopg.Connection, shape: str) -> None:
    admin.execute(f"CREATE TABLE vars_backup ({shape})".encode())
    with closing(store_at(pg_url)) as store, pytest.raises(RefusedError, match="backup_table_name"):
        store.prepare(TABLE)
    assert rows(admin, "SELECT * FROM vars_backup") == []
    made = {name for (name,) in rows(admin, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert made == {TABLE}, "and nothing was made beside it"


def test_a_load_looks_into_the_history_only_after_a_crash(store: PostgresStore, admin: psycopg.Connection) -> None:
    first = acquired(store)
    store.save([nth(first, 1)])
    calm = acquired(store)
    assert [first.crashed, calm.crashed] == [True, False], "of the very first start nothing is known"
    with admin.transaction():
        admin.execute("LOCK TABLE vars_backup_history IN ACCESS EXCLUSIVE MODE")
        stored = store.load(calm)
    assert stored == replace(loaded(store, first), age=stored.age if stored else 0.0)
    store.save([structs.replace(nth(calm, 2), reason=Reason.CRASH)])
    crashed = acquired(store)
    again = store.acquire(TABLE, "bot", "me", "start-2", take_over=Holder(1, "me"))
    assert [crashed.crashed, isinstance(again, Claim) and again.crashed] == [True, True]


def test_two_first_starts_at_once_never_both_get_the_strategy(pg_url: str, store: PostgresStore) -> None:
    answers: list[object] = []
    barrier = threading.Barrier(8)

    def start(number: int) -> None:
        with closing(store_at(pg_url)) as mine:
            mine.prepare(TABLE)
            barrier.wait()
            answers.append(mine.acquire(TABLE, "bot", f"owner-{number}", f"start-{number}"))

    threads = [threading.Thread(target=start, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert sum(isinstance(answer, Claim) for answer in answers) == 1


def test_of_two_that_wait_to_take_over_from_the_same_dead_one_takes_over(
    store: PostgresStore, pg_url: str, admin: psycopg.Connection
) -> None:
    dead = acquired(store)
    answers: list[object] = []

    def take(number: int) -> None:
        with closing(store_at(pg_url)) as mine:
            mine.prepare(TABLE)
            holder = Holder(dead.epoch, dead.owner)
            answers.append(mine.acquire(TABLE, "bot", f"owner-{number}", f"taker-{number}", take_over=holder))

    threads = [threading.Thread(target=take, args=(number,)) for number in range(2)]
    with psycopg.connect(pg_url) as other:
        other.execute("SELECT FROM vars_backup_writers FOR UPDATE")
        for thread in threads:
            thread.start()
        assert eventually(lambda: waits(admin, 2), 0.9)
    for thread in threads:
        thread.join()
    assert sorted(type(answer).__name__ for answer in answers) == ["Claim", "Holder"]


def test_names_of_tables_are_quoted_and_taken_apart_at_one_dot() -> None:
    assert table_names("a.b")["T_writers"] == '"a"."b_writers"'
    assert table_names("a.b.c")["T"] == '"a.b.c"'
    assert table_names('x"y')["T"] == '"x""y"'
