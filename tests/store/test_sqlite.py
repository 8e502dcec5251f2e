"""What is true of the SQLite store alone: durability, the file, its neighbours, and names of every kind."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from stratvars.errors import RefusedError, UnavailableError
from stratvars.outcome import Saved, WentBack
from stratvars.revision import Claim
from stratvars.store import sqlfiles
from stratvars.store.sqlite import files, lock
from stratvars.store.sqlite.connect import make_durable
from stratvars.store.sqlite.lock import FileLock
from stratvars.store.sqlite.records import SqliteRecords
from stratvars.store.sqlite.store import SqliteStore
from stratvars.testing import TABLE, revision_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stratvars.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path)) as store:
        store.prepare(TABLE)
        yield store


def acquired(store: SqliteStore, strategy: str = "bot", table: str = TABLE) -> Claim:
    claim = store.acquire(table, strategy, "me", "start-1")
    assert isinstance(claim, Claim)
    return claim


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_commits_are_synced_through_a_write_ahead_log(store: SqliteStore) -> None:
    connection = store._connection
    assert connection is not None
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.isolation_level is None


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such way to reach a file there")
def test_a_place_that_cannot_keep_a_write_ahead_log_is_refused(path: Path) -> None:
    # SQLite's locking by dot files cannot share memory, like some network file systems, and silently keeps no log.
    url = f"file:{path}?vfs=unix-dotfile"
    with (
        closing(sqlite3.connect(url, uri=True, isolation_level=None)) as connection,
        pytest.raises(RefusedError, match=r"write-ahead log \(journal mode delete"),
    ):
        make_durable(connection, path)


@pytest.mark.skipif(sys.platform == "win32", reason="a folder cannot be synced there")
def test_the_folder_is_synced_once_when_the_file_is_made(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    fsync = os.fsync

    def watched(handle: int) -> None:
        synced.append(os.fstat(handle).st_ino)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    for _ in range(2):
        with closing(SqliteStore(path)) as store:
            store.prepare(TABLE)
    assert synced == [path.parent.stat().st_ino]


def test_the_contracts_table_has_its_four_columns_and_nothing_else_in_variables(store: SqliteStore, path: Path) -> None:
    store.save([revision_of(acquired(store), {"trade_count": "5", "last_price": "102.5"})])
    columns = [row[1:3] for row in rows(path, "PRAGMA table_info(vars_backup)")]
    assert columns == [
        ("id", "TEXT"),
        ("last_updated", "TIMESTAMP"),
        ("variables", "TEXT"),
        ("strategy_id", "TEXT"),
    ]
    [(strategy, variables)] = rows(path, "SELECT strategy_id, variables FROM vars_backup")
    assert (strategy, variables) == ("bot", '{"trade_count":5,"last_price":102.5}')


def test_there_is_one_row_per_strategy_and_its_id_never_changes(store: SqliteStore, path: Path) -> None:
    claim = acquired(store)
    store.save([revision_of(claim, {"x": "1"})])
    [(first,)] = rows(path, "SELECT id FROM vars_backup")
    store.save([revision_of(claim, {"x": "2"}, follows=1)])
    assert rows(path, "SELECT id FROM vars_backup") == [(first,)]


def test_the_history_keeps_every_revision(store: SqliteStore, path: Path) -> None:
    claim = acquired(store)
    for number in (1, 2, 3):
        store.save([revision_of(claim, {"x": str(number)}, follows=number - 1)])
    history = rows(path, "SELECT epoch, revision, reason, changed FROM vars_backup_history ORDER BY revision")
    assert history == [(1, n, "iteration", f'{{"x":{n}}}') for n in (1, 2, 3)]


@pytest.mark.parametrize(
    "table",
    ["MyTable", "vars-backup", "select", "public.vars2", "it's", 'say "hi"', "100%", "{T}", " ", "таблица", "x" * 55],
)
def test_any_name_works_for_a_table(path: Path, table: str) -> None:
    with closing(SqliteStore(path)) as store:
        store.prepare(table)
        claim = acquired(store, table=table)
        assert store.save([revision_of(claim, {"x": "1"})]) == [Saved(1)]
        assert store.load(claim) is not None
        assert store.names(table) == ["bot"]
    made = {name for (name,) in rows(path, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert made == {table, f"{table}_writers", f"{table}_history", f"{table}_edits"}


def test_a_copy_of_the_one_file_is_the_whole_database_after_a_clean_close(
    store: SqliteStore, path: Path, tmp_path: Path
) -> None:
    store.save([revision_of(acquired(store), {"x": "1"})])
    store.close()
    assert not path.with_name(path.name + "-wal").exists()
    copy = tmp_path / "elsewhere" / "copy.db"
    copy.parent.mkdir()
    shutil.copy(path, copy)
    assert rows(copy, "SELECT variables FROM vars_backup") == [('{"x":1}',)]


def test_a_reader_sees_a_running_bot_and_never_writes(store: SqliteStore, path: Path) -> None:
    claim = acquired(store)
    store.save([revision_of(claim, {"x": "1"})])
    log = path.with_name(path.name + "-wal")
    before = (path.read_bytes(), log.read_bytes())
    with closing(SqliteRecords(path)) as records:
        [stored] = records.strategies(TABLE)
        assert stored.variables == '{"x":1}'
        assert records.current(TABLE, "nobody") is None
        assert records.strategies("other") == []
    assert (path.read_bytes(), log.read_bytes()) == before
    assert store.save([revision_of(claim, {"x": "2"}, follows=1)]) == [Saved(2)]


def test_a_reader_leaves_the_log_of_a_dead_bot_as_it_found_it(store: SqliteStore, path: Path) -> None:
    store.save([revision_of(acquired(store), {"x": "1"})])
    dead = path.with_name("dead.db")
    for suffix in ("", "-wal"):  # what a killed process leaves: the last one to close would write the log into the file
        shutil.copy(path.with_name(path.name + suffix), dead.with_name(dead.name + suffix))
    log = dead.with_name(dead.name + "-wal")
    before = (dead.read_bytes(), log.read_bytes())
    with closing(SqliteRecords(dead)) as records:
        assert [stored.variables for stored in records.strategies(TABLE)] == ['{"x":1}']
    assert (dead.read_bytes(), log.read_bytes()) == before


def test_a_reader_sees_what_a_closed_bot_left(store: SqliteStore, path: Path) -> None:
    store.save([revision_of(acquired(store), {"x": "1"})])
    store.close()
    with closing(SqliteRecords(path)) as records:
        assert [stored.variables for stored in records.strategies(TABLE)] == ['{"x":1}']


def test_a_change_by_another_hand_is_told_by_the_digest(store: SqliteStore, path: Path) -> None:
    claim = acquired(store)
    store.save([revision_of(claim, {"x": "1"})])
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE vars_backup SET variables = '{\"x\": 2}'")
    stored = store.load(claim)
    assert stored is not None
    assert (stored.variables, stored.foreign) == ('{"x": 2}', True)


@pytest.mark.parametrize("leftover", ["", "-wal", "-shm"])
def test_a_file_removed_under_a_running_bot_is_noticed_and_made_anew(
    store: SqliteStore, path: Path, leftover: str
) -> None:
    claim = acquired(store)
    store.save([revision_of(claim, {"x": "1"})])
    for suffix in {"", "-wal", "-shm", "-lock"} - ({leftover} - {""}):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    assert store.save([revision_of(claim, {"x": "2"}, follows=1)]) == [WentBack(0, 0)]
    again = store.acquire(TABLE, "bot", "me", "start-1", above=(1, 2))
    assert isinstance(again, Claim)
    assert store.save([revision_of(again, {"x": "2"})]) == [Saved(3)]
    assert rows(path, "SELECT variables FROM vars_backup") == [('{"x":2}',)]


def test_an_older_copy_put_in_place_of_the_file_is_noticed(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    claim = acquired(store)
    store.save([revision_of(claim, {"x": "1"})])
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(tmp_path / "old.db")) as target:
        source.backup(target)
    store.save([revision_of(claim, {"x": "2"}, follows=1)])
    for suffix in ("-wal", "-shm"):  # SQLite would apply a log left there to whatever file stands beside it
        path.with_name(path.name + suffix).unlink()
    (tmp_path / "old.db").replace(path)
    assert store.save([revision_of(claim, {"x": "3"}, follows=2)]) == [WentBack(1, 1)]


def test_a_copy_put_in_place_of_the_file_is_not_damaged_by_the_log_that_was_left_there(
    store: SqliteStore, path: Path, tmp_path: Path
) -> None:
    claim, other = acquired(store), acquired(store, "other")
    for number in range(40):
        store.save([revision_of(claim, {"x": f"{[number] * 300}"}, follows=number)])
        if number == 30:
            store.save([revision_of(other, {"y": "1"})])
        if number == 20:
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(tmp_path / "copy.db")) as target:
                source.backup(target)
    path.replace(tmp_path / "aside.db")
    (tmp_path / "copy.db").replace(path)
    assert store.save([revision_of(claim, {"x": "1"}, follows=40)]) == [WentBack(1, 21)]
    assert store.save([revision_of(other, {"y": "2"}, follows=1)]) == [WentBack(1, 0)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    aside = rows(tmp_path / "aside.db", "SELECT max(revision) FROM vars_backup_history")
    assert aside == [(40,)], "what was acknowledged is in the file that was put aside"


def test_a_log_that_was_removed_loses_nothing_that_was_saved_and_is_made_anew(
    store: SqliteStore, path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    claim = acquired(store)
    store.save([revision_of(claim, {"x": "1"})])
    path.with_name(path.name + "-wal").unlink()
    assert store.save([revision_of(claim, {"x": "2"}, follows=1)]) == [Saved(2)]
    assert "stratvars.db-wal was removed or replaced" in caplog.text
    for suffix in ("", "-wal"):  # as a process that was killed leaves them
        shutil.copyfile(path.with_name(path.name + suffix), tmp_path / f"left.db{suffix}")
    assert rows(tmp_path / "left.db", "SELECT variables FROM vars_backup") == [('{"x":2}',)]
    history = rows(tmp_path / "left.db", "SELECT revision FROM vars_backup_history ORDER BY revision")
    assert history == [(1,), (2,)]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are looked at to tell whether they are still the ones that are open."""
    asked: list[str] = []

    def noting(name: str) -> tuple[int, int]:
        asked.append(name)
        return lock.identity(name)

    monkeypatch.setattr(files, "identity", noting)
    return asked


