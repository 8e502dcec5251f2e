from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stratvars.signals import Stop, on_stop

# A parent may have had SIGINT ignored, as a shell does for what it starts in the background.
HEAD = """
import os, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from stratvars.signals import on_stop
def say(*words): print(*words, flush=True)
"""


@contextmanager
def child(body: str) -> Iterator[subprocess.Popen[str]]:
    """A real process that runs the body; it is killed if it does not end by itself."""
    arguments = [sys.executable, "-c", HEAD + body]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def rest(process: subprocess.Popen[str]) -> str:
    # Not communicate(): it does not see what readline() has read ahead.
    assert process.stdout is not None
    assert process.stderr is not None
    out = process.stdout.read()
    assert process.stderr.read() == ""
    process.wait()
    return out


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("timeout", ["None", "60", "1e300"])
def test_a_signal_ends_the_wait_at_once(signum: signal.Signals, timeout: str) -> None:
    body = f"""
with on_stop() as stop:
    say("ready", stop.requested, stop.signum)
    say(stop.wait({timeout}), stop.requested, stop.signum)
say("after")
"""
    with child(body) as process:
        assert line(process) == "ready False None"
        time.sleep(0.1)
        sent = time.monotonic()
        process.send_signal(signum)
        assert line(process) == f"True True {signum.value}"
        assert time.monotonic() - sent < 0.5
        assert rest(process) == "after\n"
        assert process.returncode == 0


def test_a_wait_without_a_signal_lasts_as_long_as_asked() -> None:
    with on_stop() as stop:
        start = time.monotonic()
        assert stop.wait(0.6) is False
        assert 0.6 <= time.monotonic() - start < 2
        assert stop.wait(0) is False
        assert stop.wait(-5) is False


def test_a_signal_before_the_wait_is_not_lost() -> None:
    with on_stop() as stop:
        assert stop.requested is False
        signal.raise_signal(signal.SIGTERM)
        start = time.monotonic()
        assert stop.wait(30) is True
        assert stop.wait(None) is True
        assert time.monotonic() - start < 0.5
        assert stop.signum == signal.SIGTERM


def test_a_signal_that_does_not_interrupt_the_waiting_call_is_seen_soon() -> None:
    # The main thread blocks the signal, so another one gets it and the main thread sleeps on. The same happens
    # when a signal comes between the interpreter's last look and the moment the call blocks.
    body = """
with on_stop() as stop:
    threading.Thread(target=time.sleep, args=(10,), daemon=True).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    say("ready")
    say(stop.wait(9))
"""
    with child(body) as process:
        assert line(process) == "ready"
        time.sleep(0.1)
        sent = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert line(process) == "True"
        assert time.monotonic() - sent < 0.5


def test_many_signals_at_any_moment_never_hang_the_wait() -> None:
    # Each turn sends the signal at another moment of the wait. A lock taken by the handler and by the waiter would
    # hang here sooner or later.
    body = """
def poke(delay):
    time.sleep(delay)
    os.kill(os.getpid(), signal.SIGTERM)
for turn in range(400):
    with on_stop() as stop:
        thread = threading.Thread(target=poke, args=(turn % 40 / 40_000,))
        thread.start()
        while not stop.wait(0.0001):
            pass
        thread.join()
say("done")
"""
    with child(body) as process:
        assert rest(process) == "done\n"


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_of_either_kind_interrupts_and_a_third_ends_the_process(
    first: signal.Signals, second: signal.Signals
) -> None:
    body = """
try:
    with on_stop() as stop:
        say("ready")
        say(stop.wait(30))
        time.sleep(30)
except KeyboardInterrupt as interrupt:
    say(interrupt)
time.sleep(30)
"""
    with child(body) as process:
        assert line(process) == "ready"
        process.send_signal(first)
        assert line(process) == "True"
        process.send_signal(second)
        assert line(process) == f"told to stop by {second.name} once more"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


def handlers() -> list[object]:
    return [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)]


@contextmanager
def installed(handler: object) -> Iterator[None]:
    before = handlers()
    try:
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, handler)  # type: ignore[arg-type]
        yield
    finally:
        for signum, previous in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(signum, previous)  # type: ignore[arg-type]


