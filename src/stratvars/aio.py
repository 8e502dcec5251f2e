"""Where asyncio meets threads: waiting without holding an event loop, and a loop for those who have none.

Whatever waits for a database does so in a thread; a loop that is not running any more is nobody's to wake.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Generic, TypeVar
from weakref import ref

from stratvars.lane import Lane
from stratvars.signals import exit_as_terminated
from stratvars.writer import Writer

_Result = TypeVar("_Result")

_ANSWER = 0.5
"""Seconds after which an event loop that does not answer is held by what runs there."""


class Bell:
    """Wakes one coroutine of the running event loop; ``ring`` may be called from any thread and in a signal handler."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake the waiter, or the next one."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits there
            self._loop.call_soon_threadsafe(self._event.set)

    def reset(self) -> None:
        """What rang until now wakes nobody any more."""
        self._event.clear()

    async def wait(self, timeout: float | None) -> bool:
        """Wait until it rings or ``timeout`` seconds are over; whether it rang."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), timeout)
        return self._event.is_set()


class _Post:
    """The waits of one event loop.

    All that other threads end until the loop looks cost it one call, and all deadlines one timer; another is set only
    where the next deadline comes sooner, or has passed.

    Args:
        loop: the running one; not kept alive.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = ref(loop)
        self._over: deque[asyncio.Future[None]] = deque()
        self._is_called = False
        self._until: dict[asyncio.Future[None], float] = {}
        self._rings_at = math.inf
        """When the timer ends the waits that are late, by the loop's clock."""

    def is_of(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether it is this one's."""
        return self._loop() is loop

    def begin(self, loop: asyncio.AbstractEventLoop, timeout: float) -> asyncio.Future[None]:
        """A wait that ends by itself after ``timeout`` seconds; in its loop, which calls ``forget`` after it."""
        wait = loop.create_future()
        self._until[wait] = until = loop.time() + timeout
        if until < self._rings_at:
            self._set_timer(loop, until)
        return wait

    def forget(self, wait: asyncio.Future[None]) -> None:
        """It is over."""
        del self._until[wait]

    def end(self, wait: asyncio.Future[None]) -> None:
        """End a wait soon; from any thread. One that is over already may be ended again."""
        self._over.append(wait)
        loop = self._loop()
        if loop is not None and not self._is_called:
            self._is_called = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits there
                loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        self._is_called = False  # before the look: what comes after it calls again
        while self._over:
            _end(self._over.popleft())

    def _set_timer(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        # Its handle, by which the one before it could be cancelled, would keep the loop alive.
        self._rings_at = at
        loop.call_at(at, self._end_the_late, at)

    def _end_the_late(self, rings_at: float) -> None:
        loop = self._loop()
        if loop is None or rings_at != self._rings_at:  # a sooner one took its place
            return
        now, self._rings_at = loop.time(), math.inf
        for wait, until in self._until.items():
            if until <= now:
                _end(wait)
        later = [until for until in self._until.values() if until > now]
        if later:
            self._set_timer(loop, min(later))


_here = threading.local()
"""``post``: of the loop that runs in this thread, or that ran here last."""


def _end(wait: asyncio.Future[None]) -> None:
    if not wait.done():
        wait.set_result(None)


def _post_of(loop: asyncio.AbstractEventLoop) -> _Post:
    post: _Post | None = getattr(_here, "post", None)
    if post is None or not post.is_of(loop):
        post = _here.post = _Post(loop)
    return post


async def settled(writer: Writer, lane: Lane, ticket: int, timeout: float) -> bool:
    """``Writer.wait`` that lets the event loop run. Cancelled, it stops waiting and disturbs nothing."""
    if lane.done >= ticket:  # as after every iteration in which nothing changed
        return True
    loop = asyncio.get_running_loop()
    post = _post_of(loop)
    wait = post.begin(loop, timeout)
    try:
        watch = writer.watch(lane, ticket, partial(post.end, wait))
        try:
            await wait
        finally:
            if not watch.is_settled:  # else nobody looks at it any more
                writer.unwatch(watch)
    finally:
        post.forget(wait)
    return lane.done >= ticket


class _Errand(Generic[_Result]):
    """A blocking call in a thread of its own.

    Not an executor: the interpreter waits for an executor's threads when it ends, and a dead network would keep it.
    """

    def __init__(self, call: Callable[[], _Result], bell: Bell) -> None:
        self._call = call
        self._bell = bell
        self._result: list[_Result] = []
        self.error: BaseException | None = None
        threading.Thread(target=self._run, name="stratvars-call", daemon=True).start()

    def _run(self) -> None:
        try:
            self._result.append(self._call())
        except BaseException as error:  # noqa: BLE001  handed to the waiter
            self.error = error
        self._bell.ring()

    async def end(self, cancel: Callable[[], object] | None = None) -> asyncio.CancelledError | None:
        """Wait for the end of the call; the cancellation that came meanwhile, if any."""
        cancelled: asyncio.CancelledError | None = None
        while True:
            try:
                await self._bell.wait(None)
            except asyncio.CancelledError as error:
                cancelled = error
                if cancel is not None:
                    cancel()
            else:
                return cancelled

    def result(self) -> _Result:
        if self.error is not None:
            raise self.error
        return self._result[0]


async def call_to_its_end(
    call: Callable[[], _Result],
    *,
    cancel: Callable[[], object] | None = None,
    undo: Callable[[], object] | None = None,
) -> _Result:
    """Run a blocking call in a thread and wait for its end, also when this task is cancelled meanwhile.

    Args:
        call: is never interrupted.
        cancel: called when the task is cancelled, so that the call may end early.
        undo: a blocking call for when the task was cancelled and the call succeeded all the same.

    Raises:
        asyncio.CancelledError: the task was cancelled, and the call has ended.
        Exception: what the call raised.
    """
    errand = _Errand(call, Bell())
    cancelled = await errand.end(cancel)
    if cancelled is None:
        return errand.result()
    if errand.error is None and undo is not None:
        await _Errand(undo, Bell()).end()
    raise cancelled


def canceller(note: Callable[[], object]) -> Callable[[], None]:
    """What a signal handler may call to cancel the current task; ``note`` is called before that."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def react() -> None:
        note()
        if loop.is_closed() or task is None:  # its block was abandoned: nobody else ends for it
            exit_as_terminated()
        loop.call_soon_threadsafe(task.cancel)

    return react


class LoopThread:
    """An event loop in a daemon thread of its own, which goes on between two calls: background tasks keep running.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self.is_held = False
        """Whether a call that was interrupted goes on there all the same, and lets nothing else run."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, awaitable: Awaitable[_Result]) -> _Result:
        """Await it there and wait for the end; interrupted here, it is cancelled there."""
        future = asyncio.run_coroutine_threadsafe(_kept_inside(awaitable), self._loop)
        try:
            result, error = future.result()
        except BaseException:
            if not future.done():  # interrupted
                future.cancel()
                self.is_held = not self._answers(_ANSWER)
            raise
        if error is not None:
            raise error
        return result[0]

    def close(self, timeout: float = 1.0) -> None:
        """Cancel the tasks that are left and end the loop; waits for that for ``timeout`` seconds."""
        if self.is_held:
            return
        with suppress(TimeoutError, RuntimeError):
            asyncio.run_coroutine_threadsafe(_cancel_the_others(), self._loop).result(timeout)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout)
        if not self._thread.is_alive():
            self._loop.close()

    def _answers(self, timeout: float) -> bool:
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop).result(timeout)
            return True
        return False


async def _kept_inside(awaitable: Awaitable[_Result]) -> tuple[list[_Result], BaseException | None]:
    # SystemExit and KeyboardInterrupt would end the loop instead of reaching the caller.
    try:
        return [await awaitable], None
    except (SystemExit, KeyboardInterrupt) as error:
        return [], error


async def _cancel_the_others() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
