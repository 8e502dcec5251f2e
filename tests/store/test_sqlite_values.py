"""No message about a SQLite file holds the value of a variable."""

from __future__ import annotations

import sqlite3
import traceback
from contextlib import closing
from pathlib import Path

import pytest

from stratvars import Backup, open_archive
from stratvars.errors import RefusedError, UndecodableError
from stratvars.revision import Claim, State
from stratvars.store.memory import MemoryStore
from stratvars.store.sqlite.store import SqliteStore
from stratvars.testing import TABLE, revision_of

CANARY = "sk-canary-4711"


def test_a_row_that_is_not_utf_8_is_undecodable_and_shows_no_value(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bot.db"
    with Backup("bot", url) as backup:
        backup.vars.key = CANARY
    with closing(sqlite3.connect(tmp_path / "bot.db")) as shell, shell:
        text = b'{"key":"' + CANARY.encode() + b'\xff"}'
        shell.execute("UPDATE vars_backup SET variables = CAST(? AS TEXT)", (text,))
    with pytest.raises(UndecodableError) as raised:
        Backup("bot", url).open()
    assert CANARY not in "".join(traceback.format_exception(raised.value))
    with open_archive(url) as archive:
        assert [stored.strategy for stored in archive.strategies()] == ["bot"]
    with closing(sqlite3.connect(tmp_path / "bot.db")) as shell:
        assert shell.execute("SELECT CAST(variables AS BLOB) FROM vars_backup").fetchall() == [(text,)]


def test_what_a_trigger_says_reaches_no_message(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "bot.db")) as store:
        store.prepare(TABLE)
        claim = store.acquire(TABLE, "bot", "me", "start-1")
        assert isinstance(claim, Claim)
        with closing(sqlite3.connect(tmp_path / "bot.db")) as shell, shell:
            shell.execute(f"CREATE TRIGGER no BEFORE INSERT ON vars_backup BEGIN SELECT RAISE(ABORT, '{CANARY}'); END")
        with pytest.raises(RefusedError, match="trigger") as raised:
            store.save([revision_of(claim, {"n": "1"})])
        assert CANARY not in str(raised.value)


def test_the_records_on_their_way_show_no_value_either() -> None:
    claim = Claim(TABLE, "bot", "start-1", "me", 1, 0)
    assert CANARY not in repr(revision_of(claim, {"key": f'"{CANARY}"'}))
    assert CANARY not in repr(State({"key": f'"{CANARY}"'}))
    with closing(MemoryStore()) as store:
        store.prepare(TABLE)
        held = store.acquire(TABLE, "bot", "me", "start-1")
        assert isinstance(held, Claim)
        store.save([revision_of(held, {"key": f'"{CANARY}"'})])
        assert CANARY not in repr(store.load(held))
