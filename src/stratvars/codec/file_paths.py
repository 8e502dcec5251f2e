"""The paths of pathlib: the kind and the text, ``{"$path": ["PosixPath", "/data/ticks"]}``.

A path of the other system is refused when it is read, for its kind does not exist there. A state that travels between
systems holds pure paths.
"""

from __future__ import annotations

from pathlib import PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any

from stratvars.codec.paths import Refusal
from stratvars.codec.reading import expect, expect_pair
from stratvars.codec.registry import add_tag, add_type
from stratvars.codec.scalars import encode_str, read_str

_KINDS: dict[str, type[PurePath]] = {
    kind.__name__: kind for kind in (PurePosixPath, PosixPath, PureWindowsPath, WindowsPath)
}


def _encode(value: PurePath, room: int) -> Any:
    text = str(value)
    # Of some paths of Windows the text is that of another path.
    if type(value)(text).parts != value.parts:
        raise Refusal("this path would be read as another one; store `value.parts` instead")
    return {"$path": [type(value).__name__, encode_str(text, room)]}


def _split(payload: Any) -> tuple[type[PurePath], str]:
    name, text = expect_pair(payload)
    return _KINDS[expect(name, str)], read_str(text)


def _decode(payload: Any, room: int) -> PurePath:  # noqa: ARG001 - the signature of a decoder
    kind, text = _split(payload)
    try:
        return kind(text)
    except NotImplementedError:
        raise Refusal(
            f"a {kind.__name__} exists on its own system only; read it there, and store a pure path where the state"
            " travels between systems"
        ) from None


def _show(payload: Any, room: int) -> str:  # noqa: ARG001 - the signature of a shower
    kind, text = _split(payload)
    return f"{kind.__name__}({text!r})"


for _kind in _KINDS.values():
    add_type(_kind, _encode, immutable=True)
add_tag("$path", _decode, _show)
