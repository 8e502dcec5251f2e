"""Kinds of values that JSON libraries and other frameworks change without a word, or lose: here they come back exact.

What has no exact text is refused with its path. Nothing comes back as something else.
"""

from __future__ import annotations

import array
import enum
import threading
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from same import same

from examples import Bits, FrozenSlotted, Leg, Level, Permission, Side, Venue
from stratvars.codec import decode, encode
from stratvars.errors import UnsavableError

NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")


class Mood(enum.Enum):
    CALM = 1


@dataclass
class Order:
    id: str


class Quote(NamedTuple):
    bid: float


class Account:
    pass


class Symbol(str):
    __slots__ = ()


Pair = namedtuple("Pair", "a b")  # noqa: PYI024 - the untyped kind

EXACT: dict[str, Any] = {
    "None": None,
    "True beside 1 and 1.0": [True, 1, 1.0],
    "int of 64 bits": 2**63,
    "int of 65 bits": 2**64,
    "int of 5,000 digits": 10**5000,
    "float that looks like an int": 1.0,
    "float above 2**53": 1e16,
    "negative zero": -0.0,
    "smallest float": 5e-324,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "complex": 1.5 - 2j,
    "empty text": "",
    "text that looks like a date": "2024-01-15",
    "text that looks like a moment": "2024-01-15T09:30:00+00:00",
    "text that looks like a number": "1.50",
    "text that looks like NaN": "NaN",
    "text with NUL": "a\x00b",
    "text with half of a surrogate pair": "\ud83d",
    "text beyond the first plane": "\U0001f600",
    "bytes": b"\x00\xff",
    "bytearray": bytearray(b"\x00\xff"),
    "tuple": (1, 2),
    "empty tuple": (),
    "tuple in a list": [(1, (2,))],
    "set": {1, 2},
    "empty set": set(),
    "frozenset": frozenset({1, 2}),
    "set of tuples": {(1, "a"), (2, "b")},
    "dict with int keys": {1: "a", 2: "b"},
    "dict with 1 and '1'": {1: "a", "1": "b"},
    "dict with None and bool keys": {None: 1, True: 2},
    "dict with float keys": {1.5: "a"},
    "dict with tuple keys": {("SPY", 450.0): 3},
    "dict with date keys": {date(2024, 1, 1): 1},
    "dict with Decimal keys": {Decimal("1.0"): 1},
    "dict that is not sorted": {"b": 1, "a": 2},
    "dict that looks like an envelope": {"$decimal": "1"},
    "dict that looks like another library's": {"__type__": "set", "py/object": "os.system"},
    "deque": deque([1, 2], maxlen=5),
    "OrderedDict": OrderedDict(b=1, a=2),
    "Counter": Counter("aab"),
    "defaultdict": defaultdict(list, {"a": [1]}),
    "range": range(0, 10, 2),
    "Decimal": Decimal("1.50"),
    "Decimal of 30 digits": Decimal("0.123456789012345678901234567890"),
    "Decimal zero with a sign": Decimal("-0.00"),
    "Decimal NaN": Decimal("NaN"),
    "Fraction": Fraction(1, 3),
    "datetime": datetime(2024, 1, 2, 9, 30, 0, 123456),  # noqa: DTZ001 - naive moments are values too
    "datetime in UTC": datetime(2024, 1, 2, tzinfo=UTC),
    "datetime with an offset": datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    "datetime with a named offset": datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=1), "CET")),
    "datetime with a zone": datetime(2024, 1, 2, 9, 30, tzinfo=NEW_YORK),
    "datetime in the second of two equal hours": datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1),
    "date": date(2024, 1, 2),
    "time": time(9, 30, tzinfo=NEW_YORK),
    "timedelta": timedelta(days=-1, microseconds=5),
    "ZoneInfo": NEW_YORK,
    "timezone": timezone(timedelta(hours=-5)),
    "UUID": UUID("12345678-1234-5678-1234-567812345678"),
    "Path": Path("/data/ticks.csv"),
    "PurePosixPath": PurePosixPath("a/../b"),
    "Enum": Side.BUY,
    "IntEnum": Level.HIGH,
    "StrEnum": Venue.CBOE,
    "Flag": Permission.READ | Permission.WRITE,
    "IntFlag with bits that have no name": Bits(9),
    "dict with Enum keys": {Side.BUY: 1},
    "dataclass": Leg(100.0),
    "frozen dataclass with slots": FrozenSlotted(price=1.5),
    "nested dataclass": Leg(100.0, tags=[Leg(1.0)]),
    "numpy.float64": np.float64(1.5),
    "numpy.float32": np.float32(0.1),
    "numpy.int64": np.int64(5),
    "numpy.bool_": np.bool_(True),
    "numpy.str_": np.str_("a"),
    "numpy.datetime64": np.datetime64("2024-01-02T09:30:00.000000001"),
    "numpy.timedelta64": np.timedelta64(5, "m"),
    "numpy array": np.array([[1.5, np.nan], [-0.0, np.inf]]),
    "numpy array of ints": np.arange(100, dtype="u2"),
    "numpy array of text": np.array(["SPY", "QQQ"]),
    "numpy array without dimensions": np.array(1.5),
    "numpy array without items": np.zeros((0, 3), "f4"),
    "numpy array in Fortran order": np.asfortranarray(np.eye(3)),
    "numpy array of moments": np.array(["2024-01-02", "NaT"], "M8[ns]"),
    "numpy record": np.zeros(2, [("price", "f8"), ("size", "i4")]),
    "pandas.Timestamp": pd.Timestamp("2024-01-02 09:30:00.000000001", tz="America/New_York"),
    "pandas.Timedelta": pd.Timedelta(5, "ns"),
    "pandas.NaT": pd.NaT,
    "pandas.NA": pd.NA,
    "pandas.Series": pd.Series([1, None], dtype="Int64", name="size"),
    "pandas.Series of moments": pd.Series(pd.date_range("2024", periods=2, tz="UTC")),
    "pandas.DataFrame": pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"])}),
    "pandas.DataFrame with two columns of one name": pd.DataFrame([[1, 2.5]], columns=["a", "a"]),
    "pandas.DatetimeIndex": pd.date_range("2024", periods=3, freq="B", tz="America/New_York"),
    "pandas.MultiIndex": pd.MultiIndex.from_product([["SPY"], [1, 2]], names=["symbol", None]),
}

