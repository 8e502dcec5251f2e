"""complex, Fraction and range: the numbers they are made from."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from stratvars.codec.paths import Refusal
from stratvars.codec.reading import expect, expect_pair
from stratvars.codec.registry import add_tag, add_type
from stratvars.codec.scalars import encode_float, encode_int, read_float, read_int, show_int

# A Fraction is reduced when it is read, in a time that grows with the square of its size.
_LONGEST_FRACTION = 2**16


def _encode_complex(value: complex, room: int) -> Any:
    return {"$complex": [encode_float(value.real, room), encode_float(value.imag, room)]}


def _decode_complex(payload: Any, room: int) -> complex:  # noqa: ARG001 - the signature of a decoder
    real, imag = expect_pair(payload)
    return complex(read_float(real), read_float(imag))


def _encode_fraction(value: Fraction, room: int) -> Any:
    _require_short(value.numerator, value.denominator)
    return {"$fraction": [encode_int(value.numerator, room), encode_int(value.denominator, room)]}


def _decode_fraction(payload: Any, room: int) -> Fraction:  # noqa: ARG001 - the signature of a decoder
    numerator, denominator = map(read_int, expect_pair(payload))
    _require_short(numerator, denominator)
    return Fraction(numerator, denominator)


def _require_short(numerator: int, denominator: int) -> None:
    if max(numerator.bit_length(), denominator.bit_length()) > _LONGEST_FRACTION:
        raise Refusal("this Fraction has too many digits; store `(value.numerator, value.denominator)` instead")


def _show_fraction(payload: Any, room: int) -> str:
    value = _decode_fraction(payload, room)
    return f"Fraction({show_int(value.numerator)}, {show_int(value.denominator)})"


def _encode_range(value: range, room: int) -> Any:
    return {"$range": [encode_int(part, room) for part in (value.start, value.stop, value.step)]}


def _decode_range(payload: Any, room: int) -> range:  # noqa: ARG001 - the signature of a decoder
    start, stop, step = map(read_int, expect(payload, list))
    return range(start, stop, step)


def _show_range(payload: Any, room: int) -> str:
    value = _decode_range(payload, room)
    parts = [value.start, value.stop] if value.step == 1 else [value.start, value.stop, value.step]
    return f"range({', '.join(map(show_int, parts))})"


add_type(complex, _encode_complex, immutable=True)
add_type(Fraction, _encode_fraction, immutable=True)
add_type(range, _encode_range, immutable=True)
add_tag("$complex", _decode_complex, lambda payload, room: repr(_decode_complex(payload, room)))
add_tag("$fraction", _decode_fraction, _show_fraction)
add_tag("$range", _decode_range, _show_range)