@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler, lambda *_: None])
def test_the_handlers_are_given_back_at_the_end_whatever_they_were(handler: object) -> None:
    with installed(handler):
        with on_stop():
            assert handler not in handlers()
        assert handlers() == [handler, handler]
        with pytest.raises(ZeroDivisionError), on_stop():
            raise ZeroDivisionError
        assert handlers() == [handler, handler]


def test_the_handlers_are_given_back_at_the_second_signal() -> None:
    with installed(signal.SIG_IGN), on_stop() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert signal.SIG_IGN not in handlers()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert handlers() == [signal.SIG_IGN] * 2
        assert stop.signum == signal.SIGTERM


def test_a_request_by_another_thread_does_not_make_the_first_signal_a_second_one() -> None:
    with on_stop() as stop:
        stop.request()
        signal.raise_signal(signal.SIGTERM)


def test_a_forked_child_ends_as_if_nothing_were_installed() -> None:
    body = """
with on_stop() as stop:
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    time.sleep(0.3)
    os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    say(os.waitstatus_to_exitcode(status), stop.requested)
"""
    with child(body) as process:
        assert rest(process) == f"{-signal.SIGTERM} False\n"


def test_the_handler_of_an_embedding_program_is_called_too() -> None:
    called: list[int] = []
    with installed(lambda signum, _: called.append(signum)), on_stop() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert (called, stop.requested) == ([signal.SIGTERM], True)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert called == [signal.SIGTERM, signal.SIGINT]


def test_the_stop_is_requested_even_when_the_chained_handler_raises() -> None:
    def fail(signum: int, frame: object) -> None:
        raise ZeroDivisionError

    with installed(fail), on_stop() as stop:
        with pytest.raises(ZeroDivisionError):
            signal.raise_signal(signal.SIGTERM)
        assert stop.requested


def test_a_handler_that_was_installed_inside_the_block_stays() -> None:
    def other(signum: int, frame: object) -> None:
        return

    with installed(signal.SIG_DFL):
        with on_stop():
            signal.signal(signal.SIGTERM, other)
        assert handlers() == [signal.SIG_DFL, other]


def test_one_signal_stops_all_nested_blocks_and_gives_everything_back() -> None:
    with installed(signal.default_int_handler):
        with on_stop() as outer:
            with on_stop() as inner:
                pass
            assert handlers() != [signal.default_int_handler] * 2
            with on_stop() as inner_again:
                signal.raise_signal(signal.SIGINT)
                assert (outer.requested, inner.requested, inner_again.requested) == (True, False, True)
        assert handlers() == [signal.default_int_handler] * 2


def test_in_another_thread_nothing_is_installed_and_a_request_still_stops() -> None:
    before = handlers()
    seen: list[object] = []
    stops: list[Stop] = []
    ready = threading.Event()

    def work() -> None:
        with on_stop() as stop:
            seen.append(handlers() == before)
            stops.append(stop)
            ready.set()
            seen.append(stop.wait(30))

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(5)
    start = time.monotonic()
    stops[0].request()
    thread.join(5)
    assert time.monotonic() - start < 0.5
    assert seen == [True, True]
    assert stops[0].signum is None


def test_a_request_wakes_all_waiters_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stratvars.signals._LONGEST_SLICE", 60)
    stop = Stop()
    results: list[bool] = []
    threads = [threading.Thread(target=lambda: results.append(stop.wait(None))) for _ in range(5)]
    for thread in threads:
        thread.start()
    start = time.monotonic()
    stop.request(15)
    stop.request(2)
    for thread in threads:
        thread.join(5)
    assert stop.signum == 15
    assert results == [True] * 5
    assert time.monotonic() - start < 0.5


def test_a_block_that_another_thread_leaves_open_or_closes_does_no_harm() -> None:
    block = on_stop()
    with installed(signal.SIG_DFL):
        stop = block.__enter__()
        closer = threading.Thread(target=block.__exit__, args=(None, None, None))
        closer.start()
        closer.join()
        signal.raise_signal(signal.SIGTERM)
        assert stop.requested
        assert handlers() == [signal.SIG_DFL, signal.SIG_DFL]
