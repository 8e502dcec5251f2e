"""bytes and bytearray: base64, which every SQL tool can turn back into bytes."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from typing import Any

from stratvars.codec.reading import expect
from stratvars.codec.registry import add_tag, add_type


def _encode_bytes(value: bytes, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    return {"$bytes": b2a_base64(value, newline=False).decode()}


def _encode_bytearray(value: bytearray, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    return {"$bytearray": b2a_base64(value, newline=False).decode()}


def _decode(payload: Any) -> bytes:
    text = expect(payload, str)
    value = a2b_base64(text)
    # It skips what is not base64 at all, and even strict_mode ignores bits at the end.
    if b2a_base64(value, newline=False) != text.encode():
        raise ValueError
    return value


add_type(bytes, _encode_bytes, immutable=True)
add_type(bytearray, _encode_bytearray)
add_tag("$bytes", lambda payload, _: _decode(payload), lambda payload, _: repr(_decode(payload)))
add_tag(
    "$bytearray",
    lambda payload, _: bytearray(_decode(payload)),
    lambda payload, _: f"bytearray({_decode(payload)!r})",
)
