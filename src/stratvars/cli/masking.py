"""Values that may be a password are hidden, by the name of the variable or by a key inside of it."""

from __future__ import annotations

import re
from typing import Any

from stratvars.codec.tree import show
from stratvars.errors import UndecodableError

HIDDEN = "********"
_SECRET = re.compile("key|secret|token|password", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether what stands under this name is to be hidden."""
    return _SECRET.search(name) is not None


def readable(name: str, text: str, *, reveal: bool) -> str:
    """The stored text of a variable in the notation of Python, with what may be a password hidden.

    Raises:
        UndecodableError: the text is not one that this library writes.
    """
    shown = show(text)
    if reveal:
        return shown
    if is_secret(name):
        return HIDDEN
    safe = masked(name, text, reveal=False)
    return shown if safe is text else show(safe)


def masked(name: str, text: str, *, reveal: bool) -> str:
    """The JSON text of a variable with what may be a password hidden; the very text when nothing is.

    Raises:
        UndecodableError: the text is not JSON.
    """
    if reveal:
        return text
    if is_secret(name):
        return f'"{HIDDEN}"'
    import msgspec

    try:
        tree = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise UndecodableError(name, "it is not JSON that can be read") from None
    return msgspec.json.encode(tree).decode() if _hide(tree) else text


def _hide(tree: Any) -> bool:
    """Hide, in place, what stands under a suspicious key of a dict or field of an object; whether there was any.

    Without recursion: the codec's limit of nesting is near that of Python's stack.
    """
    found = False
    todo = [tree]
    while todo:
        part = todo.pop()
        if isinstance(part, list):
            todo.extend(part)
        elif isinstance(part, dict):
            for holder, place, name in _places(part):
                if is_secret(name):
                    holder[place] = HIDDEN
                    found = True
                else:
                    todo.append(holder[place])
    return found


def _places(part: dict[str, Any]) -> list[tuple[Any, Any, str]]:
    """Where each value of a JSON object stands: its holder, the place in it, and what it is called."""
    if part.keys() == {"$dict"}:
        # Keys of any type: what such a key looks like decides.
        return [(pair, 1, str(pair[0])) for pair in part["$dict"]]
    return [(part, key, key) for key in part]
