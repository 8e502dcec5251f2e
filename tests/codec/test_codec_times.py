"""Moments as somebody may write them by hand into the table."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone

import pytest
from same import same

from examples import BERLIN
from stratvars.codec import decode
from stratvars.errors import UndecodableError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-10-27T02:30:00+02:00[Europe/Berlin]", datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN)),
        ("2024-10-27T02:30:00+01:00[Europe/Berlin]", datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1)),
        ("2024-10-27T02:30:00[Europe/Berlin]", datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN)),
        ("2024-06-01T02:30:00+02:00[Europe/Berlin]", datetime(2024, 6, 1, 2, 30, tzinfo=BERLIN)),
        ("2024-06-01 02:30", datetime(2024, 6, 1, 2, 30)),  # noqa: DTZ001 - a naive moment is a value too
        ("2024-06-01T02:30:00.5Z", datetime(2024, 6, 1, 2, 30, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_the_offset_tells_which_of_two_equal_hours_is_meant(text: str, value: datetime) -> None:
    assert same(decode(f'{{"$datetime":"{text}"}}'), value)


def test_the_wall_clock_stays_where_the_rules_of_a_zone_have_changed() -> None:
    read = decode('{"$datetime":"2024-06-01T02:30:00+05:00[Europe/Berlin]"}')
    assert same(read, datetime(2024, 6, 1, 2, 30, tzinfo=BERLIN))


@pytest.mark.parametrize("zone", ["Nowhere/Atlantis", "Europe", "../etc/passwd", "x" * 5000, "Europe/Berlin "])
def test_an_unknown_zone_is_undecodable_and_names_the_remedy(zone: str) -> None:
    with pytest.raises(UndecodableError, match="is not known on this machine; install the package tzdata"):
        decode(f'{{"$time":"09:30:00[{zone}]"}}')


@pytest.mark.parametrize("seconds", [1, -1, 3600, -86399, 86399])
@pytest.mark.parametrize("microseconds", [0, 1, -1, 999_999])
def test_an_offset_comes_back_to_the_microsecond(seconds: int, microseconds: int) -> None:
    offset = timedelta(seconds=seconds, microseconds=microseconds)
    if abs(offset) < timedelta(days=1):
        value = time(9, 30, tzinfo=timezone(offset))
        read = decode(f'{{"$time":"{value.isoformat()}"}}')
        assert same(read, value)
