"""How long a start asks a database that cannot be used: where it is set, and that it is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from postgres.places import Port
from stratvars import Backup, Strategy, settings
from stratvars.errors import UnavailableError, UsageError


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a server that is not there."""
    monkeypatch.delenv(settings.START_TIMEOUT_VARIABLE, raising=False)
    with closing(Port()) as port:
        yield f"postgresql://me:secret@127.0.0.1:{port.number}/db"


class Bot(Strategy):
    sleeptime = 0

    def on_trading_iteration(self) -> None:
        raise AssertionError("nothing may run without its variables")


def test_it_is_said_by_argument_environment_file_or_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(settings.START_TIMEOUT_VARIABLE, raising=False)
    assert settings.start_timeout(None, folder=tmp_path) == 30
    (tmp_path / ".env").write_text("STRATVARS_START_TIMEOUT=7.5\n")
    assert settings.start_timeout(None, folder=tmp_path) == 7.5
    monkeypatch.setenv("STRATVARS_START_TIMEOUT", " '8' ")
    assert settings.start_timeout(None, folder=tmp_path) == 8
    assert settings.start_timeout(0, folder=tmp_path) == 0


@pytest.mark.parametrize("number", [-1, -0.001, float("nan"), True, "5", Decimal(5), [5]])
def test_an_argument_that_is_no_time_is_refused_at_once(number: Any, nobody: str) -> None:
    with pytest.raises(UsageError, match=r"^the argument start_timeout is .*; give it in seconds, 30 for example$"):
        Backup("bot", nobody, start_timeout=number)
    with pytest.raises(UsageError, match=r"^the argument start_timeout is "):
        Bot(db_connection_str=nobody, start_timeout=number).run()


@pytest.mark.parametrize("text", ["", "soon", "5s", "-1", "nan", "-inf"])
def test_a_setting_that_is_no_time_is_refused_and_says_where_it_was_given(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nobody: str
) -> None:
    (tmp_path / ".env").write_text(f"STRATVARS_START_TIMEOUT={text}\n")
    with pytest.raises(UsageError, match=rf"^STRATVARS_START_TIMEOUT \(\.env at {tmp_path}\) is "):
        settings.start_timeout(None, folder=tmp_path)
    monkeypatch.setenv("STRATVARS_START_TIMEOUT", text)
    with pytest.raises(UsageError, match=r"^STRATVARS_START_TIMEOUT \(environment STRATVARS_START_TIMEOUT\) is "):
        Backup("bot", nobody)


@pytest.mark.parametrize("number", [10**400, float("inf")])
def test_a_time_without_end_is_a_time(number: float, tmp_path: Path) -> None:
    assert settings.start_timeout(number, folder=tmp_path) > 1e300


def test_zero_asks_once_and_does_not_say_that_it_waits(nobody: str, caplog: pytest.LogCaptureFixture) -> None:
    pauses: list[float] = []
    with pytest.raises(UnavailableError, match="cannot be reached; start the server") as raised:
        Backup("bot", nobody, start_timeout=0, pause=pauses.append).open()
    assert (pauses, caplog.records) == ([], [])
    assert "asked again" not in str(raised.value)


@pytest.mark.parametrize("given", ["argument", "environment", "strategy's argument", "strategy's class"])
def test_the_time_is_kept_wherever_it_was_given(given: str, nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if given == "environment":
        monkeypatch.setenv("STRATVARS_START_TIMEOUT", "0.6")
    elif given == "strategy's class":
        monkeypatch.setattr(Bot, "start_timeout", 0.6)
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=r"It was asked again for 0\.6 s$"):
        if given.startswith("strategy"):
            Bot(db_connection_str=nobody, start_timeout=0.6 if given == "strategy's argument" else None).run()
        else:
            Backup("bot", nobody, start_timeout=0.6 if given == "argument" else None).open()
    assert 0.6 <= time.monotonic() - started < 3


def test_it_is_said_once_that_a_start_waits_and_for_what(nobody: str, caplog: pytest.LogCaptureFixture) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        time.sleep(seconds / 50)

    with pytest.raises(UnavailableError):
        Backup("bot", nobody, start_timeout=1, pause=pause).open()
    assert len(pauses) > 5
    assert len(set(pauses[:3])) == 3, "starts that ask in step would meet a full server together each time"
    assert max(pauses) < 1
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith("The database cannot be used yet: PostgreSQL at 127.0.0.1:")
    assert said.endswith("correct DB_CONNECTION_STR. Asking again for 1 s.")


def test_a_start_that_is_told_to_stop_asks_no_more(nobody: str) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 2

    with pytest.raises(UnavailableError, match="cannot be reached"):
        Backup("bot", nobody, pause=pause).open()
    assert len(pauses) == 2
