"""The dtype of an array as text, and back through a closed grammar.

``float64``, ``bool``, ``U5`` (text of five characters), ``S3`` (bytes), ``V8``, ``datetime64[ns]``; a ``>`` in front
says that the bytes are big-endian. A structured dtype is a list of its fields: ``[["price", "float64"], ["legs",
"int8", [4]]]``. The text is taken apart here and never handed to numpy as it is: ``numpy.dtype`` understands far more.
"""

from __future__ import annotations

import re
import sys
from typing import Any

from stratvars.codec.numpy_scalars import SCALARS, type_named
from stratvars.codec.paths import Refusal
from stratvars.codec.reading import expect
from stratvars.codec.scalars import escape, unescape

VARIABLE_TEXT = "StringDType"
"""numpy's text of any length, whose characters do not stand in the array itself."""

BY_MACHINE = frozenset({"longdouble", "clongdouble"})
"""What has other bytes, and another precision, on another machine."""

_TEXT = re.compile(
    r"(?P<big>>?)("
    r"(?P<sized>[USV])(?P<size>[1-9][0-9]{0,9})"
    r"|(?P<time>(datetime64|timedelta64)(\[[0-9]{0,9}(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?)"
    r"|(?P<name>[a-z]+[0-9]*)"
    r")"
)
_LETTERS = {"str": "U", "bytes": "S", "void": "V"}
_NAMES = tuple(name for name, family in SCALARS.items() if name not in _LETTERS and not family.has_unit)
_DEEPEST = 8
_PLAIN = "cannot be stored; store a list of tuples, `value.tolist()`, instead"


def write_dtype(dtype: Any, depth: int = 0) -> Any:
    """Return a dtype as text or as a list of fields; raise Refusal if it would come back as another one."""
    if dtype.metadata is not None:
        raise Refusal("an array whose dtype has metadata cannot be stored; store it with a plain dtype instead")
    if dtype.names is not None:
        return _write_fields(dtype, depth)
    if dtype.kind == "T" and dtype == type(dtype)():
        return VARIABLE_TEXT
    if dtype.type is sys.modules["numpy"].object_:
        raise Refusal("a numpy.ndarray of dtype object cannot be stored; store `value.tolist()` instead")
    big = dtype.byteorder == ">" or (dtype.byteorder == "=" and sys.byteorder == "big")
    return f"{'>' if big else ''}{_name(dtype)}"


def _name(dtype: Any) -> str:
    if dtype.kind in "mM":
        return str(dtype.name)
    numpy = sys.modules["numpy"]
    for name in (*_NAMES, *_LETTERS):
        if dtype.type is type_named(numpy, name):
            return f"{_LETTERS[name]}{_count(dtype)}" if name in _LETTERS else name
    raise Refusal(f"an array of dtype {dtype} {_PLAIN}")


def _count(dtype: Any) -> int:
    count = dtype.itemsize // 4 if dtype.kind == "U" else dtype.itemsize
    if count == 0:
        raise Refusal("an array whose items have no bytes cannot be stored; store its shape instead")
    return int(count)


def _write_fields(dtype: Any, depth: int) -> list[Any]:
    parts = [dtype[name] for name in dtype.names]
    packed = sys.modules["numpy"].dtype(list(zip(dtype.names, parts, strict=True))) if parts else None
    if packed is not None and packed.fields.keys() == dtype.fields.keys() and packed.itemsize < dtype.itemsize:
        # Bytes between two fields hold whatever was in the memory before.
        raise Refusal(
            "an array of records with gaps cannot be stored; store `numpy.lib.recfunctions.repack_fields(value)`"
            " instead"
        )
    if packed != dtype or packed.type is not dtype.type or dtype.isalignedstruct or depth == _DEEPEST:
        raise Refusal(
            f"an array of records with titles, deep nesting, no fields, or of another type of record {_PLAIN}"
        )
    fields = []
    for name, part in zip(dtype.names, parts, strict=True):
        inner = write_dtype(part.base, depth + 1)
        if not _is_field(inner):
            raise Refusal(f"an array of records with a field of dtype {part} {_PLAIN}")
        fields.append([escape(name), inner, list(part.shape)] if part.shape else [escape(name), inner])
    return fields


def _is_field(inner: Any) -> bool:
    """Tell whether all that is in such a field are bytes that mean the same everywhere."""
    return type(inner) is list or (inner != VARIABLE_TEXT and inner.removeprefix(">") not in BY_MACHINE)


def read_dtype(tree: Any, depth: int = 0) -> Any:
    """Return the dtype of what ``write_dtype`` returned; numpy is imported."""
    numpy = sys.modules["numpy"]
    if type(tree) is list:
        require_fields(tree, depth)
        return numpy.dtype([_read_field(field, depth) for field in tree])
    if tree == VARIABLE_TEXT:
        return numpy.dtypes.StringDType()
    found = parse_name(tree)
    if found["sized"] is not None:
        dtype = numpy.dtype(found["sized"] + found["size"])
    elif found["time"] is not None:
        dtype = numpy.dtype(found["time"])
    else:
        dtype = _dtype_named(numpy, found["name"])
    return dtype if (found["big"] == ">") == (sys.byteorder == "big") else dtype.newbyteorder()


def parse_name(tree: Any) -> re.Match[str]:
    """Return the parts of a dtype that is text, or raise Refusal; numpy is not needed."""
    found = _TEXT.fullmatch(expect(tree, str))
    if found is None or (found["name"] is not None and found["name"] not in _NAMES):
        raise Refusal("this dtype is none that this version of the library knows")
    return found


def require_fields(tree: list[Any], depth: int = 0) -> None:
    """Raise unless it is a list of fields; numpy is not needed."""
    if not tree or depth == _DEEPEST:
        raise ValueError
    for field in tree:
        name, inner, *shape = expect(field, list)
        unescape(name)
        if type(inner) is list:
            require_fields(inner, depth + 1)
        elif not _is_field(parse_name(inner)[0]):
            raise ValueError
        if len(shape) > 1 or not all(type(size) is int for size in expect(shape[0] if shape else [], list)):
            raise ValueError


def _read_field(field: list[Any], depth: int) -> tuple[Any, ...]:
    name, inner, *shape = field
    return (unescape(name), read_dtype(inner, depth + 1), *map(tuple, shape))


def _dtype_named(numpy: Any, name: str) -> Any:
    kind = type_named(numpy, name)
    if kind is None:
        raise Refusal(f"the numpy installed here has no type {name}; read it where it was saved")
    return numpy.dtype(kind)
