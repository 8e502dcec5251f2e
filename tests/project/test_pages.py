"""The pages by task: every command on them is run, in order; on both databases in the long form."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from rewinding import BoomError
from stratvars import Backup
from stratvars.revision import Reason

DOCS = Path(__file__).parents[2] / "docs"
BOT = """
from stratvars import Strategy

class Bot(Strategy):
    sleeptime = {sleeptime}

    def on_trading_iteration(self):
        self.vars.trade_count = self.vars.get("trade_count", 0) + 1
"""
# What belongs to the reader's machines is only named.
ELSEWHERE = "set -e; scp() { :; }; systemctl() { :; }\n"
# Each command is tried on both in its own tests; a whole page takes ten starts of an interpreter.
KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.torture)]
EXAMPLE_URL = "postgresql://user:password@localhost/bots"


@dataclass(frozen=True)
class Page:
    """A page that was worked through."""

    commands: int
    shown: str


def work_through(name: str, folder: Path, *, urls: Mapping[str, str] | None = None) -> Page:
    """Run all shell blocks of a page as one script; a command that fails unexpectedly fails the test."""
    text = (DOCS / name).read_text(encoding="utf-8")
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    for written, real in (urls or {}).items():
        assert written in script
        script = script.replace(written, real)
    (folder / "bot.py").write_text(BOT.format(sleeptime=0))
    (folder / "slow.py").write_text(BOT.format(sleeptime='"50S"'))
    ours = ("DB_CONNECTION_STR", "STRATEGY_NAME", "STRATVARS_", "PYTHON")
    rest = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    path = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", ELSEWHERE + script],
        cwd=folder,
        env={**rest, "PATH": path, "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return Page(len(re.findall(r"^stratvars ", script, re.MULTILINE)), done.stdout)


def test_no_page_shows_a_command_beside_those_that_are_run() -> None:
    for name in ("after-a-crash.md", "move-to-a-new-server.md", "two-bots.md"):
        prose = re.sub(r"^```.*?^```", "", (DOCS / name).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        assert "`stratvars " not in prose, name


def crashed(url: str) -> None:
    with suppress(BoomError), Backup("btc-live", url) as backup:
        for number in range(3):
            backup.vars.update(cash=100 - number, trade_count=number)
            is_last = number == 2
            backup.keep(Reason.ERROR if is_last else Reason.ITERATION, complete=not is_last)
        raise BoomError


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder}/stratvars.db"


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_crash(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    url = url_of(tmp_path) if kind == "sqlite" else request.getfixturevalue("pg_url")
    (tmp_path / ".env").write_text(f'DB_CONNECTION_STR="{url}"\n')
    crashed(url)
    page = work_through("after-a-crash.md", tmp_path)
    assert page.commands == 11
    assert "went back to revision 2, saved as revision 5" in page.shown
    assert "'btc-live' restored from revision 5" in page.shown
    assert (tmp_path / "btc-live.jsonl").exists()


def test_moving_to_a_new_server(tmp_path: Path, pg_url: str) -> None:
    with Backup("btc-live", url_of(tmp_path)) as backup:
        backup.vars.trade_count = 7
    page = work_through("move-to-a-new-server.md", tmp_path, urls={EXAMPLE_URL: pg_url})
    assert page.commands == 13
    assert "imported into postgresql://" in page.shown
    assert "'btc-live' restored from revision" in page.shown
    assert "refused with 3" in page.shown
    with Backup("btc-live", pg_url) as moved:
        assert moved.vars.all() == {"trade_count": 8}


@pytest.mark.parametrize("kind", KINDS)
def test_two_bots_in_one_database(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    url = url_of(tmp_path) if kind == "sqlite" else request.getfixturevalue("pg_url")
    (tmp_path / ".env").write_text(f'DB_CONNECTION_STR="{url}"\n')
    page = work_through("two-bots.md", tmp_path)
    assert page.commands >= 11
    assert "trade_count\t1\t2" in page.shown
    assert "refused with 4" in page.shown
    assert "btc-copy: dropped" in page.shown
