"""Waiting in an event loop: hundreds of saves that end together wake it once, and nobody is waited for in vain."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing
from contextvars import Context
from typing import TypeVarTuple, Unpack

import pytest

from stratvars.aio import _post_of, settled
from stratvars.lane import Lane, Offer
from stratvars.revision import Claim, Reason, State
from stratvars.store.memory import MemoryStore
from stratvars.testing import TABLE
from stratvars.writer import Writer

_Given = TypeVarTuple("_Given")


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts how often another thread calls."""

    calls = 0

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[_Given]], object], *args: *_Given, context: Context | None = None
    ) -> asyncio.Handle:
        self.calls += 1
        return super().call_soon_threadsafe(callback, *args, context=context)


@pytest.fixture
def writer() -> Iterator[Writer]:
    with closing(Writer(MemoryStore())) as writer:
        yield writer


def left(writer: Writer, name: str) -> tuple[Lane, int]:
    """A state of a new strategy, left with the writer by somebody who waits for it next."""
    store = writer.store
    store.prepare(TABLE)
    claim = store.acquire(TABLE, name, "me", f"start-{name}")
    assert isinstance(claim, Claim)
    lane = Lane(claim, State({}), 1)
    writer.attach(lane)
    return lane, offered(writer, lane, "1")


def offered(writer: Writer, lane: Lane, text: str) -> int:
    return writer.offer(lane, Offer(State({"x": text}), Reason.MANUAL, complete=True), is_awaited=True)


def test_saves_that_end_while_the_loop_is_busy_wake_it_once(writer: Writer) -> None:
    async def main(loop: CountingLoop) -> list[bool]:
        with writer._turning:  # no save ends before all are waited for
            saves = [left(writer, f"bot-{number}") for number in range(20)]
            waits = [asyncio.create_task(settled(writer, lane, ticket, 30)) for lane, ticket in saves]
            await asyncio.sleep(0)
            assert len(writer._waiting) == 20
        end = time.monotonic() + 10
        while len(writer._waiting) and time.monotonic() < end:
            time.sleep(0.001)  # noqa: ASYNC251  the loop is busy
        assert loop.calls == 1
        return await asyncio.gather(*waits)

    loop = CountingLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(main(loop)) == [True] * 20


async def again_and_again(writer: Writer, name: str) -> None:
    lane, ticket = await asyncio.to_thread(left, writer, name)
    for number in range(50):
        assert await settled(writer, lane, ticket, 10)
        ticket = offered(writer, lane, f"2{number}")


def test_a_second_wait_wakes_the_loop_again(writer: Writer) -> None:
    begun = time.monotonic()
    asyncio.run(again_and_again(writer, "bot"))
    assert time.monotonic() - begun < 2, "the writer is told of each, and does not come by at the next renewal"


def test_a_wait_that_is_cancelled_or_over_is_watched_no_more(writer: Writer) -> None:
    async def main() -> None:
        with writer._turning:
            lane, ticket = left(writer, "bot")
            wait = asyncio.create_task(settled(writer, lane, ticket, 30))
            await asyncio.sleep(0)
            assert lane in writer._waiting
            wait.cancel()
            with pytest.raises(asyncio.CancelledError):
                await wait
            assert lane not in writer._waiting
            assert not await settled(writer, lane, ticket, 0.01)
            assert lane not in writer._waiting
        assert await settled(writer, lane, ticket, 10)
        assert not _post_of(asyncio.get_running_loop())._until

    asyncio.run(main())


def test_each_of_two_loops_in_threads_is_woken_for_its_own(writer: Writer) -> None:
    async def both() -> None:
        other = asyncio.to_thread(asyncio.run, again_and_again(writer, "inner"))
        await asyncio.gather(other, again_and_again(writer, "outer"))

    begun = time.monotonic()
    asyncio.run(both())
    assert time.monotonic() - begun < 5


def test_each_wait_ends_at_its_own_deadline_whichever_began_first(writer: Writer) -> None:
    ended: list[float] = []

    async def wait(lane: Lane, ticket: int, timeout: float) -> None:
        begun = time.monotonic()
        assert not await settled(writer, lane, ticket, timeout)
        assert time.monotonic() - begun > timeout - 0.01
        ended.append(timeout)

    async def main() -> None:
        with writer._turning:
            deadlines = [0.6, 0.2, 0.4, 0.2, 0.05]
            saves = [left(writer, f"bot-{number}") for number in range(len(deadlines))]
            async with asyncio.timeout(10):
                await asyncio.gather(*(wait(*save, deadline) for save, deadline in zip(saves, deadlines, strict=True)))
                assert ended == sorted(deadlines), "none waits for a later one"
                await wait(*saves[0], 0.05)  # without a new timer, after the last one rang, it would not end

    asyncio.run(main())


def test_a_loop_that_has_ended_is_not_kept_alive(writer: Writer) -> None:
    loop = asyncio.new_event_loop()
    with closing(loop):
        assert loop.run_until_complete(settled(writer, *left(writer, "bot"), 30))
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None


class TimingLoop(asyncio.SelectorEventLoop):
    """Counts its timers."""

    timers = 0

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Given]], object],
        *args: *_Given,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self.timers += 1
        return super().call_at(when, callback, *args, context=context)


def test_waits_with_one_deadline_share_one_timer(writer: Writer) -> None:
    loop = TimingLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:

        async def main() -> None:
            lane, ticket = left(writer, "bot")
            for number in range(50):
                assert await settled(writer, lane, ticket, 30)
                ticket = offered(writer, lane, f"2{number}")

        runner.run(main())
        assert loop.timers == 1


def test_a_timer_that_a_sooner_one_replaced_sets_none_again(writer: Writer) -> None:
    loop = TimingLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner, writer._turning:

        async def main() -> list[bool]:
            saves = [left(writer, f"bot-{number}") for number in range(3)]
            waits = [settled(writer, *save, timeout) for save, timeout in zip(saves, (0.2, 0.05, 0.4), strict=True)]
            return await asyncio.gather(*waits)

        assert runner.run(main()) == [False] * 3
        assert loop.timers == 4, "at 0.2 and 0.05; at 0.2 again, and then at 0.4"