REFUSED: dict[str, Any] = {
    "Enum that is not registered": Mood.CALM,
    "dataclass that is not registered": Order("x"),
    "NamedTuple that is not registered": Quote(1.5),
    "namedtuple that is not registered": Pair(1, 2),
    "object of a plain class": Account(),
    "subclass of str": Symbol("SPY"),
    "SimpleNamespace": SimpleNamespace(a=1),
    "MappingProxyType": MappingProxyType({"a": 1}),
    "ChainMap": ChainMap({"a": 1}),
    "memoryview": memoryview(b"x"),
    "array.array": array.array("d", [1.5]),
    "iterator": iter([1]),
    "generator": (number for number in [1]),
    "dict view": {"a": 1}.keys(),
    "function": len,
    "lambda": lambda: 1,
    "class": Account,
    "module": enum,
    "exception": ValueError("x"),
    "lock": threading.Lock(),
    "Ellipsis": ...,
    "numpy array of objects": np.array([None]),
    "numpy masked array": np.ma.masked_array([1], [True]),
    "sparse pandas.Series": pd.Series(pd.arrays.SparseArray([0, 1])),
    "pandas.DataFrame with an object in a cell": pd.DataFrame({"a": pd.Series([Account()], dtype=object)}),
}


@pytest.mark.parametrize("kind", EXACT)
def test_it_comes_back_exact(kind: str) -> None:
    value = EXACT[kind]
    for holder in ([value], {"a": value}, {"b": (value, [value])}):
        assert same(decode(encode(holder)), holder)


@pytest.mark.parametrize("kind", REFUSED)
def test_it_is_refused_with_its_path(kind: str) -> None:
    with pytest.raises(UnsavableError) as caught:
        encode({"positions": [0, REFUSED[kind]]}, "book")
    assert caught.value.path.startswith("book['positions'][1]")
    assert "cannot be stored" in caught.value.problem
    assert "; " in caught.value.problem


def test_more_kinds_are_tried_than_any_table_of_others_has() -> None:
    assert len(EXACT) + len(REFUSED) >= 74
    assert len(EXACT) > 90
