"""The zones of pytz, and moments in them; the only tests of the codec that need pytz."""

from __future__ import annotations

import json
from datetime import datetime, time, timedelta, tzinfo
from typing import Any

import pytest
import pytz  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from same import same as same_but_for_zones
from same import thorough
from test_codec_process import run

from stratvars.codec import check, decode, encode, is_immutable
from stratvars.codec.tree import show
from stratvars.errors import UndecodableError, UnsavableError

BERLIN = pytz.timezone("Europe/Berlin")
SUMMER = BERLIN.localize(datetime(2024, 6, 1, 9, 30))  # noqa: DTZ001 - localize takes a naive moment
ZONES: tuple[tzinfo, ...] = (
    pytz.utc,
    BERLIN,
    SUMMER.tzinfo,
    pytz.timezone("Etc/GMT+5"),
    pytz.timezone("US/Eastern"),
    pytz.FixedOffset(90),
    pytz.FixedOffset(-719),
)


def same(left: Any, right: Any) -> bool:
    """Tell whether two moments or zones are the same; a zone of pytz must be the very same object."""
    if isinstance(left, tzinfo):
        return left is right
    if isinstance(left, (datetime, time)) and isinstance(right, (datetime, time)):
        return left.tzinfo is right.tzinfo and left == right and left.fold == right.fold and repr(left) == repr(right)
    return same_but_for_zones(left, right)


@pytest.mark.parametrize(
    ("value", "text", "shown"),
    [
        (pytz.utc, '{"$pytz":"UTC"}', "pytz.timezone('UTC')"),
        (BERLIN, '{"$pytz":"Europe/Berlin"}', "pytz.timezone('Europe/Berlin')"),
        (
            SUMMER.tzinfo,
            '{"$pytz":["Europe/Berlin",7200,3600,"CEST"]}',
            "pytz.timezone('Europe/Berlin', 'CEST')",
        ),
        (pytz.timezone("Etc/GMT+5"), '{"$pytz":"Etc/GMT+5"}', "pytz.timezone('Etc/GMT+5')"),
        (pytz.FixedOffset(-90), '{"$pytz":-90}', "pytz.FixedOffset(-90)"),
        (
            SUMMER,
            '{"$datetime":["2024-06-01T09:30:00+02:00",{"$pytz":["Europe/Berlin",7200,3600,"CEST"]}]}',
            "datetime('2024-06-01T09:30:00+02:00', pytz.timezone('Europe/Berlin', 'CEST'))",
        ),
    ],
)
def test_the_text_tells_the_zone_and_its_rules(value: object, text: str, shown: str) -> None:
    assert encode(value) == text
    assert show(text) == shown
    assert same(decode(text), value)


@pytest.mark.parametrize("zone", ZONES, ids=repr)
def test_a_zone_comes_back_as_the_very_same_object(zone: tzinfo) -> None:
    assert decode(encode({"a": [zone]})) == {"a": [zone]}
    assert decode(encode(zone)) is zone
    check(zone, "v")
    assert is_immutable(zone)


@pytest.mark.parametrize("zone", ZONES, ids=repr)
def test_moments_in_a_zone_come_back_whether_localised_or_not(zone: tzinfo) -> None:
    for value in (
        datetime(2024, 1, 2, 9, 30, tzinfo=zone),
        datetime(2024, 1, 2, 9, 30, 0, 1, tzinfo=zone, fold=1),
        time(9, 30, tzinfo=zone),
        datetime.max.replace(tzinfo=zone),
    ):
        assert same(decode(encode(value)), value)


def test_both_of_two_equal_hours_come_back() -> None:
    for is_dst in (True, False):
        value = BERLIN.localize(datetime(2024, 10, 27, 2, 30), is_dst=is_dst)  # noqa: DTZ001 - as above
        back: Any = decode(encode(value))
        assert same(back, value)
        assert back.utcoffset() == timedelta(hours=2 if is_dst else 1)


def _localised(name: str, moment: datetime, *, is_dst: bool) -> datetime:
    localised: datetime = pytz.timezone(name).localize(moment, is_dst=is_dst)
    return localised


