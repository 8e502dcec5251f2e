"""Bots inside of programs: their own signal handlers, threads that are not the main one, interactive sessions."""

from __future__ import annotations

import code
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType

import pytest

from stratvars import Backup, Strategy, Trader

SIGNALS = (signal.SIGINT, signal.SIGTERM)
OVER = threading.Event()


class Bot(Strategy):
    """Sends a signal in its second iteration, and goes on until it is told that it is over."""

    sleeptime = 0
    signum = signal.SIGTERM

    def on_trading_iteration(self) -> None:
        self.vars.n = self.vars.get("n", 0) + 1
        if self.vars.n == 2:
            os.kill(os.getpid(), self.signum)
        if self.vars.n > 2 and OVER.wait(0.1):
            sys.exit()


class StoppedAgain(Bot):
    """Sends a signal in every second iteration."""

    def on_trading_iteration(self) -> None:
        self.vars.n = self.vars.get("n", 0) + 1
        if self.vars.n % 2 == 0:
            os.kill(os.getpid(), signal.SIGINT)


def loop(url: str) -> None:
    with Backup("Bot", url) as backup:
        for _ in backup.every(0):
            backup.vars.n = backup.vars.get("n", 0) + 1
            if backup.vars.n == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            if backup.vars.n > 2 and OVER.wait(0.1):
                break


def strategy(url: str) -> None:
    Bot(db_connection_str=url).run()


def trader(url: str) -> None:
    trader = Trader()
    trader.add_strategy(Bot(db_connection_str=url))
    trader.add_strategy(Bot(db_connection_str=url, name="second"))
    trader.run_all()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'bots.db'}"


@pytest.fixture
def told() -> Iterator[list[int]]:
    """The signals that reached the program's own handlers."""
    told: list[int] = []

    def handler(signum: int, frame: FrameType | None) -> None:
        told.append(signum)

    before = [signal.signal(signum, handler) for signum in SIGNALS]
    yield told
    mine = [signal.getsignal(signum) for signum in SIGNALS]
    for signum, previous in zip(SIGNALS, before, strict=True):
        signal.signal(signum, previous)
    assert mine == [handler, handler], "the program must have its handlers back"


def last_reason(url: str) -> str:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        query = "SELECT reason || complete FROM vars_backup_history WHERE strategy_id = 'Bot' ORDER BY revision DESC"
        return str(connection.execute(query).fetchone()[0])


@pytest.mark.parametrize("host", [loop, strategy, trader])
def test_a_program_with_handlers_of_its_own_is_told_and_gets_them_back(
    url: str, told: list[int], host: Callable[[str], None]
) -> None:
    host(url)
    assert set(told) == {signal.SIGTERM}
    assert last_reason(url) == "stop1"


def test_a_plain_block_leaves_the_handler_of_its_program_alone(url: str, told: list[int]) -> None:
    with Backup("Bot", url) as backup:
        os.kill(os.getpid(), signal.SIGTERM)
        backup.vars.goes_on = True
    assert told == [signal.SIGTERM]


@pytest.mark.parametrize("host", [loop, strategy, trader])
def test_in_a_thread_the_signals_are_the_programs_and_the_bot_goes_on(
    url: str, told: list[int], host: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers = [signal.getsignal(signum) for signum in SIGNALS]
    monkeypatch.setattr(Bot, "initialize", lambda _: seen.append([signal.getsignal(signum) for signum in SIGNALS]))
    seen: list[object] = []

    def run() -> None:
        with suppress(SystemExit):
            host(url)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while not told:
        threading.Event().wait(0.01)
    assert thread.is_alive()
    OVER.set()
    thread.join(20)
    OVER.clear()
    assert not thread.is_alive()
    assert [each for each in seen if each != handlers] == []


def test_an_error_that_an_interactive_session_has_shown_is_not_a_crash_at_its_end(url: str) -> None:
    lines = ["from stratvars import Backup", f"bot = Backup('Bot', {url!r}).open()", "1 / 0", "bot.vars.x = 1", ""]
    done = subprocess.run(
        [sys.executable, "-i", "-q"], input="\n".join(lines), capture_output=True, text=True, check=True, timeout=60
    )
    assert "ZeroDivisionError" in done.stderr
    assert last_reason(url) == "stop0"


def test_an_interactive_session_stops_a_bot_by_ctrl_c_looks_at_it_and_runs_it_again(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bot = StoppedAgain(db_connection_str=url)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    console = code.InteractiveConsole({"bot": bot})
    try:
        for line in ("bot.run()", "bot.vars.n", "bot.run()", "bot.vars.n"):
            assert console.push(line) is False
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    shown = capsys.readouterr()
    assert shown.out == "2\n4\n", shown.err
    assert "Traceback" not in shown.err
