from __future__ import annotations

import math
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stratvars.errors import UsageError
from stratvars.schedule import age, describe, next_tick, parse

MOMENTS = st.floats(min_value=-1e10, max_value=1e10)
INTERVALS = st.floats(min_value=1e-3, max_value=1e8)


@pytest.mark.parametrize(
    ("sleeptime", "seconds"),
    [
        ("10S", 10),
        ("5M", 300),
        ("2H", 7_200),
        ("1D", 86_400),
        ("10s", 10),
        (" 1.5 h ", 5_400),
        (".5S", 0.5),
        ("2.M", 120),
        ("10", 600),
        ("0.25", 15),
        ("0", 0),
        ("0S", 0),
        (0, 0),
        (1, 60),
        (0.5, 30),
    ],
)
def test_a_sleeptime_is_read(sleeptime: str | float, seconds: float) -> None:
    assert parse(sleeptime) == seconds


@pytest.mark.parametrize(
    "sleeptime",
    [
        "abc",
        "",
        " ",
        "S",
        ".",
        ".S",
        "-5S",
        "+5S",
        "10X",
        "10SS",
        "1 0S",
        "1e3",
        "1_0",
        "5M 10S",
        "\u0661S",
        "nan",
        "inf",
        "9" * 400,
        math.nan,
        math.inf,
        -math.inf,
        -1,
        -0.1,
        10**400,
        True,
        False,
        None,
        [],
        b"10S",
    ],
)
def test_a_wrong_sleeptime_is_refused_and_the_right_forms_are_shown(sleeptime: str | float) -> None:
    with pytest.raises(UsageError, match=r"'10S', '5M', '2H' or '1D'.* a number for minutes, or 0"):
        parse(sleeptime)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        seconds = parse(text)
    except UsageError:
        return
    assert math.isfinite(seconds)
    assert seconds >= 0


@pytest.mark.parametrize(
    ("first", "interval", "now", "due"),
    [
        (0, 10, 0, 10),
        (0, 10, 9.9, 10),
        (0, 10, 10, 20),
        (0, 10, 57, 60),  # the iteration took five intervals: what was missed is not made up for
        (100, 10, 3, 110),  # a clock that was set back
        (5, 0, 7, 7),
        (0.1, 0.1, 0.35, 0.4),
    ],
)
def test_the_next_tick_is_the_next_point_of_the_grid(first: float, interval: float, now: float, due: float) -> None:
    assert next_tick(first, interval, now) == pytest.approx(due, abs=1e-12)


@given(first=MOMENTS, interval=INTERVALS, elapsed=st.floats(min_value=0, max_value=1e10))
@example(first=0.0, interval=0.1, elapsed=0.3)
@example(first=0.0, interval=0.1, elapsed=0.1 * 3)
@example(first=1e9, interval=1 / 3, elapsed=1e9)
@example(first=0.0, interval=1 / 3, elapsed=28791.999999999996)
def test_a_tick_lies_on_the_grid_after_now_and_none_is_skipped(first: float, interval: float, elapsed: float) -> None:
    now = first + elapsed
    tick = next_tick(first, interval, now)
    k = round((tick - first) / interval)
    slack = 4 * math.ulp(max(abs(first), abs(now), abs(tick)))
    assert tick > now
    assert tick - now <= interval + slack
    assert k == 1 or (k > 1 and first + (k - 1) * interval <= now)
    assert abs(first + k * interval - tick) <= slack


@given(first=MOMENTS, interval=INTERVALS, a=MOMENTS, b=MOMENTS)
def test_a_later_now_never_has_an_earlier_tick(first: float, interval: float, a: float, b: float) -> None:
    assert next_tick(first, interval, min(a, b)) <= next_tick(first, interval, max(a, b))


@given(first=MOMENTS, interval=INTERVALS)
def test_ticks_follow_each_other_one_by_one(first: float, interval: float) -> None:
    # What waking up exactly on time gives: neither a tick twice nor one left out.
    now = first
    for k in range(1, 50):
        now = next_tick(first, interval, now)
        assert now == first + k * interval


def test_a_hundred_thousand_late_wakeups_do_not_drift() -> None:
    late = random.Random(1)
    now = first = 1_700_000_000.0
    for _ in range(100_000):
        now = next_tick(first, 0.1, now) + late.uniform(0, 0.09)
    assert 0 <= now - (first + 10_000) < 0.1


@given(
    first=st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300),
    interval=st.floats(min_value=0, max_value=1e300),
    now=st.floats(min_value=-1e300, max_value=1e300),
)
@example(first=-1e300, interval=1.0, now=0.0)
@example(first=1e9, interval=1e-300, now=1e9)
@example(first=1e9, interval=1e-12, now=1e9 + 1)
def test_an_answer_is_given_at_once_for_any_numbers(first: float, interval: float, now: float) -> None:
    tick = next_tick(first, interval, now)
    assert tick == now if interval == 0 else tick > now


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "at once"),
        (0.5, "every 0.5 s"),
        (10, "every 10 s"),
        (90, "every 90 s"),
        (300, "every 5 min"),
        (5_400, "every 90 min"),
        (7_200, "every 2 h"),
        (86_400, "every 1 day"),
        (172_800, "every 2 days"),
        (100.25, "every 100.25 s"),
    ],
)
def test_an_interval_is_described(seconds: float, words: str) -> None:
    assert describe(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (3, "3 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (299, "4 min"),
        (3_599, "59 min"),
        (7_300, "2 h"),
        (86_399, "23 h"),
        (86_400, "1 day"),
        (432_000, "5 days"),
    ],
)
def test_an_age_is_described(seconds: float, words: str) -> None:
    assert age(seconds) == words


@given(st.floats(min_value=0.001, max_value=1e7, allow_nan=False).map(lambda seconds: round(seconds, 3)))
def test_a_described_interval_reads_back_as_the_same(seconds: float) -> None:
    number, unit = describe(seconds).removeprefix("every ").split()
    assert parse(number + unit[0]) == pytest.approx(seconds, rel=1e-9)
