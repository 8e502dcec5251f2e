"""A backup in an event loop: the loop is never held, a commit is never interrupted, on asyncio and uvloop.

uvloop is not optional here: without it these tests fail.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import psycopg
import pytest

from postgres.proxy import Proxy
from postgres.waiting import eventually
from stratvars import Backup
from stratvars.errors import NotSavedError

CALM = 1.0
"""Seconds; half of the shortest deadline. A loop that waits for a database stands still for longer."""
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine in an event loop of its own, in the calling thread."""

    def run(main: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=import_module(request.param).new_event_loop) as runner:
            runner.run(main)

    return run


class Heart:
    """A task that beats a hundred times a second, beside what is under test in the same loop."""

    def __init__(self) -> None:
        self.beats = 0
        self.longest_gap = 0.0

    async def beat(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.01)
            now = time.monotonic()
            self.longest_gap, last = max(self.longest_gap, now - last), now
            self.beats += 1


@asynccontextmanager
async def calm() -> AsyncIterator[None]:
    """The loop goes on all the time that the block waits, which is longer than a loop may stand still."""
    heart = Heart()
    beating, begun = asyncio.create_task(heart.beat()), time.monotonic()
    yield
    beating.cancel()
    assert time.monotonic() - begun > 1.5 * CALM, "nothing was waited for"
    assert heart.longest_gap < CALM
    assert heart.beats > 50


def stored(url: str) -> dict[str, str]:
    """The variables of each strategy, as text."""
    with psycopg.connect(url) as connection:
        return dict(connection.execute("SELECT strategy_id, variables FROM vars_backup").fetchall())


def holders(url: str) -> list[str]:
    """The strategies that somebody holds."""
    with psycopg.connect(url) as connection:
        query = "SELECT strategy_id FROM vars_backup_writers WHERE owner <> '' ORDER BY strategy_id"
        return [name for (name,) in connection.execute(query)]


async def save_in_vain(backup: Backup) -> None:
    backup.vars.x = 1
    with pytest.raises(NotSavedError):
        await backup.asave()


async def turn_in_vain(backup: Backup) -> None:
    turns = 0
    async for _ in backup.every("0.1S"):
        turns += 1
        backup.vars.x = turns
        if turns == 2:
            break


async def leave_in_vain(backup: Backup) -> None:
    backup.vars.x = 1
    with pytest.raises(NotSavedError):
        await backup.__aexit__(None, None, None)


async def enter_in_vain(backup: Backup) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await backup.__aenter__()


async def wait_for_a_silent_network(url: str, proxy: Proxy, who: str, meeting: threading.Barrier) -> None:
    """Every verb that waits for a database, all at once."""
    one, two, three = [await Backup(f"{who} {number}", url).__aenter__() for number in (1, 2, 3)]
    await asyncio.to_thread(meeting.wait)
    proxy.black_hole(True)
    async with calm():
        four = Backup(f"{who} 4", f"{url}?application_name={who}")  # by a connection of its own
        await asyncio.gather(save_in_vain(one), turn_in_vain(two), leave_in_vain(three), enter_in_vain(four))
    await asyncio.to_thread(meeting.wait)
    proxy.black_hole(False)
    for backup in (one, two):
        await backup.__aexit__(None, None, None)


def test_no_event_loop_stands_still_while_the_network_is_silent_in_any_thread(
    pg_url: str, proxy: Proxy, run: Run
) -> None:
    url, meeting, ended = proxy.url(pg_url), threading.Barrier(2, timeout=30), []

    def live(who: str) -> None:
        run(wait_for_a_silent_network(url, proxy, who, meeting))
        ended.append(who)

    thread = threading.Thread(target=live, args=("another",))
    thread.start()
    live("main")
    thread.join(30)
    assert sorted(ended) == ["another", "main"]
    states = stored(pg_url)
    assert [states[f"{who} {number}"] for who in ("main", "another") for number in (1, 2)] == [
        *('{"x":1}', '{"x":2}', '{"x":1}', '{"x":2}'),
    ]
    assert holders(pg_url) == []


