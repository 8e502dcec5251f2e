"""None, bool, int, float and str.

Plain JSON wherever JSON and its readers can hold them. Not so: NaN and the infinities (JSON has no word for them),
very large ints (Python limits their decimal form, and it takes quadratic time) and lone surrogates (not valid UTF-8).
"""

from __future__ import annotations

import math
import re
from typing import Any

from stratvars.codec.reading import expect
from stratvars.codec.registry import add_tag, add_type

LARGEST_PLAIN = 2**2048 - 1
"""617 digits: below 640, the lowest limit a process can set for the decimal form of an int."""

_HEX = re.compile(r"-?0x[0-9a-f]+")
_NOT_FINITE = ("nan", "inf", "-inf")
_TO_ESCAPE = re.compile(r"[\\\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u([0-9a-f]{4})")


def encode_plain(value: Any, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    """Write a value that is plain JSON as it is."""
    return value


def encode_int(value: int, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    """Write an int in digits, a huge one in hex."""
    return value if -LARGEST_PLAIN <= value <= LARGEST_PLAIN else {"$int": hex(value)}


def _decode_int(payload: Any, room: int) -> int:  # noqa: ARG001 - the signature of a decoder
    text = expect(payload, str)
    if _HEX.fullmatch(text) is None:
        raise ValueError
    return int(text, 16)


def read_int(payload: Any) -> int:
    """Return what ``encode_int`` wrote."""
    if type(payload) is dict and payload.keys() == {"$int"}:
        return _decode_int(payload["$int"], 0)
    return expect(payload, int)


def show_int(value: int) -> str:
    """Return digits, or hex where digits would be too many to print."""
    return repr(value) if -LARGEST_PLAIN <= value <= LARGEST_PLAIN else hex(value)


def encode_float(value: float, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    """Write a finite float by its shortest digits, any other by name."""
    return value if math.isfinite(value) else {"$float": repr(value)}


def _decode_float(payload: Any, room: int) -> float:  # noqa: ARG001 - the signature of a decoder
    if payload not in _NOT_FINITE:
        raise ValueError
    # A new object each time: two NaN are two members of a set only if they are two objects.
    return float(payload)


def read_float(payload: Any) -> float:
    """Return what ``encode_float`` wrote; digits without a point will do."""
    if type(payload) is dict and payload.keys() == {"$float"}:
        return _decode_float(payload["$float"], 0)
    return float(payload) if type(payload) is int else expect(payload, float)


def encode_str(value: str, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    """Write text as it is; with lone surrogates, escaped."""
    return value if is_utf8(value) else {"$str": escape(value)}


def read_str(payload: Any) -> str:
    """Return what ``encode_str`` wrote."""
    if type(payload) is dict and payload.keys() == {"$str"}:
        return unescape(payload["$str"])
    return expect(payload, str)


def is_utf8(text: str) -> bool:
    """Tell whether the text has no lone surrogates; costs nothing for ASCII."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def escape(text: str) -> str:
    r"""Return the text with lone surrogates, and so the backslash too, as ``\uXXXX``."""
    return _TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def unescape(payload: Any) -> str:
    """Undo ``escape``."""
    text = expect(payload, str)
    if "\\" in _ESCAPED.sub("", text):
        raise ValueError
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def _decode_str(payload: Any, room: int) -> str:  # noqa: ARG001 - the signature of a decoder
    return unescape(payload)


for _kind in (type(None), bool):
    add_type(_kind, encode_plain, immutable=True)
add_type(int, encode_int, immutable=True)
add_type(float, encode_float, immutable=True)
add_type(str, encode_str, immutable=True)
add_tag("$int", _decode_int, lambda payload, room: show_int(_decode_int(payload, room)))
add_tag("$float", _decode_float, lambda payload, room: repr(_decode_float(payload, room)))
add_tag("$str", _decode_str, lambda payload, room: repr(_decode_str(payload, room)))
