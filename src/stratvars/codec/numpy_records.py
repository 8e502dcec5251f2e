"""Records of numpy that are not packed: ``{"$records": {"shape": [2], "itemsize": 16, "fields": [["a", 0, …]]}}``.

Packed records are an ``$array``. Those with gaps between their fields, with titles, with a field whose bytes mean
something else on another machine, and those of type numpy.record stand here field by field: its name, its offset in the
record, all its values as an envelope of their own, and its title if it has one. What is in a gap is left over from
something else in the memory: it is never written and comes back as zeros. So that a short text cannot take a lot of
memory, gaps have a limit.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

from stratvars.codec.numpy_arrays import lay_out, require_fit, require_shape, require_size, write_array
from stratvars.codec.numpy_dtypes import DEEPEST, PLAIN, is_packed, require_no_metadata
from stratvars.codec.numpy_scalars import SCALARS, Family, find_scalar, import_numpy
from stratvars.codec.paths import Refusal, key_step
from stratvars.codec.reading import expect, read
from stratvars.codec.registry import Encoder, add_family, add_tag
from stratvars.codec.scalars import escape, unescape
from stratvars.codec.tree import show_name, show_tree

_FLAGS = ("fortran", "readonly", "aligned", "record")
_NEEDED = frozenset({"shape", "itemsize", "fields"})
_SPARSEST = 64
"""Bytes of a record for each byte of its fields."""
_FREE = 64
"""Bytes of fields that any array is taken to have, for the sake of small ones."""


def _write(array: Any, flags: tuple[str, ...] = (), depth: int = 0) -> Any:
    dtype = array.dtype
    if dtype.names is None or is_packed(dtype):
        return write_array(array, *flags)
    _require_storable(dtype, depth)
    _require_dense(dtype, array.size)
    flat, flags = lay_out(array, flags)
    numpy = sys.modules["numpy"]
    flags += ("aligned",) * dtype.isalignedstruct + ("record",) * (dtype.type is numpy.record)
    fields = []
    for name in dtype.names:
        _, offset, *titles = dtype.fields[name]
        try:
            column = _write(flat[name], (), depth + 1)
        except Refusal as refusal:
            refusal.climb(key_step(name), array)
            raise
        fields.append([escape(name), offset, column, *map(escape, titles)])
    content = {"shape": array.shape, "itemsize": dtype.itemsize, "fields": fields}
    return {"$records": {**content, "flags": flags} if flags else content}


def _require_storable(dtype: Any, depth: int) -> None:
    require_no_metadata(dtype)
    numpy = sys.modules["numpy"]
    if depth == DEEPEST or dtype.type not in (numpy.void, numpy.record):
        raise Refusal(f"an array of records with deep nesting, or of another type of record {PLAIN}")
    for _, _, *titles in dtype.fields.values():
        if not all(type(title) is str for title in titles):
            raise Refusal(f"an array of records with a title that is no str {PLAIN}")
    _require_apart(dtype)


def _require_apart(dtype: Any) -> None:
    """Raise Refusal if two fields share bytes, or if numpy itself does not support one of them."""
    if any(dtype[name].base.kind == "T" for name in dtype.names):
        raise Refusal(f"an array of records with a field of StringDType {PLAIN}")
    end = 0
    for offset, size in sorted((dtype.fields[name][1], dtype[name].itemsize) for name in dtype.names):
        if offset < end and size > 0:
            raise Refusal(f"an array of records in which two fields share bytes {PLAIN}")
        end = max(end, offset + size)


def _require_dense(dtype: Any, count: int) -> None:
    """Raise Refusal if there is little in so much memory."""
    # Even what holds nothing counts: numpy walks through it item by item, and older ones take memory for an item.
    needed = max(count, 1) * max(dtype.itemsize, 1)
    require_size(needed)
    if needed > _SPARSEST * (_FREE + count * _size_of_fields(dtype)):
        raise Refusal(
            "an array of records with such large gaps cannot be stored; store"
            " `numpy.lib.recfunctions.repack_fields(value)` instead"
        )


def _size_of_fields(dtype: Any) -> int:
    if dtype.base.names is None:
        return int(dtype.itemsize)
    size = sum(_size_of_fields(dtype.base[name]) for name in dtype.base.names)
    return int(math.prod(dtype.shape) * size)


@dataclass(frozen=True, slots=True)
class _Field:
    """A field and the envelope of its values, of the right types but otherwise not to be trusted."""

    name: str
    offset: int
    column: dict[str, Any]
    title: str | None

    @classmethod
    def of(cls, tree: Any, depth: int) -> _Field:
        name, offset, column, *titles = expect(tree, list)
        if len(titles) > 1 or not 0 <= expect(offset, int) < 2**31:
            raise ValueError
        (tag,) = expect(column, dict)
        if tag == "$records":
            _Stored.of(column[tag], depth + 1)
        elif tag != "$array":
            raise ValueError
        return cls(unescape(name), offset, column, unescape(titles[0]) if titles else None)


@dataclass(frozen=True, slots=True)
class _Stored:
    """The parts of an envelope, like those of a field."""

    shape: list[int]
    itemsize: int
    fields: list[_Field]
    flags: list[str]

    @classmethod
    def of(cls, payload: Any, depth: int = 0) -> _Stored:
        content = expect(payload, dict)
        if not _NEEDED <= content.keys() <= _NEEDED | {"flags"} or depth == DEEPEST:
            raise ValueError
        require_shape(content["shape"])
        flags = expect(content.get("flags", []), list)
        if flags != [flag for flag in _FLAGS if flag in flags] or not 0 <= expect(content["itemsize"], int) < 2**31:
            raise ValueError
        fields = [_Field.of(field, depth) for field in expect(content["fields"], list)]
        return cls(content["shape"], content["itemsize"], fields, flags)


def _decode(payload: Any, room: int) -> Any:  # noqa: ARG001 - the signature of a decoder
    stored = _Stored.of(payload)
    np = import_numpy()
    columns = [_read_column(field, payload) for field in stored.fields]
    count = math.prod(stored.shape)
    require_fit(all(column.shape[:1] == (count,) for column in columns))
    dtype = _dtype(stored, columns)
    _require_apart(dtype)
    _require_dense(dtype, count)
    is_fortran = "fortran" in stored.flags
    # Filled in place: a copy would bring what was in the memory into the gaps.
    array = np.zeros(stored.shape, dtype, "F" if is_fortran else "C")
    flat = (array.T if is_fortran else array).reshape(-1)
    for field, column in zip(stored.fields, columns, strict=True):
        flat[field.name] = column
    array.flags.writeable = "readonly" not in stored.flags
    return array


def _read_column(field: _Field, payload: Any) -> Any:
    try:
        return read(field.column, 0)
    except Refusal as refusal:
        refusal.climb(key_step(field.name), payload)
        raise


def _dtype(stored: _Stored, columns: list[Any]) -> Any:
    numpy = sys.modules["numpy"]
    dtype = numpy.dtype(
        {
            "names": [field.name for field in stored.fields],
            "formats": [(column.dtype, column.shape[1:]) for column in columns],
            "offsets": [field.offset for field in stored.fields],
            "titles": [field.title for field in stored.fields],
            "itemsize": stored.itemsize,
            "aligned": "aligned" in stored.flags,
        }
    )
    return numpy.dtype((numpy.record, dtype)) if "record" in stored.flags else dtype


def _show(payload: Any, room: int) -> str:
    stored = _Stored.of(payload)
    fields = [f"{show_name(escape(field.name))}: {show_tree(field.column, room)}" for field in stored.fields]
    flags = "".join(f", {flag}" for flag in stored.flags)
    return f"records({{{', '.join(fields)}}}, shape {tuple(stored.shape)}{flags})"


def _encode(value: Any, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    return _write(value, () if value.flags.writeable else ("readonly",))


def _find(kind: type) -> Encoder | None:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    return _encode if kind is vars(numpy).get("ndarray") else find_scalar(numpy, kind)


def _read_record(kind: Any, payload: Any) -> Any:
    value = read(payload, 0)[()]
    if type(value) is not kind:
        raise ValueError
    return value


# A record of a structured array is part of that array, and can change with it; it comes back as one of its own.
SCALARS["void"] = SCALARS["record"] = Family(
    lambda value: _write(sys.modules["numpy"].asarray(value)), _read_record, immutable=False
)
add_family("numpy", _find)
add_tag("$records", _decode, _show)
