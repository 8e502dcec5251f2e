from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from stratvars.demo import process
from stratvars.demo.broker import Side
from stratvars.demo.compare import compare
from stratvars.demo.messages import Restored, Saved, Sending, digest_of
from stratvars.demo.play import Life, Restart, play
from stratvars.demo.prices import load_prices
from stratvars.demo.process import Child, ChildFailedError, Run
from stratvars.demo.screen import Screen
from stratvars.demo.stage import checksum_of_dates, judge
from stratvars.demo.strikes import Strike
from stratvars.settings import resolve
from stratvars.vars import Vars

DAYS = 120


class Listener:
    """Hears what is shown, and may do something on a day."""

    def __init__(self, on_day: Callable[[int], None] | None = None) -> None:
        self.restarts: list[Restart] = []
        self.days: list[int] = []
        self._on_day = on_day

    def on_day(self, day: int) -> None:
        self.days.append(day)
        if self._on_day is not None:
            self._on_day(day)

    def on_restart(self, restart: Restart) -> None:
        self.restarts.append(restart)


def a_run(folder: Path, name: str = "alone") -> Run:
    return Run(name, resolve(f"sqlite:///{folder}/{name}.db").url, folder, DAYS)


def send_to_child(number: int) -> None:
    me = os.getpid()
    (child,) = Path(f"/proc/{me}/task/{me}/children").read_text().split()
    os.kill(int(child), number)


STRIKES = [
    Strike(day=0, last_day=0, at_order=False, moment=0.0),
    Strike(day=0, last_day=0, at_order=False, moment=0.5),
    Strike(day=40, last_day=40, at_order=False, moment=0.9),
    Strike(day=41, last_day=DAYS - 1, at_order=True, moment=0.0),
    Strike(day=DAYS - 1, last_day=DAYS - 1, at_order=False, moment=1.0),
]


def test_a_killed_run_ends_as_one_left_alone_and_a_wrong_ledger_would_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = load_prices()[:DAYS]
    heard = Listener()
    alone = play(a_run(tmp_path, "alone"), [], Listener())
    killed = play(a_run(tmp_path, "killed"), STRIKES, heard)

    assert [line.label for line in compare(alone, killed, checksum_of_dates(prices)) if not line.right] == []
    assert len(alone.saved) == DAYS + 2  # each day, the time before the first, and the end once more
    assert heard.restarts == list(killed.restarts)
    assert [restart.day >= strike.day for restart, strike in zip(heard.restarts, STRIKES, strict=True)] == [True] * 5
    order = alone.orders[0]
    at_order = heard.restarts[3]
    assert order.order_id == f"{at_order.restored.last_date}-buy", "that strike waited for the order"
    # On a loaded machine the kill comes after the order's day was saved; then nothing is on its way any more.
    assert at_order.sending in (Sending(order.order_id, Side.BUY), None)
    assert heard.days[-1] == DAYS

    assert judge(Screen(prices), prices, alone, killed) == 0
    assert "Killed 5 times" in capsys.readouterr().out
    ledger = a_run(tmp_path, "killed").ledger
    with ledger.open("ab") as books:
        books.write(ledger.read_bytes().splitlines(keepends=True)[0])
    twice = play(a_run(tmp_path, "killed"), [], Listener())
    assert judge(Screen(prices), prices, alone, twice) == 1
    assert "orders sent twice" in capsys.readouterr().out.splitlines()[-1]


def test_a_child_that_fails_ends_the_run_with_what_it_said(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    run.ledger.write_text("this is not an order\n")

    with pytest.raises(ChildFailedError, match=r"ended by itself with exit code 1\. It said:\n(.*\n)*.*DecodeError"):
        play(run, STRIKES, Listener())


def test_a_database_that_cannot_be_used_ends_the_run_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "alone.db").write_text("this is not a database, and long enough to be seen as none" * 20)

    with pytest.raises(ChildFailedError) as failure:
        play(a_run(tmp_path), [], Listener())
    first, *said = str(failure.value).splitlines()
    assert first == "the strategy ended by itself with exit code 3. It said:"
    assert "alone.db" in said[-1]
    assert "Traceback" not in str(failure.value)


@pytest.mark.parametrize(
    ("number", "words"), [(signal.SIGTERM, "before its last day"), (signal.SIGKILL, "by itself with exit code -9")]
)
@pytest.mark.parametrize("strikes", [[], [Strike(day=60, last_day=60, at_order=False, moment=0.0)]])
def test_a_child_that_somebody_else_stops_is_not_started_again(
    tmp_path: Path, number: int, words: str, strikes: list[Strike]
) -> None:
    heard = Listener(lambda day: send_to_child(number) if day == 20 else None)

    with pytest.raises(ChildFailedError, match=words):
        play(a_run(tmp_path), strikes, heard)
    assert heard.restarts == []


def test_a_child_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "SILENCE_LIMIT", 2.0)
    heard = Listener(lambda day: send_to_child(signal.SIGSTOP) if day == 20 else None)

    with pytest.raises(ChildFailedError, match="no progress for 2 seconds"):
        play(a_run(tmp_path), [], heard)
    assert Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text() == ""


def test_a_child_that_says_no_more_but_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lingering = tmp_path / "lingering"
    lingering.write_text("#!/bin/sh\nexec >&-\nexec sleep 60\n")
    lingering.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(lingering))
    monkeypatch.setattr(process, "SILENCE_LIMIT", 0.5)

    with pytest.raises(ChildFailedError, match="did not end within"):
        play(a_run(tmp_path), [], Listener())
    assert Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text() == ""


def test_a_child_whose_parent_is_gone_ends_by_itself(tmp_path: Path) -> None:
    child = Child(a_run(tmp_path))
    messages = child.messages()
    assert isinstance(next(messages), Restored)
    child._stdin.close()

    rest = list(messages)
    assert len(rest) == 1
    with pytest.raises(ChildFailedError, match="ended by itself with exit code 1"):
        child.finish(killed=False)
    child.abandon()


@pytest.mark.parametrize("day", [3, 4, 6])
def test_a_child_whose_days_do_not_follow_one_another_is_stopped(day: int) -> None:
    life = Life()
    life.hear(Saved(4, "state"))

    with pytest.raises(ChildFailedError, match=f"day {day} was saved after day 4"):
        life.hear(Saved(day, "state"))


@pytest.mark.parametrize("other", [{"a": 1.0}, {"a": Decimal(1)}, {"a": True}, {"a": 2}, {"b": 1}, {"a": 1, "b": None}])
def test_a_state_with_another_value_type_or_name_has_another_digest(other: dict[str, object]) -> None:
    assert digest_of(Vars({"a": 1})) == digest_of(Vars({"a": 1}))
    assert digest_of(Vars({"a": 1})) != digest_of(Vars(other))
