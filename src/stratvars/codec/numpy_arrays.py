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
import sys
from dataclasses import dataclass
from typing import Any

import msgspec

from stratvars.codec.numpy_dtypes import VARIABLE_TEXT, parse_name, read_dtype, require_fields, write_dtype
from stratvars.codec.numpy_items import read_items_as, write_items
from stratvars.codec.numpy_scalars import SCALARS, Family, find_scalar, import_numpy
from stratvars.codec.paths import Refusal
from stratvars.codec.reading import expect, read
from stratvars.codec.registry import Encoder, add_family, add_tag
from stratvars.codec.tree import show_items, show_name

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
    """Write an array of any dtype but object; ``flags`` names what else is true of it."""
    name = write_dtype(array.dtype)
    if array.nbytes > _LARGEST:
        raise Refusal("this array is too large for a variable; store it in a file, and the path of the file here")
    if array.flags.f_contiguous and not array.flags.c_contiguous:
        flat, flags = array.T.ravel(), ("fortran", *flags)
    else:
        flat = array.ravel()
    items = write_items(flat, name)
    parts = [name, array.shape, flat.tobytes() if items is None else items]
    return {"$array": [*parts, flags] if flags else parts}


def _encode(value: Any, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    return write_array(value) if value.flags.writeable else write_array(value, "readonly")


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
        elif dtype != VARIABLE_TEXT:
            parse_name(dtype)
        if not all(type(size) is int and 0 <= size < 2**63 for size in expect(shape, list)):
            raise ValueError
        flags = rest[0] if rest else []
        if flags not in _FLAGS or len(rest) > 1 or len(shape) > _MOST_DIMENSIONS:
            raise ValueError
        return cls(dtype, shape, items if type(items) is list else expect(items, str), flags)


def _decode(payload: Any, room: int) -> Any:  # noqa: ARG001 - the signature of a decoder
    stored = _Stored.of(payload)
    np = import_numpy()
    dtype = read_dtype(stored.dtype)
    order: Any = "F" if "fortran" in stored.flags else "C"
    count = math.prod(stored.shape)
    if type(stored.items) is list:
        _require_fit(len(stored.items) == count)
        array = read_items_as(dtype, stored.dtype, stored.items).reshape(stored.shape, order=order)
    else:
        size = count * dtype.itemsize
        _require_fit(len(stored.items) == (size + 2) // 3 * 4 and dtype.itemsize > 0 and stored.dtype != VARIABLE_TEXT)
        raw = msgspec.convert(stored.items, bytes)
        _require_fit(len(raw) == size)
        array = np.ndarray(stored.shape, dtype, raw, order=order)
    # Else it would be a view, which cannot be resized in place.
    array = array.copy(order)
    array.flags.writeable = "readonly" not in stored.flags
    return array


def _require_fit(fits: bool) -> None:
    if not fits:
        raise Refusal("the shape and the dtype of this array do not fit its items")


def _show(payload: Any, room: int) -> str:  # noqa: ARG001 - the signature of a shower
    stored = _Stored.of(payload)
    if type(stored.items) is list:
        _require_fit(len(stored.items) == math.prod(stored.shape))
        items = show_items(stored.items, _LEVELS)
    else:
        items = [*_first_items(stored), "…"]
    is_plain = type(stored.items) is list and len(stored.shape) == 1
    shape = "" if is_plain else f", shape {tuple(stored.shape)}"
    flags = "".join(f", {flag}" for flag in stored.flags)
    return f"array([{', '.join(items)}], {_show_dtype(stored.dtype)}{shape}{flags})"


def _first_items(stored: _Stored) -> list[str]:
    name = stored.dtype if type(stored.dtype) is str else ""
    letter = _FORMATS.get(name.removeprefix(">"))
    if letter is None:
        return []
    layout = struct.Struct(f"{'>' if name[0] == '>' else '<'}{min(_SHOWN, math.prod(stored.shape))}{letter}")
    raw = binascii.a2b_base64(stored.items[: (layout.size + 2) // 3 * 4])
    return [repr(item) for item in layout.unpack(raw[: layout.size])]


def _show_dtype(tree: Any) -> str:
    return f"({', '.join(show_name(name) for name, *_ in tree)})" if type(tree) is list else str(tree)


def _find(kind: type) -> Encoder | None:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    return _encode if kind is vars(numpy).get("ndarray") else find_scalar(numpy, kind)


# A record of a structured array is part of that array, and can change with it; it comes back as one of its own.
SCALARS["void"] = Family(
    lambda value: write_array(sys.modules["numpy"].asarray(value)),
    lambda kind, payload: _void(read(payload, 0), kind),
    immutable=False,
)


def _void(array: Any, kind: Any) -> Any:
    value = array[()]
    if type(value) is not kind:
        raise ValueError
    return value


add_family("numpy", _find)
add_tag("$array", _decode, _show)
