"""Values of pandas: examples for every kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
DAYS = pd.date_range("2024-01-02 09:30", periods=3, freq="B", tz=NEW_YORK, name="when")
CET = timezone(timedelta(hours=1), "CET")


def objects(*items: Any) -> Any:
    array = np.empty(len(items), object)
    for place, item in enumerate(items):
        array[place] = item
    return array


def _with_attrs(value: Any, **attrs: object) -> Any:
    value.attrs = attrs
    return value


SCALARS: dict[str, tuple[Any, ...]] = {
    "Timestamp": (
        pd.Timestamp("2024-01-02"),
        pd.Timestamp("2024-01-02 09:30", tz=NEW_YORK),
        pd.Timestamp("2024-01-02 09:30:00.123456789", tz=UTC),
        pd.Timestamp("2024-10-27 00:30Z").tz_convert(BERLIN),
        pd.Timestamp("2024-10-27 01:30Z").tz_convert(BERLIN),
        pd.Timestamp("2024-03-31 01:00Z").as_unit("s").tz_convert(BERLIN),
        pd.Timestamp("2024-01-02", tz=CET).as_unit("ms"),
        pd.Timestamp("2024-01-02", tz=timezone(timedelta(hours=5, minutes=53, seconds=28))).as_unit("ns"),
        pd.Timestamp(datetime(2024, 1, 2, fold=1)),  # noqa: DTZ001 - naive moments are values too
        pd.Timestamp("1800-01-01", tz=BERLIN),
        pd.Timestamp(np.datetime64("12345-01-01", "s")),
        *(pd.Timestamp(0).as_unit(unit) for unit in ("s", "ms", "us", "ns")),
        *(pd.Timestamp.min, pd.Timestamp.max),
    ),
    "Timedelta": (
        *(pd.Timedelta(0).as_unit(unit) for unit in ("s", "ms", "us", "ns")),
        *(pd.Timedelta.min, pd.Timedelta.max, pd.Timedelta(-1), pd.Timedelta(np.timedelta64(2**62, "s"))),
    ),
    "Period": (pd.Period("2024-01", "M"), pd.Period("2024Q1", "Q-MAR"), pd.Period("2024-01-02 09:30", "90min")),
    "Interval": (
        pd.Interval(1, 2.5),
        pd.Interval(np.float32(0.1), np.inf, "both"),
        pd.Interval(DAYS[0], DAYS[1], "left"),
        pd.Interval(pd.Timedelta(0), pd.Timedelta(1), "neither"),
    ),
    "NaT": (pd.NaT,),
    "NA": (pd.NA,),
}

PANDAS_ARRAYS: dict[str, tuple[Any, ...]] = {
    "IntegerArray": (
        pd.array([1, None], dtype="Int8"),
        pd.array([2**64 - 1], dtype="UInt64"),
        pd.array([], dtype="Int64"),
    ),
    "FloatingArray": (
        pd.array([0.1, None], dtype="Float32"),
        pd.arrays.FloatingArray(np.array([np.nan, 1.5, 0.0]), np.array([False, False, True])),
    ),
    "BooleanArray": (pd.array([True, False, None], dtype="boolean"),),
    "StringArray": (
        pd.array(["SPY", None, "a\x00", ""], dtype="str"),
        pd.array(["SPY", None, "\ud800"], dtype="string"),
        pd.array([], dtype=pd.StringDtype("python", na_value=np.nan)),
    ),
    "Categorical": (
        pd.Categorical(["b", "a", None], categories=["b", "a", "unused"], ordered=True),
        pd.Categorical([1.5, 2.5]),
        pd.cut([1, 2, 3], 2),
        pd.Categorical.from_codes([1], categories=pd.Index(DAYS)),
        pd.Categorical.from_codes([0, 2], categories=pd.RangeIndex(3)),
        pd.Categorical.from_codes([0], categories=pd.Index(objects((1, 2), "x"), name="n", tupleize_cols=False)),
        pd.Categorical.from_codes([], categories=pd.Index([])),
    ),
    "DatetimeArray": (
        DAYS.array,
        pd.DatetimeIndex(["2024", "NaT"]).as_unit("s").array,
        pd.DatetimeIndex([], tz=CET).array,
    ),
    "TimedeltaArray": (pd.TimedeltaIndex([1, None]).array, pd.timedelta_range("1s", periods=2).as_unit("s").array),
    "PeriodArray": (pd.PeriodIndex(["2024Q1", "NaT"], freq="Q-MAR").array,),
    "IntervalArray": (pd.interval_range(0, 3, closed="left").array, pd.IntervalIndex.from_breaks(DAYS).array),
}

INDEXES: dict[str, tuple[Any, ...]] = {
    "Index": (
        pd.Index([1, 2, 2], name="n"),
        pd.Index([0.1, np.nan], dtype="f4"),
        pd.Index([], dtype=object),
        pd.Index(["SPY", None]),
        pd.Index(objects("SPY", 1, (1, 2), None, np.nan, pd.NaT), name=("a", 1), tupleize_cols=False),
        pd.Index(objects((1, 2), (3, 4)), tupleize_cols=False),
        pd.Index([True, False]),
        pd.Index([1, None], dtype="Int64"),
        pd.Index(np.array([1, 2], ">i4")),
        pd.Index([1 + 2j]),
    ),
    "RangeIndex": (pd.RangeIndex(0), pd.RangeIndex(10, -5, -3, name="n"), pd.RangeIndex(10**12)),
    "DatetimeIndex": (
        DAYS,
        pd.date_range("2024", periods=100, freq="90min", unit="ns"),
        pd.date_range("2024-10-26", periods=48, freq="h", tz=BERLIN),
        pd.date_range("2024", periods=3, freq="W-FRI", unit="s"),
        pd.date_range("2024", periods=3, freq="QE-FEB"),
        pd.date_range("2024", periods=3, freq="-2D"),
        pd.DatetimeIndex(["2024-01-01", "NaT", "2023-01-01"], name="x"),
        pd.DatetimeIndex([], tz=NEW_YORK, freq="D"),
        pd.DatetimeIndex(["1800-01-01"], tz=BERLIN),
    ),
    "TimedeltaIndex": (pd.timedelta_range("1s", periods=4, freq="h", name="d"), pd.TimedeltaIndex(["1s", None])),
    "PeriodIndex": (pd.period_range("2024", periods=3, freq="M", name="p"), pd.PeriodIndex([], freq="Q-JAN")),
    "CategoricalIndex": (pd.CategoricalIndex(["b", "a", "b"], ["b", "a", "c"], ordered=True, name="c"),),
    "IntervalIndex": (pd.interval_range(0.0, 3.0, name="i"), pd.IntervalIndex([], closed="both")),
    "MultiIndex": (
        pd.MultiIndex.from_product([["SPY", "QQQ"], DAYS], names=["symbol", None]),
        pd.MultiIndex.from_product([range(3), [1.5, None], pd.Categorical(["x"])], names=["a", "a", ("b", 1)]),
        pd.MultiIndex.from_arrays([[], []]),
        pd.MultiIndex.from_tuples([("a", 1), ("b", 2), ("a", 1)])[:1],
        pd.MultiIndex.from_tuples([("b", 2), ("a", 1)], names=["x", "y"]).sortlevel()[0],
        pd.MultiIndex(levels=[["a"], [1, 2]], codes=[[0, 0], [0, 1]], sortorder=2),
    ),
}

FRAMES: dict[str, tuple[Any, ...]] = {
    "Series": (
        pd.Series([1.5, 2.5], name="price"),
        pd.Series(np.arange(500.0), index=pd.date_range("2024", periods=500, freq="min", tz=NEW_YORK)),
        pd.Series([], dtype="i2", name=("a", 1)),
        pd.Series(
            objects(1, "a", None, np.nan, pd.NaT, pd.NA, [1, (2,)], {"x": np.zeros(2)}, pd.Timestamp(0)), dtype=object
        ),
        pd.Series(objects("a", "b"), dtype=object),
        pd.Series(["a", None]),
        pd.Series([1, 2], index=["x", "x"], name=DAYS[0]),
        pd.Series(DAYS),
        pd.Series(pd.date_range("2024", periods=2, unit="s")),
        pd.Series(pd.timedelta_range("1s", periods=2, unit="ms")),
        pd.Series([1, None], dtype="Int64"),
        pd.Series(["a", "b"], dtype="category"),
        pd.Series(pd.period_range("2024", periods=2, freq="M")),
        pd.Series(pd.interval_range(0, 2)),
        *(pd.Series(np.array([1, 2], kind)) for kind in (">i4", "f4", "g", "c8", "q", "?")),
        _with_attrs(pd.Series([1]), source=("feed", 1), limits={1: 2.5}),
        pd.Series([1, 2]).set_flags(allows_duplicate_labels=False),
    ),
    "DataFrame": (
        pd.DataFrame(),
        pd.DataFrame({"bid": [1.0, 2.0], "ask": [1.5, 2.5]}, index=DAYS[:2]),
        pd.DataFrame(np.arange(3000.0).reshape(500, 6), columns=list("ohlcvx")),
        pd.DataFrame(np.arange(6).reshape(2, 3).T),
        pd.DataFrame({"symbol": ["SPY", None], "size": [1, 2], "price": [1.5, np.nan]}),
        pd.DataFrame([[1, 2.5, "a"], [3, 4.5, None]], columns=["x", "x", "y"], index=["r", "r"]),
        pd.DataFrame(
            {
                "zone": DAYS,
                "naive": pd.date_range("2024", periods=3, unit="s"),
                "wait": pd.timedelta_range("1s", periods=3),
                "side": pd.Categorical(["b", "s", "b"], ordered=True),
                "size": pd.array([1, None, 3], dtype="Int64"),
                "live": pd.array([True, None, False], dtype="boolean"),
                "note": pd.array(["a", None, ""], dtype="string"),
                "any": pd.Series(objects([1], {"a": (1,)}, None), dtype=object),
                "small": np.array([1, 2, 3], "f4"),
                ("a", 1): np.array([1, 2, 3], ">i2"),
                5: pd.period_range("2024", periods=3, freq="D"),
            }
        ),
        pd.DataFrame(
            np.zeros((2, 2)), columns=pd.MultiIndex.from_product([["SPY"], ["bid", "ask"]], names=["s", None])
        ),
        pd.DataFrame(np.zeros((2, 2)), index=pd.MultiIndex.from_product([["SPY"], DAYS[:2]])),
        pd.DataFrame(index=DAYS),
        pd.DataFrame(columns=["a", "b"]),
        pd.DataFrame({"a": pd.Series([], dtype="i4"), "b": pd.Series([], dtype="datetime64[ns, UTC]")}),
        pd.DataFrame(np.zeros((0, 3))),
        pd.DataFrame(np.zeros((3, 0))),
        pd.DataFrame({"a": pd.date_range("2024", periods=2), "b": pd.date_range("2025", periods=2)}),
        pd.DataFrame({"a": [None, [1]], "b": ["x", {}]}, dtype=object),
        pd.DataFrame({"a": np.array([1, 2], "g"), "b": np.array([1, 2], "g")}),
        _with_attrs(pd.DataFrame({"a": [1]}), source="feed"),
        pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
    ),
}

KINDS: dict[str, tuple[Any, ...]] = SCALARS | PANDAS_ARRAYS | INDEXES | FRAMES
"""Examples by the kind that stands in the tag."""
