"""deque: its items and its maxlen, which is null where there is none."""

from __future__ import annotations

from collections import deque
from typing import Any

from stratvars.codec.containers import encode_items
from stratvars.codec.paths import Refusal, TooDeep
from stratvars.codec.reading import expect, expect_pair, read_items
from stratvars.codec.registry import add_tag, add_type
from stratvars.codec.tree import show_items


def _encode(value: deque[Any], room: int) -> Any:
    if room == 0:
        raise TooDeep(value)
    # A copy first: tuple(value) begins to walk and makes the tuple then, which may run the garbage collector and,
    # through a finalizer, let another thread change the deque.
    return {"$deque": [encode_items(value, tuple(value.copy()), room - 1), value.maxlen]}


def _decode(payload: Any, room: int) -> deque[Any]:
    items, maxlen = expect_pair(payload)
    _require_room(items, maxlen)
    return deque(read_items(items, room), maxlen)


def _require_room(items: Any, maxlen: Any) -> None:
    if maxlen is not None and len(expect(items, list)) > expect(maxlen, int):
        raise Refusal("this deque holds more items than its maxlen allows; correct one of the two")


def _show(payload: Any, room: int) -> str:
    items, maxlen = expect_pair(payload)
    _require_room(items, maxlen)
    shown = f"[{', '.join(show_items(items, room))}]"
    return f"deque({shown})" if maxlen is None else f"deque({shown}, maxlen={maxlen})"


add_type(deque, _encode)
add_tag("$deque", _decode, _show)
