"""Odd settings of a role or a server, and what a save costs."""

from __future__ import annotations

import threading
from contextlib import closing

import psycopg
import pytest

from postgres.proxy import Proxy
from postgres.stores import acquired, nth, rows, store_at, waits
from postgres.waiting import eventually
from stratvars.outcome import Saved
from stratvars.revision import Claim
from stratvars.store.postgres.store import PostgresStore
from stratvars.testing import TABLE

SAVES = 10
"""The first looks for its rows by name and locks them, most look where they are, and one in six looks by name again."""


def watch_commit(store: PostgresStore, admin: psycopg.Connection, claim: Claim) -> object:
    """The synchronous_commit of so many saves that each statement is among them, looked at by a trigger inside."""
    admin.execute("CREATE TABLE seen (level text)")
    admin.execute(
        "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN INSERT INTO seen VALUES (current_setting(''synchronous_commit'')); RETURN NULL; END'"
    )
    admin.execute("CREATE TRIGGER look AFTER INSERT ON vars_backup_history FOR EACH ROW EXECUTE FUNCTION look()")
    for number in range(1, SAVES + 1):
        assert store.save([nth(claim, number)]) == [Saved(number)]
    return rows(admin, "SELECT level FROM seen")


@pytest.mark.parametrize(("default", "used"), [("off", "on"), ("local", "local"), ("remote_apply", "remote_apply")])
def test_a_commit_that_would_not_be_durable_is_made_so_and_a_stronger_one_kept(
    pg_url: str, admin: psycopg.Connection, default: str, used: str
) -> None:
    admin.execute(f"ALTER ROLE postgres SET synchronous_commit = {default}".encode())
    with closing(store_at(pg_url)) as store:
        store.prepare(TABLE)
        assert watch_commit(store, admin, acquired(store)) == [(used,)] * SAVES
        connection = store._session._connection
        assert connection is not None
        assert connection.execute("SHOW synchronous_commit").fetchone() == (default,), "and only inside of the save"


def test_a_save_is_one_round_trip(pg_url: str, proxy: Proxy) -> None:
    with closing(store_at(proxy.url(pg_url))) as store:
        store.prepare(TABLE)
        claim = acquired(store)
        for number in range(1, 2 * SAVES):
            before = proxy.counts
            assert store.save([nth(claim, number)]) == [Saved(number)]
            assert (proxy.counts - before).round_trips == 1


def test_a_role_that_reads_by_default_can_still_save(pg_url: str, admin: psycopg.Connection) -> None:
    admin.execute("ALTER ROLE postgres SET default_transaction_read_only = on")
    with closing(store_at(pg_url)) as store:
        store.prepare(TABLE)
        claim = acquired(store)
        assert [store.save([nth(claim, number)]) for number in (1, 2)] == [[Saved(1)], [Saved(2)]]
        assert store._session.begins_writes
        admin.execute("ALTER ROLE postgres RESET default_transaction_read_only")
        store.close()
        assert store.save([nth(claim, 3)]) == [Saved(3)]
        assert not store._session.begins_writes, "on a new connection it is found out anew"


def test_a_role_that_is_repeatable_read_by_default_can_still_save_beside_another(
    pg_url: str, admin: psycopg.Connection
) -> None:
    admin.execute("ALTER ROLE postgres SET default_transaction_isolation = 'repeatable read'")
    with closing(store_at(pg_url)) as store, psycopg.connect(pg_url) as other:
        store.prepare(TABLE)
        claim = acquired(store)
        other.execute("UPDATE vars_backup_writers SET reason = 'beat'")
        outcome: list[object] = []
        thread = threading.Thread(target=lambda: outcome.extend(store.save([nth(claim, 1)])))
        thread.start()
        assert eventually(lambda: waits(admin))
        other.commit()
        thread.join()
        assert outcome == [Saved(1)]


def test_statements_lost_by_a_pooler_are_sent_without_being_prepared(store: PostgresStore) -> None:
    claim = acquired(store)
    for number in range(1, 6):
        store.save([nth(claim, number)])
    connection = store._session._connection
    assert connection is not None
    connection.pgconn.exec_(b"DEALLOCATE ALL")
    assert store.save([nth(claim, 6)]) == [Saved(6)]
    again = store._session._connection
    assert again is not None
    assert again.prepare_threshold is None
