"""numpy's arrays: dtype, shape and items, ``{"$array": ["float64", [2, 2], [1.0, 2.0, 3.0, 4.0]]}``.

The items of a small array are JSON, which people can read and edit (``numpy_items.py``). A large one, or one of
records, holds the bytes of its memory in base64, little-endian unless its dtype begins with ``>``. A fourth part names
what else is true of the array: ``fortran`` (the items stand column by column), ``readonly``. An array that is not
contiguous comes back contiguous. Nothing is allocated on the word of a shape: it must fit the items that are there.
"""

from __future__ import annotations

import binascii
import math
import struct
from dataclasses import dataclass
from typing import Any

import msgspec

from stratvars.codec.numpy_dtypes import (
    VARIABLE_TEXT,
    parse_name,
    read_dtype,
    require_fields,
    require_options,
    show_dtype,
    write_dtype,
)
from stratvars.codec.numpy_items import read_items_as, write_items
from stratvars.codec.numpy_scalars import import_numpy
from stratvars.codec.paths import Refusal
from stratvars.codec.reading import expect
from stratvars.codec.registry import add_tag
from stratvars.codec.tree import show_items

_LARGEST = 2**29
_MOST_DIMENSIONS = 64
_FLAGS: tuple[list[str], ...] = ([], ["fortran"], ["readonly"], ["fortran", "readonly"])
_SHOWN = 3
_LEVELS = 3
"""How deep the items can be: a complex longdouble is a list of two lists."""

# How struct reads the items that are shown; other dtypes are shown by their shape alone.
_FORMATS = dict(
    zip(
        ("bool", "int8", "int16", "int32", "int64", "longlong", "uint8", "uint16", "uint32", "uint64", "ulonglong"),
        "?bhiqqBHIQQ",
        strict=True,
    )
) | {"float16": "e", "float32": "f", "float64": "d"}


def write_array(array: Any, *flags: str) -> Any:
    """Write an array of any dtype but object, records only if packed; ``flags`` names what else is true of it."""
    name = write_dtype(array.dtype)
    flat, flags = lay_out(array, flags)
    items = write_items(flat, name)
    parts = [name, array.shape, flat.tobytes() if items is None else items]
    return {"$array": [*parts, flags] if flags else parts}


def require_size(size: int) -> None:
    """Raise Refusal if an array of so many bytes is too large."""
    if size > _LARGEST:
        raise Refusal("this array is too large for a variable; store it in a file, and the path of the file here")


def lay_out(array: Any, flags: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
    """Return the items in the order in which they are written, and the flags with ``fortran`` if they need it."""
    require_size(array.nbytes)
    if array.flags.f_contiguous and not array.flags.c_contiguous:
        return array.T.ravel(), ("fortran", *flags)
    return array.ravel(), flags


@dataclass(frozen=True, slots=True)
class _Stored:
    """The parts of an envelope, of the right types but otherwise not to be trusted."""

    dtype: Any
    shape: list[int]
    items: Any
    flags: list[str]

    @classmethod
    def of(cls, payload: Any) -> _Stored:
        dtype, shape, items, *rest = expect(payload, list)
        if type(dtype) is list:
            require_fields(dtype)
        elif type(dtype) is dict:
            require_options(dtype)
        elif dtype != VARIABLE_TEXT:
            parse_name(dtype)
        require_shape(shape)
        flags = rest[0] if rest else []
        if flags not in _FLAGS or len(rest) > 1:
            raise ValueError
        return cls(dtype, shape, items if type(items) is list else expect(items, str), flags)


def require_shape(tree: Any) -> None:
    """Raise unless it is the shape of some array."""
    if not all(type(size) is int and 0 <= size < 2**63 for size in expect(tree, list)) or len(tree) > _MOST_DIMENSIONS:
        raise ValueError


def _decode(payload: Any, room: int) -> Any:  # noqa: ARG001 - the signature of a decoder
    stored = _Stored.of(payload)
    np = import_numpy()
    dtype = read_dtype(stored.dtype)
    order: Any = "F" if "fortran" in stored.flags else "C"
    count = math.prod(stored.shape)
    if type(stored.items) is list:
        require_fit(len(stored.items) == count)
        array = read_items_as(dtype, stored.dtype, stored.items).reshape(stored.shape, order=order)
    else:
        size = count * dtype.itemsize
        require_fit(len(stored.items) == (size + 2) // 3 * 4 and dtype.itemsize > 0 and dtype.kind != "T")
        raw = msgspec.convert(stored.items, bytes)
        require_fit(len(raw) == size)
        array = np.ndarray(stored.shape, dtype, raw, order=order)
    # Else it would be a view, which cannot be resized in place.
    array = array.copy(order)
    array.flags.writeable = "readonly" not in stored.flags
    return array


def require_fit(fits: bool) -> None:
    """Raise Refusal unless it fits."""
    if not fits:
        raise Refusal("the shape and the dtype of this array do not fit its items")


def _show(payload: Any, room: int) -> str:  # noqa: ARG001 - the signature of a shower
    stored = _Stored.of(payload)
    if type(stored.items) is list:
        require_fit(len(stored.items) == math.prod(stored.shape))
        items = show_items(stored.items, _LEVELS)
    else:
        items = [*_first_items(stored), "…"]
    is_plain = type(stored.items) is list and len(stored.shape) == 1
    shape = "" if is_plain else f", shape {tuple(stored.shape)}"
    flags = "".join(f", {flag}" for flag in stored.flags)
    return f"array([{', '.join(items)}], {show_dtype(stored.dtype)}{shape}{flags})"


def _first_items(stored: _Stored) -> list[str]:
    name = stored.dtype if type(stored.dtype) is str else ""
    letter = _FORMATS.get(name.removeprefix(">"))
    if letter is None:
        return []
    layout = struct.Struct(f"{'>' if name[0] == '>' else '<'}{min(_SHOWN, math.prod(stored.shape))}{letter}")
    raw = binascii.a2b_base64(stored.items[: (layout.size + 2) // 3 * 4])
    return [repr(item) for item in layout.unpack(raw[: layout.size])]


add_tag("$array", _decode, _show)
