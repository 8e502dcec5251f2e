"""Records with gaps, titles and the like, and texts of any length that may be missing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from arrays import RECORDS
from refusing import refusal_of
from same import same

from stratvars.codec import decode, encode
from stratvars.codec.tree import show


def test_records_with_gaps_stand_field_by_field() -> None:
    array = np.array([(1, 2.5), (3, 4.5)], np.dtype([("side", "i1"), ("price", "f8")], align=True))
    assert json.loads(encode(array)) == {
        "$records": {
            "shape": [2],
            "itemsize": 16,
            "fields": [
                ["side", 0, {"$array": ["int8", [2], [1, 3]]}],
                ["price", 8, {"$array": ["float64", [2], [2.5, 4.5]]}],
            ],
            "flags": ["aligned"],
        }
    }


@pytest.mark.parametrize("order", ["C", "F"])
def test_what_lies_in_a_gap_is_never_written_and_comes_back_as_zeros(order: Any) -> None:
    raw = bytearray(b"SECRETS " * 6)
    array: Any = np.ndarray((2, 1), np.dtype([("side", "i1"), ("price", "f8")], align=True), raw)
    array = np.asarray(array.repeat(2, axis=1), order=order)
    array["side"], array["price"] = 1, 2.5
    other: Any = np.zeros(array.shape, array.dtype, order)
    other["side"], other["price"] = 1, 2.5
    assert encode(array) == encode(other)
    back: Any = decode(encode(array))
    assert back.tobytes("A") == other.tobytes("A")
    back["price"][0, 0] = 5.0
    back.resize((1, 1))
    assert back["price"] == 5.0


def test_records_of_a_record_array_can_be_stored_as_its_remedy_says() -> None:
    array = np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    for value in (np.asarray(array), array[0]):
        assert same(decode(encode(value)), value)
    back: Any = decode(encode(array[0]))
    assert back.b == 2.0


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, "N/A"], ids=str)
@pytest.mark.parametrize("size", [1, 100])
def test_a_missing_text_is_missing_again(missing: Any, size: int) -> None:
    array = np.array(["a", missing, "None", "nan", "<NA>", None if missing is None else "x"] * size, _texts_or(missing))
    back: Any = decode(encode(array))
    assert same(back, array)
    gone, was_gone = (_is_missing(back), _is_missing(array))
    assert gone == was_gone
    assert sum(gone) == size + (missing is None) * size
    assert np.concatenate([back, array]).dtype == array.dtype


def _is_missing(array: Any) -> list[bool]:
    return [item is array.dtype.na_object for item in array.tolist()]


def _texts_or(missing: Any) -> Any:
    return np.dtypes.StringDType(na_object=missing)


_HOLES = np.zeros(1000, np.dtype({"names": ["a"], "formats": ["i1"], "itemsize": 100}))
_UNION = np.zeros(1, np.dtype({"names": ["a", "b"], "formats": ["f8", "i4"], "offsets": [0, 4]}))
_TEXTS = np.zeros(1, np.dtype({"names": ["a"], "formats": [np.dtypes.StringDType()]}))
_TOLD = np.dtype("f8", metadata={"unit": "USD"})


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        (_HOLES, "such large gaps cannot be stored; store `numpy.lib.recfunctions.repack_fields(value)` instead"),
        (np.broadcast_to(np.zeros((), []), (10**12,)), "too large for a variable; store it in a file"),
        (np.broadcast_to(RECORDS[0], (10**12,)), "too large for a variable"),
        (_UNION, "two fields share bytes cannot be stored; store a list of tuples, `value.tolist()`, instead"),
        (_UNION[0], "two fields share bytes"),
        (_TEXTS, "with a field of StringDType"),
        (np.zeros(1, np.dtype({"names": ["a"], "formats": ["f8"], "titles": [5]})), "a title that is no str"),
        (np.zeros(1, np.dtype((type("Mine", (np.void,), {}), [("a", "f8")]))), "another type of record"),
        (np.zeros(1, np.dtype([("a", "f8")], metadata={"unit": "USD"})), "metadata"),
        (np.zeros(1, np.dtype([("a", "f8")], align=True, metadata={"unit": "USD"})), "metadata"),
        (np.array(["a"], _texts_or(5)), "with a na_object other than None, NaN, pandas.NA or a str cannot be stored"),
        (np.array(["a"], _texts_or(pd.NaT)), "with a na_object other than"),
        (np.array(["a"], _texts_or(np.float64("nan"))), "with a na_object other than"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_come_back_exactly_is_refused_with_a_remedy(value: Any, remedy: str) -> None:
    error = refusal_of([value])
    assert error.path == "v[0]"
    assert remedy in error.problem


def deeply(levels: int, *, align: bool = False) -> Any:
    dtype: Any = "f8"
    for _ in range(levels):
        dtype = np.dtype([("a", dtype)], align=align)
    return np.zeros(1, dtype)


def test_records_may_hold_records_to_a_certain_depth() -> None:
    assert same(decode(encode(deeply(16))), deeply(16))
    assert "deep nesting" in refusal_of(deeply(17)).problem
    gaps = deeply(8, align=True)
    assert same(decode(encode(gaps)), gaps)
    assert "deep nesting" in refusal_of(deeply(9, align=True)).problem


def test_a_field_that_cannot_be_stored_is_named() -> None:
    for inner, problem in ((object, "of dtype object"), ("V0", "no bytes"), (_TOLD, "metadata")):
        array = np.zeros(2, np.dtype([("price", "f8"), ("legs", [("a", inner), ("b", "g")])], align=True))
        error = refusal_of([array])
        assert error.path == "v[0]['legs']['a']"
        assert problem in error.problem


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (
            np.array(["a", None], _texts_or(None)),
            "array(['a', None], StringDType(na_object=None))",
        ),
        (
            np.array([pd.NA], np.dtypes.StringDType(na_object=pd.NA, coerce=False)),
            "array([None], StringDType(na_object=NA, coerce=False))",
        ),
        (
            np.zeros((1, 1), np.dtype([("side", "i1"), ("\ud800\x1b", "f8")], align=True)),
            "records({side: array([0], int8), '\\\\ud800\\x1b': array([0.0], float64)}, shape (1, 1), aligned)",
        ),
        (
            RECORDS[:1],
            "records({size: array([1], int32), price: array([2.0], float64)}, shape (1,), record)",
        ),
    ],
)
def test_records_and_missing_texts_are_shown_on_one_line(value: Any, shown: str) -> None:
    assert show(encode(value)) == shown
