"""A store on an empty PostgreSQL database, its administrator, a role without rights, and what tests say often."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import psycopg
import pytest

from postgres.servers import Server
from stratvars.revision import Claim, Revision
from stratvars.settings import resolve
from stratvars.store.base import Store
from stratvars.store.postgres.store import PostgresStore
from stratvars.testing import TABLE, revision_of

CANARY = "sk-canary-4711"


def store_at(url: str) -> PostgresStore:
    return PostgresStore(resolve(url))


def acquired(store: Store, strategy: str = "bot", table: str = TABLE) -> Claim:
    claim = store.acquire(table, strategy, "me", "start-1")
    assert isinstance(claim, Claim)
    return claim


def nth(claim: Claim, number: int, text: str | None = None) -> Revision:
    return revision_of(claim, {"n": text or str(number)}, follows=number - 1)


def rows(connection: psycopg.Connection, query: str) -> list[tuple[object, ...]]:
    return connection.execute(query.encode()).fetchall()


def history(admin: psycopg.Connection) -> list[object]:
    return [number for (number,) in rows(admin, "SELECT revision FROM vars_backup_history ORDER BY epoch, revision")]


def said(error: BaseException | None) -> str:
    """Everything that a traceback of the error could show."""
    text = ""
    while error is not None:
        text += f"{error!s} {error!r} "
        error = error.__cause__ or error.__context__
    return text


def waits(admin: psycopg.Connection, many: int = 1) -> bool:
    return len(rows(admin, "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'")) == many


@pytest.fixture
def store(pg_url: str) -> Iterator[PostgresStore]:
    with closing(store_at(pg_url)) as store:
        store.prepare(TABLE)
        yield store


@pytest.fixture
def admin(pg_url: str) -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(pg_url, autocommit=True)) as connection:
        yield connection


@pytest.fixture
def guest(pg: Server, pg_url: str, admin: psycopg.Connection) -> Iterator[str]:
    """The URL of a role without any right of its own."""
    admin.execute("REVOKE CREATE ON SCHEMA public FROM public")
    admin.execute("CREATE ROLE guest LOGIN PASSWORD 'secret-word'")
    yield pg.url(urlsplit(pg_url).path[1:], user="guest", password="secret-word")
    admin.execute("DROP OWNED BY guest")
    admin.execute("DROP ROLE guest")
