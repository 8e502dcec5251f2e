"""Fill callbacks: other threads that change the variables and save, while the bot iterates."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from either import sql
from stratvars import Backup, NotSavedError, Strategy
from stratvars.revision import Reason

FILLERS = 4
SAVES = 120
PRICE = 7


@pytest.fixture(autouse=True)
def _restless_threads() -> Iterator[None]:
    """Threads take turns every ten microseconds, so that a missing lock is met."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'fills.db'}"
    return str(request.getfixturevalue("pg_url"))


def states(url: str) -> list[dict[str, Any]]:
    """The state at every revision; nothing is ever removed here."""
    state: dict[str, Any] = {}
    changes = sql(url, "SELECT changed FROM vars_backup_history ORDER BY revision")
    return [state := {**state, **json.loads(changed)} for (changed,) in changes]


def is_whole(position: dict[str, int], orders: list[int], cash: int) -> bool:
    return cash == -PRICE * position["shares"] == -PRICE * len(orders)


def start(*works: Callable[[], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    return threads


def test_changes_that_belong_together_are_together_in_every_revision_of_the_history(
    url: str, record_property: Callable[[str, object], None]
) -> None:
    def fill() -> None:
        """A callback of the broker: a share is bought; now and then it makes that durable itself."""
        for number in count():
            if enough.is_set():
                break
            with backup.vars:
                backup.vars.position["shares"] += 1
                backup.vars.orders.append(number)
                backup.vars.cash -= PRICE
            fills.append(number)
            if number % 10 == 0:
                backup.save()
                saves.append(number)

    enough = threading.Event()
    fills: list[int] = []
    saves: list[int] = []
    with Backup("bot", url) as backup:
        backup.vars.update(position={"shares": 0}, orders=[], cash=0)
        threads = start(*[fill] * FILLERS)
        for _ in backup.every(0):
            if len(saves) >= SAVES:
                break
        enough.set()
        for thread in threads:
            thread.join()
    history = states(url)
    broken = [state for state in history if not is_whole(**state)]
    kind = url.partition(":")[0]
    record_property("counted", f"fills in threads, {kind}: {len(history)} revisions, {len(broken)} torn")
    assert broken == []
    assert history[-1]["cash"] == -PRICE * len(fills), "no fill is lost"
    assert len(history) > 20, "too few backups fell between the fills to prove anything"


def test_a_callback_makes_its_fill_durable_while_the_iteration_goes_on(url: str) -> None:
    seen = []

    class Bot(Strategy):
        sleeptime = "0.2S"
        db_connection_str = url

        def on_trading_iteration(self) -> None:
            callback = threading.Thread(target=self.on_filled_order)
            callback.start()
            callback.join()

        def on_filled_order(self) -> None:
            self.vars.fills = self.vars.get("fills", 0) + 1
            self.backup_variables_to_db()
            seen.append(sql(url, "SELECT variables FROM vars_backup"))

    Bot().run(max_iterations=2)
    assert seen == [[('{"fills":1}',)], [('{"fills":2}',)]]
    reasons = sql(url, "SELECT reason, complete FROM vars_backup_history ORDER BY revision")
    assert [(reason, bool(complete)) for reason, complete in reasons] == [
        *[("manual", False), ("iteration", True)] * 2,
        ("stop", True),
    ]


def test_what_a_callback_changes_between_two_turns_is_in_the_next_backup(url: str) -> None:
    turns = 0
    callback = threading.Timer(0, int)
    callback.start()
    with Backup("bot", url) as backup:
        for _ in backup.every("0.1S"):
            callback.join()  # where a turn began late, the next one may begin before it
            turns += 1
            backup.vars.turn = turns
            if turns == 4:
                break
            callback = threading.Timer(0.05, backup.vars.set, ("filled_after", turns))
            callback.start()
    assert [(state["turn"], state.get("filled_after")) for state in states(url)] == [(1, None), (2, 1), (3, 2), (4, 3)]


def test_a_thread_that_holds_the_variables_for_long_stops_no_turn_and_a_save_is_told(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with backup.vars:
            backup.vars.x = "half"
            held.set()
            over.wait(20)
            backup.vars.x = "whole"

    with Backup("bot", url) as backup:
        threads = start(hold)
        assert held.wait(20)
        begun = time.monotonic()
        with pytest.raises(NotSavedError, match=r"another thread has been inside `with vars:` for 0\.2 s"):
            backup.save(timeout=0.2)
        backup.keep(Reason.ITERATION, complete=True)
        assert time.monotonic() - begun < 4, "no longer than the deadline"
        assert "another thread has been inside" in caplog.text
        over.set()
        threads[0].join()
    assert [state["x"] for state in states(url)] == ["whole"]
