"""Endings of a strategy in detail; the table of all of them is in tests/endings."""

from __future__ import annotations

import signal
import time

import pytest
from children import Place, wait_for_line

BOT = """
    import sys, time
    from stratvars import Strategy

    class Bot(Strategy):
        sleeptime = {sleeptime!r}

        def initialize(self):
            print("initialize", len(self.vars))
            self.vars.n = 0

        def before_starting_trading(self):
            print("before", self.vars.n)

        def on_trading_iteration(self):
            self.vars.n += 1
            print("iteration", self.vars.n)
            {iteration}

        def on_strategy_end(self):
            print("on_strategy_end")
            self.vars.ended = "end"

        def on_abrupt_closing(self):
            print("on_abrupt_closing")
            self.vars.ended = "abrupt"

        def on_bot_crash(self, error):
            print("on_bot_crash", type(error).__name__)
            self.vars.ended = "crash"

        def on_fenced(self):
            print("on_fenced")

    Bot().run({run})
    print("after run")
"""


def bot(iteration: str = "pass", run: str = "", sleeptime: str = "0") -> str:
    return BOT.format(iteration=iteration, run=run, sleeptime=sleeptime)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_wakes_a_sleeping_strategy_at_once(place: Place, signum: int) -> None:
    child = place.start(bot(sleeptime="1H"))
    wait_for_line(child, "iteration 1")
    time.sleep(0.2)
    sent = time.monotonic()
    child.send_signal(signum)
    out, err = child.communicate(timeout=30)
    assert time.monotonic() - sent < 5
    assert out.splitlines() == ["on_abrupt_closing", "after run"], err
    assert (place.variables, child.returncode) == ('{"n":1,"ended":"abrupt"}', 0)


def test_the_running_iteration_finishes_before_a_stop(place: Place) -> None:
    child = place.start(bot(iteration="time.sleep(1); self.vars.finished = True"))
    wait_for_line(child, "iteration 1")
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=30)
    assert place.variables == '{"n":1,"finished":true,"ended":"abrupt"}', err


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_hanging_iteration_and_its_state_is_saved_as_unfinished(
    place: Place, signum: int
) -> None:
    child = place.start(bot(iteration="time.sleep(60)"))
    wait_for_line(child, "iteration 1")
    child.send_signal(signum)
    time.sleep(0.5)
    child.send_signal(signum)
    out, err = child.communicate(timeout=30)
    assert out.splitlines() == ["on_abrupt_closing", "after run"], err
    assert (place.variables, child.returncode) == ('{"n":1,"ended":"abrupt"}', 0)
    assert place.rows("SELECT reason, complete FROM vars_backup_history") == [("stop", 0), ("stop", 0)]


def test_an_iteration_that_outlasts_the_stop_timeout_is_saved_as_it_stands(place: Place) -> None:
    child = place.start(bot(iteration="time.sleep(60)"))
    wait_for_line(child, "iteration 1")
    sent = time.monotonic()
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=30)
    assert 4 < time.monotonic() - sent < 10, "docker stop kills after ten seconds"
    assert out.splitlines() == ["on_abrupt_closing", "after run"], err
    assert "still runs 5 s after the stop" in err
    assert (place.variables, child.returncode) == ('{"n":1,"ended":"abrupt"}', 0)
    assert place.rows("SELECT reason, complete FROM vars_backup_history") == [("stop", 0), ("stop", 0)]


def test_an_iteration_that_cannot_be_interrupted_is_saved_before_it_is_killed(place: Place) -> None:
    stubborn = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); time.sleep(60)"
    body = bot(iteration=f"import os, signal; os.kill(os.getpid(), signal.SIGTERM); {stubborn}")
    child = place.start(body)
    wait_for_line(child, "iteration 1")
    time.sleep(8)
    child.kill()
    child.communicate(timeout=30)
    assert place.variables == '{"n":1}'
    assert place.rows("SELECT reason, complete FROM vars_backup_history") == [("stop", 0)]


def test_a_second_signal_in_a_hanging_hook_saves_what_the_hook_did(place: Place) -> None:
    child = place.start(
        bot(sleeptime="1H").replace('self.vars.ended = "abrupt"', 'self.vars.ended = "abrupt"; time.sleep(60)')
    )
    wait_for_line(child, "iteration 1")
    child.send_signal(signal.SIGTERM)
    wait_for_line(child, "on_abrupt_closing")
    time.sleep(0.3)
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=30)
    assert out.splitlines() == ["after run"], err
    assert (place.variables, child.returncode) == ('{"n":1,"ended":"abrupt"}', 0)


def test_the_last_save_writes_even_when_nothing_changed_and_iterations_without_a_change_do_not(place: Place) -> None:
    body = """
        from stratvars import Strategy

        class Bot(Strategy):
            sleeptime = 0

            def on_trading_iteration(self):
                self.vars.x = 1

        Bot().run(max_iterations=5)
    """
    assert place.run(body).returncode == 0
    assert place.reasons == ["iteration", "stop"]
    assert place.run(body).returncode == 0
    assert place.reasons == ["iteration", "stop", "stop"]


def test_a_process_that_just_ends_saves_what_there_is(place: Place) -> None:
    body = """
        from stratvars import Backup
        backup = Backup("plain").open()
        backup.vars.x = "newest"
    """
    assert place.run(body).returncode == 0
    assert (place.variables, place.reasons) == ('{"x":"newest"}', ["stop"])


def test_an_error_in_initialize_writes_nothing(place: Place) -> None:
    body = bot(run="max_iterations=1")
    assert place.run(body).returncode == 0
    before = (place.variables, place.reasons)
    done = place.run(body.replace("self.vars.n = 0", "raise RuntimeError('no broker')"))
    assert done.returncode == 1
    assert "no broker" in done.stderr
    assert "on_bot_crash" not in done.stdout
    assert (place.variables, place.reasons) == before


def test_an_error_before_the_first_iteration_is_a_crash_that_keeps_the_state(place: Place) -> None:
    body = bot(run="max_iterations=1")
    assert place.run(body).returncode == 0
    done = place.run(body.replace('print("before", self.vars.n)', "raise RuntimeError('no market data')"))
    assert done.returncode == 1
    assert "on_bot_crash RuntimeError" in done.stdout
    assert place.variables == '{"n":1,"ended":"crash"}'
    assert place.reasons[-1] == "crash"
