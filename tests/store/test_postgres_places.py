"""A save knows where the one before it left its rows; wherever they are by then, it does what any save does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack, closing

import psycopg
import pytest

from postgres.pooler import Mode, pooler
from postgres.servers import Server
from postgres.stores import acquired, history, nth, rows, store_at, waits
from postgres.waiting import eventually
from stratvars.outcome import Foreign, Outcome, Saved
from stratvars.store.postgres import connect, saving
from stratvars.store.postgres.store import PostgresStore
from stratvars.testing import TABLE, revision_of

MANY = 30
BY_HAND = """UPDATE vars_backup SET variables = '{"x":99}'"""


def looked_up(admin: psycopg.Connection) -> int:
    """How often a current state or a writers' row was looked for in an index."""
    tables = "('vars_backup', 'vars_backup_writers')"
    [(found,)] = rows(admin, f"SELECT sum(idx_scan)::bigint FROM pg_stat_user_tables WHERE relname IN {tables}")
    assert isinstance(found, int)
    return found


def saved(store: PostgresStore, upto: int) -> Callable[[int], Outcome]:
    """A strategy with so many revisions; how the next is saved."""
    claim = acquired(store)
    for number in range(1, upto + 1):
        assert store.save([nth(claim, number)]) == [Saved(number)]

    def save(number: int) -> Outcome:
        [outcome] = store.save([nth(claim, number)])
        return outcome

    return save


def test_beside_an_open_snapshot_no_save_searches_all_that_its_rows_were(
    pg_url: str, store: PostgresStore, admin: psycopg.Connection
) -> None:
    save = saved(store, 1)
    with psycopg.connect(pg_url) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT FROM vars_backup")
        for number in range(2, MANY + 2):
            assert save(number) == Saved(number)
    store.close()  # the server counts what a session did when it ends
    assert eventually(lambda: rows(admin, "SELECT FROM pg_stat_activity WHERE application_name = 'stratvars'") == [])
    assert eventually(lambda: looked_up(admin) > 0)
    assert looked_up(admin) < MANY


@pytest.mark.parametrize("size", [10, 300, 900, 1800, 5000])
def test_the_rows_of_a_strategy_stay_on_their_pages(store: PostgresStore, admin: psycopg.Connection, size: int) -> None:
    claim = acquired(store)
    for table in ("vars_backup", "vars_backup_writers"):
        admin.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)".encode())
    for number in range(1, 4 * MANY + 1):
        assert store.save([nth(claim, number, f'"{str(number % 10) * size}"')]) == [Saved(number)]
    pages = "pg_relation_size('vars_backup') / 8192, pg_relation_size('vars_backup_writers') / 8192"
    assert rows(admin, f"SELECT {pages}") == [(1, 1)]


@pytest.mark.parametrize(
    "moving",
    [
        "VACUUM FULL vars_backup",
        "VACUUM FULL vars_backup_writers",
        "UPDATE vars_backup_writers SET lease_until = lease_until",
        "UPDATE vars_backup SET variables = variables",
        "TRUNCATE vars_backup",
    ],
)
def test_a_save_finds_its_rows_wherever_they_were_moved(
    store: PostgresStore, admin: psycopg.Connection, moving: str
) -> None:
    save = saved(store, 3)
    admin.execute(moving.encode())
    assert save(4) == Saved(4, was_missing=moving.startswith("TRUNCATE"))
    assert save(5) == Saved(5)
    assert history(admin) == [1, 2, 3, 4, 5]
    assert rows(admin, "SELECT variables FROM vars_backup") == [('{"n":5}',)]


@pytest.mark.parametrize("upto", range(1, 10))
def test_a_change_by_hand_is_shown_whichever_way_the_next_save_looks(
    store: PostgresStore, admin: psycopg.Connection, upto: int
) -> None:
    save = saved(store, upto)
    admin.execute(BY_HAND.encode())
    assert save(upto + 1) == Foreign('{"x":99}')
    assert rows(admin, "SELECT variables FROM vars_backup") == [('{"x":99}',)]
    assert history(admin) == [*range(1, upto + 1)]


