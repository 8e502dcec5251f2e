"""Timestamp, Timedelta, Period, Interval, NaT and NA.

A Timestamp is its wall clock with as many digits as its unit has (none for ``s``, nine for ``ns``) and its offset;
beside it stands its zone: ``["2024-01-02T09:30:00.000000-05:00", {"$zone": "America/New_York"}]``. A Timedelta and a
Period are whole numbers of their unit or frequency.
"""

from __future__ import annotations

import re
import sys
from datetime import time, timedelta, timezone, tzinfo
from typing import Any

from stratvars.codec.pandas_family import add_scalar, encode_part
from stratvars.codec.paths import Refusal
from stratvars.codec.reading import expect, expect_pair, read
from stratvars.codec.registry import ENCODERS
from stratvars.codec.tree import show_tree
from stratvars.codec.zones import OFFSET, fixed_zone

_MOMENT = re.compile(
    r"(?P<wall>-?[0-9]{4,}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.(?P<fraction>[0-9]{3}|[0-9]{6}|[0-9]{9}))?)"
    rf"(?P<offset>{OFFSET})?(?P<fold>\[_fold=1\])?"
)
_UNITS = {0: "s", 3: "ms", 6: "us", 9: "ns"}
_FREQUENCY = re.compile(r"-?[0-9]{0,9}[A-Za-z]{1,4}(-[A-Z0-9-]{1,12})?")
_SIDES = ("left", "right", "both", "neither")
_MICROSECOND = timedelta(microseconds=1)


def encode_zone(value: Any, zone: Any) -> Any:
    """Write the zone of a value; None if it has none."""
    try:
        return ENCODERS[type(zone)](zone, 0)
    except Refusal:
        raise Refusal(
            f"a pandas.{type(value).__name__} whose time zone is a {type(zone).__module__}.{type(zone).__qualname__}"
            " cannot be stored; use `tz_convert` with a `zoneinfo.ZoneInfo` or a `datetime.timezone` first"
        ) from None


def read_zone(tree: Any) -> tzinfo:
    """Return the zone that was written; not its mere name, which pandas would look up in its own way."""
    zone = read(tree, 0)
    if not isinstance(zone, tzinfo):
        raise ValueError  # noqa: TRY004 - every error of a page becomes one and the same sentence
    return zone


def read_frequency(payload: Any) -> str:
    """Return the text of a frequency: one that has no other parameters than those in its name."""
    if _FREQUENCY.fullmatch(expect(payload, str)) is None:
        raise ValueError
    return str(payload)


def _encode_timestamp(value: Any, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    try:
        tree = _moment(value)
        again = _decode_timestamp(tree, 0)
        if (again.asm8, again.unit, again.fold, again.tz) == (value.asm8, value.unit, value.fold, value.tz):
            return tree
    except (ArithmeticError, NotImplementedError, ValueError):
        pass
    # Years beyond 9999 in a zone, the first and the last hours of what a unit can hold, offsets of less than a second.
    raise Refusal("this pandas.Timestamp is at the edge of what pandas can build; store `value.isoformat()` instead")


def _moment(value: Any) -> Any:
    wall = str(value.tz_localize(None).asm8)
    fold = "[_fold=1]" if value.fold else ""
    if value.tz is None:
        return f"{wall}{fold}"
    offset = time(tzinfo=timezone(value.utcoffset())).isoformat().removeprefix("00:00:00")
    return [f"{wall}{offset}{fold}", encode_zone(value, value.tz)]


def _decode_timestamp(content: Any, room: int) -> Any:  # noqa: ARG001 - the signature of a decoder
    found, zone = _parts(content)
    np, pd = sys.modules["numpy"], sys.modules["pandas"]
    unit = _UNITS[len(found["fraction"] or "")]
    wall = np.datetime64(found["wall"], unit)
    # numpy turns over without a word where a moment is too far away for the unit.
    if str(wall) != found["wall"]:
        raise ValueError
    if zone is None:
        value = pd.Timestamp(wall)
    else:
        utc = pd.Timestamp(wall - np.timedelta64(_ticks(found, unit), unit))
        value = utc.tz_localize("UTC").tz_convert(read_zone(zone))
    fold = 0 if found["fold"] is None else 1
    return value if value.fold == fold else value.replace(fold=fold)


def _parts(content: Any) -> tuple[re.Match[str], Any]:
    text, zone = expect_pair(content) if type(content) is list else (content, None)
    found = _MOMENT.fullmatch(expect(text, str))
    if found is None or (found["offset"] is None) != (zone is None):
        raise ValueError
    return found, zone


def _ticks(found: re.Match[str], unit: str) -> int:
    """Return the offset in whole units."""
    micros = fixed_zone(found, None).utcoffset(None) // _MICROSECOND
    ticks, rest = divmod(micros * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit], 10**6)
    if rest:
        raise ValueError
    return ticks


