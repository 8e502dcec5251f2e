"""A running bot that has no file handle left, or may not write its file any more."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg
import pytest
from course import LANDS, NO_WAIT
from course import stored as stored_in_postgres
from out_of_files import PACE, TURNS
from scenes import END_BACKENDS

from postgres.waiting import eventually
from stratvars import session

BOT = Path(__file__).with_name("out_of_files.py")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of everybody, outside of pytest's own, which others may not enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@dataclass
class Running:
    """The bot's process."""

    process: subprocess.Popen[str]
    out: IO[str]
    said: str = ""

    def line(self) -> str:
        """What it says next."""
        return self.out.readline()

    def go(self) -> None:
        """It waited for this."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    """A bot; when the block is left it has ended well, and ``said`` is its log."""
    with subprocess.Popen(
        [sys.executable, str(BOT), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        bot = Running(process, process.stdout)
        try:
            yield bot
        finally:
            _, bot.said = process.communicate(timeout=30)
        assert process.returncode == 0, bot.said


def stored_in_sqlite(path: Path) -> object:
    with closing(sqlite3.connect(path)) as connection:
        [(variables,)] = connection.execute("SELECT variables FROM vars_backup").fetchall()
    return json.loads(variables)["n"]


def judge(bot: Running, stored: Callable[[], object]) -> list[float]:
    """The newest state lands when the trouble is over, and no turn was held up for longer than promised."""
    told = bot.line()
    assert told, "the bot ended in the trouble"
    saw = json.loads(told)
    assert eventually(lambda: stored() == saw["n"], LANDS), "the newest state lands by itself"
    assert len(saw["held"]) == TURNS
    assert max(saw["held"]) < session.DEADLINE + 1
    return [held for held in saw["held"] if held > NO_WAIT]


def judge_log(bot: Running, waits: list[float]) -> None:
    """The trouble lasted as long as the turns did, was known from its begin on, and was told once."""
    assert len(waits) <= 2, "in trouble that is known no further turn waits"
    assert bot.said.count("cannot be saved") == 1, bot.said
    [lasted] = re.findall(r"is saved again, with revision \d+, after ([\d.]+) s of trouble", bot.said)
    assert float(lasted) > TURNS * PACE * 0.9
    assert "Traceback" not in bot.said


@pytest.mark.parametrize("trouble", ["no handle", "no right"])
def test_trouble_with_opening_the_file_stops_no_iteration_and_loses_nothing(folder: Path, trouble: str) -> None:
    path = folder / "own" / "stratvars.db"
    with running(f"sqlite:///{path}", trouble, "disk", f"sqlite:///{folder / 'warm.db'}") as bot:
        waits = judge(bot, lambda: stored_in_sqlite(path))
        bot.go()
    judge_log(bot, waits)


@pytest.mark.parametrize("trouble", ["no handle", "no right"])
def test_files_that_are_open_are_written_on(folder: Path, trouble: str) -> None:
    path = folder / "own" / "stratvars.db"
    with running(f"sqlite:///{path}", trouble, "nothing", f"sqlite:///{folder / 'warm.db'}") as bot:
        assert judge(bot, lambda: stored_in_sqlite(path)) == []
        bot.go()
    assert "cannot be saved" not in bot.said


def test_a_server_to_which_no_socket_can_be_opened_stops_no_iteration_and_loses_nothing(
    pg_url: str, folder: Path
) -> None:
    with running(pg_url, "no handle", "server", pg_url) as bot:
        assert bot.line() == "cut\n"
        with psycopg.connect(pg_url, autocommit=True) as admin:
            assert admin.execute(END_BACKENDS.encode()).fetchall()
        bot.go()
        waits = judge(bot, lambda: stored_in_postgres(pg_url))
        bot.go()
    judge_log(bot, waits)
    assert "raise the limit (ulimit -n)" in bot.said


LAST_HANDLE = """
import resource, sys
from pathlib import Path
from stratvars.errors import UnavailableError
from stratvars.store.sqlite.connect import open_writer
path = Path(sys.argv[1])
open_writer(path, 1.0).close()
resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
try:
    open_writer(path, 1.0)
except UnavailableError as error:
    print(type(error).__name__, error)
"""


def test_a_file_for_which_there_is_no_handle_is_not_called_one_without_rights(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LAST_HANDLE, folder / "x.db"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("UnavailableError ")
    assert "find what keeps them open, or raise the limit (ulimit -n)" in done.stdout
