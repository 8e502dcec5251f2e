"""Index and its kinds: values, name, and the frequency of moments if it has one.

A RangeIndex is its start, stop and step. A MultiIndex is its levels, which are indexes, and the codes into them.
"""

from __future__ import annotations

import sys
from typing import Any

from stratvars.codec.numpy_arrays import write_array
from stratvars.codec.pandas_arrays import encode_values, read_array, read_values, require_index
from stratvars.codec.pandas_family import add_container, encode_part, read_part
from stratvars.codec.pandas_scalars import read_frequency
from stratvars.codec.paths import Refusal
from stratvars.codec.reading import expect, expect_pair, read
from stratvars.codec.registry import Decoder

_CLASSES = ("Index", "DatetimeIndex", "TimedeltaIndex", "PeriodIndex", "CategoricalIndex", "IntervalIndex")
_WITH_FREQUENCY = frozenset({"DatetimeIndex", "TimedeltaIndex"})


def _encode(value: Any, room: int) -> Any:
    content = {"values": encode_values(value, room)}
    if type(value).__name__ in _WITH_FREQUENCY and value.freq is not None:
        content["freq"] = _write_frequency(value)
    return content | _write_name(value, room)


def _write_name(value: Any, room: int) -> dict[str, Any]:
    return {} if value.name is None else {"name": encode_part(value, ".name", value.name, room)}


def _write_frequency(value: Any) -> str:
    text = str(value.freqstr)
    try:
        again = sys.modules["pandas"].tseries.frequencies.to_offset(read_frequency(text))
    except ValueError:
        again = None
    # The name of a custom frequency says nothing of its holidays.
    if again != value.freq:
        raise Refusal(
            f"an index whose freq is a {type(value.freq).__name__} of your own cannot be stored; set"
            " `index.freq = None` first, which leaves its moments as they are"
        )
    return text


def _decoder(class_name: str) -> Decoder:
    def decode(content: Any, room: int) -> Any:
        values = read_values(content["values"], room)
        index = sys.modules["pandas"].Index(
            values, dtype=values.dtype, name=_read_name(content, room), tupleize_cols=False
        )
        if type(index).__name__ != class_name or index.dtype != values.dtype:
            raise ValueError
        return type(index)(index, freq=read_frequency(content["freq"])) if "freq" in content else index

    return decode


def _read_name(content: dict[str, Any], room: int) -> Any:
    return read_part(content, "name", ".name", room) if "name" in content else None


def _encode_range(value: Any, room: int) -> Any:
    return {"range": [value.start, value.stop, value.step]} | _write_name(value, room)


def _decode_range(content: Any, room: int) -> Any:
    index = sys.modules["pandas"].RangeIndex(_range_of(content), name=_read_name(content, room))
    len(index)  # raises where no process can count that far
    return index


def _range_of(content: dict[str, Any]) -> range:
    start, stop, step = (expect(part, int) for part in expect(content["range"], list))
    if not all(-(2**63) <= part < 2**63 for part in (start, stop, step, stop + step)):
        raise ValueError
    return range(start, stop, step)


def _encode_multi(value: Any, room: int) -> Any:
    if value.name is not None:
        raise Refusal(
            "this MultiIndex has a name beside those of its levels, which pandas itself loses; set `index.name = None`,"
            " and name its levels in `index.names`"
        )
    levels = [encode_part(value, f".levels[{n}]", level.rename(None), room) for n, level in enumerate(value.levels)]
    content = {
        "levels": levels,
        "codes": [write_array(codes) for codes in value.codes],
        "names": [encode_part(value, f".names[{n}]", name, room) for n, name in enumerate(value.names)],
    }
    return content if value.sortorder is None else {**content, "sortorder": value.sortorder}


def _decode_multi(content: Any, room: int) -> Any:
    parts = {field: expect(content[field], list) for field in ("levels", "codes", "names")}
    levels = [require_index(read(level, room)) for level in parts["levels"]]
    codes = [read_array(part, "i") for part in parts["codes"]]
    order = content.get("sortorder")
    _require_integrity(levels, codes, 0 if order is None else expect(order, int))
    names = [read(name, room) for name in parts["names"]]
    # The check of pandas would give memory to every label of a range, and other codes to labels that are missing.
    return sys.modules["pandas"].MultiIndex(
        levels=levels, codes=codes, names=names, sortorder=order, verify_integrity=False
    )


def _require_integrity(levels: list[Any], codes: list[Any], order: int) -> None:
    np = sys.modules["numpy"]
    if not levels or len(levels) != len(codes) or len(set(map(len, codes))) > 1 or not 0 <= order <= len(levels):
        raise ValueError
    tied = np.ones(max(len(codes[0]) - 1, 0), bool)
    for place, (level, part) in enumerate(zip(levels, codes, strict=True)):
        if not level.is_unique or (len(part) and (part.min() < -1 or part.max() >= len(level))):
            raise ValueError
        steps = np.diff(part.astype("int64"))
        if place < order and (steps[tied] < 0).any():
            raise ValueError
        tied &= steps == 0


def length_of(tree: Any) -> int:
    """Return how many labels the tree of an index has; pandas is not needed."""
    kind, content = expect_pair(expect(tree, dict)["$pandas"])
    if kind == "RangeIndex":
        return len(_range_of(content))
    return _count(content["codes"][0] if kind == "MultiIndex" else content["values"])


def _count(tree: Any) -> int:
    """Return how many items a tree of values has."""
    if type(tree) is list:
        return len(tree)
    if "$array" in tree:
        return expect(tree["$array"][1][0], int)
    _, content = expect_pair(tree["$pandas"])
    if "left" in content:
        return length_of(content["left"])
    return _count(next(content[field] for field in ("values", "codes", "ordinals") if field in content))


for _name in _CLASSES:
    add_container(
        _name,
        _encode,
        _decoder(_name),
        lambda pandas, name=_name: vars(pandas)[name],  # type: ignore[misc]
        needed=["values"],
        optional=["name", "freq"] if _name in _WITH_FREQUENCY else ["name"],
    )
add_container(
    "RangeIndex",
    _encode_range,
    _decode_range,
    lambda pandas: pandas.RangeIndex,
    needed=["range"],
    optional=["name"],
)
add_container(
    "MultiIndex",
    _encode_multi,
    _decode_multi,
    lambda pandas: pandas.MultiIndex,
    needed=["levels", "codes", "names"],
    optional=["sortorder"],
)
