"""Texts of records, and of texts that may be missing, that no save ever wrote: lying offsets, overlapping fields."""

from __future__ import annotations

import json

from hostile_arrays import FULL, HUGE, array, tree


def _records(fields: object, shape: object = (1,), itemsize: object = 8, **more: object) -> str:
    content = {"shape": shape, "itemsize": itemsize, "fields": fields, **more}
    return json.dumps({"$records": content}, separators=(",", ":"))


_BYTE = tree(array("int8", [1], [5]))
_nested = _BYTE
for _ in range(150):
    _nested = tree(_records([["a", 0, _nested]]))

# Of the wrong shape, which can be told without numpy.
MISSHAPEN = [
    array({}, [1], ["a"]),
    array({"coerce": True}, [1], ["a"]),
    array({"coerce": 0}, [1], ["a"]),
    array({"na_object": 5}, [1], ["a"]),
    array({"na_object": {"$float": "inf"}}, [1], ["a"]),
    array({"na_object": {"$pandas": ["NaT", None]}}, [1], ["a"]),
    array({"na_object": None, "more": 1}, [1], ["a"]),
    array([["a", {"na_object": None}]], [1], "AA=="),
    '{"$records":5}',
    '{"$records":{}}',
    '{"$records":{"shape":[1],"itemsize":1,"fields":[],"more":1}}',
    _records([["a", 0, _BYTE]], [-1]),
    _records([["a", 0, _BYTE]], [1] * 65),
    _records([["a", 0, _BYTE]], 1),
    _records([["a", 0, _BYTE]], [1], -8),
    _records([["a", 0, _BYTE]], [1], 2**31),
    _records([["a", 0, _BYTE]], [1], 8.0),
    _records([["a", 0, _BYTE]], [1], True),
    _records([["a", -1, _BYTE]]),
    _records([["a", 2**31, _BYTE]]),
    _records([["a", 0.0, _BYTE]]),
    _records([["a", 0]]),
    _records([["a", 0, [5]]]),
    _records([["a", 0, {}]]),
    _records([["a", 0, {"$array": [], "$records": []}]]),
    _records([["a", 0, {"$tuple": [5]}]]),
    _records([["a", 0, {"$numpy": ["int8", 5]}]]),
    _records([["a", 0, {"$array": 5}]]),
    _records([[5, 0, _BYTE]]),
    _records([["\\", 0, _BYTE]]),
    _records([["a", 0, _BYTE, 5]]),
    _records([["a", 0, _BYTE, None]]),
    _records([["a", 0, _BYTE, "\\"]]),
    _records([["a", 0, _BYTE, "b", "c"]]),
    _records({"a": _BYTE}),
    _records([["a", 0, _BYTE]], flags={}),
    _records([["a", 0, _BYTE]], flags=["other"]),
    _records([["a", 0, _BYTE]], flags=[[]]),
    _records([["a", 0, _BYTE]], flags=["readonly", "readonly"]),
    _records([["a", 0, _BYTE]], flags=["record", "aligned"]),
    _records([["a", 0, _nested]]),
]

# The shape is right, but there is no such value.
IMPOSSIBLE = [
    array({"coerce": False}, [1], [None]),
    array({"na_object": "N/A"}, [1], [5]),
    array({"na_object": None}, [2], [None]),
    array({"na_object": None}, [1], FULL),
    array("StringDType", [1], [None]),
    array("U1", [1], [None]),
    _records([["a", 0, _BYTE]], [2]),
    _records([["a", 0, _BYTE]], []).replace("[5]", "[5,5]"),
    _records([["a", 0, _BYTE]], [HUGE]),
    _records([["a", 0, _BYTE]], [0, HUGE]),
    _records([["a", 0, tree(array("int8", [], [5]))]], []),
    _records([["a", 0, tree(array("int8", [0], []))]], [0, 2**62, 2**62]),
    _records([["a", 0, _BYTE]], [1], 0),
    _records([["a", 8, _BYTE]], [1], 8),
    _records([["a", 0, _BYTE]], [1], 2**31 - 1),
    _records([["a", 2**30, _BYTE]], [1], 2**30 + 1),
    _records([["a", 0, _BYTE]], [1], 2**20),
    _records([["a", 0, tree(array("int8", [0], []))]], [0], 2**31 - 1),
    _records([["a", 0, tree(array("int8", [0, 10**9], []))]], [0], 10**9),
    _records([["a", 0, tree(array("float64", [0, 10**9, 10**9], []))]], [0], 8),
    _records([["a", 0, tree(_records([["b", 0, _BYTE]], [1], 2**14))]], [1], 2**20),
    _records([], [HUGE], 0),
    _records([], [HUGE], 8),
    _records([], [1], 2**31 - 1),
    _records([["a", 0, tree(_records([], [1], 0))]], [HUGE], 0),
    _records([["a", 0, _BYTE], ["b", 0, _BYTE]]),
    _records([["a", 1, _BYTE], ["b", 0, tree(array("int16", [1], [5]))]]),
    _records([["a", 0, _BYTE], ["b", 0, tree(array("int16", [1], [5]))]]),
    _records([["a", 0, tree(_records([["b", 0, _BYTE]], [1], 8))], ["c", 4, _BYTE]]),
    _records([["a", 0, _BYTE], ["a", 1, _BYTE]]),
    _records([["a", 0, _BYTE, "b"], ["b", 1, _BYTE]]),
    _records([["a", 0, _BYTE, "a"]]),
    _records([["a", 0, _BYTE, "t"], ["b", 1, _BYTE, "t"]]),
    _records([["a", 0, tree(array("StringDType", [1], ["a"]))]], [1], 16),
    _records([["a", 1, tree(array("float64", [1], [1.0]))]], [1], 16, flags=["aligned"]),
    _records([["a", 0, tree(array("float64", [1], [1.0]))]], [1], 9, flags=["aligned"]),
    '{"$numpy":["void",' + _records([["a", 0, _BYTE]], []).replace("]}}", '],"flags":["record"]}}') + "]}",
    '{"$numpy":["record",' + _records([["a", 0, _BYTE]], []) + "]}",
    '{"$numpy":["record",5]}',
]
