"""Locks, ghosts, lost and silent connections, and what an error may say."""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing

import psycopg
import pytest

from postgres.proxy import Proxy
from postgres.servers import Server
from postgres.stores import CANARY, acquired, history, nth, rows, said, store_at, waits
from postgres.waiting import eventually
from stratvars.errors import RefusedError, UnavailableError, UnreachableError
from stratvars.outcome import Saved, WentBack
from stratvars.revision import Claim
from stratvars.store.postgres import connect, saving
from stratvars.store.postgres.explain import Place, explain_connect
from stratvars.store.postgres.statements import ddl
from stratvars.store.postgres.store import PostgresStore
from stratvars.testing import TABLE, revision_of

END = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'stratvars'"


@pytest.mark.parametrize("before", [0, 20])  # from the sixth on it is prepared, later the server keeps one plan
def test_a_row_that_somebody_locks_is_trouble_after_a_second(
    store: PostgresStore, pg_url: str, admin: psycopg.Connection, before: int
) -> None:
    claim = acquired(store)
    for number in range(1, before + 1):
        store.save([nth(claim, number)])
    with psycopg.connect(pg_url) as other:
        other.execute("SELECT FROM vars_backup_writers FOR UPDATE")
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="lock"):
            store.save([nth(claim, before + 1)])
        assert 0.8 < time.monotonic() - started < 3
    assert store.save([nth(claim, before + 1)]) == [Saved(before + 1)]


@pytest.mark.parametrize("ghost", [1, 2])
def test_a_save_that_waits_for_its_own_ghost_is_saved_once(
    store: PostgresStore, pg_url: str, admin: psycopg.Connection, ghost: int
) -> None:
    # The ghost: the same save, sent before the connection was lost, whose commit is just landing.

    claim = acquired(store)
    assert store.save([nth(claim, 1)]) == [Saved(1)]
    outcome: list[object] = []
    with connect.WatchedConnection.connect(pg_url) as other:
        other.execute("SELECT")  # a transaction begins
        assert saving.save(other, [nth(claim, 2)], 1.0, {}) == [Saved(2)]
        mine = nth(claim, 1 + ghost)
        thread = threading.Thread(target=lambda: outcome.extend(store.save([mine])))
        thread.start()
        assert eventually(lambda: waits(admin))
        other.commit()
        thread.join()
    assert outcome == [Saved(1 + ghost)], "it saw the row as the ghost left it, not as it was before the wait"
    assert history(admin) == [*range(1, 2 + ghost)]
    assert rows(admin, "SELECT variables FROM vars_backup") == [(f'{{"n":{1 + ghost}}}',)]


def test_a_server_that_is_down_is_trouble_and_is_used_again_when_it_is_back(
    pg: Server, store: PostgresStore, admin: psycopg.Connection
) -> None:
    claim = acquired(store)
    assert store.save([nth(claim, 1)]) == [Saved(1)]
    pg.kill_hard()
    for _ in range(2):
        with pytest.raises(UnreachableError):
            store.save([nth(claim, 2)])
    pg.start()
    assert store.save([nth(claim, 2)]) == [Saved(2)]


def test_batches_that_name_the_same_strategies_in_another_order_do_not_wait_for_each_other(
    store: PostgresStore, pg_url: str
) -> None:
    first, second = acquired(store, "a"), acquired(store, "b")
    troubles: list[Exception] = []

    def save(order: list[Claim]) -> None:
        with closing(store_at(pg_url)) as mine:
            for number in range(1, 60):
                try:
                    mine.save([nth(claim, number) for claim in order])
                except UnavailableError as error:
                    troubles.append(error)

    threads = [threading.Thread(target=save, args=(order,)) for order in ([first, second], [second, first])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    stored = store.load(first)
    assert stored is not None
    assert stored.revision == 59


def test_a_connection_that_was_ended_meanwhile_is_made_anew_within_the_save(
    store: PostgresStore, admin: psycopg.Connection
) -> None:
    claim = acquired(store)
    for number in range(1, 4):
        assert store.save([nth(claim, number)]) == [Saved(number)]
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'stratvars'"
        )
    assert history(admin) == [1, 2, 3]


