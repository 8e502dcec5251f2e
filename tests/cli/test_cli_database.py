"""``stratvars run`` on a PostgreSQL that cannot be used: how long it waits, what it says, and how it ends."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from commandline import Shell

from postgres.places import Port
from postgres.servers import Server
from postgres.standby import Pair
from postgres.stores import CANARY
from stratvars.settings import START_TIMEOUT

BOT = """
    from stratvars import Strategy

    class Bot(Strategy):
        sleeptime = 0
        {setting}

        def on_trading_iteration(self):
            print("iteration", flush=True)

        def on_abrupt_closing(self):
            print("closing", flush=True)
"""
RUN = ("run", "bot.py", "--max-iterations", "1")


@pytest.fixture
def nobody() -> Iterator[str]:
    """The URL of a server that is not there."""
    with closing(Port()) as port:
        yield f"postgresql://me:{CANARY}@127.0.0.1:{port.number}/db"


def bot_at(folder: Path, url: str, environment: Mapping[str, str] | None = None, setting: str = "pass") -> Shell:
    shell = Shell(folder, {"DB_CONNECTION_STR": url, **(environment or {})})
    shell.write("bot.py", BOT.format(setting=setting))
    return shell


@pytest.mark.parametrize("given", ["option", "environment", "class"])
def test_a_database_that_stays_away_is_given_up_after_the_time_that_was_set(
    tmp_path: Path, nobody: str, given: str
) -> None:
    option = ["--start-timeout", "0.6"] if given == "option" else []
    environment = {} if given == "class" else {"STRATVARS_START_TIMEOUT": "99" if given == "option" else "0.6"}
    settings = {"class": "start_timeout = 0.6", "option": "start_timeout = 99", "environment": "pass"}
    done = bot_at(tmp_path, nobody, environment, settings[given]).run(*RUN, *option)
    assert (done.returncode, done.stdout) == (3, "")
    waits, given_up = done.stderr.splitlines()
    assert waits.startswith("The database cannot be used yet: PostgreSQL at 127.0.0.1:")
    assert waits.endswith("Asking again for 0.6 s.")
    assert given_up.startswith("stratvars: PostgreSQL at 127.0.0.1:")
    assert "start the server, or correct DB_CONNECTION_STR. It was asked again for 0.6 s" in given_up
    assert CANARY not in done.stderr


def test_zero_seconds_ask_once(tmp_path: Path, nobody: str) -> None:
    said = bot_at(tmp_path, nobody).refused(*RUN, "--start-timeout", "0", code=3)
    assert "cannot be reached; start the server, or correct DB_CONNECTION_STR" in said


@pytest.mark.parametrize("text", ["soon", "-1", "nan", ""])
def test_a_start_timeout_that_is_no_time_is_wrong_usage(tmp_path: Path, nobody: str, text: str) -> None:
    shell = bot_at(tmp_path, nobody, {"STRATVARS_START_TIMEOUT": "never"})
    said = shell.refused(*RUN, "--start-timeout", text)
    assert said.startswith(f"--start-timeout is {text if text in {'-1', 'nan'} else repr(text)}")
    if text == "soon":
        assert "STRATVARS_START_TIMEOUT (environment STRATVARS_START_TIMEOUT) is 'never'" in shell.refused(*RUN)


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"password": CANARY}, "password or the user name is wrong; correct it in DB_CONNECTION_STR"),
        ({"database": "nowhere"}, "run CREATE DATABASE, or correct DB_CONNECTION_STR"),
        ({"database": "postgres?colour=red"}, "parameter"),
    ],
    ids=["password", "database", "parameter"],
)
def test_what_only_somebody_can_change_ends_the_start_at_once_with_code_3(
    tmp_path: Path, pg: Server, change: dict[str, str], remedy: str
) -> None:
    started = time.monotonic()
    url = pg.url(**change).replace("%3F", "?").replace("%3D", "=")
    assert remedy in bot_at(tmp_path, url).refused(*RUN, code=3)
    assert time.monotonic() - started < START_TIMEOUT / 2


def test_missing_rights_end_the_start_at_once_with_what_an_administrator_runs(tmp_path: Path, guest: str) -> None:
    said = bot_at(tmp_path, guest).refused(*RUN, code=3)
    assert said.endswith("let an administrator run what this prints: stratvars doctor --ddl")


def test_a_standby_ends_the_start_with_code_3_and_asks_for_the_primary(tmp_path: Path, pair: Pair) -> None:
    done = bot_at(tmp_path, pair.standby_url).run(*RUN, "--start-timeout", "0.6")
    assert (done.returncode, done.stdout) == (3, "")
    assert "is a standby" in done.stderr.splitlines()[-1]
    assert "Name the primary in DB_CONNECTION_STR" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_start_that_waits_at_once_and_calls_no_hook(
    tmp_path: Path, nobody: str, sign: signal.Signals
) -> None:
    with bot_at(tmp_path, nobody).start(*RUN) as child:
        assert child.stderr is not None
        assert "Asking again for 30 s." in child.stderr.readline()
        sent = time.monotonic()
        child.send_signal(sign)
        out, err = child.communicate(timeout=20)
        assert time.monotonic() - sent < START_TIMEOUT / 4
    assert (child.returncode, out) == (3, "")
    assert err.count("\n") == 1
    assert "cannot be reached" in err
