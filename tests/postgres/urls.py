"""Following a URL to the end: through a store and back, as the bot and as the command line do."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from postgres.stores import acquired, nth, rows, said, store_at
from stratvars.errors import RefusedError, UnavailableError
from stratvars.outcome import Saved
from stratvars.settings import resolve
from stratvars.store.postgres.records import PostgresRecords
from stratvars.testing import TABLE


def forget_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away what PostgreSQL's client reads beside the URL, until the test ends."""
    for option in psycopg.pq.Conninfo.get_defaults():
        if option.envvar is not None:
            monkeypatch.delenv(option.envvar.decode(), raising=False)
    # No password file of the person who runs the tests.
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))


def saved_through(url: str) -> tuple[object, ...]:
    """Save by this URL; who did it, where, and how that connection calls itself."""
    with closing(store_at(url)) as store:
        store.prepare(TABLE)
        claim = acquired(store)
        assert store.save([nth(claim, 1)]) == [Saved(1)]
        store.release(claim)
    with closing(PostgresRecords(resolve(url))) as records:
        [stored] = records.strategies(TABLE)
        assert (stored.strategy, stored.variables) == ("bot", '{"n":1}')
        connection = records._session._connection
        assert connection is not None
        found = connection.execute("SELECT user, current_database(), current_setting('application_name')").fetchone()
        assert found is not None
        return found


def kept(admin: psycopg.Connection) -> bool:
    return rows(admin, "SELECT variables FROM vars_backup") == [('{"n":1}',)]


def refused(url: str, *, for_good: bool = True) -> str:
    """The sentence that says why this URL leads nowhere, for good or only now."""
    with closing(store_at(url)) as store, pytest.raises(UnavailableError) as raised:
        store.prepare(TABLE)
    assert isinstance(raised.value, RefusedError) is for_good, said(raised.value)
    assert raised.value.__context__ is None
    return str(raised.value)
