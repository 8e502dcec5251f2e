"""What a signal that raises leaves of a lock."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from stratvars.locks import GuardedRLock, is_mine, new_lock

INTERRUPTED = """
import signal, sys, threading, time
from stratvars import Vars
from stratvars.contents import lock_of
from stratvars.locks import GuardedRLock, is_mine, new_lock

class Raised(Exception): pass

def handler(*_): raise Raised

def change():
    while True:
        with lock:
            with lock:
                pass

def rival():
    while True:
        with lock:
            sum(range(100))

lock = {"new_lock": new_lock, "GuardedRLock": GuardedRLock, "Vars": Vars}[sys.argv[1]]()
inner = lock_of(lock) if sys.argv[1] == "Vars" else lock
if sys.argv[2] == "True":
    threading.Thread(target=rival, daemon=True).start()
signal.signal(signal.SIGALRM, handler)
hits = left = 0
end = time.monotonic() + 0.5
while time.monotonic() < end:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0003)
        change()
    except Raised:
        hits += 1
    while is_mine(inner):
        left += 1
        inner.release()
print(hits, left)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no timer that sends signals")
@pytest.mark.parametrize("has_rival", [False, True])
@pytest.mark.parametrize("kind", ["new_lock", "GuardedRLock", "Vars"])
def test_whenever_a_signal_handler_raises_no_block_leaves_its_lock_taken(
    kind: str, has_rival: bool, record_property: Callable[[str, object], None]
) -> None:
    command = [sys.executable, "-c", INTERRUPTED, kind, str(has_rival)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    hits, left = map(int, done.stdout.split())
    assert hits > 20
    assert left == 0
    record_property("counted", f"signals raised around a lock, {kind}: {hits}, left taken: {left}")


class Raised(BaseException):
    """What a handler raises."""


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_handler_that_raises_right_after_a_lock_was_taken_leaves_it_as_it_was(times: int) -> None:
    lock = GuardedRLock()
    for _ in range(times):
        lock.acquire()

    def look(_: object, event: str, of: object) -> None:
        if event == "c_return" and getattr(of, "__name__", "") == "extend":
            sys.setprofile(None)
            raise Raised

    sys.setprofile(look)
    try:
        with pytest.raises(Raised), lock:
            pass
    finally:
        sys.setprofile(None)
    for _ in range(times):
        assert is_mine(lock)
        lock.release()
    assert not is_mine(lock)


@pytest.mark.parametrize("lock", [new_lock(), GuardedRLock()])
def test_a_lock_is_taken_again_by_its_thread_and_given_back_as_often(lock: GuardedRLock) -> None:
    with lock:
        with lock:
            assert is_mine(lock)
        assert is_mine(lock)
    assert not is_mine(lock)
