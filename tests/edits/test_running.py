"""Edits that somebody asks for while the strategy runs, or before it starts again."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from asking import ask, ask_for, current, kept, told

from postgres.waiting import eventually
from stratvars import Backup, Strategy
from stratvars.edits import Change, Edit, Fate

SOON = 5.0
"""Seconds; many times a third of the lease below."""


class Sleeper(Strategy):
    """Iterates once and then waits for an hour."""

    sleeptime = "1H"
    lease = 1

    def __init__(self, **settings: Any) -> None:
        super().__init__(name="bot", **settings)
        self.seen: list[dict[str, tuple[Any, Any]]] = []
        self.iterated = threading.Event()

    def on_trading_iteration(self) -> None:
        self.vars.update(n=self.vars.get("n", 0) + 1, limit=self.vars.get("limit", 10))
        self.iterated.set()

    def on_vars_edited(self, changes: Any) -> None:
        self.seen.append(dict(changes))
        self.vars.reacted = len(self.seen)


def run_beside(strategy: Sleeper, meanwhile: Callable[[], None]) -> None:
    """Run it, and after its first iteration something else in a thread; that ends, then it is told to stop."""
    errors: list[BaseException] = []

    def act() -> None:
        try:
            assert strategy.iterated.wait(20)
            meanwhile()
        except BaseException as error:  # noqa: BLE001  raised again in the thread of the test
            errors.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=act)
    thread.start()
    strategy.run()
    thread.join()
    for error in errors:
        raise error


def test_a_strategy_that_sleeps_is_edited_within_a_heartbeat_and_its_hook_is_called(any_url: str) -> None:
    bot = Sleeper(db_connection_str=any_url)

    def edit() -> None:
        number = ask(any_url, "bot", "n", limit=5, new=[1])
        assert eventually(lambda: told(any_url, "bot", number).fate == Fate.APPLIED, SOON)
        assert bot.seen == [{"n": (1, None), "limit": (10, 5), "new": (None, [1])}]
        assert eventually(lambda: current(any_url, "bot") == {"limit": 5, "new": [1], "reacted": 1}, SOON)

    run_beside(bot, edit)
    found = told(any_url, "bot", 1)
    reason, changed = kept(any_url, "bot")[found.revision - 1]
    assert reason == "edit"
    assert changed.items() >= {"limit": 5, "new": [1]}.items(), "what the hook set may be in it, or in the next one"


def test_an_edit_between_two_turns_is_seen_by_the_next_one(any_url: str) -> None:
    seen = []
    with Backup("bot", any_url, lease=1) as backup:
        backup.vars.limit = 10
        for turn, _ in enumerate(backup.every("0.1S")):
            backup.vars.turn = turn
            seen.append(backup.vars.limit)
            if len(seen) == 2:
                number = ask(any_url, "bot", limit=5)
            if 5 in seen or len(seen) > 50:
                break
        assert eventually(lambda: told(any_url, "bot", number).fate == Fate.APPLIED, SOON)
    assert seen[:3] == [10, 10, 5], "the save at the end of the turn brought it"
    assert current(any_url, "bot") == {"limit": 5, "turn": 2}


def test_a_loop_that_waits_is_edited_while_it_waits(any_url: str) -> None:
    with Backup("bot", any_url, lease=1) as backup:
        backup.vars.limit = 10
        begun = threading.Event()
        numbers: list[object] = []

        def edit() -> None:
            begun.wait(20)
            time.sleep(0.3)
            number = ask(any_url, "bot", limit=5)
            assert eventually(lambda: told(any_url, "bot", number).fate == Fate.APPLIED, SOON)
            numbers.append(current(any_url, "bot")["limit"])

        thread = threading.Thread(target=edit)
        thread.start()
        for turn, _ in enumerate(backup.every("6S")):
            begun.set()
            if turn == 1:
                break
        thread.join(20)
    assert numbers == [5]


def test_an_event_loop_is_edited_while_it_waits(any_url: str) -> None:
    async def trade() -> int:
        async with Backup("bot", any_url, lease=1) as backup:
            backup.vars.limit = 10
            turns = 0
            async for _ in backup.every("3S"):
                turns += 1
                if turns == 2:
                    return int(backup.vars.limit)
                asyncio.get_running_loop().call_later(0.2, lambda: numbers.append(ask(any_url, "bot", limit=5)))
        raise AssertionError

    numbers: list[int] = []
    assert asyncio.run(trade()) == 5
    assert told(any_url, "bot", numbers[0]).fate == Fate.APPLIED


def test_a_save_by_hand_applies_what_it_brings_before_the_next_one(any_url: str) -> None:
    with Backup("bot", any_url) as backup:
        backup.vars.update(n=0, limit=10)
        backup.save()
        number = ask(any_url, "bot", limit=5)
        for turn in range(1, 4):
            backup.vars.n = turn
            backup.save()
        assert backup.vars.limit == 5
        assert told(any_url, "bot", number).fate == Fate.APPLIED


def test_what_was_asked_of_a_bot_that_does_not_run_is_there_before_its_first_iteration(any_url: str) -> None:
    with Backup("bot", any_url) as backup:
        backup.vars.update(n=1, limit=10)
    numbers = [ask(any_url, "bot", limit=5), ask(any_url, "bot", limit=6, n=7), ask(any_url, "bot", "n")]
    with Backup("bot", any_url) as backup:
        assert backup.vars.all() == {"limit": 6}
        assert eventually(lambda: {told(any_url, "bot", number).fate for number in numbers} == {Fate.APPLIED}, SOON)
    assert current(any_url, "bot") == {"limit": 6}
    with Backup("bot", any_url) as backup:
        backup.vars.limit = 8
    with Backup("bot", any_url) as backup:
        assert backup.vars.limit == 8, "not twice"


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (Edit(Change({"x": '{"$dataclass":["Leg",[]]}', "limit": "5"}), 1, "kim"), "x: "),
        (Edit(Change({"limit": "[1,"}), 1, "kim"), "limit: "),
        (Edit(Change({"limit": "5"}), 99, "kim"), "format 99"),
    ],
    ids=["a class that is not registered", "no JSON", "a newer format"],
)
def test_an_edit_that_cannot_be_read_is_refused_as_a_whole_with_the_reason(
    any_url: str, edit: Edit, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Backup("bot", any_url, lease=1) as backup:
        backup.vars.limit = 10
        backup.save()
        number = ask_for(any_url, "bot", edit)
        good = ask(any_url, "bot", more=1)

        def applied() -> bool:
            backup.apply_edits()
            return told(any_url, "bot", good).fate == Fate.APPLIED

        assert eventually(applied, SOON)
        assert backup.vars.all() == {"limit": 10, "more": 1}
    refused = told(any_url, "bot", number)
    assert refused.fate == Fate.REFUSED
    assert why in refused.said
    assert "An edit of 'bot', by kim, is refused" in caplog.text
