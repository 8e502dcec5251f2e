"""Decimal: its own text, which keeps trailing zeros, the exponent, the sign of zero and every kind of NaN."""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation
from typing import Any

from stratvars.codec.reading import expect
from stratvars.codec.registry import add_tag, add_type

# A context of our own: where the user's does not trap InvalidOperation, malformed text would be read as NaN.
_STRICT = Context(traps=[InvalidOperation])


def _encode(value: Decimal, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    return {"$decimal": str(value)}


def _decode(payload: Any, room: int) -> Decimal:  # noqa: ARG001 - the signature of a decoder
    return Decimal(expect(payload, str), _STRICT)


def _show(payload: Any, room: int) -> str:
    return repr(_decode(payload, room))


add_type(Decimal, _encode, immutable=True)
add_tag("$decimal", _decode, _show)
