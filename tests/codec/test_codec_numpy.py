"""Arrays and scalars of numpy: their text, what is kept of them, what is refused."""

from __future__ import annotations

import base64
import json
import warnings
from typing import Any

import numpy as np
import pytest
from arrays import RECORD, VOIDS
from refusing import refusal_of
from same import same

from stratvars.codec import decode, encode, is_immutable
from stratvars.codec.tree import show
from stratvars.errors import UndecodableError


def characters() -> Any:
    """An array of a class that numpy means to remove, and says so where it is named."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.char.array(["a"])


def content(value: Any) -> list[Any]:
    """Return what stands in the envelope of an array: dtype, shape, items, and flags if there are any."""
    parts: list[Any] = json.loads(encode(value))["$array"]
    return parts


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.array([1.0, 2.5]), '{"$array":["float64",[2],[1.0,2.5]]}'),
        (np.array([[1, 2], [3, 4]]), '{"$array":["int64",[2,2],[1,2,3,4]]}'),
        (np.array(5, "u1"), '{"$array":["uint8",[],[5]]}'),
        (np.array(["SPY", "QQQ"]), '{"$array":["U3",[2],["SPY","QQQ"]]}'),
        (np.array([b"\xff"]), '{"$array":["S1",[1],["ÿ"]]}'),
        (np.array(["2024-01-02", "NaT"], "M8[D]"), '{"$array":["datetime64[D]",[2],["2024-01-02","NaT"]]}'),
        (np.array([-3], "m8[ns]"), '{"$array":["timedelta64[ns]",[1],[-3]]}'),
        (np.array([True]), '{"$array":["bool",[1],[true]]}'),
        (np.array([1.5, np.nan]), '{"$array":["float64",[2],[1.5,{"$float":"nan"}]]}'),
        (np.array([1], ">i4"), '{"$array":[">int32",[1],[1]]}'),
        (np.array([1j]), '{"$array":["complex128",[1],"AAAAAAAAAAAAAAAAAADwPw=="]}'),
        (np.array([1.5], "g"), '{"$array":["longdouble",[1],[[3,-1]]]}'),
    ],
)
def test_a_small_array_can_be_read_in_the_table(array: Any, text: str) -> None:
    assert encode(array) == text


def test_a_large_array_is_the_base64_of_its_memory() -> None:
    array = np.linspace(0, 1, 1000)
    name, shape, items = content(array)
    assert (name, shape) == ("float64", [1000])
    assert base64.b64decode(items, validate=True) == array.tobytes()


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 66])
@pytest.mark.parametrize("kind", ["f8", "f4", "i8", "?", "M8[s]", "m8[s]", "U3", "S3"])
def test_an_array_is_the_same_above_and_below_the_size_for_a_list(kind: str, size: int) -> None:
    array = np.arange(size).astype(kind)
    assert type(content(array)[2]) is (list if size <= 64 else str)
    assert same(decode(encode(array)), array)


def test_the_order_of_an_array_is_kept_and_told() -> None:
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert content(array) == ["float64", [2, 3], [0.0, 3.0, 1.0, 4.0, 2.0, 5.0], ["fortran"]]
    back: Any = decode(encode(array))
    assert back.flags.f_contiguous
    assert not back.flags.c_contiguous
    assert (back == array).all()


@pytest.mark.parametrize(
    "array", [np.arange(10)[::2], np.arange(10)[::-1], np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1)]
)
def test_an_array_that_is_not_contiguous_comes_back_contiguous_and_equal(array: Any) -> None:
    back: Any = decode(encode(array))
    assert back.flags.c_contiguous
    assert same(back, array)


@pytest.mark.parametrize("size", [3, 300])
def test_an_array_that_may_be_written_can_be_written_and_resized_afterwards(size: int) -> None:
    back: Any = decode(encode(np.zeros(size)))
    back[0] = 5.0
    back.resize(size + 1)
    assert back.sum() == 5.0


@pytest.mark.parametrize("size", [3, 300])
def test_an_array_that_is_read_only_comes_back_read_only(size: int) -> None:
    array = np.zeros(size)
    array.flags.writeable = False
    back: Any = decode(encode(array))
    with pytest.raises(ValueError, match="read-only"):
        back[0] = 5.0


@pytest.mark.parametrize("size", [3, 300])
def test_a_change_in_place_changes_the_text(size: int) -> None:
    array = np.zeros(size)
    before = encode(array)
    array[-1] = -0.0
    assert encode(array) != before
    assert not is_immutable(array)


@pytest.mark.parametrize("bits", [0x7FF8000000000000, 0xFFF8000000000000, 0x7FF8000000000001, 0x7FF0000000000001])
def test_every_bit_of_a_nan_in_an_array_is_kept(bits: int) -> None:
    array = np.array([bits], "u8").view("f8")
    back: Any = decode(encode(array))
    assert back.view("u8")[0] == bits


def test_no_unit_of_time_and_no_far_away_moment_is_lost() -> None:
    ticks = np.array([0, 1, -1, 2**40, 2**62, -(2**63), -(2**63) + 1, 2**63 - 1])
    for unit in ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "7D", "25s"):
        for kind in "mM":
            array = ticks.view(f"{kind}8[{unit}]")
            back: Any = decode(encode(array))
            assert back.dtype == array.dtype
            assert (back.view("i8") == ticks).all()


def test_types_of_one_size_stay_apart() -> None:
    for char in "lqLQ":
        back: Any = decode(encode(np.array([1], char)))
        assert back.dtype.char == char
        assert type(back[0]) is np.dtype(char).type


def test_records_come_back_with_their_fields() -> None:
    array = np.array([(1.5, [1, 2], ("SPY", "2024-01-02"), True)] * 2, RECORD)
    assert content(array)[0] == [
        ["price", "float64"],
        ["legs", ">int16", [2]],
        ["inner", [["symbol", "U3"], ["when", "datetime64[s]"]]],
        ["\\ud800", "bool"],
    ]
    back: Any = decode(encode(array))
    assert back["inner"]["symbol"].tolist() == ["SPY", "SPY"]
    assert same(back, array)


def test_one_record_comes_back_as_one_of_its_own() -> None:
    array = np.zeros(2, RECORD)
    back: Any = decode(encode({"one": array[0]}))
    assert type(back["one"]) is np.void
    assert same(back["one"], array[0])
    array[0]["price"] = 5.0
    assert back["one"]["price"] == 0.0
    assert not any(map(is_immutable, VOIDS))


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        (np.array([None]), "a numpy.ndarray of dtype object cannot be stored; store `value.tolist()` instead"),
        (np.array([[1], "a"], object), "of dtype object"),
        (np.zeros(1, [("a", object)]), "of dtype object"),
        (np.zeros(1, np.dtype("f8", metadata={"unit": "USD"})), "metadata"),
        (np.zeros(2, "V0"), "whose items have no bytes"),
        (np.broadcast_to(0.0, (10**12,)), "too large for a variable; store it in a file"),
        (np.ma.masked_array([1, 2], [True, False]), "store `value.data` and `value.mask` instead"),
        (np.ma.masked, "store `value.data` and `value.mask` instead"),
        (np.zeros((1, 1)).view(np.matrix), "store `numpy.asarray(value)` instead"),
        (np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), "store `numpy.asarray(value)` instead"),
        (characters(), "store `numpy.asarray(value)` instead"),
        (np.dtype("f8"), "store `str(value)` instead"),
        (np.float64, "the class float64 itself cannot be stored; store an object of it, or its name"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_come_back_exactly_is_refused_with_a_remedy(value: Any, remedy: str) -> None:
    error = refusal_of([value])
    assert error.path == "v[0]"
    assert remedy in error.problem


@pytest.mark.parametrize("kind", ["M8", "m8"])
@pytest.mark.parametrize("unit", ["2Y", "25s", "2147483647Y", "2147483647as"])
@pytest.mark.parametrize("count", [0, 1, 2**62, 2**63 - 1, -(2**63) + 1])
def test_moments_and_spans_come_back_however_far_away_and_in_whatever_unit(kind: str, unit: str, count: int) -> None:
    array = np.array([count]).view(f"{kind}[{unit}]")
    for value in (array, array[0]):
        again: Any = decode(encode(value))
        assert again.dtype == value.dtype
        assert again.view("int64") == count


def test_a_subclass_is_refused(tmp_path: Any) -> None:
    class MyArray(np.ndarray[Any, Any]):
        pass

    file = np.memmap(tmp_path / "a", "f8", "w+", shape=(2,))
    for value in (np.zeros(2).view(MyArray), file):
        assert "store `numpy.asarray(value)` instead" in refusal_of(value).problem


def test_an_array_in_a_container_is_named_by_its_path() -> None:
    assert refusal_of({"a": [1, np.array([None])]}).path == "v['a'][1]"


def test_bytes_that_are_no_text_come_back_as_they_are() -> None:
    array = np.frombuffer(b"\xff\xff\xff\x7f", "U1")
    back: Any = decode(encode(array))
    assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"$array":["float32",[2],[0.1,1]]}', np.array([0.1, 1], "f4")),
        ('{"$array":["float64",[100],[' + ",".join("0" * 100) + "]]}", np.zeros(100)),
        ('{"$array":["int64",[2],"AQAAAAAAAAACAAAAAAAAAA=="]}', np.array([1, 2])),
        ('{"$array":["float64",[1],[1.0],[]]}', np.array([1.0])),
        ('{"$array":["U5",[1],["SPY"]]}', np.array(["SPY"], "U5")),
    ],
)
def test_an_array_may_be_written_by_hand(text: str, value: Any) -> None:
    assert same(decode(text), value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.array([1.0, 2.0]), "array([1.0, 2.0], float64)"),
        (np.linspace(0, 99, 100), "array([0.0, 1.0, 2.0, …], float64, shape (100,))"),
        (np.arange(100, dtype=">i2"), "array([0, 1, 2, …], >int16, shape (100,))"),
        (np.arange(200.0).reshape(2, 100).T, "array([0.0, 1.0, 2.0, …], float64, shape (100, 2), fortran)"),
        (np.array([["SPY"]]), "array(['SPY'], U3, shape (1, 1))"),
        (np.array(["x" * 40]), "array([…], U40, shape (1,))"),
        (np.zeros(2, RECORD), "array([…], (price, legs, inner, \\ud800), shape (2,))"),
        (np.array(["2024-01-02"], "M8[D]"), "array(['2024-01-02'], datetime64[D])"),
        (np.void(b"ab"), "numpy.void(array([…], V2, shape ()))"),
    ],
)
def test_an_array_is_shown_on_one_line(value: Any, shown: str) -> None:
    assert show(encode(value)) == shown


def test_a_short_array_in_base64_is_shown_too() -> None:
    assert show('{"$array":["float64",[1],"AAAAAAAA8D8="]}') == "array([1.0, …], float64, shape (1,))"


def test_a_longdouble_of_another_machine_is_told_so() -> None:
    text = '{"$array":["longdouble",[1],[[' + str(2**112 + 1) + ",0]]]}"
    with pytest.raises(UndecodableError, match="more precise than those of this machine; read it where it was saved"):
        decode(text)
