"""datetime, date, time and timedelta.

A moment is its ISO text with the offset, and behind it what ISO has no place for, in the style of RFC 9557: the zone
in brackets, and ``[_fold=1]`` for the second of two equal hours: ``2024-10-27T02:30:00+01:00[Europe/Berlin][_fold=1]``.
The wall clock and the zone are the value, as in Python; the offset is for readers of the database. If the rules of a
zone change after a save, the wall clock stays.

A fixed offset that was given a name is written as two texts: ``{"$datetime": ["2024-01-01T09:00:00+01:00", "CET"]}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from pickle import PicklingError
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from stratvars.codec.paths import Refusal, quoted
from stratvars.codec.reading import expect, expect_pair
from stratvars.codec.registry import add_tag, add_type
from stratvars.codec.scalars import escape, unescape

Clock = TypeVar("Clock", datetime, time)

# Not left to fromisoformat: it takes an offset of less than a second for UTC.
_MOMENT = re.compile(
    r"(?P<clock>[0-9T :.-]+?)"
    r"(?P<offset>Z|(?P<sign>[+-])(?P<h>[0-9]{2}):(?P<m>[0-9]{2})(:(?P<s>[0-9]{2})(\.(?P<us>[0-9]{6}))?)?)?"
    r"(\[(?P<zone>[^\[\]=]+)\])?"
    r"(?P<fold>\[_fold=1\])?"
)
_DURATION = re.compile(r"P(?P<days>-?[0-9]{1,9})DT(?P<seconds>[0-9]{1,5})(\.(?P<us>[0-9]{6}))?S")


def _encode_datetime(value: datetime, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    return {"$datetime": _moment(value)}


def _encode_time(value: time, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    return {"$time": _moment(value)}


def _moment(value: datetime | time) -> Any:
    zone = value.tzinfo
    fold = "[_fold=1]" if value.fold else ""
    if zone is None:
        return f"{value.isoformat()}{fold}"
    if type(zone) is ZoneInfo:
        return f"{value.isoformat()}[{_key_of(zone)}]{fold}"
    if type(zone) is timezone:
        text = f"{value.isoformat()}{fold}"
        _, *name = _as_pickled(zone)
        return [text, escape(name[0])] if name else text
    raise Refusal(
        f"a {type(value).__name__} whose tzinfo is a {type(zone).__module__}.{type(zone).__qualname__} cannot be"
        " stored; use `zoneinfo.ZoneInfo` or `datetime.timezone` instead"
    )


def _as_pickled(zone: tzinfo) -> tuple[Any, ...]:
    """Return what a zone was made from; ``tzname`` would make up a name where none was given."""
    return cast(tuple[Any, ...], zone.__reduce__()[1])


def _key_of(zone: ZoneInfo) -> str:
    try:
        key, from_cache = _as_pickled(zone)
    except PicklingError:
        from_cache = False
    if not from_cache:
        raise Refusal(
            "its time zone was made by ZoneInfo.no_cache or ZoneInfo.from_file and would come back as another one;"
            " use `zoneinfo.ZoneInfo(key)`"
        )
    return cast(str, key)


def _decode_moment(payload: Any, kind: type[Clock]) -> Clock:
    text, name = _split(payload)
    found = _match(_MOMENT, text)
    clock = kind.fromisoformat(found["clock"]).replace(fold=0 if found["fold"] is None else 1)
    offset = _offset(found)
    if found["zone"] is not None:
        return _in_zone(clock, found["zone"], offset)
    if offset is None:
        return clock
    return clock.replace(tzinfo=timezone(offset) if name is None else timezone(offset, name))


def _split(payload: Any) -> tuple[str, str | None]:
    if type(payload) is not list:
        return expect(payload, str), None
    text, name = expect_pair(payload)
    found = _match(_MOMENT, expect(text, str))
    if found["offset"] is None or found["zone"] is not None:
        raise ValueError
    return text, unescape(name)


def _match(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError
    return found


def _offset(found: re.Match[str]) -> timedelta | None:
    if found["offset"] is None:
        return None
    hours, minutes, seconds, micros = (int(found[part] or 0) for part in ("h", "m", "s", "us"))
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)
    return -offset if found["sign"] == "-" else offset


def _in_zone(clock: Clock, key: str, offset: timedelta | None) -> Clock:
    try:
        first = clock.replace(tzinfo=ZoneInfo(key))
    except (LookupError, ValueError, OSError):
        raise Refusal(f"the time zone {quoted(key)} is not known on this machine; install the package tzdata") from None
    # Text written by hand may tell the second of two equal hours by its offset alone.
    if offset is not None and first.utcoffset() != offset == first.replace(fold=1).utcoffset():
        return first.replace(fold=1)
    return first


def _show_moment(name: str, kind: type[datetime | time]) -> Callable[[Any, int], str]:
    def show(payload: Any, room: int) -> str:  # noqa: ARG001 - the signature of a shower
        text, zone_name = _split(payload)
        # Read but for the zone, which this machine need not know.
        kind.fromisoformat(_match(_MOMENT, text)["clock"])
        return f"{name}({text!r})" if zone_name is None else f"{name}({text!r}, {zone_name!r})"

    return show


def _encode_date(value: date, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    return {"$date": value.isoformat()}


def _decode_date(payload: Any, room: int) -> date:  # noqa: ARG001 - the signature of a decoder
    return date.fromisoformat(expect(payload, str))


def _encode_timedelta(value: timedelta, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    fraction = f".{value.microseconds:06}" if value.microseconds else ""
    return {"$timedelta": f"P{value.days}DT{value.seconds}{fraction}S"}


def _decode_timedelta(payload: Any, room: int) -> timedelta:  # noqa: ARG001 - the signature of a decoder
    found = _match(_DURATION, expect(payload, str))
    return timedelta(int(found["days"]), int(found["seconds"]), int(found["us"] or 0))


def _show_timedelta(payload: Any, room: int) -> str:
    return repr(_decode_timedelta(payload, room)).removeprefix("datetime.")


add_type(datetime, _encode_datetime, immutable=True)
add_type(time, _encode_time, immutable=True)
add_type(date, _encode_date, immutable=True)
add_type(timedelta, _encode_timedelta, immutable=True)
add_tag("$datetime", lambda payload, _: _decode_moment(payload, datetime), _show_moment("datetime", datetime))
add_tag("$time", lambda payload, _: _decode_moment(payload, time), _show_moment("time", time))
add_tag("$date", _decode_date, lambda payload, room: f"date({_decode_date(payload, room).isoformat()!r})")
add_tag("$timedelta", _decode_timedelta, _show_timedelta)
