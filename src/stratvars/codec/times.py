"""datetime, date, time and timedelta.

A moment is its ISO text with the offset, and behind it what ISO has no place for, in the style of RFC 9557: the zone
in brackets, and ``[_fold=1]`` for the second of two equal hours: ``2024-10-27T02:30:00+01:00[Europe/Berlin][_fold=1]``.
The wall clock and the zone are the value, as in Python; the offset is for readers of the database. If the rules of a
zone change after a save, the wall clock stays.

A fixed offset that was given a name is written as two texts: ``{"$datetime": ["2024-01-01T09:00:00+01:00", "CET"]}``.
Where the zone is one of pytz, it stands there as it does alone (``zones.py``), in place of the name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from stratvars.codec import zones
from stratvars.codec.paths import Refusal
from stratvars.codec.reading import expect, expect_pair, read
from stratvars.codec.registry import add_tag, add_type
from stratvars.codec.scalars import escape, unescape
from stratvars.codec.tree import show_tree

Clock = TypeVar("Clock", datetime, time)

_MOMENT = re.compile(
    r"(?P<clock>[0-9T :.-]+?)"
    rf"(?P<offset>Z|{zones.OFFSET})?"
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
    # UTC has no name of its own: there is one object for it.
    if zone is None or zone is UTC:
        return f"{value.isoformat()}{fold}"
    if type(zone) is ZoneInfo:
        return f"{value.isoformat()}[{zones.zone_key(zone)}]{fold}"
    text = f"{value.isoformat()}{fold}"
    if type(zone) is timezone:
        name = zones.zone_name(zone)
        return text if name is None else [text, escape(name)]
    tree = zones.pytz_tree(zone)
    if tree is not None:
        return [text, tree]
    raise Refusal(
        f"a {type(value).__name__} whose tzinfo is a {type(zone).__module__}.{type(zone).__qualname__} cannot be"
        " stored; use `zoneinfo.ZoneInfo` or `datetime.timezone` instead"
    )


def _decode_moment(payload: Any, kind: type[Clock]) -> Clock:
    value = _as_written(payload, kind)
    return _from_parts(payload, kind) if value is None else value


def _as_written(payload: Any, kind: type[Clock]) -> Clock | None:
    """Return, in a quarter of the time, the moment that would be written as this very text; None if there is none."""
    if type(payload) is not str or "=" in payload:
        return None
    text, _, key = payload.partition("[")
    try:
        value = kind.fromisoformat(text)
        if key:
            value = value.replace(tzinfo=zones.zone_of(key[:-1]))
        return value if _moment(value) == payload else None
    except (ValueError, Refusal):
        return None


def _from_parts(payload: Any, kind: type[Clock]) -> Clock:
    found, extra = _split(payload)
    clock = kind.fromisoformat(found["clock"]).replace(fold=0 if found["fold"] is None else 1)
    if type(extra) is dict:
        return clock.replace(tzinfo=read(extra, 0))
    offset = None if found["offset"] is None else zones.fixed_zone(found, extra)
    if found["zone"] is not None:
        return _in_zone(clock, found["zone"], offset)
    return clock if offset is None else clock.replace(tzinfo=offset)


def _split(payload: Any) -> tuple[re.Match[str], Any]:
    """Return the parts of the text, and what stands beside it: the name of a fixed offset, or a zone of pytz."""
    if type(payload) is not list:
        return _match(_MOMENT, expect(payload, str)), None
    text, extra = expect_pair(payload)
    found = _match(_MOMENT, expect(text, str))
    is_pytz = type(extra) is dict and extra.keys() == {"$pytz"}
    if found["zone"] is not None or (found["offset"] is None and not is_pytz):
        raise ValueError
    return found, extra if is_pytz else unescape(extra)


def _match(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError
    return found


def _in_zone(clock: Clock, key: str, offset: timezone | None) -> Clock:
    first = clock.replace(tzinfo=zones.zone_of(key))
    # Text written by hand may tell the second of two equal hours by its offset alone.
    if offset is not None:
        told = offset.utcoffset(None)
        if first.utcoffset() != told == first.replace(fold=1).utcoffset():
            return first.replace(fold=1)
    return first


def _show_moment(name: str, kind: type[datetime | time]) -> Callable[[Any, int], str]:
    def show(payload: Any, room: int) -> str:
        found, extra = _split(payload)
        # Read but for the zone, which this machine need not know.
        kind.fromisoformat(found["clock"])
        if extra is None:
            return f"{name}({found[0]!r})"
        return f"{name}({found[0]!r}, {show_tree(extra, room) if type(extra) is dict else repr(extra)})"

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
