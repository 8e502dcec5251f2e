"""Roles and logins: what is refused, and the remedy that is named."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from postgres.servers import Server
from postgres.stores import CANARY, acquired, nth, said, store_at
from stratvars.errors import RefusedError, UnavailableError
from stratvars.outcome import Saved
from stratvars.settings import resolve
from stratvars.store.postgres.records import PostgresRecords
from stratvars.store.postgres.statements import ddl
from stratvars.store.postgres.store import PostgresStore
from stratvars.testing import TABLE


def test_a_role_that_may_not_create_is_told_what_an_administrator_runs(guest: str, admin: psycopg.Connection) -> None:
    with closing(store_at(guest)) as store:
        with pytest.raises(RefusedError) as told:
            store.prepare("100%")
        assert str(told.value).endswith("run what this prints: stratvars doctor --ddl --table 100%")
        admin.execute(ddl("100%").encode())
        with pytest.raises(RefusedError, match=r"lacks rights on the tables.* prints: stratvars doctor --ddl"):
            store.prepare("100%")
        for line in ddl("100%", "guest").splitlines():
            if line.startswith("GRANT"):
                admin.execute(line.encode())
        store.prepare("100%")
        claim = acquired(store, table="100%")
        assert store.save([nth(claim, 1)]) == [Saved(1)]
        store.release(claim)


def test_a_role_that_may_only_read_sees_the_states(store: PostgresStore, guest: str, admin: psycopg.Connection) -> None:
    store.save([nth(acquired(store), 1)])
    with closing(PostgresRecords(resolve(guest))) as records:
        with pytest.raises(RefusedError, match="permission denied for table vars_backup"):
            records.strategies(TABLE)
        admin.execute("GRANT SELECT ON vars_backup, vars_backup_writers, vars_backup_history TO guest")
        [stored] = records.strategies(TABLE)
        assert (stored.variables, stored.foreign, stored.revision) == ('{"n":1}', False, 1)
        assert records.current(TABLE, "bot") is not None
        assert records.current(TABLE, "nobody") is None


@pytest.mark.parametrize(
    ("change", "kind", "remedy"),
    [
        ({"password": CANARY}, RefusedError, "password .* DB_CONNECTION_STR"),
        ({"user": "nobody", "password": CANARY}, RefusedError, "DB_CONNECTION_STR"),
        ({"database": "nowhere"}, RefusedError, "CREATE DATABASE"),
    ],
)
def test_a_login_that_is_refused_names_the_remedy_and_no_password(
    pg: Server, change: dict[str, str], kind: type[Exception], remedy: str
) -> None:
    with closing(store_at(pg.url(**change))) as store, pytest.raises(kind, match=remedy) as raised:
        store.prepare(TABLE)
    assert CANARY not in said(raised.value)
    assert pg.password not in said(raised.value)
    assert raised.value.__context__ is None


@pytest.mark.parametrize("host", ["no-such-host.invalid", "127.0.0.1:1"])
def test_a_host_that_is_not_there_is_trouble(host: str) -> None:
    url = f"postgresql://me:{CANARY}@{host}/db"
    with closing(store_at(url)) as store, pytest.raises(UnavailableError, match="DB_CONNECTION_STR") as raised:
        store.prepare(TABLE)
    assert not isinstance(raised.value, RefusedError)
    assert CANARY not in said(raised.value)


def test_a_role_without_a_free_connection_is_trouble_that_may_end(guest: str, admin: psycopg.Connection) -> None:
    admin.execute("ALTER ROLE guest CONNECTION LIMIT 0")
    with closing(store_at(guest)) as store, pytest.raises(UnavailableError, match="no connection left") as raised:
        store.prepare(TABLE)
    assert not isinstance(raised.value, RefusedError)
