"""The dtype of an array as text, and back through a closed grammar.

``float64``, ``bool``, ``U5`` (text of five characters), ``S3`` (bytes), ``V8``, ``datetime64[ns]``; a ``>`` in front
says that the bytes are big-endian. A structured dtype is a list of its fields: ``[["price", "float64"], ["legs",
"int8", [4]]]``. StringDType with options is an object of these: ``{"na_object": null, "coerce": false}``. The text is
taken apart here and never handed to numpy as it is: ``numpy.dtype`` understands far more.
"""

from __future__ import annotations

import math
import re
import sys
from typing import Any

from stratvars.codec.numpy_scalars import SCALARS, UNITS, type_named
from stratvars.codec.paths import Refusal
from stratvars.codec.reading import expect, read
from stratvars.codec.registry import ENCODERS
from stratvars.codec.scalars import escape, read_str, unescape
from stratvars.codec.tree import show_name, show_tree

VARIABLE_TEXT = "StringDType"
"""numpy's text of any length, whose characters do not stand in the array itself."""

_UNLIKE_ANY = object()

BY_MACHINE = frozenset({"longdouble", "clongdouble"})
"""What has other bytes, and another precision, on another machine."""

_TEXT = re.compile(
    r"(?P<big>>?)("
    r"(?P<sized>[USV])(?P<size>[1-9][0-9]{0,9})"
    rf"|(?P<time>(datetime64|timedelta64)(\[(?P<many>[0-9]{{0,10}})({UNITS})\])?)"
    r"|(?P<name>[a-z]+[0-9]*)"
    r")"
)
_MOST_UNITS = 2**31 - 1
"""As many of a unit as numpy takes for one: ``datetime64[25s]`` counts 25 seconds."""
_LETTERS = {"str": "U", "bytes": "S", "void": "V"}
_NAMES = tuple(name for name, family in SCALARS.items() if name not in _LETTERS and not family.has_unit)
DEEPEST = 8
PLAIN = "cannot be stored; store a list of tuples, `value.tolist()`, instead"


def write_dtype(dtype: Any, depth: int = 0) -> Any:
    """Return a dtype as text or as a list of fields; raise Refusal if it would come back as another one."""
    require_no_metadata(dtype)
    if dtype.names is not None:
        return _write_fields(dtype, depth)
    if dtype.kind == "T":
        return _write_options(dtype) or VARIABLE_TEXT
    if dtype.type is sys.modules["numpy"].object_:
        raise Refusal("a numpy.ndarray of dtype object cannot be stored; store `value.tolist()` instead")
    big = dtype.byteorder == ">" or (dtype.byteorder == "=" and sys.byteorder == "big")
    return f"{'>' if big else ''}{_name(dtype)}"


def require_no_metadata(dtype: Any) -> None:
    """Raise Refusal if something is attached to the dtype; numpy itself drops that at most operations."""
    if dtype.metadata is not None:
        raise Refusal("an array whose dtype has metadata cannot be stored; store it with a plain dtype instead")


def _write_options(dtype: Any) -> dict[str, Any]:
    options: dict[str, Any] = {}
    missing = getattr(dtype, "na_object", _UNLIKE_ANY)  # a StringDType without one has no such attribute
    if missing is not _UNLIKE_ANY:
        if not _is_missing(missing):
            raise Refusal(
                "a StringDType with a na_object other than None, NaN, pandas.NA or a str cannot be stored; use None"
            )
        options["na_object"] = ENCODERS[type(missing)](missing, 0)
    return options if dtype.coerce else {**options, "coerce": False}


def _is_missing(value: Any) -> bool:
    is_nan = type(value) is float and math.isnan(value)
    return value is None or is_nan or type(value) is str or value is _pandas_na()


def _pandas_na() -> Any:
    pandas = sys.modules.get("pandas")
    return _UNLIKE_ANY if pandas is None else pandas.NA