def test_a_connection_whose_socket_fails_before_the_client_library_knows_is_made_anew_within_the_save(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[connect.WatchedConnection] = []
    to_open = connect.Connector.open

    def noting(self: connect.Connector, *, prepared: bool) -> connect.WatchedConnection:
        opened.append(to_open(self, prepared=prepared))
        return opened[-1]

    claim = acquired(store)
    store.close()
    monkeypatch.setattr(connect.Connector, "open", noting)
    assert store.save([nth(claim, 1)]) == [Saved(1)]
    # A reset seen by poll alone: nothing to read, no room to write. A pipe without a reader is always so.
    reading, writing = os.pipe()
    os.close(reading)
    os.dup2(writing, opened[-1].fileno())
    os.close(writing)
    assert store.save([nth(claim, 2)]) == [Saved(2)]
    assert [connection.closed for connection in opened] == [True, False]


def test_a_server_that_ends_each_connection_is_asked_twice_and_not_for_ever(
    store: PostgresStore, admin: psycopg.Connection
) -> None:
    claim = acquired(store)
    admin.execute("CREATE SEQUENCE asked")  # no rollback takes back what it counts
    admin.execute(
        "CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''asked''); "
        "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NEW; END'"
    )
    admin.execute("CREATE TRIGGER hang_up BEFORE INSERT ON vars_backup FOR EACH ROW EXECUTE FUNCTION hang_up()")
    with pytest.raises(UnreachableError, match="was shut down"):
        store.save([nth(claim, 1)])
    assert rows(admin, "SELECT last_value FROM asked") == [(2,)]
    admin.execute("DROP FUNCTION hang_up CASCADE")
    assert store.save([nth(claim, 1)]) == [Saved(1)]


@pytest.mark.parametrize("before", [0, 20])
def test_a_save_that_waits_for_a_table_is_stopped_at_the_server_and_its_connection_used_further(
    store: PostgresStore, pg_url: str, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    # The locks of tables are taken before the statement runs that says how long to wait for a lock.
    monkeypatch.setattr(connect, "SILENCE", 0.5)
    claim = acquired(store)
    for number in range(1, before + 1):
        store.save([nth(claim, number)])
    backends = "SELECT pid FROM pg_stat_activity WHERE application_name = 'stratvars'"
    [mine] = rows(admin, backends)
    with psycopg.connect(pg_url) as other:
        other.execute("LOCK TABLE vars_backup_history IN ACCESS EXCLUSIVE MODE")
        for _ in range(3):
            with pytest.raises(UnavailableError, match="another program holds a table") as raised:
                store.save([nth(claim, before + 1)])
            assert not isinstance(raised.value, UnreachableError), "other tables can still be written"
            assert rows(admin, backends) == [mine]
            assert waits(admin, 0)
    assert store.save([nth(claim, before + 1)]) == [Saved(before + 1)]


def test_a_silent_network_is_given_up_and_used_again_when_it_is_back(
    pg_url: str, proxy: Proxy, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "SILENCE", 1.0)
    with closing(store_at(proxy.url(pg_url))) as store:
        store.prepare(TABLE)
        claim = acquired(store)
        proxy.black_hole(True)
        started = time.monotonic()
        with pytest.raises(UnreachableError, match="silent"):
            store.save([nth(claim, 1, f'"{CANARY}"')])
        assert time.monotonic() - started < 4
        proxy.black_hole(False)
        assert store.save([nth(claim, 1, f'"{CANARY}"')]) == [Saved(1)]
    assert history(admin) == [1]


def test_tables_dropped_under_a_running_bot_are_made_anew_and_noticed(
    store: PostgresStore, admin: psycopg.Connection
) -> None:
    claim = acquired(store)
    store.save([nth(claim, 1)])
    admin.execute("DROP TABLE vars_backup, vars_backup_writers, vars_backup_history")
    assert store.save([nth(claim, 2)]) == [WentBack(0, 0)]
    again = store.acquire(TABLE, "bot", "me", "start-1", above=(1, 2))
    assert isinstance(again, Claim)
    assert store.save([revision_of(again, {"n": "2"})]) == [Saved(3)]


def test_a_server_that_refuses_in_another_language_is_not_said_to_be_unreachable(pg_url: str) -> None:
    with pytest.raises(psycopg.OperationalError) as refused:
        psycopg.connect(pg_url, password="wrong")
    place = Place("db", "5432", "main", "trader")
    assert isinstance(explain_connect(refused.value, place), RefusedError)
    # What a server with lc_messages = ru_RU says; of the error itself nothing else is left than that it was asked for a
    # password.
    text = 'connection failed: ВАЖНО:  пользователь "trader" не прошёл проверку подлинности (по паролю)'
    told = explain_connect(psycopg.OperationalError(text, pgconn=refused.value.pgconn), place)
    assert "answered and did not let us in" in str(told)
    assert not isinstance(told, UnreachableError)


@pytest.mark.parametrize(
    "trouble",
    [
        "ALTER TABLE vars_backup ADD CHECK (length(variables) < 3)",
        "ALTER TABLE vars_backup_history ADD CHECK (length(changed) < 3)",
        "ALTER TABLE vars_backup ALTER variables TYPE varchar(10)",
        "ALTER TABLE vars_backup ALTER variables TYPE integer USING 1",
        "REVOKE ALL ON vars_backup FROM guest",
    ],
)
def test_no_error_shows_the_value_of_a_variable(
    store: PostgresStore, guest: str, admin: psycopg.Connection, trouble: str
) -> None:
    for line in ddl(TABLE, "guest").splitlines():
        if line.startswith("GRANT"):
            admin.execute(line.encode())
    with closing(store_at(guest)) as mine:
        mine.prepare(TABLE)
        claim = acquired(mine)
        admin.execute(trouble.encode())
        with pytest.raises(UnavailableError) as raised:
            mine.save([revision_of(claim, {"key": f'"{CANARY}"'})])
    assert CANARY not in said(raised.value)
    assert raised.value.__context__ is None