@pytest.mark.parametrize("reads", ["off", "on"], ids=["as usual", "where a role's transactions only read by default"])
def test_a_change_by_hand_in_the_middle_of_a_save_undoes_it_and_is_shown(
    pg_url: str, admin: psycopg.Connection, reads: str
) -> None:
    admin.execute(f"ALTER DATABASE {admin.info.dbname} SET default_transaction_read_only = {reads}".encode())
    outcomes: list[Outcome] = []
    with closing(store_at(pg_url)) as store:
        store.prepare(TABLE)
        save = saved(store, 2)
        with psycopg.connect(pg_url) as hand:
            hand.read_only = False
            hand.execute(BY_HAND.encode())
            thread = threading.Thread(target=lambda: outcomes.append(save(3)))
            thread.start()
            assert eventually(lambda: waits(admin)), "it has seen the row as it was, and waits for it"
        thread.join()
    assert outcomes == [Foreign('{"x":99}')]
    assert history(admin) == [1, 2]
    assert rows(admin, "SELECT revision, variables FROM vars_backup, vars_backup_writers") == [(2, '{"x":99}')]


def test_a_save_beside_its_own_ghost_is_saved_once(
    pg_url: str, store: PostgresStore, admin: psycopg.Connection
) -> None:
    save = saved(store, 2)
    outcomes: list[Outcome] = []
    claim = acquired(store)
    with connect.WatchedConnection.connect(pg_url) as ghost:
        ghost.execute("SELECT")  # begins the transaction
        assert saving.save(ghost, [nth(claim, 3)], 1.0, dict(store._places)) == [Saved(3)]
        thread = threading.Thread(target=lambda: outcomes.append(save(3)))
        thread.start()
        assert eventually(lambda: waits(admin))
        ghost.commit()
        thread.join()
    assert outcomes == [Saved(3)]
    assert history(admin) == [1, 2, 3]


def test_what_was_known_of_a_strategy_is_not_used_for_another(store: PostgresStore) -> None:
    one, two = acquired(store, "one"), acquired(store, "two")
    assert store.save([nth(one, 1)]) == store.save([nth(two, 1)]) == [Saved(1)]
    store._places.update(dict(zip(store._places, reversed(store._places.values()), strict=True)))
    assert store.save([nth(one, 2)]) == store.save([revision_of(two, {"x": "2"}, follows=1)]) == [Saved(2)]
    stored = [found.variables for claim in (one, two) if (found := store.load(claim)) is not None]
    assert stored == ['{"n":2}', '{"x":2}']


def test_a_group_writes_beside_what_was_known_and_the_next_save_alone_is_right(store: PostgresStore) -> None:
    one, two = acquired(store, "one"), acquired(store, "two")
    for number in (1, 3, 5):
        assert store.save([nth(one, number)]) == store.save([nth(two, number)]) == [Saved(number)]
        assert store.save([nth(one, number + 1), nth(two, number + 1)]) == [Saved(number + 1)] * 2


@pytest.mark.parametrize("renames", [True, False])
def test_through_a_pooler_that_lends_for_a_transaction_no_save_goes_to_anothers_table(
    pg: Server, pg_url: str, admin: psycopg.Connection, renames: bool
) -> None:
    tables = [f"bots_{number}" for number in range(3)]
    with pooler(pg.port, Mode.TRANSACTION, size=2, renames=renames, in_turns=True) as between, ExitStack() as stack:
        stores = [stack.enter_context(closing(store_at(between.url(pg_url)))) for _ in tables]
        for store, table in zip(stores, tables, strict=True):
            store.prepare(table)
        claims = [acquired(store, table=table) for store, table in zip(stores, tables, strict=True)]
        for number in range(12):
            for store, claim in zip(stores, claims, strict=True):
                revision = nth(claim, number + 1, f'"{claim.table} {number}"')
                assert store.save([revision]) == [Saved(number + 1)]
        assert between.lends > 12 * len(tables)
    for table in tables:
        assert rows(admin, f"SELECT variables FROM {table}") == [(f'{{"n":"{table} 11"}}',)]
        assert rows(admin, f"SELECT count(*) FROM {table}_history") == [(12,)]
