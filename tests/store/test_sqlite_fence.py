"""A save on SQLite that finds the file as it left it asks one statement; its answers are those of a long look.

Also what it still asks of the lock file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from stratvars.errors import UnavailableError
from stratvars.outcome import Fenced, Foreign, Outcome, Saved, WentBack
from stratvars.revision import Claim, Revision
from stratvars.store.sqlite.lock import FileLock, lock_path
from stratvars.store.sqlite.store import SqliteStore
from stratvars.testing import TABLE, revision_of
from stratvars.texts import digest_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path / "bots.db")) as store:
        store.prepare(TABLE)
        yield store


@pytest.fixture
def claim(store: SqliteStore) -> Claim:
    claim = store.acquire(TABLE, "bot", "me", "start-1")
    assert isinstance(claim, Claim)
    return claim


def number(claim: Claim, number: int) -> Revision:
    return revision_of(claim, {"n": str(number)}, follows=number - 1)


def asked(store: SqliteStore, revision: Revision) -> tuple[Outcome, list[str]]:
    """What became of it, and what was written or looked at for it."""
    connection = store._connection
    assert connection is not None
    seen: list[str] = []
    connection.set_trace_callback(seen.append)
    [outcome] = store.save([revision])
    connection.set_trace_callback(None)
    return outcome, [statement.split()[0] for statement in seen]


def test_only_the_first_save_and_one_after_somebody_wrote_look(
    store: SqliteStore, claim: Claim, tmp_path: Path
) -> None:
    assert asked(store, number(claim, 1))[1].count("SELECT") == 2
    assert asked(store, number(claim, 2)) == (Saved(2), ["BEGIN", "PRAGMA", "UPDATE", "UPDATE", "INSERT", "COMMIT"])
    with closing(sqlite3.connect(tmp_path / "bots.db")) as other, other:
        other.execute("UPDATE vars_backup SET last_updated = CURRENT_TIMESTAMP")
    outcome, statements = asked(store, number(claim, 3))
    assert (outcome, statements.count("SELECT")) == (Saved(3), 2)
    assert asked(store, number(claim, 4))[1].count("SELECT") == 0


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ("epoch = epoch + 1", Fenced),
        ("epoch = epoch - 1", WentBack),
        ("start_id = 'start-2'", Fenced),
        ("revision = 1", WentBack),
        ("revision = 3", Saved),
    ],
)
def test_a_row_that_is_not_as_this_start_left_it_is_not_moved_on(
    store: SqliteStore, claim: Claim, change: str, outcome: type[Outcome]
) -> None:
    """Changed on the store's own connection, so that the version of the file stays: the statement alone has to tell."""
    store.save([number(claim, 1)])
    store.save([number(claim, 2)])
    connection = store._connection
    assert connection is not None
    connection.execute(f"UPDATE vars_backup_writers SET {change}")
    row = connection.execute("SELECT * FROM vars_backup_writers").fetchall()
    answer, statements = asked(store, number(claim, 3))
    assert isinstance(answer, outcome)
    assert statements.count("SELECT") == 1, "judged by the row, and the file is known"
    assert connection.execute("SELECT * FROM vars_backup_writers").fetchall() == row
    assert connection.execute("SELECT count(*) FROM vars_backup_history").fetchall() == [(2,)]
    assert connection.execute("SELECT variables FROM vars_backup").fetchall() == [('{"n":2}',)]


def test_a_row_removed_on_the_own_connection_is_told_and_one_that_never_was_is_not(
    store: SqliteStore, claim: Claim
) -> None:
    connection = store._connection
    assert connection is not None
    store._looked[TABLE, "bot"] = connection.execute("PRAGMA data_version").fetchone()[0]
    assert store.save([number(claim, 1)]) == [Saved(1)]
    connection.execute("DELETE FROM vars_backup")
    assert store.save([number(claim, 2)]) == [Saved(2, was_missing=True)]
    assert connection.execute("SELECT variables FROM vars_backup").fetchall() == [('{"n":2}',)]


def test_what_a_lost_transaction_was_allowed_to_replace_is_shown_again(
    store: SqliteStore, claim: Claim, tmp_path: Path
) -> None:
    store.save([number(claim, 1)])
    with closing(sqlite3.connect(tmp_path / "bots.db")) as other, other:
        other.execute("""UPDATE vars_backup SET variables = '{"n": 99}'""")
    nowhere = number(replace(claim, table="never_prepared"), 1)
    with pytest.raises(KeyError):
        store.save([structs.replace(number(claim, 2), over=digest_of('{"n": 99}')), nowhere])
    assert store.save([number(claim, 2)]) == [Foreign('{"n": 99}')]


def test_a_lock_file_that_cannot_be_made_anew_is_told_and_no_other_file_is_closed_for_it(
    store: SqliteStore, claim: Claim, tmp_path: Path
) -> None:
    store.save([number(claim, 1)])
    lock = tmp_path / "bots.db-lock"
    lock.unlink()
    lock.mkdir()
    with closing((tmp_path / "another").open("w")) as another:  # of whoever opens a file next
        for _ in range(3):
            with pytest.raises(UnavailableError, match="cannot be written"):
                store.save([number(claim, 2)])
            with (tmp_path / "yet another").open("w") as yet_another:
                yet_another.write("kept")
        lock.rmdir()
        assert store.save([number(claim, 2)]) == [Saved(2)]
        assert lock.is_file()
        another.write("kept")
    assert (tmp_path / "another").read_text() == "kept"


def test_the_lock_is_free_after_a_save_and_after_one_that_failed(
    store: SqliteStore, claim: Claim, tmp_path: Path
) -> None:
    with closing(FileLock(lock_path(tmp_path / "bots.db"))) as another:
        store.save([number(claim, 1)])
        with another.hold(0):
            pass
        with pytest.raises(KeyError):
            store.save([number(replace(claim, table="never_prepared"), 1)])
        with another.hold(0):
            pass
