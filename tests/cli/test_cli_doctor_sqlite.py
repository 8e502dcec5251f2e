"""What ``stratvars doctor`` finds of SQLite files, and that it leaves them as they are."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from examined import bad, execute, facts_on, save

from stratvars import Backup
from stratvars.store.fact import Fact, Grade
from stratvars.store.sqlite import connect
from stratvars.store.sqlite import examine as sqlite_examine
from stratvars.store.sqlite.examine import LITTLE_SPACE, about_space, about_version
from stratvars.store.sqlite.lock import FileLock
from stratvars.testing import TABLE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a bot has saved and stopped."""
    path = tmp_path / "stratvars.db"
    save(path, "bot")
    return path


def facts_at(path: Path, table: str = TABLE) -> dict[str, Fact]:
    return facts_on(f"sqlite:///{path}", table)


def files_in(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_folder_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    facts = facts_at(tmp_path / "nowhere" / "x.db")
    assert bad(facts) == {"folder": Grade.FAIL}
    assert "create it" in facts["folder"].remedy
    assert list(tmp_path.iterdir()) == []


def test_the_files_of_a_closed_bot_stay_as_they_are(path: Path) -> None:
    before = files_in(path.parent)
    assert sorted(before) == ["stratvars.db", "stratvars.db-lock"]
    assert bad(facts_at(path)) == {}
    assert files_in(path.parent) == before


def test_a_running_bot_is_seen_with_its_process_and_its_files_stay_as_they_are(path: Path) -> None:
    with Backup("bot", f"sqlite:///{path}"):
        names = ("stratvars.db", "stratvars.db-wal", "stratvars.db-lock")
        before = [(path.parent / name).read_bytes() for name in names]
        facts = facts_at(path)
        assert [(path.parent / name).read_bytes() for name in names] == before
    assert bad(facts) == {}
    assert f"running in process {os.getpid()} on " in facts["strategy"].text


KILLED = """
import os, signal, sys
from stratvars import Backup
backup = Backup("killed", sys.argv[1])
backup.open()
backup.vars.n = 1
backup.save()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_bot_is_told_from_a_running_one(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, f"sqlite:///{path}"], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    before = files_in(path.parent)
    facts = facts_at(path)
    assert bad(facts) == {"strategy": Grade.WARN}
    assert "died while it ran" in facts["strategy"].text
    assert "start it again" in facts["strategy"].remedy
    del before["stratvars.db-shm"]  # an index of the log, in memory that readers share
    assert before.items() <= files_in(path.parent).items()


@pytest.mark.parametrize(
    ("owner", "grade", "said"),
    [
        (
            '{"host":"far","machine":"other","pid_namespace":"1","pid":7,"started":1}',
            Grade.OK,
            "process 7 on far, as far as can be seen",
        ),
        ("me", Grade.WARN, "cannot read"),
    ],
)
def test_an_owner_that_cannot_be_looked_at_is_said_to_be_so(path: Path, owner: str, grade: Grade, said: str) -> None:
    execute(path, "UPDATE vars_backup_writers SET owner = ?", owner)
    fact = facts_at(path)["strategy"]
    assert fact.grade is grade
    assert said in fact.text


@pytest.mark.parametrize(
    ("statement", "grade", "said"),
    [
        ("UPDATE vars_backup SET variables = '{}'", Grade.WARN, "changed by hand since"),
        ('UPDATE vars_backup_writers SET held_back = \'{"legs":"a socket"}\'', Grade.WARN, "held back.*: legs"),
        ('UPDATE vars_backup SET variables = \'{"n":{"$tuple":3}}\'', Grade.FAIL, "cannot be restored"),
        ("UPDATE vars_backup SET variables = '{broken'", Grade.FAIL, "cannot be restored"),
        ("UPDATE vars_backup_writers SET format = 99", Grade.FAIL, "format 99"),
        ("DELETE FROM vars_backup", Grade.FAIL, "bot: its row is gone"),
        (
            "UPDATE vars_backup_writers SET held_back = 'nothing'",
            Grade.FAIL,
            "bot: its row in the table of the writers",
        ),
        ("UPDATE vars_backup SET variables = x'00ff'", Grade.FAIL, "cannot be restored"),
    ],
)
def test_what_is_wrong_with_a_strategy_is_named(path: Path, statement: str, grade: Grade, said: str) -> None:
    execute(path, statement)
    facts = facts_at(path)
    assert bad(facts) == {"strategy": grade}
    assert re.search(said, facts["strategy"].text)


def test_the_age_of_a_strategy_is_that_of_its_last_backup(path: Path) -> None:
    execute(path, "UPDATE vars_backup SET last_updated = datetime('now', '-3 hours')")
    assert "saved 3 h ago" in facts_at(path)["strategy"].text


@pytest.mark.parametrize("table", ["vars_backup", "VARS_BACKUP"])
def test_a_table_is_found_whatever_its_case(path: Path, table: str) -> None:
    facts = facts_at(path, table)
    assert bad(facts) == {}
    assert "strategy" in facts


@pytest.mark.parametrize("table", ["a?b", "100%", 'q"q'])
def test_any_name_works_for_a_table(path: Path, table: str) -> None:
    assert "not there yet" in facts_at(path, table)["tables"].text
    with Backup("bot", f"sqlite:///{path}", table=table):
        facts = facts_at(path, table)
    assert bad(facts) == {}
    assert "are there" in facts["tables"].text


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("CREATE TABLE mine (id TEXT, variables TEXT)", "is not one that stratvars made"),
        ("CREATE VIEW mine AS SELECT * FROM vars_backup", "is not one that stratvars made"),
        ("ALTER TABLE vars_backup_writers RENAME TO mine_writers", "mine is gone"),
        ("CREATE TABLE mine (id TEXT, last_updated, variables, strategy_id UNIQUE)", ""),
    ],
)
def test_tables_that_cannot_be_used_are_a_failure(path: Path, statement: str, said: str) -> None:
    execute(path, statement)
    fact = facts_at(path, "mine")["tables"]
    assert (fact.grade is Grade.FAIL) == (said != "")
    assert said in fact.text


def test_a_table_of_another_shape_beside_the_users_is_a_failure(path: Path) -> None:
    execute(path, "ALTER TABLE vars_backup_history DROP COLUMN removed")
    facts = facts_at(path)
    assert bad(facts) == {"tables": Grade.FAIL}
    assert "backup_table_name" in facts["tables"].remedy


def test_a_damaged_file_is_a_failure(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 2 + 8)
        file.write(b"\xff" * 200)
    damaged = path.read_bytes()
    facts = facts_at(path)
    assert bad(facts) == {"content": Grade.FAIL}
    assert "a copy back" in facts["content"].remedy
    assert path.read_bytes() == damaged


def test_a_file_that_is_no_write_ahead_log_yet_says_so(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    facts = facts_at(path)
    assert bad(facts) == {}
    assert "to be made a write-ahead log" in facts["journal"].text
    assert "not there yet" in facts["lock"].text
    save(path, "bot")
    assert facts_at(path)["journal"].text.startswith("a write-ahead log;")


def test_a_lock_that_somebody_keeps_is_a_warning(path: Path) -> None:
    with closing(FileLock(path.with_name("stratvars.db-lock"))) as lock, lock.hold(1):
        facts = facts_at(path)
    assert bad(facts) == {"lock": Grade.WARN}
    assert "locked for 1 s" in facts["lock"].text
    assert facts_at(path)["lock"].grade is Grade.OK


def test_a_bot_that_starts_and_stops_meanwhile_never_looks_like_damage(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_at_rest = connect.open_at_rest
    runs = 0

    def let_a_bot_run_after(path: Path) -> sqlite3.Connection:
        nonlocal runs
        connection = open_at_rest(path)
        connection.execute("SELECT count(*) FROM vars_backup").fetchone()  # some pages are known now
        with Backup("busy", f"sqlite:///{path}") as backup:
            backup.vars.large = ["x" * 1000] * 1000
        runs += 1
        return connection

    monkeypatch.setattr(sqlite_examine, "open_at_rest", let_a_bot_run_after)
    facts = facts_at(path)
    assert runs == 1
    assert bad(facts) == {}
    assert facts["strategy"].text.startswith("busy: revision 1")


def test_a_nearly_full_disk_is_a_warning() -> None:
    assert about_space(LITTLE_SPACE).grade is Grade.OK
    assert about_space(LITTLE_SPACE - 1).grade is Grade.WARN


def test_a_sqlite_that_is_too_old_is_a_failure() -> None:
    assert about_version((3, 24, 0)).grade is Grade.OK
    assert about_version((3, 23, 1)).grade is Grade.FAIL
