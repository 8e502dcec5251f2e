"""Values of pandas: strategies, and when two are the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from frames import BERLIN, CET, NEW_YORK, objects
from hypothesis import reject
from hypothesis import strategies as st

_zones = st.sampled_from([None, NEW_YORK, BERLIN, UTC, CET, timezone(timedelta(hours=-5))])
_units = st.sampled_from(["s", "ms", "us", "ns"])
_moments = st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1))  # noqa: DTZ001 - the zone is drawn beside it
_names = st.none() | st.text(max_size=3) | st.integers() | st.tuples(st.text(max_size=2), st.integers())


def _timestamp(moment: datetime, nanosecond: int, unit: str, zone: Any) -> Any:
    value = (pd.Timestamp(moment).as_unit("ns") + pd.Timedelta(nanosecond)).as_unit(unit)
    return value if zone is None else value.tz_localize("UTC").tz_convert(zone)


def _timedelta(ticks: int, unit: Any) -> Any:
    return pd.Timedelta(np.timedelta64(ticks, unit))


def _period(ordinal: int, freq: str) -> Any:
    return pd.Period(ordinal=ordinal, freq=freq)


_timestamps = st.builds(_timestamp, _moments, st.integers(0, 999), _units, _zones)
frame_scalars: st.SearchStrategy[Any] = st.one_of(
    _timestamps,
    st.builds(_timedelta, st.integers(-(2**62), 2**62), _units),
    st.builds(_period, st.integers(-100, 1000), st.sampled_from(["M", "D", "2h"])),
    st.tuples(st.integers(), st.integers()).map(lambda ends: pd.Interval(min(ends), max(ends))),
    st.sampled_from([pd.NaT, pd.NA]),
)
"""Hashable, and without parts; none can change in place."""


def _moments_of(items: list[Any], unit: str, zone: Any) -> Any:
    return pd.DatetimeIndex(items).as_unit(unit).tz_localize("UTC").tz_convert(zone)


@cache  # a strategy is made once, for making one takes longer than drawing from it
def _values(size: int, inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return values of every kind for a Series of this size."""

    def many(items: st.SearchStrategy[Any], dtype: str) -> st.SearchStrategy[Any]:
        return st.lists(items, min_size=size, max_size=size).map(lambda drawn: pd.array(drawn, dtype=dtype))

    moments = st.lists(_moments | st.just(pd.NaT), min_size=size, max_size=size)
    return st.one_of(
        many(st.floats(), "float64"),
        many(st.integers(-100, 100), "int16"),
        many(st.booleans(), "bool"),
        many(st.none() | st.text(max_size=4), "string"),
        many(st.none() | st.text(max_size=4), "str"),
        many(st.none() | st.integers(0, 9), "Int64"),
        many(st.none() | st.booleans(), "boolean"),
        many(st.sampled_from(["a", "b", None]), "category"),
        st.lists(inner, min_size=size, max_size=size).map(lambda drawn: pd.Series(objects(*drawn), dtype=object)),
        st.builds(_moments_of, moments, _units, _zones),
    )


def _named(values: Any, name: Any) -> Any:
    return pd.Index(values, dtype=values.dtype, tupleize_cols=False).rename(name)


@cache
def _indexes(size: int, inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def ranged(start: int, step: int, name: Any) -> Any:
        return pd.RangeIndex(start, start + size * step, step, name=name)

    def dated(start: Any, freq: str) -> Any:
        try:
            return pd.date_range(start, periods=size, freq=freq)
        except ValueError:  # pandas makes none over a night in which this hour is missing, or there twice
            reject()

    def crossed(left: list[str], right: list[str]) -> Any:
        return pd.MultiIndex.from_arrays([left, right], names=["x", None])

    letters = st.lists(st.sampled_from("abc"), min_size=size, max_size=size)
    return st.one_of(
        st.builds(_named, _values(size, inner), _names),
        st.builds(ranged, st.integers(-9, 9), st.sampled_from([1, -2]), _names),
        st.builds(dated, _timestamps, st.sampled_from(["D", "B", "ME", "90min"])),
        st.builds(crossed, letters, letters),
    )


@st.composite
def any_frame(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> Any:
    """Draw a Series, an Index or a DataFrame whose cells of dtype object are drawn from ``inner``."""
    size = draw(st.integers(0, 4))
    index = draw(_indexes(size, inner))
    kind = draw(st.sampled_from([pd.Index, pd.Series, pd.DataFrame]))
    if kind is pd.Index:
        return index
    columns = [pd.Series(draw(_values(size, inner))) for _ in range(draw(st.integers(0, 3)))]
    if kind is pd.Series and columns:
        return columns[0].set_axis(index).rename(draw(_names))
    frame = pd.DataFrame(dict(enumerate(columns)), index=range(size))
    return frame.set_axis(index).set_axis(draw(_indexes(len(columns), inner)), axis=1)


def same_frame(left: Any, right: Any, same: Callable[[Any, Any], bool]) -> bool:
    """Tell whether two values of pandas, of one type, are equal in all that can be seen of them."""
    if left is pd.NaT or left is pd.NA:
        return left is right
    find = next(parts for kind, parts in _PARTS if isinstance(left, kind))
    one, other = find(left), find(right)
    if len(one) != len(other) or not all(map(same, one, other)):
        return False
    # The members of a set come in an order of their own: two that are the same may be shown in different ways.
    return "{" in _shown(left) or _shown(left) == _shown(right)


def _shown(value: Any) -> str:
    """Return the repr, without the addresses of objects that have none of their own."""
    try:
        return re.sub("0x[0-9a-f]+", "", repr(value))
    except Exception as error:  # noqa: BLE001 - pandas fails on some cells, such as Decimal("sNaN")
        return type(error).__name__


def _columns(frame: Any) -> tuple[Any, ...]:
    return tuple(frame.iloc[:, place].array for place in range(frame.shape[1]))


def _dtype_parts(dtype: Any) -> tuple[Any, ...]:
    if isinstance(dtype, pd.CategoricalDtype):
        return dtype.ordered, dtype.categories
    if isinstance(dtype, pd.DatetimeTZDtype):
        return dtype.unit, dtype.tz
    return (repr(dtype), dtype.char) if isinstance(dtype, np.dtype) else (repr(dtype),)


_PARTS: tuple[tuple[Any, Callable[[Any], tuple[Any, ...]]], ...] = (
    (pd.Timestamp, lambda value: (value.asm8, value.unit, value.tz, value.fold)),
    (pd.Timedelta, lambda value: (value.asm8, value.unit)),
    (pd.Period, lambda value: (value.ordinal, value.freqstr)),
    (pd.Interval, lambda value: (value.left, value.right, value.closed)),
    (
        pd.DataFrame,
        lambda value: (value.columns, value.index, value.attrs, value.flags.allows_duplicate_labels, *_columns(value)),
    ),
    (
        pd.Series,
        lambda value: (value.array, value.index, value.name, value.attrs, value.flags.allows_duplicate_labels),
    ),
    (pd.MultiIndex, lambda value: (*value.levels, *value.codes, *value.names, value.sortorder)),
    (pd.RangeIndex, lambda value: (value.start, value.stop, value.step, value.name)),
    ((pd.DatetimeIndex, pd.TimedeltaIndex), lambda value: (value.array, value.name, repr(value.freq))),
    (pd.Index, lambda value: (value.array, value.name)),
    (pd.api.extensions.ExtensionArray, lambda value: (*_dtype_parts(value.dtype), *value)),
)
"""What two values of a class must have the same, besides the type; the first class that fits."""