def settled(store: SqliteStore, path: Path, claim: Claim) -> int:
    """Save until the folder counts as one that nobody changes; which revision was the last."""
    store.save([revision_of(claim, {"x": "1"})])
    time.sleep(files._TICK / 1e9 * 2)
    if files._changed_at(path.parent.stat()) % files._SECOND == 0:
        time.sleep(files._COARSE / 1e9)
    store.save([revision_of(claim, {"x": "2"}, follows=1)])
    return 2


def test_a_save_does_not_look_at_the_log_itself_while_nothing_in_its_folder_changes(
    store: SqliteStore, path: Path, looks: list[str]
) -> None:
    # Linux 6.13 and later has an inode to write for each such look.
    claim = acquired(store)
    last = settled(store, path, claim)
    assert f"{path}-wal" in looks
    looks.clear()
    for number in range(last, last + 50):
        assert store.save([revision_of(claim, {"x": f"{number}"}, follows=number)]) == [Saved(number + 1)]
    assert looks == [str(path)] * 50


@pytest.mark.parametrize("is_made_anew", [False, True])
def test_a_log_that_is_removed_after_a_quiet_time_is_noticed_by_the_next_save(
    store: SqliteStore, path: Path, caplog: pytest.LogCaptureFixture, is_made_anew: bool
) -> None:
    claim = acquired(store)
    last = settled(store, path, claim)
    log = path.with_name(path.name + "-wal")
    log.unlink()
    if is_made_anew:
        log.touch()
    assert store.save([revision_of(claim, {"x": "3"}, follows=last)]) == [Saved(3)]
    assert "stratvars.db-wal was removed or replaced" in caplog.text


