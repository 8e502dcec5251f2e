"""How a user says how long revisions are kept."""

from __future__ import annotations

import math

import pytest

from stratvars.errors import UsageError
from stratvars.retention import ALL, Retention, Size, parse

DAY = 86_400


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("all", ALL),
        (" ALL ", ALL),
        ("30d", Retention(everything=30 * DAY)),
        ("everything=30d", Retention(everything=30 * DAY)),
        ("12h", Retention(everything=DAY / 2)),
        ("1.5d", Retention(everything=1.5 * DAY)),
        ("0s", Retention(everything=0)),
        ("hourly=all", Retention(hourly=math.inf)),
        ("daily=52w, revisions=2_000", Retention(daily=364 * DAY, most=Size(2_000, 256_000_000))),
        ("revisions=all size=all", Retention(most=Size(math.inf, math.inf))),
        ("size=1.5GB", Retention(most=Size(100_000, 1_500_000_000))),
    ],
)
def test_a_setting_is_read_and_what_it_does_not_name_keeps_its_default(text: str, meant: Retention) -> None:
    assert parse(text, "the argument retention") == meant


def test_by_default_a_week_is_kept_whole_then_hours_for_ninety_days_then_days() -> None:
    assert Retention() == Retention(7 * DAY, 90 * DAY, math.inf, Size(100_000, 256_000_000))
    assert parse("7d", "here") == Retention()
    assert [ALL.keeps_all, Retention().keeps_all] == [True, False]


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "never", "7", "7 d", "-7d", "7dd", "everything", "everything=", "=7d", "size=7", "size=7d"),
        *("revisions=7d", "revisions=1.5", "revisions=-1", "weekly=7d", "everything=7d everything=8d", "7d hourly=3d"),
        *("all 7d", "٣d", "nand"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_what_can(text: str) -> None:
    with pytest.raises(UsageError, match=r"^here is .*everything=7d hourly=90d daily=all revisions=100000 size=256MB"):
        parse(text, "here")
