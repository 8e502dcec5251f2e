"""What was erased is in no byte of the database's files, as far as that is in the hands of this library."""

from __future__ import annotations

import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from remembering import CANARY, KEY, NAME, TABLE, fill, forgotten, holding

from stratvars import Backup
from stratvars.store.postgres.statements import grants


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bots.db"


def bytes_of(file: Path) -> dict[str, int]:
    """How often the secret is in each of the files that SQLite has, and we beside it."""
    return {path.name: path.read_bytes().count(CANARY.encode()) for path in file.parent.glob(file.name + "*")}


def leave_on_free_pages(file: Path) -> None:
    """What was deleted long ago by somebody whose SQLite leaves it where it was: on pages of no table, and in the gaps
    of pages that are in use.
    """
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        [(reason, start)] = connection.execute("SELECT reason, start_id FROM vars_backup_history LIMIT 1").fetchall()
        row = "INSERT INTO vars_backup_history VALUES ('old', 1, ?, '', ?, 1, 1, ?, '[]', '{}', ?, 1)"
        for number, length in enumerate([1, 3, 5, 4000, 1, 2, 1], 1):
            connection.execute(row, (number, reason, CANARY * length, start))
        connection.execute("DELETE FROM vars_backup_history WHERE strategy_id = 'old'")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def test_no_byte_of_a_file_has_it_even_beside_a_bot_that_runs_there(file: Path) -> None:
    url = f"sqlite:///{file}"
    fill(url)
    leave_on_free_pages(file)
    before = bytes_of(file)
    assert before["bots.db"] > 4000, "a page keeps what was deleted"
    with Backup("other", url) as other:
        other.vars.n = 1
        other.save()  # stays in the log
        notes = forgotten(url).notes
        assert sum(bytes_of(file).values()) == 0
        assert sorted(bytes_of(file)) == ["bots.db", "bots.db-lock", "bots.db-shm", "bots.db-wal"]
        assert (file.parent / "bots.db-wal").stat().st_size == 0
        other.vars.n = 2
        other.save()
    assert notes == ("exports, copies and backups of the file still have what they had",)
    with Backup("other", url) as other:
        assert other.vars.all() == {"n": 2}
    assert sum(bytes_of(file).values()) == 0


def test_who_reads_an_older_state_keeps_the_log_and_is_told_of(file: Path) -> None:
    url = f"sqlite:///{file}"
    with Backup(NAME, url) as backup:
        backup.vars.api_key = CANARY
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM vars_backup").fetchall()
        done = forgotten(url)
        assert "somebody reads" in done.notes[0]
        assert "run the command again" in done.notes[0]
    assert holding(url) == []
    assert len(forgotten(url).notes) == 1
    assert sum(bytes_of(file).values()) == 0


def test_a_file_that_there_is_no_room_to_rewrite_is_told_of_and_cleaned_later(file: Path) -> None:
    url = f"sqlite:///{file}"
    with Backup(NAME, url) as backup:
        backup.vars.api_key = CANARY
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE mine AS SELECT zeroblob(2000000) AS much")
    leave_on_free_pages(file)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))  # the copy that SQLite makes does not fit
    try:
        done = forgotten(url)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "could not be rewritten" in done.notes[0]
    assert "free pages of it may hold it" in done.notes[0]
    assert (holding(url), done.left.is_anywhere, bytes_of(file)["bots.db"] > 3000) == ([], False, True)
    forgotten(url)
    assert sum(bytes_of(file).values()) == 0


def test_a_role_that_may_not_vacuum_erases_and_names_who_can(
    pg_url: str, guest: str, admin: psycopg.Connection
) -> None:
    with Backup(NAME, pg_url) as backup:
        backup.vars.api_key = CANARY
    admin.execute(grants(TABLE, "guest").encode())
    done = forgotten(guest)
    assert holding(pg_url) == []
    assert not done.left.is_anywhere
    assert "so let their owner run: VACUUM FULL" in done.notes[0]
    assert all(f'"vars_backup{name}"' in done.notes[0] for name in ("", "_writers", "_history", "_edits"))
    assert KEY not in str(done.notes)


def test_the_tables_of_a_postgresql_are_vacuumed(pg_url: str, admin: psycopg.Connection) -> None:
    with Backup(NAME, pg_url) as backup:
        backup.vars.api_key = CANARY
    done = forgotten(pg_url)
    counts = "SELECT relname, vacuum_count FROM pg_stat_user_tables WHERE relname LIKE 'vars_backup%'"
    assert len(admin.execute(counts).fetchall()) == 4
    assert [name for name, many in admin.execute(counts).fetchall() if many == 0] == []
    assert "so to be sure, run: VACUUM FULL" in done.notes[0]
