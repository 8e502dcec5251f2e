"""Series and DataFrame: their values, their index, and all that pandas keeps beside them.

The data of a DataFrame is one array where all columns have one dtype of numpy, else an array or a list per column, in
order; two columns may have one name.
"""

from __future__ import annotations

import sys
from typing import Any

from stratvars.codec.numpy_arrays import write_array
from stratvars.codec.pandas_arrays import encode_values, read_index, read_values
from stratvars.codec.pandas_family import add_container, encode_part, read_part
from stratvars.codec.pandas_indexes import length_of
from stratvars.codec.paths import Refusal, key_step
from stratvars.codec.reading import expect, expect_pair, read
from stratvars.codec.tree import show_items, show_tree

_BESIDE = ("attrs", "duplicate_labels")


def _encode_series(value: Any, room: int) -> Any:
    content = {"values": _encode_column(value, value, room), "index": encode_part(value, ".index", value.index, room)}
    if value.name is not None:
        content["name"] = encode_part(value, ".name", value.name, room)
    return content | _write_beside(value, room)


def _encode_column(owner: Any, column: Any, room: int) -> Any:
    try:
        return encode_values(column, room)
    except Refusal as refusal:
        refusal.climb(".array" if _plain_dtype(column.dtype) is None else ".iloc", owner)
        raise


def _plain_dtype(dtype: Any) -> Any:
    """Return a dtype of numpy; None if it is one of pandas' own."""
    return dtype if isinstance(dtype, sys.modules["numpy"].dtype) else None


def _write_beside(value: Any, room: int) -> dict[str, Any]:
    beside = {"attrs": encode_part(value, ".attrs", value.attrs, room)} if value.attrs else {}
    return beside if value.flags.allows_duplicate_labels else {**beside, "duplicate_labels": False}


def _read_beside(value: Any, content: dict[str, Any], room: int) -> Any:
    if "attrs" in content:
        value.attrs = expect(read_part(content, "attrs", ".attrs", room), dict)
    if "duplicate_labels" in content:
        value.flags.allows_duplicate_labels = expect(content["duplicate_labels"], bool)
    return value


def _decode_series(content: Any, room: int) -> Any:
    values = _read_column(content["values"], content, room)
    index = read_index(content, "index", room)
    name = read_part(content, "name", ".name", room) if "name" in content else None
    return _read_beside(_series(values, index, name), content, room)


def _series(values: Any, index: Any, name: Any = None) -> Any:
    series = sys.modules["pandas"].Series(values, index=index, dtype=values.dtype, name=name, copy=False)
    # pandas has no units but four for moments, and no text of fixed length: such data would come out as another type.
    if series.dtype != values.dtype:
        raise ValueError
    return series


def _read_column(tree: Any, content: Any, room: int) -> Any:
    try:
        return read_values(tree, room)
    except Refusal as refusal:
        refusal.climb(".iloc" if type(tree) is list else ".array", content)
        raise


def _encode_frame(value: Any, room: int) -> Any:
    content = {
        "columns": encode_part(value, ".columns", value.columns, room),
        "index": encode_part(value, ".index", value.index, room),
        "data": _encode_data(value, room),
    }
    return content | _write_beside(value, room)


def _encode_data(frame: Any, room: int) -> Any:
    dtypes = set(frame.dtypes)
    one = _plain_dtype(dtypes.pop()) if len(dtypes) == 1 else None
    if one is not None and one.kind != "O":
        return write_array(frame.to_numpy())
    data = []
    for label, column in frame.items():
        try:
            data.append(_encode_column(column, column, room))
        except Refusal as refusal:
            refusal.climb(key_step(label), frame)
            raise
    return data


def _decode_frame(content: Any, room: int) -> Any:
    columns, index = (read_index(content, axis, room) for axis in ("columns", "index"))
    if type(content["data"]) is list:
        frame = _frame_of_columns(content, columns, index, room)
    else:
        frame = _frame_of_one_array(read(content["data"], 0), columns, index)
    return _read_beside(frame, content, room)


def _frame_of_columns(content: Any, columns: Any, index: Any, room: int) -> Any:
    series = {}
    for place, tree in enumerate(content["data"]):
        try:
            series[place] = _series(_read_column(tree, content["data"], room), index)
        except Refusal as refusal:
            refusal.climb(key_step(columns[place]), content)
            raise
    frame = sys.modules["pandas"].DataFrame(series, index=index, copy=False)
    frame.columns = columns
    return frame


def _frame_of_one_array(array: Any, columns: Any, index: Any) -> Any:
    np, pd = sys.modules["numpy"], sys.modules["pandas"]
    if type(array) is not np.ndarray or array.ndim != 2:  # noqa: PLR2004 - rows and columns
        raise ValueError
    frame = pd.DataFrame(array, index=index, columns=columns, copy=False)
    if set(frame.dtypes) - {array.dtype}:
        raise ValueError
    return frame


def _show_frame(content: dict[str, Any], room: int) -> str:
    rows, width = (length_of(content[axis]) for axis in ("index", "columns"))
    return f"DataFrame({rows} rows, {width} columns: {_show_labels(content['columns'], room)})"


def _show_labels(index: Any, room: int) -> str:
    _, content = expect_pair(index["$pandas"])
    values = content.get("values")
    if type(values) is dict and "$pandas" in values:
        values = expect_pair(values["$pandas"])[1].get("values")
    return ", ".join(show_items(values, room)) if type(values) is list else show_tree(index, room)


add_container(
    "Series",
    _encode_series,
    _decode_series,
    lambda pandas: pandas.Series,
    needed=["values", "index"],
    optional=["name", *_BESIDE],
)
add_container(
    "DataFrame",
    _encode_frame,
    _decode_frame,
    lambda pandas: pandas.DataFrame,
    needed=["columns", "index", "data"],
    optional=_BESIDE,
    show=_show_frame,
)
