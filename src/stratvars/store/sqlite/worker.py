"""A thread that does what may hang, for callers who must be free again at a certain time.

The thread that makes a call which hangs in a disk cannot give it up: an fsync(2) of a disk that does not answer is not
interrupted by anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Generic, TypeVar

_Done = TypeVar("_Done")
_Work = tuple[Callable[[], _Done], list[_Done], threading.Lock]
"""What to do, where to put what came of it, and what to release then."""


class Worker(Generic[_Done]):
    """One daemon thread, which starts with its first work; idle, it holds nothing of what it did. Thread-safe."""

    # No Event: an error that a signal handler raises inside of one (Ctrl-C) can leave its lock taken for ever.

    def __init__(self, name: str) -> None:
        self._name = name
        self._asked: SimpleQueue[_Work[_Done] | None] = SimpleQueue()
        self._is_busy = False
        self._thread: threading.Thread | None = None

    def do(self, call: Callable[[], _Done], until: float) -> _Done | None:
        """What came of ``call``, at ``until`` by the monotonic clock at the latest.

        None: nothing is known of it, and it may still be going on; or it raised; or it was not begun, because what
        somebody asked for before is still going on, or because the interpreter is ending.
        """
        if self._is_busy or not (self._thread or self._start()):
            return None
        answer: list[_Done] = []
        over = threading.Lock()
        over.acquire()
        self._asked.put((call, answer, over))
        over.acquire(timeout=max(until - time.monotonic(), 0.0))
        return answer[0] if answer else None

    def close(self) -> None:
        """End the thread after what it is doing; that is not waited for. May be called twice."""
        self._asked.put(None)

    def _start(self) -> bool:
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        with suppress(RuntimeError):  # no thread can be started any more
            # Interrupted in here, it may run all the same; two of them share the work.
            thread.start()
            self._thread = thread
        return self._thread is not None

    def _run(self) -> None:
        while (work := self._asked.get()) is not None:
            self._is_busy = True
            self._do(*work)
            del work

    def _do(self, call: Callable[[], _Done], answer: list[_Done], over: threading.Lock) -> None:
        with suppress(Exception):  # as ``do`` says; this thread must live
            answer.append(call())
        self._is_busy = False  # before it is said, for the next work may follow at once
        over.release()
