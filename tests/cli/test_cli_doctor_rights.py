"""What ``stratvars doctor`` says to a user who may not read or write a SQLite file, its folder or what is beside it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from examined import save

from stratvars import Backup


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a bot has saved and stopped."""
    path = tmp_path / "stratvars.db"
    save(path, "bot")
    return path


AS_AN_ORDINARY_USER = """
import os, sys
from stratvars.settings import resolve
from stratvars.store.opening import examine
examine(resolve(sys.argv[1]), "vars_backup")  # everything is imported while this user may read it
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
for fact in examine(resolve(sys.argv[2]), "vars_backup").facts:
    print(fact.grade, fact.name, fact.text, sep="\\t")
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder outside of pytest's own, which other users may not enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o700)
    for part in folder.iterdir():
        part.chmod(0o700)
    shutil.rmtree(folder)


def failures_of_an_ordinary_user(path: Path, warm: Path) -> dict[str, str]:
    command = [sys.executable, "-c", AS_AN_ORDINARY_USER, f"sqlite:///{warm}", f"sqlite:///{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return {name: text for grade, name, text in lines if grade == "fail"}


def test_a_folder_that_may_not_be_written_is_a_failure_with_its_owner(folder: Path, path: Path) -> None:
    folder.chmod(0o555)
    failed = failures_of_an_ordinary_user(folder / "x.db", path)
    assert list(failed) == ["folder"]
    assert f"of {folder.owner()}, cannot be written by this user" in failed["folder"]


@pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-lock"])
def test_a_file_that_may_not_be_written_is_a_failure_with_its_owner(folder: Path, path: Path, ending: str) -> None:
    folder.chmod(0o777)
    file = folder / "x.db"
    with Backup("bot", f"sqlite:///{file}"):
        for part in folder.iterdir():
            part.chmod(0o444 if part.name == f"x.db{ending}" else 0o666)
        failed = failures_of_an_ordinary_user(file, path)
    assert list(failed) == ["file"]
    assert f"{file}{ending}, of {file.owner()}, cannot be written by this user" in failed["file"]


def test_a_folder_that_may_not_be_entered_is_a_failure_and_no_traceback(folder: Path, path: Path) -> None:
    (folder / "closed").mkdir(mode=0)  # not by its owner either, who may be the user of these tests
    assert list(failures_of_an_ordinary_user(folder / "closed" / "x.db", path)) == ["folder"]
    assert list(failures_of_an_ordinary_user(folder / "closed" / "deeper" / "x.db", path)) == ["folder"]
