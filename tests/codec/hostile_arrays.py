"""Texts of arrays and frames that no save ever wrote: shapes that lie, dtypes that are none, codes out of range."""

from __future__ import annotations

import base64
import json

HUGE = 10**12
FULL = base64.b64encode(bytes(80)).decode()


def array(dtype: object, shape: object, items: object, *rest: object) -> str:
    return json.dumps({"$array": [dtype, shape, items, *rest]}, separators=(",", ":"))


def _kind(name: str, content: object) -> str:
    return json.dumps({"$pandas": [name, content]}, separators=(",", ":"))


def tree(text: str) -> object:
    found: object = json.loads(text)
    return found


_deep: list[object] = ["a", "float64"]
for _ in range(150):
    _deep = ["a", [_deep]]

# Of the wrong shape, which can be told without numpy and pandas.
MISSHAPEN = [
    '{"$array":5}',
    '{"$array":[]}',
    '{"$array":["float64",[1]]}',
    '{"$array":["float64",[1],[1.0],[],1]}',
    array("float64", 1, [1.0]),
    array("float64", [1.0], [1.0]),
    array("float64", [True], [1.0]),
    array("float64", [-1], [1.0]),
    array("float64", [2**63], [1.0]),
    array("float64", [1] * 65, [1.0]),
    array("float64", [1], 1.0),
    array("float64", [1], {"0": 1.0}),
    array("float64", [1], [1.0], "fortran"),
    array("float64", [1], [1.0], ["other"]),
    array("float64", [1], [1.0], ["readonly", "fortran"]),
    array("float64", [2], [1.0]),
    array("float64", [HUGE], [1.0]),
    array("float64", [0, HUGE], [1.0]),
    array("O", [1], [1]),
    array("object", [1], [1]),
    array("|O", [1], "AAAAAAAAAAA="),
    array("f8", [1], [1.0]),
    array("<f8", [1], [1.0]),
    array(">>int8", [1], [1]),
    array("void", [1], "AA=="),
    array("str", [1], ["a"]),
    array("U0", [1], [""]),
    array("V0", [HUGE], ""),
    array("V99999999999", [1], "AA=="),
    array("U-5", [1], [""]),
    array("datetime64[fortnight]", [1], [1]),
    array("datetime64[9999999999s]", [1], [1]),
    array("float64,int8", [1], [1]),
    array("(2,)float64", [1], [1.0]),
    array("load", [1], [1]),
    array({"names": ["a"], "formats": ["O"]}, [1], [1]),
    array([], [HUGE], ""),
    array([["a"]], [1], "AA=="),
    array([["a", "object"]], [1], "AA=="),
    array([["a", "longdouble"]], [1], "AAAAAAAAAAAAAAAAAAAAAA=="),
    array([["a", "StringDType"]], [1], "AA=="),
    array([["a", "int8", 5]], [1], "AA=="),
    array([["a", "int8", [1.5]]], [1], "AA=="),
    array([["a", "int8", [1], 1]], [1], "AA=="),
    array([["\\", "int8"]], [1], "AA=="),
    array([_deep], [1], "AA=="),
    '{"$pandas":5}',
    '{"$pandas":["Timestamp"]}',
    '{"$pandas":[null,null]}',
    _kind("eval", "1+1"),
    _kind("read_pickle", "/etc/passwd"),
    _kind("NaT", 1),
    _kind("NA", "NA"),
    _kind("Timestamp", 5),
    _kind("Timestamp", "now"),
    _kind("Timestamp", "2024-01-02"),
    _kind("Timestamp", "2024-01-02T00:00:00.5"),
    _kind("Timestamp", "2024-01-02T00:00:00+00:00"),
    _kind("Timestamp", ["2024-01-02T00:00:00", {"$zone": "UTC"}]),
    _kind("Timestamp", ["2024-01-02T00:00:00+00:00"]),
    _kind("Timedelta", 5),
    _kind("Timedelta", ["5", "s"]),
    _kind("Timedelta", [5, 5]),
    _kind("Period", [1.5, "M"]),
    _kind("Period", [1, "<DateOffset: months=1>"]),
    _kind("Period", [1, 5]),
    _kind("Interval", [1, 2]),
    _kind("Interval", [1, 2, "up"]),
    _kind("Series", []),
    _kind("Series", {}),
    _kind("Series", {"values": [], "index": [], "more": 1}),
    _kind("DataFrame", {"data": []}),
    _kind("DataFrame", {"data": [], "columns": 1, "index": 1}),
    _kind("DataFrame", {"data": [], "columns": [], "index": []}),
    _kind("MultiIndex", {"levels": [], "codes": []}),
    _kind("RangeIndex", {"values": []}),
    _kind("Index", {"values": [], "freq": "D"}),
]

