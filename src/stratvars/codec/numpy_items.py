"""The items of a small array as JSON: numbers, ISO texts for moments, whole numbers of the unit for durations.

Where the items would not be read as the very same bytes (a NaN with a sign, a week too far away for numpy's own
parser) there is no list, and the array is written as its bytes. Only dtypes whose bytes another machine would
misread are always a list, however long.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stratvars.codec.containers import encode_items
from stratvars.codec.numpy_dtypes import BY_MACHINE
from stratvars.codec.numpy_scalars import DATE, SCALARS
from stratvars.codec.reading import read_items

_MOST = 64
_LARGEST = 64
"""Bytes of an item. Text that holds the dtype of a huge one and no more than ``""`` must not fill the memory."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the items of one kind of dtype stand in a list."""

    types: frozenset[type]
    write: Callable[[Any], list[Any]]
    read: Callable[[list[Any], Any], Any]


def _plain(flat: Any) -> list[Any]:
    items: list[Any] = flat.tolist()
    return items


def _floats(items: list[Any], dtype: Any) -> Any:
    np = sys.modules["numpy"]
    # Else 1e300 would become an infinite float32 with no more than a warning.
    with np.errstate(over="raise", under="ignore"):
        return np.array(items, dtype)


def _whole(items: list[Any], dtype: Any) -> Any:
    array = sys.modules["numpy"].array(items, dtype)
    # Some versions of numpy wrap a number that is too large.
    if array.tolist() != items:
        raise OverflowError
    return array


def _dates(items: list[Any], dtype: Any) -> Any:
    # Not every text: numpy takes "now" for the time at which it is read.
    if not all(map(DATE.fullmatch, items)):
        raise ValueError
    return sys.modules["numpy"].array(items, dtype)


def _texts(items: list[Any], dtype: Any) -> Any:
    array = sys.modules["numpy"].array(items, dtype)
    # numpy cuts off what is too long; a zero at the end it cannot tell from padding.
    if array.tolist() != [item.rstrip("\0" if dtype.kind == "U" else b"\0") for item in items]:
        raise ValueError
    return array


def _missing_as_none(flat: Any) -> list[Any]:
    missing = getattr(flat.dtype, "na_object", None)
    # One that is a text is written as that text, and found again by it.
    return [None if item is missing and type(item) is not str else item for item in flat.tolist()]


def _variable_texts(items: list[Any], dtype: Any) -> Any:
    # Where there is no such attribute, numpy would take None for the text "None".
    if None in items:
        items = [dtype.na_object if item is None else item for item in items]
    return sys.modules["numpy"].array(items, dtype)


_INTS = _Kind(frozenset({int}), _plain, _whole)
_STRINGS = _Kind(frozenset({str}), _plain, _texts)
_KINDS = {
    "b": _Kind(frozenset({bool}), _plain, _whole),
    "i": _INTS,
    "u": _INTS,
    "f": _Kind(frozenset({float, int}), _plain, _floats),
    "M": _Kind(frozenset({str}), lambda flat: _plain(flat.astype("U")), _dates),
    "m": _Kind(
        frozenset({int}),
        lambda flat: _plain(flat.astype("int64")),
        lambda items, dtype: _whole(items, "int64").astype(dtype),
    ),
    "U": _STRINGS,
    "T": _Kind(frozenset({str, type(None)}), _missing_as_none, _variable_texts),
    "S": _Kind(
        frozenset({str}),
        lambda flat: [item.decode("latin-1") for item in flat.tolist()],
        lambda items, dtype: _texts([item.encode("latin-1") for item in items], dtype),
    ),
}


def write_items(flat: Any, name: Any) -> Sequence[Any] | None:
    """Return the items of a flat array of the dtype called ``name``; None if its bytes are to be written instead."""
    native = name.removeprefix(">") if type(name) is str else ""
    if native in BY_MACHINE:
        return [SCALARS[native].write(item) for item in flat]
    kind = _KINDS.get(flat.dtype.kind)
    if kind is None or (flat.dtype.kind != "T" and (flat.size > _MOST or flat.itemsize > _LARGEST)):
        return None
    try:
        items = tuple(kind.write(flat))
        trees = encode_items(flat, items, 0)
        if flat.dtype.kind in "biuT" or (trees is items and flat.dtype.kind == "f"):
            return trees
        again = read_items_as(flat.dtype, name, list(trees))
    except (ArithmeticError, SystemError, ValueError):  # bytes that are no character, moments beyond every calendar
        return None
    return trees if again.tobytes() == flat.tobytes() else None


def read_items_as(dtype: Any, name: Any, trees: list[Any]) -> Any:
    """Return the flat array of what ``write_items`` returned."""
    native = name.removeprefix(">") if type(name) is str else ""
    if native in BY_MACHINE:
        return sys.modules["numpy"].array([SCALARS[native].read(dtype.type, tree) for tree in trees], dtype)
    kind = _KINDS[dtype.kind]
    # Only the variable one may hold more than the list itself.
    if dtype.kind != "T" and dtype.itemsize > _LARGEST:
        raise ValueError
    items = read_items(trees, 1)
    if not set(map(type, items)) <= kind.types:
        raise ValueError
    return kind.read(items, dtype)