@thorough
@given(
    st.builds(
        _localised,
        st.sampled_from(pytz.all_timezones),
        st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001 - as above
        is_dst=st.booleans(),
    )
)
def test_every_localised_moment_comes_back(value: datetime) -> None:
    text = encode([value, value.tzinfo], "v")
    back: Any = decode(text)
    assert same(back[0], value)
    assert back[1] is value.tzinfo
    assert encode(back) == text
    assert show(text).isprintable()
    json.loads(text)


class _Foreign(pytz.tzinfo.StaticTzInfo):  # type: ignore[misc]
    zone = "Foreign"


class _Derived(type(BERLIN)):  # type: ignore[misc]
    pass


@pytest.mark.parametrize("zone", [_Foreign(), _Derived(), type(BERLIN)()], ids=lambda zone: type(zone).__name__)
def test_a_zone_that_pytz_does_not_give_by_its_name_is_refused(zone: tzinfo) -> None:
    for value in (zone, datetime(2024, 1, 1, tzinfo=zone)):
        with pytest.raises(UnsavableError, match=r"use `pytz\.timezone|use `zoneinfo|store its name") as caught:
            encode([value], "v")
        assert caught.value.path == "v[0]"


@pytest.mark.parametrize(
    "payload",
    [
        *(
            "null",
            "1.5",
            "true",
            "[]",
            '["Europe/Berlin"]',
            '["Europe/Berlin",7200,3600]',
            '{"a":1}',
            '[["a"],1,2,"x"]',
        ),
        *('["Europe/Berlin",1,1,"CEST"]', '["Europe/Berlin",7200,3600,["CEST"]]', '["UTC",0,0,"UTC"]', "1440", "-1440"),
        *('["Europe/Berlin",1e308,0,"CEST"]', '["Europe/Berlin",true,3600,"CEST"]', "9" * 300, '"Nowhere/Atlantis"'),
        *('"../../etc/passwd"', '"/etc/passwd"', '"a\\u0000b"', '""', '"' + "x" * 5000 + '"', '"zone.tab"'),
    ],
)
def test_any_other_text_is_undecodable(payload: str) -> None:
    for text, path in (
        (f'[{{"$pytz":{payload}}}]', "v[0]"),
        (f'{{"a":{{"$datetime":["2024-06-01T09:30:00+02:00",{{"$pytz":{payload}}}]}}}}', "v['a']"),
    ):
        with pytest.raises(UndecodableError) as caught:
            decode(text, "v")
        assert caught.value.path == path
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text", ['["2024-06-01",{"$pytz":"UTC","a":1}]', '["2024-06-01T00:00:00[UTC]",{"$pytz":"UTC"}]']
)
def test_a_moment_has_one_zone(text: str) -> None:
    for read in (decode, show):
        with pytest.raises(UndecodableError):
            read(f'{{"$datetime":{text}}}')


def test_a_zone_that_changed_its_rules_names_the_remedy() -> None:
    with pytest.raises(UndecodableError, match="not known to the pytz installed here; install the one"):
        decode('{"$pytz":["Europe/Berlin",7200,3600,"XXX"]}')


def test_pytz_is_imported_to_read_its_zones_and_for_nothing_else() -> None:
    program = (
        "import sys\nimport stratvars.codec as codec\n"
        "codec.encode([1, {'a': codec.decode('{\"$zone\":\"Europe/Berlin\"}')}])\n"
        "before = 'pytz' in sys.modules\n"
        "value = codec.decode(sys.stdin.buffer.read())\n"
        "print(before, repr(value), codec.encode(value))"
    )
    text = encode(SUMMER)
    assert run(program, text) == f"False {SUMMER!r} {text}"


def test_a_zone_of_pytz_is_undecodable_where_pytz_is_not_installed_and_still_shown() -> None:
    program = (
        "import sys\nsys.modules['pytz'] = None\nimport stratvars.codec as codec\n"
        "from stratvars.codec.tree import show\n"
        "text = sys.stdin.buffer.read()\nprint(show(text))\n"
        "try:\n    codec.decode(text, 'v')\n"
        "except codec.reading.UndecodableError as error:\n    print(error)"
    )
    shown, error = run(program, encode([BERLIN])).splitlines()
    assert shown == "[pytz.timezone('Europe/Berlin')]"
    assert error == "v[0]: this time zone is one of pytz's, and pytz is not installed; install it"
