"""The life of one strategy: the order of its hooks, and what is saved at each ending.

``initialize`` sets defaults, saved variables are laid over them, ``before_starting_trading`` follows, then come the
iterations with a backup after each, then the ending. The state is saved before a hook of the ending is called, and
again after it: an error in the hook loses nothing, and what the hook changes is kept.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Protocol

from stratvars import schedule
from stratvars.backup import Backup
from stratvars.errors import FencedError, StratvarsError, UsageError
from stratvars.grace import STOP_TIMEOUT, limited_by
from stratvars.revision import Reason
from stratvars.signals import Stop

_log = logging.getLogger("stratvars")


class Hooks(Protocol):
    """What is called in the course of a life. All but ``on_trading_iteration`` may do nothing."""

    def initialize(self) -> None:
        """Set defaults; saved variables are not there yet."""

    def before_starting_trading(self) -> None:
        """Once, after the restore and before the first iteration."""

    def on_trading_iteration(self) -> None:
        """One turn of the strategy."""

    def on_strategy_end(self) -> None:
        """The strategy ended by itself."""

    def on_abrupt_closing(self) -> None:
        """It was told to stop by SIGINT or SIGTERM."""

    def on_bot_crash(self, error: BaseException) -> object:
        """An error was raised; True means: go on with the next iteration."""

    def on_fenced(self) -> None:
        """Another process took the strategy over: neither trade nor write."""


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
        UsageError: ``sleeptime`` or ``max_iterations`` cannot be used.
    """

    def __init__(
        self, hooks: Hooks, backup: Backup, sleeptime: str | float, stop: Stop, max_iterations: int | None
    ) -> None:
        if max_iterations is not None and max_iterations < 0:
            raise UsageError(f"max_iterations is {max_iterations}; give the number of iterations to run, or None")
        self._hooks = hooks
        self._backup = backup
        self._interval = schedule.parse(sleeptime)
        self._stop = stop
        self._max_iterations = max_iterations

    def start(self) -> None:
        """Set the defaults and restore. An error here, the strategy's own too, ends it before anything is written.

        Raises:
            OwnedError, RestoreError, UnavailableError: see ``Backup.open``.
        """
        self._hooks.initialize()
        then = f", then {schedule.describe(self._interval)}" if self._interval else ""
        self._backup.open(f"first iteration now{then}")

    def live(self) -> None:
        """Run the iterations and the ending.

        Raises:
            Exception: the error that ended the strategy, its own or one of ours, after the last save.
            SystemExit: as the strategy raised it, after the last save.
        """
        try:
            with limited_by(self._stop, self._save_as_it_stands):
                end = self._iterations()
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

    def _iterations(self) -> _End:
        self._guarded(self._hooks.before_starting_trading)
        first, done = time.monotonic(), 0
        while not self._stop.requested:
            if done == self._max_iterations:
                return _End.DONE
            if self._guarded(self._hooks.on_trading_iteration):
                self._backup.keep(Reason.ITERATION, complete=True)
            done += 1
            if done != self._max_iterations:
                now = time.monotonic()
                self._stop.wait(schedule.next_tick(first, self._interval, now) - now)
        return _End.STOPPED

    def _guarded(self, hook: Callable[[], None]) -> bool:
        """Call a hook that may change the state half-way; True when it came to its end."""
        self._backup.turn(is_inside=True)
        try:
            hook()
        except FencedError:
            raise
        except Exception as error:
            if not self._goes_on_after(error):
                raise
            return False
        self._backup.turn(is_inside=False)
        return True

    def _save_as_it_stands(self) -> None:
        _log.warning(
            "An iteration of %r still runs %g s after the stop: it is saved as it stands, and interrupted.",
            self._backup.name,
            STOP_TIMEOUT,
        )
        with suppress(FencedError):  # the iteration's own thread meets it too, and ends the strategy
            self._backup.keep(Reason.STOP, complete=False)

    def _goes_on_after(self, error: Exception) -> bool:
        self._backup.keep(Reason.ERROR, complete=False)
        try:
            goes_on = self._hooks.on_bot_crash(error) is True
        except FencedError:
            raise
        except Exception:  # noqa: BLE001  a hook's own error must not keep the first one from being saved and seen
            _log.exception("on_bot_crash failed")
            return False
        if goes_on:
            _log.error("%r goes on after an error, as on_bot_crash says", self._backup.name, exc_info=error)
            self._backup.keep(Reason.ERROR, complete=False)
            self._backup.turn(is_inside=False)
        return goes_on

    def _end(self, hook: Callable[[], None], *, complete: bool) -> None:
        try:
            self._backup.keep(Reason.STOP, complete=complete)
            hook()
        except FencedError:
            self._end_fenced()
            raise
        except KeyboardInterrupt:  # a signal more: the hook has had its time, and the state is saved once more below
            _log.warning("A hook of %r was interrupted by a second signal.", self._backup.name)
        finally:
            self._backup.close(Reason.STOP, complete=complete)

    def _end_crashed(self, error: BaseException) -> None:
        try:
            self._backup.close(Reason.CRASH, complete=False)
        except StratvarsError as failure:
            # The strategy's own error is the one to be seen; ours stands beside it.
            error.add_note(f"stratvars, at the last save: {failure}")

    def _end_fenced(self) -> None:
        """Neither save nor sell: both are the new owner's now."""
        self._backup.abandon()
        try:
            self._hooks.on_fenced()
        except Exception:  # noqa: BLE001  the news of the takeover is what must be seen
            _log.exception("on_fenced failed")
