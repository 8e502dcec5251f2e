"""A signal handler of the program runs in the middle of a save, and saves, closes or raises.

Python runs handlers between two steps of its main thread. Here a step after the other is tried: a function that is told
of every call and every return (``sys.setprofile``) does what a handler would do, at the first of them, then at a later
one, and so on to the end of the save.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from types import FrameType
from typing import NamedTuple

import pytest

from either import sql
from stratvars import Backup
from stratvars.errors import UsageError
from stratvars.lane import Lane, Offer
from stratvars.revision import Claim, Reason, State
from stratvars.vars import Vars

_IS_ONE_STEP = sys.version_info >= (3, 15)
"""Whether Python tells that a lock was taken by ``with``, and runs no handler before the block; 3.14 runs one."""
_LEAST = 60
"""Steps of a save that changes something; less would mean that nothing was tried."""


class Steps(NamedTuple):
    """Which steps are tried: each so manieth of those at which this is told."""

    stride: int = 1
    events: Sequence[str] = ("call", "return", "c_call", "c_return")


_ALL = Steps()


class Interrupted(BaseException):
    """What a handler raises."""


def interrupted(work: Callable[[], object], step: int, handler: Callable[[], object], events: Sequence[str]) -> bool:
    """Do the work, with the handler at one of its steps; False where it has not so many."""
    left = step

    def look(_: FrameType, event: str, of: object) -> None:
        nonlocal left
        is_entered = event == "c_return" and getattr(of, "__name__", "") == "__enter__"
        left -= event in events and not (_IS_ONE_STEP and is_entered)
        if left == 0:
            left = -1
            handler()

    with suppress(Interrupted):
        sys.setprofile(look)
        try:
            work()
        finally:
            sys.setprofile(None)
    return left < 0


def stored(url: str) -> dict[str, object]:
    [(variables,)] = sql(url, "SELECT variables FROM vars_backup")
    found: dict[str, object] = json.loads(str(variables))
    return found


def numbers(url: str) -> list[int]:
    return [number for (number,) in sql(url, "SELECT revision FROM vars_backup_history ORDER BY epoch, revision")]


def keep(backup: Backup) -> None:
    backup.keep(Reason.ITERATION, complete=True)


def warm(backup: Backup) -> None:
    """The first saves: nothing is known of the rows, and the statement is not prepared."""
    for number in range(3):
        backup.vars.n = number
        backup.save()


def steps_of(
    work: Callable[[], object],
    handler: Callable[[int], object],
    before: Callable[[int], object],
    after: Callable[[int], object],
    steps: Steps = _ALL,
) -> int:
    """How many steps the work has, which were tried."""
    for step in count(1, steps.stride):
        before(step)
        began = time.monotonic()
        if not interrupted(work, step, partial(handler, step), steps.events):
            return step - 1
        assert time.monotonic() - began < 1.5, f"step {step} of the save held it up"
        after(step)
    raise AssertionError


STRIDES = pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.torture)])
"""A fifth of the steps, for each takes a connection or a start."""


@STRIDES
@pytest.mark.parametrize("save", [Backup.save, keep])
def test_a_handler_may_save_at_any_step_of_a_save_and_the_newest_state_stays(
    any_url: str, save: Callable[[Backup], None], stride: int, record_property: Callable[[str, object], None]
) -> None:
    with Backup("bot", any_url) as backup:
        warm(backup)

        def change(step: int) -> None:
            backup.vars.n = step * 2

        def handler(step: int) -> None:
            for part in (1, 2):
                backup.vars[f"by_handler_{part}"] = step
                save(backup)
                assert stored(any_url) == backup.vars.all()

        def check(_: int) -> None:
            assert stored(any_url) == backup.vars.all()

        steps = steps_of(lambda: save(backup), handler, change, check, Steps(stride))
        record_property("counted", f"steps of a save at which a handler saved: {steps}")
        assert steps > _LEAST
    kept = numbers(any_url)
    assert kept == [*range(1, len(kept) + 1)], "none is lost, none repeated, and no number is left out"


def test_a_state_that_a_handler_leaves_at_any_step_is_not_dropped_with_the_one_that_is_no_news() -> None:
    claim = Claim("vars_backup", "bot", "start-1", "me", 1, 0)
    lane = Lane(claim, State({"x": "1"}), 1)

    def leave(text: str, after: int | None = None) -> None:
        lane.offer(Offer(State({"x": text}), Reason.ITERATION, complete=True), after=after)

    def begin(_: int) -> None:
        nonlocal lane
        lane = Lane(claim, State({"x": "1"}), 1)

    def check(_: int) -> None:
        revision = lane.next()
        assert revision is not None
        assert revision.variables == '{"x":9}'

    assert steps_of(lambda: leave("1", after=0), lambda _: leave("9"), begin, check) > 5


@STRIDES
def test_a_handler_may_close_at_any_step_of_a_save(
    any_url: str, stride: int, record_property: Callable[[str, object], None]
) -> None:
    backup = Backup("bot", any_url)

    def begin(step: int) -> None:
        backup.open()
        warm(backup)
        backup.vars.n = step * 2

    def handler(step: int) -> None:
        backup.vars.last_words = step
        backup.close()
        assert stored(any_url) == {"n": step * 2, "last_words": step}

    def check(step: int) -> None:
        assert stored(any_url) == {"n": step * 2, "last_words": step}

    def save() -> None:
        with suppress(UsageError):  # where it is closed before it has begun
            backup.save()

    steps = steps_of(save, handler, begin, check, Steps(stride))
    backup.close()
    record_property("counted", f"steps of a save at which a handler closed: {steps}")
    assert steps > _LEAST


@pytest.mark.parametrize("is_changed", [False, True])
def test_a_handler_that_raises_at_any_step_leaves_no_lock_behind(any_url: str, is_changed: bool) -> None:
    with Backup("bot", any_url) as backup:
        warm(backup)

        def change(step: int) -> None:
            if is_changed:
                backup.vars.n = step * 2

        def handler(_: int) -> None:
            raise Interrupted

        def from_another_thread(step: int) -> None:
            backup.vars.other = step
            backup.save()

        def check(step: int) -> None:
            thread = threading.Thread(target=from_another_thread, args=(step,), daemon=True)
            thread.start()
            thread.join(3)
            assert not thread.is_alive(), f"step {step} left a lock behind"
            assert stored(any_url) == backup.vars.all()

        # Python looks for signals where a function of its own begins, and after every call.
        assert steps_of(lambda: keep(backup), handler, change, check, Steps(events=("call", "c_return"))) > 10


def test_a_handler_that_raises_at_the_begin_of_a_block_of_the_variables_leaves_their_lock_free() -> None:
    variables = Vars()

    def handler(_: int) -> None:
        raise Interrupted

    def check(step: int) -> None:
        thread = threading.Thread(target=variables.all, daemon=True)
        thread.start()
        thread.join(3)
        assert not thread.is_alive(), f"step {step} left a lock behind"

    assert steps_of(variables.__enter__, handler, lambda _: None, check, Steps(events=("call", "c_return"))) >= 3
