"""A second start: waits for an owner that lives, takes over from the dead at once, and fences whom it took it from."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from runs import Base

PATIENT = 1.0
"""Seconds for an interpreter to start and to connect, beyond what is promised; the machine may be busy."""


@pytest.fixture(params=["sqlite", "postgres"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Base]:
    if request.param == "sqlite":
        yield Base(f"sqlite:///{tmp_path / 'lease.db'}", tmp_path)
    else:
        yield Base(str(request.getfixturevalue("pg_url")), tmp_path)


def test_a_start_waits_for_the_owner_says_so_once_and_goes_on_when_that_one_stops(base: Base) -> None:
    with base.start() as first:
        first.says("iteration 1")
        base.wait_for(1)
        with base.start() as second:
            second.says("Waiting up to 45 s for its end")
            assert f"is run by process {first.process.pid} on" in "".join(second.errors)
            time.sleep(1.2)
            assert (second.out, len(second.errors)) == ([], 1), "it waits, and says so once"
            first.send(signal.SIGTERM)
            assert first.ends() == 0
            second.says("iteration 2", 5)
            second.says("restored from revision", 5)  # another stream, which may be read a moment later


def test_a_start_that_does_not_wait_is_refused_and_told_the_remedy(base: Base) -> None:
    with base.start() as first:
        first.says("iteration 1")
        base.wait_for(1)
        with base.start("--wait", "0") as second:
            assert second.ends() == 4
            second.says("--take-over takes the strategy from it")
        with base.start(STRATVARS_WAIT="1") as third:
            assert third.ends() == 4
            third.says("is running already")
            assert third.out == []
        first.send(signal.SIGTERM)
        assert first.ends() == 0
        assert first.out == ["iteration 1", "on_abrupt_closing"]


def test_a_waiting_start_that_is_told_to_stop_stops(base: Base) -> None:
    with base.start() as first:
        first.says("iteration 1")
        base.wait_for(1)
        with base.start() as second:
            second.says("Waiting up to")
            second.send(signal.SIGTERM)
            assert second.ends(5) == 4
            second.says("told to stop while it waited")


def test_an_owner_that_is_taken_over_while_it_sleeps_learns_it_within_a_third_of_its_lease(base: Base) -> None:
    with base.start("--lease", "6") as first:
        first.says("iteration 1")
        base.wait_for(1)
        with base.start("--take-over") as second:
            second.says("iteration 2")
            taken = time.monotonic()
            assert first.ends(2 + PATIENT) == 4
            assert time.monotonic() - taken < 2 + PATIENT
            assert first.out == ["iteration 1", "on_fenced"], "no other hook, and no further iteration"
            second.says("is taken from process")
            second.send(signal.SIGTERM)
            assert second.ends() == 0
    assert base.variables == {"n": 2}


def test_after_a_kill_a_start_on_the_same_machine_waits_for_nothing(base: Base) -> None:
    with base.start() as first:
        first.says("iteration 1")
        base.wait_for(1)
        first.send(signal.SIGKILL)
        assert first.ends() == -9
    begun = time.monotonic()
    with base.start() as second:
        second.says("iteration 2")
        assert time.monotonic() - begun < 1 + 2 * PATIENT
        assert "Waiting" not in "".join(second.errors)


def test_after_a_kill_a_start_in_another_container_waits_for_the_lease_or_for_nothing(base: Base) -> None:
    """The lock of the operating system tells it beside one file, the end of the lease elsewhere."""
    with base.start("--lease", "3") as first:
        first.says("iteration 1")
        base.wait_for(1)
        first.send(signal.SIGKILL)
        first.ends()
    base.alter_owner(pid_namespace="4026539999")
    begun = time.monotonic()
    with base.start() as second:
        second.says("iteration 2", 10)
    waited = any("Waiting" in line for line in second.errors)
    assert waited != base.url.startswith("sqlite")
    assert time.monotonic() - begun < (1 if not waited else 4) + 2 * PATIENT


def test_an_owner_in_another_container_that_lives_is_waited_for(base: Base) -> None:
    with base.start("--lease", "2") as first:
        first.says("iteration 1")
        base.wait_for(1)
        base.alter_owner(pid_namespace="4026539999")
        with base.start("--wait", "5") as second:
            assert second.ends() == 4, "an idle owner renews its lease again and again"
            assert second.out == []
        assert first.process.poll() is None


@pytest.mark.parametrize("seconds", [3600, -3600], ids=["set back", "set forward"])
def test_a_clock_that_is_set_keeps_nobody_out_for_longer_than_a_lease(base: Base, seconds: float) -> None:
    with base.start("--lease", "2") as first:
        first.says("iteration 1")
        base.wait_for(1)
        first.send(signal.SIGKILL)
        first.ends()
    base.alter_owner(host="far-away", machine="another-boot", machine_id="")
    base.set_lease_end(seconds)
    begun = time.monotonic()
    with base.start() as second:
        second.says("iteration 2", 10)
        second.says("its lease has ended")
    assert time.monotonic() - begun < (2 if seconds > 0 else 0) + 1 + 2 * PATIENT


def test_an_owner_that_stood_still_past_its_lease_cannot_write_and_neither_iterates_nor_sells(base: Base) -> None:
    with base.start("--lease", "2", "--sleeptime", "0.3S") as first:
        first.says("iteration 2")
        time.sleep(0.1)  # not in the middle of a save: who stands still there keeps a file locked
        first.send(signal.SIGSTOP)
        with base.start("--sleeptime", "1H") as second:
            second.says("its lease has ended, and it did not renew it")
            counted = second.iterates()
            base.wait_for(counted)
            said = len(first.out)
            first.send(signal.SIGCONT)
            assert first.ends() == 4
            first.says("was taken over by a later start")
            # The iteration in which it was stopped may end.
            assert [line for line in first.out[said:] if not line.startswith("iteration")] == ["on_fenced"]
            assert len(first.out[said:]) <= 2
            assert base.variables["n"] == counted
    reasons = {(epoch, reason) for epoch, reason, _ in base.history}
    assert all(reason != "fenced" or epoch == 1 for epoch, reason in reasons)
