"""The time that a running iteration is given to finish after a stop.

Whoever stops a bot (a container, a service manager, a person) kills it after a while. So an iteration that outlasts the
grace is saved as it stands, and then interrupted; code that cannot be interrupted is at least saved.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stratvars.locks import new_lock
from stratvars.signals import Stop

STOP_TIMEOUT = 5.0
"""Seconds from the signal to the interruption; half of what ``docker stop`` gives, and the last save needs the rest."""
_LOOK = 1.0


@contextmanager
def limited_by(stop: Stop, outlasted: Callable[[], None]) -> Iterator[None]:
    """Limit the block to ``STOP_TIMEOUT`` seconds after a stop by a signal.

    Past that, ``outlasted`` is called in a thread of ours, and ``KeyboardInterrupt`` is raised in the block. Outside of
    the main thread, which no signal reaches, and for a stop that no signal asked for, nothing is limited.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    finished = threading.Event()
    guard = new_lock()
    runner = threading.current_thread()

    def watch() -> None:
        while not stop.wait(_LOOK):
            if finished.is_set():
                return
        if stop.signum is None or finished.wait(STOP_TIMEOUT):
            return
        outlasted()
        with guard:  # a block that ends at this moment must not be interrupted after its end
            if not finished.is_set() and sys.platform != "win32":
                signal.pthread_kill(runner.ident or 0, stop.signum)

    threading.Thread(target=watch, name="stratvars-grace", daemon=True).start()
    try:
        yield
    finally:
        with guard:
            finished.set()


@contextmanager
def saved_while_it_hangs(save: Callable[[], None]) -> Iterator[None]:
    """Call ``save`` once, in a thread of ours, when the block takes ``STOP_TIMEOUT`` seconds: a kill may follow."""
    timer = threading.Timer(STOP_TIMEOUT, save)
    timer.name, timer.daemon = "stratvars-grace", True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
