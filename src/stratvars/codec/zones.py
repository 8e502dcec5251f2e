"""Time zones: ZoneInfo by its key, timezone by its offset, and those of pytz.

pytz has an object for every set of rules a zone ever had, and ``localize`` gives a datetime the one that fits. So
``{"$pytz": "Europe/Berlin"}`` is what ``pytz.timezone`` returns, a moment in summer has
``{"$pytz": ["Europe/Berlin", 7200, 3600, "CEST"]}``, and a number of minutes is a fixed offset. pytz is looked for
among the modules the user has imported, and imported only to read such a zone.
"""

from __future__ import annotations

import re
import sys
from datetime import time, timedelta, timezone, tzinfo
from functools import lru_cache
from importlib import import_module
from pickle import PicklingError
from typing import Any, cast
from zoneinfo import ZoneInfo

from stratvars.codec.paths import Refusal, quoted
from stratvars.codec.reading import expect, expect_pair
from stratvars.codec.registry import ENCODERS, IMMUTABLE, Encoder, add_family, add_tag, add_type
from stratvars.codec.scalars import escape, unescape

# Not left to fromisoformat: it takes an offset of less than a second for UTC.
OFFSET = r"(?P<sign>[+-])(?P<h>[0-9]{2}):(?P<m>[0-9]{2})(:(?P<s>[0-9]{2})(\.(?P<us>[0-9]{6}))?)?"
_OFFSET = re.compile(OFFSET)


@lru_cache(maxsize=64)
def zone_key(zone: ZoneInfo) -> str:
    """Return the key by which the very same zone is found again, or raise Refusal."""
    try:
        key, from_cache = _as_pickled(zone)
    except PicklingError:
        from_cache = False
    if not from_cache:
        raise Refusal(
            "the time zone was made by ZoneInfo.no_cache or ZoneInfo.from_file and would come back as another one;"
            " use `zoneinfo.ZoneInfo(key)`"
        )
    return cast(str, key)


def zone_of(key: str) -> ZoneInfo:
    """Return the zone of a key, or raise Refusal."""
    try:
        return ZoneInfo(key)
    except (LookupError, ValueError, OSError):
        raise Refusal(f"the time zone {quoted(key)} is not known on this machine; install the package tzdata") from None


def zone_name(zone: timezone) -> str | None:
    """Return the name a fixed offset was given; ``tzname`` would make one up."""
    _, *name = _as_pickled(zone)
    return name[0] if name else None


def fixed_zone(found: re.Match[str], name: str | None) -> timezone:
    """Return a fixed offset from the groups of ``OFFSET``; no sign is UTC."""
    hours, minutes, seconds, micros = (int(found[part] or 0) for part in ("h", "m", "s", "us"))
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)
    offset = -offset if found["sign"] == "-" else offset
    return timezone(offset) if name is None else timezone(offset, name)


def pytz_tree(zone: tzinfo) -> Any:
    """Return the tree of a zone of pytz, and None for any other."""
    encode = ENCODERS[type(zone)]
    return encode(zone, 0) if encode is _encode_pytz else None


def _as_pickled(zone: tzinfo) -> tuple[Any, ...]:
    """Return what a zone was made from."""
    return cast(tuple[Any, ...], zone.__reduce__()[1])


def _encode_timezone(value: timezone, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    offset = time(tzinfo=value).isoformat().removeprefix("00:00:00")
    name = zone_name(value)
    return {"$timezone": offset if name is None else [offset, escape(name)]}


def _decode_timezone(payload: Any, room: int) -> timezone:  # noqa: ARG001 - the signature of a decoder
    offset, name = expect_pair(payload) if type(payload) is list else (payload, None)
    found = _OFFSET.fullmatch(expect(offset, str))
    if found is None:
        raise ValueError
    return fixed_zone(found, None if name is None else unescape(name))


def _show_timezone(payload: Any, room: int) -> str:
    _decode_timezone(payload, room)
    return f"timezone({', '.join(map(repr, payload if type(payload) is list else [payload]))})"


def _encode_pytz(value: tzinfo, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    key: Any
    match _as_pickled(value):
        case ():
            key = "UTC"
        case (one,):
            key = one
        case (name, *rules):
            key = name if _pytz_zone(name) is value else [name, *rules]
    if _pytz_zone(key) is not value:
        raise Refusal("this zone is not the one that pytz gives by its name; use `pytz.timezone(name)`")
    return {"$pytz": key}


def _pytz_zone(key: Any) -> Any:
    pytz = import_module("pytz")
    if type(key) is int:
        return pytz.FixedOffset(key)
    if type(key) is str:
        return pytz.timezone(key)
    name, offset, dst, abbreviation = expect(key, list)
    return pytz.timezone(name)._tzinfos[timedelta(seconds=offset), timedelta(seconds=dst), abbreviation]  # noqa: SLF001 - pytz has no public way


def _decode_pytz(payload: Any, room: int) -> tzinfo:  # noqa: ARG001 - the signature of a decoder
    try:
        zone: tzinfo = _pytz_zone(payload)
    except ImportError:
        raise Refusal("this time zone is one of pytz's, and pytz is not installed; install it") from None
    except LookupError:
        raise Refusal(
            "this time zone is not known to the pytz installed here; install the one it was saved with"
        ) from None
    return zone


def show_pytz(payload: Any, room: int) -> str:  # noqa: ARG001 - the signature of a shower
    """Return a zone of pytz in the notation of Python; pytz is not needed."""
    if type(payload) is int:
        return f"pytz.FixedOffset({payload})"
    if type(payload) is str:
        return f"pytz.timezone({payload!r})"
    name, _, _, abbreviation = expect(payload, list)
    return f"pytz.timezone({expect(name, str)!r}, {expect(abbreviation, str)!r})"


def _find_pytz(kind: type) -> Encoder | None:
    pytz = sys.modules.get("pytz")
    if pytz is None or not issubclass(kind, (pytz.tzinfo.BaseTzInfo, type(pytz.FixedOffset(1)))):
        return None
    IMMUTABLE.add(kind)
    return _encode_pytz


add_type(ZoneInfo, lambda value, _: {"$zone": zone_key(value)}, immutable=True)
add_type(timezone, _encode_timezone, immutable=True)
add_family("pytz", _find_pytz)
add_tag(
    "$zone", lambda payload, _: zone_of(expect(payload, str)), lambda payload, _: f"ZoneInfo({expect(payload, str)!r})"
)
add_tag("$timezone", _decode_timezone, _show_timezone)
add_tag("$pytz", _decode_pytz, show_pytz)
