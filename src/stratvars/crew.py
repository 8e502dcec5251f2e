"""Several strategies in one process, each in a thread of its own, so that none waits for another.

The calling thread waits for all of them. A strategy that outlasts a stop cannot be interrupted there: it is saved as it
stands, and its thread is left behind, to end with the process. However many are, they are saved within one deadline.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from queue import Empty, SimpleQueue

from stratvars.errors import FencedError, StratvarsError
from stratvars.grace import STOP_TIMEOUT
from stratvars.life import Life
from stratvars.session import LAST_DEADLINE
from stratvars.signals import Stop

_log = logging.getLogger("stratvars")

_SLICE = 0.25
"""Seconds; the main thread looks up so often, for a signal may arrive at a moment that wakes nobody."""


def run_together(lives: Sequence[Life], stop: Stop) -> None:
    """Run lives that are started until all have ended, each with its own ending.

    Raises:
        BaseException: the worst of what ended them, by its exit code; the others stand beside it as notes.
    """
    crew = _Crew(lives)
    try:
        crew.wait_for_all_or(stop)
        crew.wait_for_all(STOP_TIMEOUT)
        crew.leave_behind([life for life in crew.running if not life.is_ending])
        crew.wait_for_all(LAST_DEADLINE)  # for the last saves of the others
    except KeyboardInterrupt:  # a second signal: now
        _log.warning("Told to stop once more.")
    crew.leave_behind(list(crew.running))
    crew.raise_the_worst()


class _Crew:
    def __init__(self, lives: Sequence[Life]) -> None:
        self._ended: SimpleQueue[tuple[Life, BaseException | None]] = SimpleQueue()
        self._errors: list[tuple[Life, BaseException]] = []
        self.running = set(lives)
        for life in lives:
            name = f"stratvars-{life.backup.name}"
            threading.Thread(target=self._live, args=(life,), name=name, daemon=True).start()

    def _live(self, life: Life) -> None:
        try:
            life.live(nullcontext())
        except BaseException as error:  # noqa: BLE001  whatever ends one strategy must not end the others
            self._ended.put((life, error))
        else:
            self._ended.put((life, None))

    def wait_for_all_or(self, stop: Stop) -> None:
        while self.running and not stop.requested:
            self._wait(_SLICE)

    def wait_for_all(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        while self.running and (left := end - time.monotonic()) > 0:
            self._wait(min(left, _SLICE))

    def leave_behind(self, lives: Sequence[Life]) -> None:
        """Save them as they stand, and wait for their threads no more."""
        for life in lives:
            life.save_the_last()
        end = time.monotonic() + LAST_DEADLINE
        for life in lives:
            life.leave_behind(max(end - time.monotonic(), 0.0))
            self.running.discard(life)

    def raise_the_worst(self) -> None:
        if not self._errors:
            return
        # Of two that are equally bad the first: it may be the reason of the other.
        worst, error = max(self._errors, key=lambda item: _badness(item[1]))
        for life, other in self._errors:
            if life is not worst:
                error.add_note(f"stratvars: {life.backup.name!r} had ended before or after, by {_name(other)}")
        raise error

    def _wait(self, seconds: float) -> None:
        try:
            life, error = self._ended.get(timeout=seconds)
        except Empty:
            return
        self.running.discard(life)
        if error is not None:
            self._errors.append((life, error))
            self._report(life, error)

    def _report(self, life: Life, error: BaseException) -> None:
        if self.running and not isinstance(error, SystemExit):
            # Now, and not only at the end: the others may run for weeks.
            trace = None if isinstance(error, FencedError) else error
            _log.error(
                "%r has ended by %s; the others go on (%d).",
                life.backup.name,
                _name(error),
                len(self.running),
                exc_info=trace,
            )


def _badness(error: BaseException) -> int:
    if isinstance(error, StratvarsError):
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 1


def _name(error: BaseException) -> str:
    return str(error) if isinstance(error, FencedError) else type(error).__name__
