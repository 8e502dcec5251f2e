"""numpy's scalars: the name of the type and what it holds, ``{"$numpy": ["float32", 0.1]}``.

A numpy.float64 is a float and a numpy.str_ is a str to ``isinstance``, but they are not the same: each comes back as
what it was. numpy is looked for among the modules the user has imported, and imported only to read such a value.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stratvars.codec.paths import Refusal
from stratvars.codec.reading import expect, expect_pair, read
from stratvars.codec.registry import IMMUTABLE, Encoder, add_tag
from stratvars.codec.scalars import encode_float, escape, unescape
from stratvars.codec.tree import show_tree

UNITS = "Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as"
"""Of moments and spans, as alternatives of a pattern."""
_UNIT = re.compile(rf"(datetime64|timedelta64)(\[[0-9]*({UNITS})\])?")
DATE = re.compile(r"NaT|[+-]?[0-9]{3,}(-[0-9T:.-]*)?")
_SPECIAL = ("nan", "inf", "-inf", "0.0", "-0.0")


@dataclass(frozen=True, slots=True)
class Family:
    """How a family of scalar types is written, and read into one of them."""

    write: Callable[[Any], Any]
    read: Callable[[Any, Any], Any]
    has_unit: bool = False
    immutable: bool = True

    def encoder(self, name: str) -> Encoder:
        """Return how values of the type called ``name`` are written."""
        if self.has_unit:
            return lambda value, _: {"$numpy": [value.dtype.name, self.write(value)]}
        return lambda value, _: {"$numpy": [name, self.write(value)]}


def _read_int(kind: Any, payload: Any) -> Any:
    value = kind(expect(payload, int))
    # Some versions of numpy wrap a number that is too large.
    if int(value) != payload:
        raise OverflowError
    return value


def _write_short_float(value: Any) -> Any:
    """Write float16 and float32 with as few digits as they need: 0.1, not 0.10000000149011612."""
    short = float(str(value))
    return encode_float(short if type(value)(short) == value else float(value), 0)


def _number(payload: Any) -> Any:
    if type(payload) is dict and payload.keys() == {"$float"}:
        return read(payload, 0)
    return payload if type(payload) is int else expect(payload, float)


def _read_float(kind: Any, payload: Any) -> Any:
    number = _number(payload)
    with sys.modules["numpy"].errstate(all="ignore"):
        value = kind(number)
    if math.isfinite(number) and not math.isfinite(value):
        raise OverflowError
    return value


def _write_long(value: Any) -> Any:
    """Write a longdouble, which no float can hold, as ``[mantissa, exponent]`` of two."""
    np = sys.modules["numpy"]
    if not np.isfinite(value) or value == 0:
        return repr(float(value))
    bits = np.finfo(np.longdouble).nmant + 1
    fraction, exponent = np.frexp(value)
    mantissa = int(np.ldexp(fraction, bits))
    zeros = (mantissa & -mantissa).bit_length() - 1
    return [mantissa >> zeros, int(exponent) - bits + zeros]


def _read_long(kind: Any, payload: Any) -> Any:
    if payload in _SPECIAL:
        return kind(payload)
    np = sys.modules["numpy"]
    mantissa, exponent = (expect(part, int) for part in expect_pair(payload))
    if abs(mantissa) >> (np.finfo(kind).nmant + 1):
        raise Refusal("this longdouble is more precise than those of this machine; read it where it was saved")
    with np.errstate(all="ignore"):
        value = np.ldexp(kind(mantissa), exponent)
    if _write_long(value) != payload:
        raise Refusal("this longdouble is outside the range of this machine; read it where it was saved")
    return value


def _complex(part: Family) -> Family:
    """Return the family of complex types whose two parts are of this family."""

    def read_parts(kind: Any, payload: Any) -> Any:
        # Not kind(real + 1j * imag), which loses the signs of zeros and infects NaN.
        cell = sys.modules["numpy"].zeros((), kind)
        real, imag = expect_pair(payload)
        cell.real = part.read(type(kind().real), real)
        cell.imag = part.read(type(kind().real), imag)
        return cell[()]

    return Family(lambda value: [part.write(value.real), part.write(value.imag)], read_parts)


def _write_date(value: Any) -> Any:
    """Write ISO text where numpy reads it back as the same moment; it does not for far-away weeks."""
    number = int(value.view("int64"))
    try:
        text = str(value)
        again = sys.modules["numpy"].array(text, value.dtype)
    except OverflowError:  # numpy 2.5 and later have no text for all that they can count
        return number
    return text if int(again.view("int64")) == number else number


def _read_date(kind: Any, payload: Any) -> Any:
    np = sys.modules["numpy"]
    if type(payload) is int:
        return np.array(payload, "int64").view(kind)[()]
    # Not every text: numpy takes "now" for the time at which it is read.
    if DATE.fullmatch(expect(payload, str)) is None:
        raise ValueError
    value = np.array(payload, kind)[()]
    # Where the type has no unit, numpy takes one from the text.
    if value.dtype != kind:
        raise ValueError
    return value


def _write_delta(value: Any) -> Any:
    return "NaT" if str(value) == "NaT" else int(value.view("int64"))


def _read_delta(kind: Any, payload: Any) -> Any:
    np = sys.modules["numpy"]
    if payload == "NaT":
        return np.array("NaT", kind)[()]
    return np.array(expect(payload, int), "int64").view(kind)[()]


_BOOL = Family(bool, lambda kind, payload: kind(expect(payload, bool)))
_INT = Family(int, _read_int)
_FLOAT = Family(lambda value: encode_float(float(value), 0), _read_float)
_SHORT = Family(_write_short_float, _read_float)
_LONG = Family(_write_long, _read_long)

SCALARS: dict[str, Family] = {
    "bool": _BOOL,
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"), _INT),
    # Names of C types: numpy has them as types of their own where they are none of the above.
    **dict.fromkeys(("intc", "uintc", "long", "ulong", "longlong", "ulonglong"), _INT),
    "float16": _SHORT,
    "float32": _SHORT,
    "float64": _FLOAT,
    "longdouble": _LONG,
    "complex64": _complex(_SHORT),
    "complex128": _complex(_FLOAT),
    "clongdouble": _complex(_LONG),
    # Not str(value), which drops NUL at the end.
    "str": Family(lambda value: escape(str.__str__(value)), lambda kind, payload: kind(unescape(payload))),
    "bytes": Family(
        lambda value: bytes(value).decode("latin-1"), lambda kind, payload: kind(expect(payload, str).encode("latin-1"))
    ),
    "datetime64": Family(_write_date, _read_date, has_unit=True),
    "timedelta64": Family(_write_delta, _read_delta, has_unit=True),
}
_NUMPY_NAMES = {"bool": "bool_", "str": "str_", "bytes": "bytes_"}


def type_named(numpy: Any, name: str) -> Any:
    """Return the scalar type of a name in ``SCALARS``; None if this numpy has none."""
    # Not getattr: some versions of numpy warn about names they will have one day.
    return vars(numpy).get(_NUMPY_NAMES.get(name, name))


def find_scalar(numpy: Any, kind: type) -> Encoder | None:
    """Return how values of a scalar type are written; None if it is not one of numpy's."""
    for name, family in SCALARS.items():
        if kind is type_named(numpy, name):
            if family.immutable:
                IMMUTABLE.add(kind)
            return family.encoder(name)
    return None


def import_numpy() -> Any:
    """Return numpy, or raise Refusal where it is not installed."""
    try:
        import numpy as np
    except ImportError:
        raise Refusal("this value is one of numpy's, and numpy is not installed; install it") from None
    return np


def _decode(payload: Any, room: int) -> Any:  # noqa: ARG001 - the signature of a decoder
    name, content = expect_pair(payload)
    family = _family_of(expect(name, str))
    np = import_numpy()
    kind = np.dtype(name) if family.has_unit else type_named(np, name)
    if kind is None:
        raise Refusal(f"the numpy installed here has no type {name}; read it where it was saved")
    return family.read(kind, content)


def _family_of(name: str) -> Family:
    unit = _UNIT.fullmatch(name)
    family = SCALARS.get(name if unit is None else unit[1])
    if family is None:
        raise Refusal("this type of numpy is none that this version of the library knows")
    return family


def _show(payload: Any, room: int) -> str:
    name, content = expect_pair(payload)
    _family_of(expect(name, str))
    return f"numpy.{name}({show_tree(content, room)})"


add_tag("$numpy", _decode, _show)