def _name(dtype: Any) -> str:
    if dtype.kind in "mM":
        return str(dtype.name)
    numpy = sys.modules["numpy"]
    for name in (*_NAMES, *_LETTERS):
        if dtype.type is type_named(numpy, name):
            return f"{_LETTERS[name]}{_count(dtype)}" if name in _LETTERS else name
    raise Refusal(f"an array of dtype {dtype} {PLAIN}")


def _count(dtype: Any) -> int:
    count = dtype.itemsize // 4 if dtype.kind == "U" else dtype.itemsize
    if count == 0:
        raise Refusal("an array whose items have no bytes cannot be stored; store its shape instead")
    return int(count)


def is_packed(dtype: Any, depth: int = 0) -> bool:
    """Tell whether records are fields side by side, and all that is in them are bytes that mean the same everywhere."""
    numpy = sys.modules["numpy"]
    if dtype.names is None:
        return dtype.kind != "T" and all(dtype.type is not type_named(numpy, name) for name in BY_MACHINE)
    parts = [dtype[name] for name in dtype.names]
    return bool(
        dtype.itemsize > 0
        and depth < DEEPEST
        and dtype.type is numpy.void
        and not dtype.isalignedstruct
        and all(is_packed(part.base, depth + 1) for part in parts)
        and dtype == numpy.dtype(list(zip(dtype.names, parts, strict=True)))
    )


def _write_fields(dtype: Any, depth: int) -> list[Any]:
    """Write the fields of packed records."""
    fields = []
    for name in dtype.names:
        inner, shape = write_dtype(dtype[name].base, depth + 1), dtype[name].shape
        fields.append([escape(name), inner, list(shape)] if shape else [escape(name), inner])
    return fields


def read_dtype(tree: Any, depth: int = 0) -> Any:
    """Return the dtype of what ``write_dtype`` returned; numpy is imported."""
    numpy = sys.modules["numpy"]
    if type(tree) is list:
        require_fields(tree, depth)
        return numpy.dtype([_read_field(field, depth) for field in tree])
    if type(tree) is dict:
        return _read_options(numpy, tree)
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


def require_options(tree: dict[str, Any]) -> None:
    """Raise unless these are options of StringDType; neither numpy nor pandas is needed."""
    if not tree or not tree.keys() <= {"na_object", "coerce"} or tree.get("coerce", False) is not False:
        raise ValueError
    missing = tree.get("na_object")
    if missing not in (None, {"$float": "nan"}, {"$pandas": ["NA", None]}):
        read_str(missing)


def _read_options(numpy: Any, tree: dict[str, Any]) -> Any:
    options = {"coerce": "coerce" not in tree}
    if "na_object" not in tree:
        return numpy.dtypes.StringDType(**options)
    missing = read(tree["na_object"], 0)
    # The very NaN of numpy, which users may compare with `is`.
    return numpy.dtypes.StringDType(na_object=numpy.nan if type(missing) is float else missing, **options)


def show_dtype(tree: Any) -> str:
    """Return a dtype in a few words: the names of its fields, or its own."""
    if type(tree) is list:
        return f"({', '.join(show_name(name) for name, *_ in tree)})"
    if type(tree) is dict:
        return f"{VARIABLE_TEXT}({', '.join(f'{name}={show_tree(item, 0)}' for name, item in tree.items())})"
    return str(tree)


def parse_name(tree: Any) -> re.Match[str]:
    """Return the parts of a dtype that is text, or raise Refusal; numpy is not needed."""
    found = _TEXT.fullmatch(expect(tree, str))
    if (
        found is None
        or (found["name"] is not None and found["name"] not in _NAMES)
        or int(found["many"] or 1) > _MOST_UNITS
    ):
        raise Refusal("this dtype is none that this version of the library knows")
    return found


def require_fields(tree: list[Any], depth: int = 0) -> None:
    """Raise unless it is a list of fields; numpy is not needed."""
    if not tree or depth == DEEPEST:
        raise ValueError
    for field in tree:
        name, inner, *shape = expect(field, list)
        unescape(name)
        if type(inner) is list:
            require_fields(inner, depth + 1)
        elif parse_name(inner)["name"] in BY_MACHINE:
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
