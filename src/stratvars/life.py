"""The life of one strategy: the order of its hooks, and what is saved at each ending.

``initialize`` sets defaults, saved variables are laid over them, ``before_starting_trading`` follows, then come the
iterations with a backup after each, then the ending. The state is saved before a hook of the ending is called, and
again after it: an error in the hook loses nothing, and what the hook changes is kept. A hook may be an ``async def``:
it runs in an event loop of the strategy's own, whose other tasks go on between two iterations.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from enum import Enum
from typing import TYPE_CHECKING, Any, SupportsIndex

from stratvars import schedule
from stratvars.backup import Backup
from stratvars.errors import FencedError, StratvarsError, UsageError
from stratvars.grace import STOP_TIMEOUT, saved_while_it_hangs
from stratvars.hooks import Hooks, Turn, check
from stratvars.revision import Reason
from stratvars.session import LAST_DEADLINE
from stratvars.signals import Stop
from stratvars.turns import LOOK

if TYPE_CHECKING:
    from stratvars.aio import LoopThread

_log = logging.getLogger("stratvars")

_SHARE = 0.1
"""Seconds to wait for the variables of each of several that are left behind."""


class _End(Enum):
    DONE = "done"
    STOPPED = "stopped"


class Life:
    """See the module. Used once, by one thread.

    Args:
        hooks: the strategy.
        backup: of its variables; not open yet.
        sleeptime: from the start of one iteration to the start of the next.
        stop: when to end.
        max_iterations: how many to run; None for no end.

    Raises:
        UsageError: a hook, ``sleeptime`` or ``max_iterations`` cannot be used.
    """

    def __init__(
        self, hooks: Hooks, backup: Backup, sleeptime: str | float, stop: Stop, max_iterations: int | None
    ) -> None:
        if max_iterations is not None and (
            isinstance(max_iterations, bool) or not isinstance(max_iterations, SupportsIndex) or max_iterations < 0
        ):
            raise UsageError(
                f"max_iterations is {max_iterations!r}; give the whole number of iterations to run, or None"
            )
        check(hooks)
        self.backup = backup
        self._hooks = hooks
        self.is_ending = False
        """Whether the iterations are over."""
        self._loop: LoopThread | None = None
        self._interval = schedule.parse(sleeptime)
        self._stop = stop.follower()
        self._max_iterations = max_iterations

    def start(self) -> None:
        """Set the defaults and restore. An error here, the strategy's own too, ends it before anything is written.

        Raises:
            OwnedError, RestoreError, UnavailableError: see ``Backup.open``.
        """
        self._call(self._hooks.initialize)
        then = f", then {schedule.describe(self._interval)}" if self._interval else ""
        self.backup.open(f"first iteration now{then}")
        self.backup.when_fenced(self._stop.request)
        self.backup.when_edited(self._stop.nudge)

    def live(self, limit: AbstractContextManager[object]) -> None:
        """Run the iterations and the ending.

        Args:
            limit: entered around the iterations; it may interrupt them.

        Raises:
            Exception: the error that ended the strategy, its own or one of ours, after the last save.
            SystemExit: as the strategy raised it, after the last save.
        """
        try:
            self._live(limit)
        finally:
            self._close_loop()

    def save_as_it_stands(self) -> None:
        """Keep the state of an iteration that outlasts a stop. From any thread."""
        _log.warning(
            "%r still runs %g s after the stop: it is saved as it stands.",
            self.backup.name,
            STOP_TIMEOUT,
        )
        self.backup.save_as_it_stands(Reason.STOP)

    def give_up(self) -> None:
        """End a life that was started and is not lived: nothing is written, and no hook is called."""
        self.backup.abandon()
        self._close_loop()

    def save_the_last(self) -> None:
        """Take the last state of a life that cannot be interrupted, for ``leave_behind``; returns at once."""
        _log.error(
            "%r still runs, and cannot be interrupted in its thread. What it does from now on is not saved.",
            self.backup.name,
        )
        self.backup.leave_last(Reason.STOP, complete=False, patience=_SHARE)

    def leave_behind(self, timeout: float) -> None:
        """End the backup of a life that cannot be interrupted, within ``timeout`` seconds."""
        try:
            self.backup.close(Reason.STOP, complete=False, timeout=timeout)
        except StratvarsError as error:
            _log.error("The last state of %r is lost: %s", self.backup.name, error)

    def _live(self, limit: AbstractContextManager[object]) -> None:
        try:
            end = self._iterate(limit)
        except FencedError:
            self._end_fenced()
            raise
        except SystemExit:
            self._end(self._hooks.on_strategy_end, complete=False)
            raise
        except KeyboardInterrupt:  # a second signal, the end of the grace, or Ctrl-C where no handler could be set
            self._end(self._hooks.on_abrupt_closing, complete=False)
        except BaseException as error:
            self._end_crashed(error)
            raise
        else:
            hook = self._hooks.on_strategy_end if end is _End.DONE else self._hooks.on_abrupt_closing
            self._end(hook, complete=True)

    def _iterate(self, limit: AbstractContextManager[object]) -> _End:
        try:
            with limit:
                return self._iterations()
        finally:
            self.is_ending = True

    def _iterations(self) -> _End:
        self._guarded(self._hooks.before_starting_trading)
        first, done = time.monotonic(), 0
        while not self._stop.requested:
            if done == self._max_iterations:
                return _End.DONE
            self._take_edits()
            if not self.backup.may_begin():
                self._stop.wait(LOOK)
                continue
            if self._guarded(self._hooks.on_trading_iteration):
                self.backup.keep(Reason.ITERATION, complete=True)
            done += 1
            if done != self._max_iterations:
                now = time.monotonic()
                self._rest(schedule.next_tick(first, self._interval, now))
        return _End.STOPPED

    def _rest(self, end: float) -> None:
        """Wait for the next iteration; an edit that comes meanwhile is made at once."""
        while (left := end - time.monotonic()) > 0 and not self._stop.wait(left):
            self._take_edits()

    def _take_edits(self) -> None:
        changes = self.backup.apply_edits()
        if changes and self._guarded(lambda: self._hooks.on_vars_edited(changes)):
            self.backup.keep(Reason.EDIT, complete=True)

    def _guarded(self, hook: Callable[[], Turn]) -> bool:
        """Call a hook that may change the state half-way; True when it came to its end."""
        self.backup.turn(is_inside=True)
        try:
            self._call(hook)
        except FencedError:
            raise
        except Exception as error:
            if not self._goes_on_after(error):
                raise
            return False
        self.backup.turn(is_inside=False)
        return True

    def _goes_on_after(self, error: Exception) -> bool:
        self.backup.keep(Reason.ERROR, complete=False)
        try:
            with saved_while_it_hangs(lambda: self.backup.save_as_it_stands(Reason.ERROR)):
                goes_on = self._call(self._hooks.on_bot_crash, error) is True
        except FencedError:
            raise
        except Exception:  # noqa: BLE001  a hook's own error must not keep the first one from being saved and seen
            _log.exception("on_bot_crash failed")
            return False
        if goes_on:
            _log.error("%r goes on after an error, as on_bot_crash says", self.backup.name, exc_info=error)
            self.backup.keep(Reason.ERROR, complete=False)
            self.backup.turn(is_inside=False)
        return goes_on

    def _end(self, hook: Callable[[], Turn], *, complete: bool) -> None:
        begun = time.monotonic()
        left = LAST_DEADLINE
        try:
            self.backup.keep(Reason.STOP, complete=complete)
            left -= time.monotonic() - begun  # both saves together have the time of a last one
            with saved_while_it_hangs(lambda: self.backup.save_as_it_stands(Reason.STOP)):
                self._call(hook)
        except FencedError:
            self._end_fenced()
            raise
        except KeyboardInterrupt:  # a signal more: the hook has had its time, and the state is saved once more below
            _log.warning("A hook of %r was interrupted by a second signal.", self.backup.name)
        finally:
            self.backup.close(Reason.STOP, complete=complete, timeout=left)

    def _end_crashed(self, error: BaseException) -> None:
        try:
            self.backup.close(Reason.CRASH, complete=False)
        except StratvarsError as failure:
            # The strategy's own error is the one to be seen; ours stands beside it.
            error.add_note(f"stratvars, at the last save: {failure}")

    def _end_fenced(self) -> None:
        """Neither save nor sell: both are the new owner's now."""
        self.backup.hand_over()
        try:
            self._call(self._hooks.on_fenced)
        except Exception:  # noqa: BLE001  the news of the takeover is what must be seen
            _log.exception("on_fenced failed")

    def _call(self, hook: Callable[..., Any], *arguments: object) -> object:
        """Call a hook, and see an ``async`` one to its end."""
        if self._loop is not None and self._loop.is_held:
            _log.error("A hook of %r is not called: an earlier one cannot be interrupted.", self.backup.name)
            return None
        result = hook(*arguments)
        if not isinstance(result, Awaitable):
            return result
        if self._loop is None:
            from stratvars.aio import LoopThread  # asyncio is not for everybody, and slow to import

            self._loop = LoopThread(f"stratvars-loop-{self.backup.name}")
        return self._loop.run(result)

    def _close_loop(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.close()
