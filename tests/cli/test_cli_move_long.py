"""A long history is moved a few revisions at a time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commandline import Shell

from rewinding import Place, postgresql_place, sqlite_place


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        folder = tmp_path / "target"
        folder.mkdir()
        with sqlite_place(folder) as place:
            yield place
    else:
        with postgresql_place(request.getfixturevalue("pg_url")) as place:
            yield place


def big(place: Place, many: int) -> None:
    """So many revisions of two kilobytes."""
    place.live({"n": 0}, name="big")
    text = "x" * 2000
    number = "i" if place.url.startswith("sqlite") else "i::bigint"
    place.execute(
        f"""INSERT INTO vars_backup_history
        WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {many})
        SELECT 'big', 1, 2 + {number}, CURRENT_TIMESTAMP, 'iteration', 1 = 1, 1 = 0, '{{"n":"{text}"}}', '[]', '{{}}',
        'start', 1 FROM numbers"""
    )


MEASURED = """
import atexit, sys
from pathlib import Path
from stratvars.cli import main

def write():
    Path("peak").write_text(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

atexit.register(write)
main()
"""


def peak(shell: Shell, *arguments: str) -> int:
    """The most memory that a command had, in megabytes."""
    words = [sys.executable, "-c", MEASURED, *arguments]
    done = subprocess.run(words, cwd=shell.folder, env=shell._environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return int((shell.folder / "peak").read_text()) // 1000


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.parametrize("many", [12_000, 200_000])
def test_a_long_history_is_never_held_in_memory(
    shell: Shell, target: Place, many: int, record_property: Callable[[str, object], None]
) -> None:
    target.live({"n": 1}, name="small")
    big(target, many)
    small = peak(shell, "export", "small", "small.jsonl", "--db", target.url)
    export = peak(shell, "export", "big", "--history", "big.jsonl", "--db", target.url)
    assert (shell.folder / "big.jsonl").stat().st_size > many * 2000
    there = peak(shell, "import", "big.jsonl", "--as", "again", "--db", target.url)
    record_property("counted", f"{many * 2 // 1000} MB moved, {small} MB for nothing, {export} and {there} MB at most")
    assert max(export, there) < small + 14
    [count] = target.execute("SELECT count(*) FROM vars_backup_history WHERE strategy_id = 'again'").fetchone()
    assert count == many + 2
