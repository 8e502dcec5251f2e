"""A start whose answer was lost asks again; what it asked first may still land, and is not another start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest

from postgres.proxy import Proxy
from postgres.stores import history, rows, store_at, waits
from postgres.waiting import eventually
from stratvars import Backup
from stratvars.revision import Claim
from stratvars.store.postgres import connect
from stratvars.store.postgres import store as postgres_store
from stratvars.testing import TABLE

WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
NOTES = """
CREATE TABLE taken (epoch bigint, backend int);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN INSERT INTO taken VALUES (NEW.epoch, pg_backend_pid()); RETURN NEW; END$$;
CREATE TRIGGER note BEFORE UPDATE OF epoch ON vars_backup_writers FOR EACH ROW EXECUTE FUNCTION note()
"""
EPOCH = "SELECT epoch FROM vars_backup_writers"


def test_an_acquire_whose_commit_lands_after_it_was_given_up_is_one_start(
    pg_url: str,
    proxy: Proxy,
    *,
    admin: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setattr(connect, "SILENCE", 0.3)
    monkeypatch.setattr(connect, "CANCEL", 0.1)
    monkeypatch.setattr(postgres_store, "PATIENCE", 20.0)  # it waits until it is let go on, also on a busy machine
    with Backup("bot", pg_url) as before:
        before.vars.n = 1
    admin.execute(NOTES.encode())
    backup = Backup("bot", proxy.url(pg_url), pause=lambda _: time.sleep(0.01))
    thread = threading.Thread(target=backup.open)
    with psycopg.connect(pg_url) as holder:
        holder.execute("SELECT FROM vars_backup_writers FOR UPDATE")
        thread.start()
        assert eventually(lambda: waits(admin))
        [(ghost,)] = rows(admin, WAITING)
        connections = proxy.counts.connections
        proxy.black_hole(True)
        # One asks the server to stop, which it does not hear; the other asks for the strategy again.
        assert eventually(lambda: proxy.counts.connections >= connections + 2)
        assert rows(admin, EPOCH) == [(1,)], "it is not committed before it is given up"
    assert eventually(lambda: rows(admin, EPOCH) == [(2,)]), "it is, when nobody waits for it any more"
    proxy.black_hole(False)
    thread.join()
    assert rows(admin, "SELECT epoch, backend FROM taken") == [(2, ghost)], "it is one start, and came from the ghost"
    backup.vars.n += 1
    backup.save()
    backup.close()
    assert history(admin) == [1, 2, 3]
    record_property("counted", "an acquire given up before its commit: 1 committed late, 0 repeated")


def test_an_acquire_that_arrives_again_after_a_save_changes_nothing(pg_url: str, admin: psycopg.Connection) -> None:
    with Backup("bot", pg_url) as backup:
        backup.vars.n = 1
        backup.save()
        [row] = rows(admin, "SELECT owner, start_id, epoch, revision, lease_until FROM vars_backup_writers")
        with closing(store_at(pg_url)) as network:
            ghost = network.acquire(TABLE, "bot", str(row[0]), str(row[1]))
        assert isinstance(ghost, Claim)
        assert (ghost.epoch, ghost.revision) == (1, 1)
        assert rows(admin, "SELECT owner, start_id, epoch, revision, lease_until FROM vars_backup_writers") == [row]
        backup.vars.n = 2
        backup.save()
    assert history(admin) == [1, 2, 3]
