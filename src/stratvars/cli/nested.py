"""What differs between two values, down to the key, the field and the index. Pure, and without the user's classes.

Texts are compared, so 1, 1.0 and True differ. What cannot be gone into (other types, a set, an array, a text that
nobody can read) is one difference as a whole. Of two lists, what stands the same at both ends is left out first. A
list that moved on, as a window of prices does, lost items at its start and gained some at its end. An index is that of
the list in which the item stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from stratvars.codec import jsontext
from stratvars.codec.paths import Refusal
from stratvars.codec.reading import expect_pair
from stratvars.codec.tree import show, show_name
from stratvars.errors import UndecodableError
from stratvars.history import Difference

_ABSENT: Final = object()
_Part = tuple[str, Any, Any]


class _Opened(NamedTuple):
    """A container: two of the same kind are compared part by part, by index or by step."""

    kind: object
    items: list[Any] | dict[str, Any]


def nested(whole: Difference) -> list[Difference]:
    """The differences inside of a variable, each named by its path; the whole one where there is nothing inside."""
    if whole.old is None or whole.new is None:
        return [whole]
    try:
        found = [*_differences(whole.name, jsontext.read(whole.old), jsontext.read(whole.new))]
    except (Refusal, UndecodableError, RecursionError):
        return [whole]
    return found or [whole]  # the same value, written in another way


def _differences(path: str, old: Any, new: Any) -> Iterator[Difference]:
    if old is not _ABSENT and new is not _ABSENT:
        if _text(old) == _text(new):
            return
        inside = [found for step, *pair in _parts(old, new) for found in _differences(path + step, *pair)]
        if inside:
            yield from inside
            return
    yield Difference(path, _text(old), _text(new))


def _text(tree: Any) -> str | None:
    return None if tree is _ABSENT else jsontext.write(tree).decode()


def _parts(old: Any, new: Any) -> list[_Part]:
    """What stands in two containers of the same kind, pairwise; nothing when they cannot be compared so."""
    left, right = _open(old), _open(new)
    if left is None or right is None or left.kind != right.kind:
        return []
    if isinstance(left.items, list) and isinstance(right.items, list):
        return _of_lists(left.items, right.items)
    if isinstance(left.items, dict) and isinstance(right.items, dict):
        return [*_of_dicts(left.items, right.items)]
    return []


def _open(tree: Any) -> _Opened | None:
    if type(tree) is list:
        return _Opened("list", tree)
    if type(tree) is not dict:
        return None
    first = next(iter(tree), "")
    if first[:1] == "$":
        return _open_envelope(first, tree[first])
    return _Opened("dict", {_key(key): item for key, item in tree.items()})


def _open_envelope(tag: str, payload: Any) -> _Opened | None:  # noqa: PLR0911 - a table, one line a tag
    match tag, payload:
        case "$tuple", [*items]:
            return _Opened(tag, items)
        case "$deque", [[*items], maxlen]:
            return _Opened((tag, maxlen), items)
        case "$dict", [*pairs]:
            return _Opened("dict", {_key(key): item for key, item in map(expect_pair, pairs)})
        case (("$dataclass" | "$namedtuple"), [name, dict() as fields]):
            return _Opened((tag, name), {f".{show_name(field)}": item for field, item in fields.items()})
        case (("$ordereddict" | "$counter"), content):
            return _open_inside(tag, content)
        case (("$defaultdict" | "$object"), [name, content]):
            return _open_inside((tag, name), content)
    return None


def _open_inside(kind: object, tree: Any) -> _Opened | None:
    opened = _open(tree)
    return None if opened is None else _Opened((kind, opened.kind), opened.items)


def _key(key: Any) -> str:
    return f"[{show(jsontext.write(key))}]"


def _of_dicts(old: dict[str, Any], new: dict[str, Any]) -> Iterator[_Part]:
    for step in dict.fromkeys((*new, *old)):
        yield step, old.get(step, _ABSENT), new.get(step, _ABSENT)


def _of_lists(old: list[Any], new: list[Any]) -> list[_Part]:
    before, after = [*map(_text, old)], [*map(_text, new)]
    start = _alike(before, after)
    end = _alike(before[start:][::-1], after[start:][::-1])
    lost, gained = old[start : len(old) - end], new[start : len(new) - end]
    pairs = enumerate(zip_longest(lost, gained, fillvalue=_ABSENT), start)
    found = [(f"[{index}]", left, right) for index, (left, right) in pairs]
    moved = _moved(before, after)
    stay = len(old) - moved
    if moved == 0 or moved + len(new) - stay >= len(found):
        return found
    gone = [(f"[{index}]", item, _ABSENT) for index, item in enumerate(old[:moved])]
    return gone + [(f"[{index}]", _ABSENT, item) for index, item in enumerate(new[stay:], stay)]


def _alike(old: list[str | None], new: list[str | None]) -> int:
    """How many items are the same from the start on."""
    differing = (index for index, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1])
    return next(differing, min(len(old), len(new)))


def _moved(old: list[str | None], new: list[str | None]) -> int:
    """How many items a list lost at its start, if all that it gained stands at its end; 0 when that is not so."""
    for lost in range(1, len(old) // 2 + 1):
        if old[lost:] == new[: len(old) - lost]:
            return lost
    return 0