_RANGE = tree(_kind("RangeIndex", {"range": [0, HUGE, 1]}))
_TWO = tree(_kind("RangeIndex", {"range": [0, 2, 1]}))
_INDEX = tree(_kind("Index", {"values": ["a", "b"]}))
_DAYS = tree(array("datetime64[s]", [3], ["2024-01-01", "2024-01-02", "2024-01-05"]))
_ZEROS = tree(array("int8", [2], [0, 0]))


def _codes(*codes: int) -> object:
    return tree(array("int8", [len(codes)], codes))


def _series(values: object, index: object = _TWO, **more: object) -> str:
    return _kind("Series", {"values": values, "index": index, **more})


def _categorical(codes: object, categories: object = _INDEX, ordered: object = False) -> str:
    return _kind("Categorical", {"codes": codes, "categories": categories, "ordered": ordered})


def _multi(levels: object, codes: object, names: object = (None,), **more: object) -> str:
    return _kind("MultiIndex", {"levels": levels, "codes": codes, "names": names, **more})


def _frame(data: object, columns: object = _TWO, index: object = _TWO, **more: object) -> str:
    return _kind("DataFrame", {"columns": columns, "index": index, "data": data, **more})


# The shape is right, but there is no such value.
IMPOSSIBLE = [
    array("float64", [HUGE], FULL),
    array("float64", [HUGE, 0, 5], FULL),
    array("float64", [2**62, 2**62], FULL),
    array("float64", [11], FULL),
    array("float64", [9], FULL),
    array("float64", [10], FULL[:-1]),
    array("float64", [10], "!" + FULL[1:]),
    array("float64", [10], FULL[:-4] + "===="),
    array("float64", [10], "\u00e9" + FULL[1:]),
    array("float64", [0], FULL),
    array("V9999999999", [1], "AA=="),
    array("V2000000000", [1], FULL),
    array("U500000000", [1], [""]),
    array("U500000000", [0], []),
    array("S2000000000", [3], ["", "", ""]),
    array("U17", [1], [""]),
    array("U2", [1], ["abc"]),
    array("S2", [1], ["abc"]),
    array("S2", [1], ["\u20ac"]),
    array("U2", [1], [5]),
    array("bool", [1], [1]),
    array("bool", [1], ["True"]),
    array("int8", [1], [300]),
    array("uint8", [1], [-1]),
    array("int64", [1], [10**30]),
    array("int64", [1], [1.0]),
    array("int64", [1], [True]),
    array("int64", [2], [[1], [2]]),
    array("int64", [1], [None]),
    array("float64", [1], ["1.0"]),
    array("float64", [1], [10**400]),
    array("float32", [1], [1e300]),
    array("float64", [1], [{"$array": ["float64", [], [1.0]]}]),
    array("complex128", [1], [1.0]),
    array("complex128", [1], [[1.0, 2.0]]),
    array("datetime64[s]", [1], ["now"]),
    array("datetime64[s]", [1], [5]),
    array("datetime64[D]", [1], ["2024-13-01"]),
    array("timedelta64[s]", [1], [1.5]),
    array("timedelta64[s]", [1], [10**30]),
    array("V2", [1], ["ab"]),
    array("StringDType", [1], [5]),
    array("StringDType", [1], FULL),
    array("longdouble", [10], FULL + FULL),
    array("longdouble", [1], [1.5]),
    array([["a", "int8"], ["a", "int8"]], [1], "AAA="),
    array([["a", "int8", [0]]], [HUGE], ""),
    array([["a", "float64", [10**9, 10**9]]], [1], FULL),
    array([["a", "float64", [10**6]]], [10**6], FULL),
    array([["a", "int8", [-1]]], [1], "AA=="),
    '{"$numpy":["void",{"$array":["float64",[],[1.0]]}]}',
    '{"$numpy":["void",{"$array":["V1",[1],"AA=="]}]}',
    _kind("Timestamp", "2024-13-02T00:00:00"),
    _kind("Timestamp", "9999-01-02T00:00:00.000000000"),
    _kind("Timestamp", "999999999999-01-02T00:00:00"),
    _kind("Timestamp", ["2024-01-02T00:00:00+00:00", "UTC"]),
    _kind("Timestamp", ["2024-01-02T00:00:00+00:00", {"$zone": "Nowhere/Atlantis"}]),
    _kind("Timestamp", ["2024-01-02T00:00:00+00:00", [1]]),
    _kind("Timestamp", ["2024-01-02T00:00:00+25:00", {"$zone": "UTC"}]),
    _kind("Timestamp", ["2024-01-02T00:00:00+00:00:00.000001", {"$zone": "UTC"}]),
    _kind("Timedelta", [5, "Y"]),
    _kind("Timedelta", [2**63, "s"]),
    _kind("Timedelta", [-(2**63), "ns"]),
    _kind("Period", [2**70, "M"]),
    _kind("Period", [1, "XXXX"]),
    _kind("Period", [-(2**63), "M"]),
    _kind("Interval", [2, 1, "left"]),
    _kind("Interval", ["a", "b", "left"]),
    _kind("Interval", [[1], [2], "left"]),
    _kind("IntegerArray", {"values": tree(array("float64", [1], [1.0]))}),
    _kind("IntegerArray", {"values": [1]}),
    _kind("IntegerArray", {"values": _ZEROS, "missing": tree(array("bool", [1], [True]))}),
    _kind("IntegerArray", {"values": _ZEROS, "missing": _ZEROS}),
    _kind("IntegerArray", {"values": tree(array(">int32", [1], [1]))}),
    _kind("BooleanArray", {"values": _ZEROS}),
    _kind("FloatingArray", {"values": _ZEROS}),
    _kind("StringArray", {"storage": "python", "missing": "nan", "values": [1]}),
    _kind("StringArray", {"storage": "python", "missing": "None", "values": ["a"]}),
    _kind("StringArray", {"storage": "pickle", "missing": "nan", "values": ["a"]}),
    _categorical(_codes(0, 2)),
    _categorical(_codes(-2)),
    _categorical(_codes(0), _INDEX, 1),
    _categorical(_codes(0), ["a"]),
    _categorical(_codes(0), tree(_kind("Index", {"values": ["a", "a"]}))),
    _categorical(_codes(0), tree(_kind("Index", {"values": ["a", None]}))),
    _categorical(_codes(0), tree(_kind("Index", {"values": [[1], {}]}))),
    _categorical(tree(array("int8", [2, 1], [0, 0]))),
    _categorical(tree(array("float64", [1], [0.0]))),
    _kind("DatetimeArray", {"values": _ZEROS}),
    _kind("DatetimeArray", {"values": _DAYS, "zone": "UTC"}),
    _kind("DatetimeArray", {"values": _DAYS, "zone": {"$zone": "../etc/passwd"}}),
    _kind("DatetimeArray", {"values": _DAYS, "zone": 5}),
    _kind("TimedeltaArray", {"values": _DAYS}),
    _kind("PeriodArray", {"ordinals": _DAYS, "freq": "M"}),
    _kind("PeriodArray", {"ordinals": _ZEROS, "freq": "XXXX"}),
    _kind("IntervalArray", {"left": _RANGE, "right": _RANGE, "closed": "left"}),
    _kind("IntervalArray", {"left": _INDEX, "right": _INDEX, "closed": "left"}),
    _kind("IntervalArray", {"left": _INDEX, "right": _TWO, "closed": "left"}),
    _kind("RangeIndex", {"range": [0, 2, 0]}),
    _kind("RangeIndex", {"range": [0, 2]}),
    _kind("RangeIndex", {"range": [0, 2.0, 1]}),
    _kind("RangeIndex", {"range": [0, 2**63, 1]}),
    _kind("RangeIndex", {"range": [-(2**63), 2**63 - 1, 1]}),
    _kind("RangeIndex", {"range": [0, 2, 1], "name": []}),
    _kind("Index", {"values": tree(array("float64", [], [1.0]))}),
    _kind("Index", {"values": tree(array("float64", [1, 1], [1.0]))}),
    _kind("Index", {"values": tree(array("float16", [1], [1.0]))}),
    _kind("Index", {"values": tree(array("U1", [1], ["a"]))}),
    _kind("Index", {"values": _DAYS}),
    _kind("Index", {"values": 5}),
    _kind("Index", {"values": _TWO}),
    _kind("DatetimeIndex", {"values": _ZEROS}),
    _kind("DatetimeIndex", {"values": tree(array("datetime64[D]", [1], ["2024-01-01"]))}),
    _kind("DatetimeIndex", {"values": _DAYS, "freq": "D"}),
    _kind("DatetimeIndex", {"values": _DAYS, "freq": "999999999D"}),
    _kind("DatetimeIndex", {"values": _DAYS, "freq": "__import__('os')"}),
    _kind("CategoricalIndex", {"values": ["a"]}),
    _multi([_INDEX], [_codes(0, 2)]),
    _multi([_INDEX], [_codes(-2)]),
    _multi([_INDEX, _INDEX], [_codes(0), _codes(0, 1)], [None, None]),
    _multi([_INDEX], []),
    _multi([], [], []),
    _multi([_INDEX], [_codes(0)], [None, None]),
    _multi([_INDEX], [_codes(0)], [[]]),
    _multi([_INDEX], [_codes(1, 0)], sortorder=1),
    _multi([_INDEX], [_codes(0, 1)], sortorder=5),
    _multi([_INDEX], [_codes(0, 1)], sortorder=True),
    _multi([tree(_kind("Index", {"values": ["a", "a"]}))], [_codes(0)]),
    _multi([["a"]], [_codes(0)]),
    _series(tree(array("float64", [3], [1.0, 2.0, 3.0]))),
    _series([]),
    _series([1, 2], _RANGE),
    _series(tree(array("float64", [1], [1.0])), _RANGE),
    _series([1, 2], [0, 1]),
    _series([1, 2], _TWO, name=[]),
    _series([1, 2], _TWO, attrs=[]),
    _series([1, 2], _TWO, duplicate_labels=0),
    _series([1, 2], tree(_kind("Index", {"values": ["a", "a"]})), duplicate_labels=False),
    _series(tree(array("U1", [2], ["a", "b"]))),
    _series(tree(array("datetime64[D]", [2], ["2024-01-01", "NaT"]))),
    _series(tree(array("float64", [], [1.0]))),
    _series({"$set": []}),
    _frame([[1, 2]]),
    _frame([[1, 2], [1]]),
    _frame([[1, 2], [1, 2]], _RANGE),
    _frame([[1, 2], [1, 2]], _TWO, _RANGE),
    _frame([[1, 2], [1, 2], [1, 2]]),
    _frame(tree(array("float64", [2, 3], [0.0] * 6))),
    _frame(tree(array("float64", [4], [0.0] * 4))),
    _frame(tree(array("U1", [2, 2], ["a"] * 4))),
    _frame(tree(array("float64", [1, 1], [0.0])), _RANGE, _RANGE),
    _frame({"$tuple": []}),
    _frame([5, 6]),
]
