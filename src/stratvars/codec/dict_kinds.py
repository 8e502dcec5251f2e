"""OrderedDict, Counter and defaultdict: the dict they hold, ``{"$counter": {"SPY": 3}}``.

A defaultdict keeps the name of its factory: ``{"$defaultdict": ["list", {"SPY": [1]}]}``. The factories are a closed
list, for a name in the data is never looked up anywhere else. Each of them counts as two levels of nesting: its
envelope, and the dict in it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Any

from stratvars.codec.containers import encode_dict, read_dict, show_dict
from stratvars.codec.paths import Refusal, TooDeep, quoted
from stratvars.codec.reading import expect, expect_pair
from stratvars.codec.registry import add_tag, add_type

_BUILTINS = (int, float, complex, bool, str, bytes, bytearray, list, tuple, dict, set, frozenset)
_MAKERS: tuple[type, ...] = (*_BUILTINS, deque, OrderedDict, Counter, Decimal, Fraction)
_FACTORIES: dict[str, Callable[[], Any]] = {kind.__name__: kind for kind in _MAKERS}
_ATTEMPTS = 100


def _encode_content(owner: dict[Any, Any], own: dict[Any, Any], room: int) -> Any:
    if room == 0:
        raise TooDeep(owner)
    try:
        return encode_dict(own, room - 1)
    except Refusal as refusal:
        refusal.climb("", owner)
        raise


def _encode_ordered(value: OrderedDict[Any, Any], room: int) -> Any:
    _require_no_attributes(value)
    return {"$ordereddict": _encode_content(value, _in_order(value), room)}


def _in_order(value: OrderedDict[Any, Any]) -> dict[Any, Any]:
    for _ in range(_ATTEMPTS):
        try:
            return _walk(value)
        except Exception:  # noqa: BLE001, S112 - what a change raises, or a user's __hash__, which runs in the walk
            continue
    raise Refusal("another thread changed it all the time it was being read; change it inside `with self.vars:`")


def _walk(value: OrderedDict[Any, Any]) -> dict[Any, Any]:
    # The order is kept beside the dict, and no copy of both is made in one step. A walk in order asks for the hash of
    # each key; if that is a function of Python, another thread may move a key meanwhile, and the walk ends too early
    # without an error. An iterator from before it tells: it raises if a key was added, removed or moved since.
    witness = iter(value)
    order = list(value)
    keys, items = list(dict.keys(value)), list(dict.values(value))
    if order[:1] != list(islice(witness, 1)):
        raise RuntimeError
    by_identity = dict(zip(map(id, keys), items, strict=True))
    return {key: by_identity[id(key)] for key in order}


def _encode_counter(value: Counter[Any], room: int) -> Any:
    _require_no_attributes(value)
    return {"$counter": _encode_content(value, dict.copy(value), room)}


def _require_no_attributes(value: Any) -> None:
    if value.__dict__:
        raise Refusal(f"this {type(value).__name__} was given attributes, which would be lost; store those elsewhere")


def _encode_default(value: defaultdict[Any, Any], room: int) -> Any:
    return {"$defaultdict": [_factory_name(value.default_factory), _encode_content(value, dict.copy(value), room)]}


def _factory_name(factory: object) -> str | None:
    if factory is None:
        return None
    # By identity: a factory may be unhashable, and may claim to be equal to another.
    for name, known in _FACTORIES.items():
        if factory is known:
            return name
    raise Refusal(
        f"its default_factory cannot be stored; take one of {', '.join(_FACTORIES)} and None, as `defaultdict(int)` for"
        " `defaultdict(lambda: 0)`, or store `dict(value)` instead"
    )


def _decode_content(payload: Any, room: int) -> dict[Any, Any]:
    if room == 0:
        raise TooDeep(payload)
    return read_dict(payload, room - 1)


def _decode_counter(payload: Any, room: int) -> Counter[Any]:
    return Counter(_decode_content(payload, room))


def _decode_default(payload: Any, room: int) -> defaultdict[Any, Any]:
    name, content = expect_pair(payload)
    return defaultdict(_factory(name), _decode_content(content, room))


def _factory(name: Any) -> Callable[[], Any] | None:
    if name is None:
        return None
    factory = _FACTORIES.get(expect(name, str))
    if factory is None:
        raise Refusal(f"{quoted(name)} is no factory that this version of the library knows")
    return factory


def _show_content(payload: Any, room: int) -> str:
    if room == 0:
        raise TooDeep(payload)
    return show_dict(payload, room - 1)


def _show_default(payload: Any, room: int) -> str:
    name, content = expect_pair(payload)
    _factory(name)
    return f"defaultdict({name}, {_show_content(content, room)})"


add_type(OrderedDict, _encode_ordered)
add_type(Counter, _encode_counter)
add_type(defaultdict, _encode_default)
add_tag(
    "$ordereddict",
    lambda payload, room: OrderedDict(_decode_content(payload, room)),
    lambda payload, room: f"OrderedDict({_show_content(payload, room)})",
)
add_tag("$counter", _decode_counter, lambda payload, room: f"Counter({_show_content(payload, room)})")
add_tag("$defaultdict", _decode_default, _show_default)
