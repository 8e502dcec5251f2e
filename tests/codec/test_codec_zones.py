"""Zones that would come back as another one, alone and in moments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta, timezone, tzinfo
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from refusing import refusal_of

from stratvars.codec import check


class Foreign(tzinfo):
    def utcoffset(self, dt: datetime | None) -> timedelta:
        return timedelta(hours=1)

    def dst(self, dt: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, dt: datetime | None) -> str:
        return "foreign"


def _no_cache() -> datetime:
    return datetime(2024, 1, 1, tzinfo=ZoneInfo.no_cache("Europe/Berlin"))


def _from_file() -> datetime:
    with files("tzdata").joinpath("zoneinfo", "Europe", "Berlin").open("rb") as file:
        return datetime(2024, 1, 1, tzinfo=ZoneInfo.from_file(file, key="Europe/Berlin"))


def _from_file_without_key() -> datetime:
    with files("tzdata").joinpath("zoneinfo", "Europe", "Berlin").open("rb") as file:
        return datetime(2024, 1, 1, tzinfo=ZoneInfo.from_file(file))


class _MyZone(ZoneInfo):
    pass


@pytest.mark.parametrize(
    "moment",
    [
        lambda: datetime(2024, 1, 1, tzinfo=Foreign()),
        lambda: time(9, 30, tzinfo=Foreign()),
        lambda: datetime(2024, 1, 1, tzinfo=_MyZone("Europe/Berlin")),
        _no_cache,
        _from_file,
        _from_file_without_key,
        lambda: ZoneInfo.no_cache("Europe/Berlin"),
        lambda: _from_file().tzinfo,
        lambda: _from_file_without_key().tzinfo,
    ],
)
def test_a_zone_that_would_not_come_back_the_same_is_refused(moment: Callable[[], Any]) -> None:
    error = refusal_of([moment()])
    assert error.path == "v[0]"
    assert "use `zoneinfo.ZoneInfo" in error.problem


def test_a_foreign_zone_is_named() -> None:
    problem = refusal_of(datetime(2024, 1, 1, tzinfo=Foreign())).problem
    assert "a datetime whose tzinfo is a test_codec_zones.Foreign cannot be stored" in problem


def test_a_foreign_zone_alone_is_refused_with_a_remedy() -> None:
    assert "store its name" in refusal_of(Foreign()).problem


def test_a_fixed_offset_is_not_refused_as_foreign() -> None:
    check([datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1), "x"))], "v")