def test_a_cancelled_save_stops_waiting_and_lands_all_the_same(pg_url: str, proxy: Proxy, run: Run) -> None:
    async def main() -> None:
        async with Backup("bot", proxy.url(pg_url)) as backup:
            backup.vars.x = 1
            proxy.black_hole(True)
            saving = asyncio.create_task(backup.asave(timeout=30))
            await asyncio.sleep(0.2)
            begun = time.monotonic()
            saving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await saving
            assert time.monotonic() - begun < CALM
            backup.vars.x = "not saved by anybody"
            proxy.black_hole(False)
            assert await asyncio.to_thread(eventually, lambda: stored(pg_url) == {"bot": '{"x":1}'})

    run(main())


def test_a_save_keeps_the_state_of_its_call_whatever_changes_while_it_waits(
    pg_url: str, proxy: Proxy, run: Run
) -> None:
    async def main() -> None:
        async with Backup("bot", proxy.url(pg_url)) as backup:
            proxy.delay(0.2)
            backup.vars.book = [1]
            saving = asyncio.create_task(backup.asave())
            await asyncio.sleep(0.1)
            assert not saving.done()
            backup.vars.book.append(2)
            await saving
            proxy.delay(0)
            assert stored(pg_url) == {"bot": '{"book":[1]}'}

    run(main())


def test_a_start_that_is_cancelled_at_any_moment_leaves_the_name_free(pg_url: str, proxy: Proxy, run: Run) -> None:
    undone = entered = 0

    async def main() -> None:
        nonlocal undone, entered
        for number in range(10):
            backup = Backup("bot", proxy.url(pg_url))
            entering = asyncio.create_task(backup.__aenter__())
            await asyncio.sleep(number * 0.04)
            entering.cancel()
            try:
                await entering
            except asyncio.CancelledError:
                undone += 1
            else:
                entered += 1
                await backup.aclose()
            assert holders(pg_url) == []

    with Backup("first", pg_url):  # makes the tables
        pass
    proxy.delay(0.003)
    run(main())
    assert undone > 2
    assert entered > 0, "the last ones must have come too late to hinder a start"


def test_an_end_that_is_cancelled_again_and_again_saves_the_last_state(pg_url: str, proxy: Proxy, run: Run) -> None:
    async def leave(is_leaving: asyncio.Event) -> None:
        async with Backup("bot", proxy.url(pg_url)) as backup:
            backup.vars.x = 1
            proxy.delay(0.2)
            is_leaving.set()
        raise AssertionError("the cancellation is not lost")

    async def main() -> None:
        is_leaving = asyncio.Event()
        leaving = asyncio.create_task(leave(is_leaving))
        await is_leaving.wait()
        for _ in range(3):
            await asyncio.sleep(0.1)
            leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving

    run(main())
    assert stored(pg_url) == {"bot": '{"x":1}'}
    assert holders(pg_url) == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["in a turn", "between two turns"])
def test_a_signal_ends_the_turns_of_any_loop(pg_url: str, run: Run, signum: int, moment: str) -> None:
    async def main() -> None:
        turns = 0
        async with Backup("bot", pg_url) as backup:
            async for _ in backup.every("0.2S" if moment == "in a turn" else "1H"):
                turns += 1
                backup.vars.x = turns
                asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signum)
                if moment == "in a turn":
                    await asyncio.sleep(0.15)
                backup.vars.is_finished = True
        assert turns == 1

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    run(main())
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert stored(pg_url) == {"bot": '{"x":1,"is_finished":true}'}


def test_sigterm_ends_a_plain_block_of_any_loop_after_its_last_save(pg_url: str, run: Run) -> None:
    async def main() -> None:
        async with Backup("bot", pg_url) as backup:
            backup.vars.x = 1
            asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGTERM)
            await asyncio.sleep(30)

    with pytest.raises(SystemExit) as raised:
        run(main())
    assert raised.value.code == 143
    assert stored(pg_url) == {"bot": '{"x":1}'}