@pytest.mark.parametrize("clock", ["whole seconds", "another host's", "none"])
def test_a_log_is_looked_at_by_each_save_where_the_time_of_its_folder_tells_too_little(
    store: SqliteStore, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    claim = acquired(store)
    second = int(time.time())
    told = {"whole seconds": second, "another host's": second + 3600, "none": 0}[clock] * files._SECOND
    monkeypatch.setattr(files, "_changed_at", lambda _: told)
    for number in range(2):
        store.save([revision_of(claim, {"x": f"{number}"}, follows=number)])
    path.with_name(path.name + "-wal").unlink()
    assert store.save([revision_of(claim, {"x": "2"}, follows=2)]) == [Saved(3)]
    assert "stratvars.db-wal was removed or replaced" in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can replace a file that is open there")
def test_a_log_that_was_replaced_by_a_program_that_sets_the_times_of_folders_back_is_noticed(
    store: SqliteStore, path: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """As ``rsync -a`` does, of a backup that it made of the folder an hour ago."""
    claim = acquired(store)
    log, copy = path.with_name(path.name + "-wal"), tmp_path / "copy"
    shutil.copyfile(log, copy)
    before = path.parent.stat()
    last = settled(store, path, claim)
    copy.replace(log)
    os.utime(path.parent, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.save([revision_of(claim, {"x": "3"}, follows=last)]) == [Saved(3)]
    assert "stratvars.db-wal was removed or replaced" in caplog.text


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Somebody looks at the database as it is now, and goes on looking at that."""
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM vars_backup").fetchone()
        yield


def test_a_log_that_was_removed_while_somebody_reads_is_kept_until_it_can_be_brought_in(
    store: SqliteStore, path: Path
) -> None:
    claim = acquired(store)
    with reading(path):
        store.save([revision_of(claim, {"x": "1"})])
        path.with_name(path.name + "-wal").unlink()
        time.sleep(files._TICK / 1e9 * 2)
        for _ in range(2):
            with pytest.raises(UnavailableError, match="reading the database; end it"):
                store.save([revision_of(claim, {"x": "2"}, follows=1)])
    assert store.save([revision_of(claim, {"x": "2"}, follows=1)]) == [Saved(2)]
    assert rows(path, "SELECT revision FROM vars_backup_history ORDER BY revision") == [(1,), (2,)]


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_copy_put_in_place_while_somebody_reads_is_not_damaged(
    store: SqliteStore, path: Path, tmp_path: Path, is_closed: bool
) -> None:
    claim = acquired(store)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(tmp_path / "copy.db")) as target:
        source.backup(target)
    with reading(path):
        for number in range(40):
            store.save([revision_of(claim, {"x": f"{[number] * 300}"}, follows=number)])
        (tmp_path / "copy.db").replace(path)
        if is_closed:
            store.close()
        else:
            assert store.save([revision_of(claim, {"x": "1"}, follows=40)]) == [WentBack(1, 0)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(path, "SELECT count(*) FROM vars_backup_history") == [(0,)]


def test_a_log_that_another_bot_made_anew_is_used_by_both(store: SqliteStore, path: Path) -> None:
    claim = acquired(store)
    with closing(SqliteStore(path)) as second:
        second.prepare(TABLE)
        other = acquired(second, "other")
        store.save([revision_of(claim, {"x": "1"})])
        path.with_name(path.name + "-wal").unlink()
        for number in range(1, 20):
            assert store.save([revision_of(claim, {"x": f"{number}"}, follows=number)]) == [Saved(number + 1)]
            assert second.save([revision_of(other, {"y": f"{number}"}, follows=number - 1)]) == [Saved(number)]
        assert rows(path, "PRAGMA integrity_check") == [("ok",)]
        found = rows(path, "SELECT strategy_id, variables FROM vars_backup ORDER BY strategy_id")
        assert found == [("bot", '{"x":19}'), ("other", '{"y":19}')]


def test_a_table_of_another_shape_is_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE vars_backup (id TEXT, variables TEXT)")
        other.execute("INSERT INTO vars_backup VALUES ('mine', 'precious')")
    with closing(SqliteStore(path)) as store, pytest.raises(RefusedError, match="backup_table_name"):
        store.prepare(TABLE)
    assert rows(path, "SELECT * FROM vars_backup") == [("mine", "precious")]


def test_a_file_that_is_no_database_is_left_as_it_is(path: Path) -> None:
    path.write_text("this is my shopping list, not a database\n" * 100)
    before = path.read_bytes()
    with closing(SqliteStore(path)) as store, pytest.raises(RefusedError, match="not a SQLite database"):
        store.prepare(TABLE)
    assert path.read_bytes() == before


def test_a_folder_that_is_missing_is_named_with_the_remedy(tmp_path: Path) -> None:
    told = r"does not exist; create it, or .*DB_CONNECTION_STR"
    with closing(SqliteStore(tmp_path / "no" / "x.db")) as store, pytest.raises(RefusedError, match=told):
        store.prepare(TABLE)


def test_a_folder_in_place_of_the_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with closing(SqliteStore(tmp_path / "folder.db")) as store, pytest.raises(RefusedError, match="add a file name"):
        store.prepare(TABLE)


def test_a_lock_held_by_a_foreign_program_is_trouble_that_ends(store: SqliteStore, path: Path) -> None:
    claim = acquired(store)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="locked"):
            store.save([revision_of(claim, {"x": "1"})])
        assert time.monotonic() - started < 5
        other.execute("ROLLBACK")
    assert store.save([revision_of(claim, {"x": "1"})]) == [Saved(1)]


def test_our_own_lock_is_waited_for_but_not_for_ever(path: Path) -> None:
    first, second = FileLock(path), FileLock(path)
    with first.hold(1.0), pytest.raises(UnavailableError, match="locked"), second.hold(0.05):
        pytest.fail("two held the lock at once")
    with second.hold(0.05):
        pass
    first.close()
    second.close()


def test_two_holders_never_meet_even_when_the_lock_file_is_removed(path: Path) -> None:
    first, second = FileLock(path), FileLock(path)
    inside, meetings, turns = [0], [0], [0]

    def work(lock: FileLock) -> None:
        for _ in range(100):
            with lock.hold(30.0):
                inside[0] += 1
                meetings[0] += inside[0] > 1
                turns[0] += 1
                if turns[0] % 17 == 0:
                    path.unlink()
                inside[0] -= 1

    threads = [threading.Thread(target=work, args=(lock,)) for lock in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert turns == [200]
    first.close()
    second.close()


STARTER = """
import sys
from pathlib import Path
from stratvars.store.sqlite.store import SqliteStore
from stratvars.testing import TABLE, revision_of
store = SqliteStore(Path(sys.argv[1]))
sys.stdin.readline()
store.prepare(TABLE)
claim = store.acquire(TABLE, sys.argv[2], "me", sys.argv[2])
for number in range(20):
    store.save([revision_of(claim, {"n": str(number)}, follows=number)])
store.close()
print("done")
"""


def test_many_processes_that_start_on_a_file_at_once_all_succeed(path: Path) -> None:
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", STARTER, str(path), f"bot-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("go\n")
        starter.stdin.flush()
    assert [starter.communicate(timeout=60)[0] for starter in starters] == ["done\n"] * 8
    assert rows(path, "SELECT count(*) FROM vars_backup") == [(8,)]
    assert rows(path, "SELECT count(*) FROM vars_backup_history") == [(160,)]


def test_a_full_disk_loses_nothing_that_was_acknowledged(store: SqliteStore, path: Path) -> None:
    claim = acquired(store)
    store.save([revision_of(claim, {"x": "1"})])
    connection = store._connection
    assert connection is not None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(UnavailableError, match="full"):
        store.save([revision_of(claim, {"x": '"' + "y" * 100_000 + '"'}, follows=1)])
    # A new connection knows no such limit: it is the state after somebody made room.
    assert rows(path, "SELECT variables FROM vars_backup") == [('{"x":1}',)]
    assert store.save([revision_of(claim, {"x": '"' + "y" * 100_000 + '"'}, follows=1)]) == [Saved(2)]


AS_AN_ORDINARY_USER = """
import os, sys
from pathlib import Path
from stratvars.errors import RefusedError
from stratvars.store.sqlite.records import SqliteRecords
from stratvars.store.sqlite.store import SqliteStore
warm = Path(sys.argv[1])
SqliteStore(warm).prepare("vars_backup")  # everything is imported while this user may read it
SqliteRecords(warm).strategies("vars_backup")
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
path = Path(sys.argv[2])
try:
    if sys.argv[3] == "write":
        SqliteStore(path).prepare("vars_backup")
    else:
        print([stored.variables for stored in SqliteRecords(path).strategies("vars_backup")])
except RefusedError as error:
    print(error)
"""


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A folder that an ordinary user may read but not write, outside of pytest's own, which others may not enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


def as_an_ordinary_user(verb: str, path: Path, warm: Path) -> str:
    command = [sys.executable, "-c", AS_AN_ORDINARY_USER, str(warm), str(path), verb]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def saved_in(folder: Path, rights: int) -> Path:
    """A database that a bot closed, in a folder closed again."""
    path = folder / "stratvars.db"
    folder.chmod(0o755)
    with closing(SqliteStore(path)) as store:
        store.prepare(TABLE)
        store.save([revision_of(acquired(store), {"x": "1"})])
    path.chmod(rights)
    folder.chmod(0o555)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such rights there")
def test_a_folder_that_may_not_be_written_is_a_clear_error(closed_folder: Path, tmp_path: Path) -> None:
    said = as_an_ordinary_user("write", closed_folder / "stratvars.db", tmp_path / "warm.db")
    assert "give this user the right to write" in said
    assert "DB_CONNECTION_STR" in said
    assert list(closed_folder.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such rights there")
def test_a_reader_needs_no_right_to_write(closed_folder: Path, tmp_path: Path) -> None:
    path = saved_in(closed_folder, 0o444)
    assert as_an_ordinary_user("read", path, tmp_path / "warm.db") == "['{\"x\":1}']\n"


@pytest.mark.skipif(sys.platform == "win32", reason="files have no such rights there")
def test_a_file_that_may_not_be_read_is_a_clear_error(closed_folder: Path, tmp_path: Path) -> None:
    path = saved_in(closed_folder, 0o000)
    assert "give this user the right to read" in as_an_ordinary_user("read", path, tmp_path / "warm.db")


@pytest.mark.parametrize("file", ["statements.sql", "move.sql", "doctor.sql"])
def test_no_statement_numbers_its_parameters(file: str) -> None:
    # Python 3.12.0 to 3.12.3 takes a number for a name, and warns of each use with a sequence.
    found = sqlfiles.statements("stratvars.store.sqlite", "vars_backup", file)
    assert len(found) > 2
    assert not [name for name, statement in found.items() if re.search(r"\?\d", statement)]
