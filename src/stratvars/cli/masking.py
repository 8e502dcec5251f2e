"""Values that may be a password are hidden, by the name of the variable or by a key inside of it."""

from __future__ import annotations

import re
from typing import Any

from stratvars.codec.tree import show

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
    import msgspec

    tree = msgspec.json.decode(text)
    return show(msgspec.json.encode(tree)) if _hide(tree) else shown


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
