"""UUID: its usual text; beside it whether it was made safely, where it knows that, as those of ``uuid1`` do."""

from __future__ import annotations

from typing import Any
from uuid import UUID, SafeUUID

from stratvars.codec.reading import expect, expect_pair
from stratvars.codec.registry import add_tag, add_type


def _encode(value: UUID, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    text = str(value)
    return {"$uuid": text if value.is_safe is SafeUUID.unknown else [text, value.is_safe.name]}


def _decode(payload: Any, room: int) -> UUID:  # noqa: ARG001 - the signature of a decoder
    text, safety = expect_pair(payload) if type(payload) is list else (payload, "unknown")
    value = UUID(expect(text, str), is_safe=SafeUUID[safety])
    # It reads much else, such as blanks and signs among the digits.
    if str(value) != text.lower():
        raise ValueError
    return value


add_type(UUID, _encode, immutable=True)
add_tag("$uuid", _decode, lambda payload, room: repr(_decode(payload, room)))