def _show_timestamp(content: Any, room: int) -> str:
    found, zone = _parts(content)
    return f"Timestamp({found[0]!r})" if zone is None else f"Timestamp({found[0]!r}, {show_tree(zone, room)})"


def _decode_timedelta(content: Any, room: int) -> Any:  # noqa: ARG001 - the signature of a decoder
    ticks, unit = expect_pair(content)
    np, pd = sys.modules["numpy"], sys.modules["pandas"]
    if unit not in _UNITS.values():
        raise ValueError
    value = pd.Timedelta(np.timedelta64(expect(ticks, int), unit))
    if type(value) is not pd.Timedelta:
        raise ValueError
    return value


def _show_timedelta(content: Any, room: int) -> str:  # noqa: ARG001 - the signature of a shower
    ticks, unit = expect_pair(content)
    return f"Timedelta({expect(ticks, int)}, {expect(unit, str)!r})"


def _encode_period(value: Any, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    return [value.ordinal, write_frequency(value)]


def write_frequency(value: Any) -> str:
    """Return the frequency of a Period or of many."""
    text = str(value.freqstr)
    if text.endswith("B"):  # given up by pandas, with a warning at every use
        raise Refusal("periods of business days cannot be stored; store `value.asfreq('D')` instead")
    return text


def _decode_period(content: Any, room: int) -> Any:  # noqa: ARG001 - the signature of a decoder
    ordinal, frequency = expect_pair(content)
    value = sys.modules["pandas"].Period(ordinal=expect(ordinal, int), freq=read_frequency(frequency))
    if value.ordinal != ordinal:
        raise ValueError
    return value


def _show_period(content: Any, room: int) -> str:  # noqa: ARG001 - the signature of a shower
    ordinal, frequency = expect_pair(content)
    return f"Period({expect(ordinal, int)}, {read_frequency(frequency)!r})"


def _encode_interval(value: Any, room: int) -> Any:
    left = encode_part(value, ".left", value.left, room)
    return [left, encode_part(value, ".right", value.right, room), value.closed]


def _decode_interval(content: Any, room: int) -> Any:
    left, right, closed = expect(content, list)
    return sys.modules["pandas"].Interval(read(left, room), read(right, room), read_closed(closed))


def read_closed(payload: Any) -> str:
    """Return which sides of an interval belong to it."""
    if payload not in _SIDES:
        raise ValueError
    return str(payload)


def _show_interval(content: Any, room: int) -> str:
    left, right, closed = expect(content, list)
    return f"Interval({show_tree(left, room)}, {show_tree(right, room)}, {read_closed(closed)!r})"


def _add_singleton(name: str, pandas_name: str) -> None:
    def decode(content: Any, room: int) -> Any:  # noqa: ARG001 - the signature of a decoder
        expect(content, type(None))
        return vars(sys.modules["pandas"])[name]

    def show(content: Any, room: int) -> str:  # noqa: ARG001 - the signature of a shower
        expect(content, type(None))
        return pandas_name

    add_scalar(name, lambda value, room: None, decode, show, lambda pandas: type(vars(pandas)[name]))  # noqa: ARG005


add_scalar("Timestamp", _encode_timestamp, _decode_timestamp, _show_timestamp, lambda pandas: pandas.Timestamp)
add_scalar(
    "Timedelta",
    lambda value, _: [int(value.asm8.astype("int64")), value.unit],
    _decode_timedelta,
    _show_timedelta,
    lambda pandas: pandas.Timedelta,
)
add_scalar("Period", _encode_period, _decode_period, _show_period, lambda pandas: pandas.Period)
add_scalar("Interval", _encode_interval, _decode_interval, _show_interval, lambda pandas: pandas.Interval)
_add_singleton("NaT", "NaT")
_add_singleton("NA", "NA")
