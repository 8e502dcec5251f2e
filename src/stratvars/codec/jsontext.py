"""Plain JSON trees into text and back, strictly.

msgspec does the work. It keeps the last of two equal keys without a word, so a text it would write differently is
read a second time to look for them; a text of our own never is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec

from stratvars.codec.paths import Refusal, quoted

_NOT_JSON = "the text is not strict JSON"
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
"""Making one takes longer than reading a small state; it keeps nothing between two texts."""


write: Final[Callable[[Any], bytes]] = msgspec.json.encode
"""Return the JSON text of a tree in UTF-8, without spaces."""


def read(text: str | bytes) -> Any:
    """Return the tree of a JSON text, or raise Refusal."""
    try:
        raw = text.encode() if isinstance(text, str) else text
        tree = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise Refusal(f"{_NOT_JSON}: {error}") from None
    except UnicodeError:
        raise Refusal(f"{_NOT_JSON}: it is not valid UTF-8") from None
    if write(tree) != raw:
        json.loads(raw.decode(), object_pairs_hook=_distinct)
    return tree


def read_written(text: str) -> dict[str, Any]:
    """Return the tree of a JSON object exactly as ``write`` writes it, or raise Refusal."""
    try:
        raw = text.encode()
        tree = _OBJECT.decode(raw)
    except (msgspec.MsgspecError, UnicodeError):
        raise Refusal(_NOT_JSON) from None
    if write(tree) != raw:
        raise Refusal(_NOT_JSON)
    return tree


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise Refusal(f"the key {quoted(key)} stands twice in one object; take one of the two away")
        seen.add(key)
