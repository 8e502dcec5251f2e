"""Values of pandas that would not come back exactly are refused, each with its path and what to store instead."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from frames import objects
from pandas.tseries.holiday import USFederalHolidayCalendar
from pandas.tseries.offsets import BusinessDay, CustomBusinessDay, Easter
from refusing import refusal_of

from stratvars.codec import decode, encode
from stratvars.errors import UndecodableError

_HOLIDAYS = CustomBusinessDay(calendar=USFederalHolidayCalendar())
_SPARSE = pd.arrays.SparseArray([0, 1])
_MARKED = pd.DataFrame({"a": [1]})
_MARKED.__dict__["strategy"] = "x"


_LABELLED = pd.MultiIndex.from_arrays([[1], [2]], names=["x", None])
_LABELLED.name = "y"


class MyFrame(pd.DataFrame):  # type: ignore[misc]
    pass


class MySeries(pd.Series):  # type: ignore[misc]
    pass


class Zone(ZoneInfo):
    pass


@pytest.mark.parametrize(
    ("value", "path", "remedy"),
    [
        (pd.date_range("2024", periods=3, freq=_HOLIDAYS), "", "set `index.freq = None` first"),
        (pd.date_range("2024", periods=3, freq=BusinessDay(normalize=True)), "", "set `index.freq = None` first"),
        (pd.date_range("2024", periods=3, freq=Easter()), "", "set `index.freq = None` first"),
        (pd.DataFrame(index=pd.date_range("2024", periods=3, freq=_HOLIDAYS)), ".index", "set `index.freq = None`"),
        (pd.DataFrame({"a": [1], "b": _SPARSE[:1]}), "['b'].array", "store `value.to_dense()`"),
        (_LABELLED, "", "set `index.name = None`, and name its levels"),
        (pd.Series([1.5], index=_LABELLED), ".index", "set `index.name = None`"),
        (pd.Series(_SPARSE), ".array", "store `value.to_dense()`"),
        (pd.Series([1]).array, "", "store `value.to_numpy()` instead"),
        (pd.Series(objects(1, object()), dtype=object), ".iloc[1]", "an object cannot be stored"),
        (pd.DataFrame({"a": [1], "b": pd.Series(objects([object()]), dtype=object)}), "['b'].iloc[0][0]", "an object"),
        (pd.DataFrame([[object()]], index=["x"], columns=[("a", 1)]), "[('a', 1)].iloc[0]", "an object cannot"),
        (pd.DataFrame([[1]], columns=pd.Index(objects(object()))), ".columns[0]", "an object cannot be stored"),
        (pd.Series([1], index=pd.Index(objects(object()))), ".index[0]", "an object cannot be stored"),
        (pd.Series([1], name=frozenset({object()})), ".name", "an object cannot be stored"),
        (pd.Series([1], index=pd.RangeIndex(1, name=object())), ".index.name", "an object cannot be stored"),
        (pd.MultiIndex.from_arrays([[1], objects(object())]), ".levels[1][0]", "an object cannot be stored"),
        (pd.Categorical(objects(object())), ".categories[0]", "an object cannot be stored"),
        (pd.Series(pd.Categorical(objects(object()))), ".array.categories[0]", "an object cannot be stored"),
        (_MARKED, "", "an attribute 'strategy' that would be lost"),
        (MyFrame({"a": [1]}), "", "store `pandas.DataFrame(value)` instead"),
        (MySeries([1]), "", "store `pandas.Series(value)` instead"),
        (pd.Timestamp("2024", tz=Zone("Europe/Berlin")), "", "use `tz_convert` with a `zoneinfo.ZoneInfo`"),
        (pd.DatetimeIndex(["2024"], tz="dateutil/Europe/Berlin"), "", "use `tz_convert` with a `zoneinfo.ZoneInfo`"),
        (pd.offsets.Day(), "", "store `value.freqstr` instead"),
        (pd.DataFrame({"a": [1]}).groupby("a"), "", "cannot be stored"),
        (pd.Series([1]).rolling(1), "", "cannot be stored"),
        (pd.DataFrame, "", "store an object of it, or its name"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_come_back_exactly_is_refused_with_its_path(value: Any, path: str, remedy: str) -> None:
    error = refusal_of(value)
    assert (error.path, remedy in error.problem) == (f"v{path}", True), error


def test_attributes_beside_the_data_are_named_by_their_path() -> None:
    series = pd.Series([1])
    series.attrs = {"source": [object()]}
    assert refusal_of(series).path == "v.attrs['source'][0]"


def test_a_deprecated_period_is_refused() -> None:
    with pytest.warns(FutureWarning):
        value = pd.Period("2024-01-02", freq="B")
    assert "store `value.asfreq('D')` instead" in refusal_of(value).problem


def test_a_frame_that_contains_itself_is_refused() -> None:
    frame = pd.DataFrame({"a": [1], "b": pd.Series(objects([]), dtype=object)})
    frame["b"].iloc[0].append(frame)
    error = refusal_of([frame])
    assert error.path == "v[0]['b'].iloc[0][0]"
    assert "this is v[0] again" in error.problem


def test_text_of_another_type_than_str_is_refused() -> None:
    array = pd.array(["a", "b"], dtype="string")
    array._ndarray[0] = np.str_("a")
    assert "store `value.astype(object)` instead" in refusal_of(pd.Series(array)).problem


def test_an_error_of_pandas_itself_becomes_a_refusal() -> None:
    class Sick(dict[str, object]):
        def __bool__(self) -> bool:
            raise RuntimeError

    series = pd.Series([1])
    series._attrs = Sick()
    error = refusal_of([series])
    assert error.path == "v[0]"
    assert "pandas itself could not read this Series" in error.problem


def test_a_timestamp_that_pandas_does_not_build_again_is_refused() -> None:
    value = pd.Timestamp("2024-01-02", tz=timezone(timedelta(microseconds=-1)))
    assert "store `value.isoformat()` instead" in refusal_of(value).problem


def test_a_frame_counts_as_a_level_of_containers() -> None:
    value: Any = pd.Series(objects(1), dtype=object)
    for _ in range(99):
        value = pd.Series(objects(value), dtype=object)
    assert encode(decode(encode(value))) == encode(value)
    assert "200 levels" in refusal_of(pd.Series(objects(value), dtype=object)).problem


_ROW = '{"$pandas":["RangeIndex",{"range":[0,1,1]}]}'


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ('{"$pandas":["Series",{"values":[', f'],"index":{_ROW}}}]}}'),
        (f'{{"$pandas":["DataFrame",{{"columns":{_ROW},"index":{_ROW},"data":[[', "]]}]}"),
        ('{"$pandas":["Index",{"values":[', "]}]}"),
    ],
)
def test_a_text_too_deep_is_told_so_and_not_taken_for_a_cycle(opening: str, closing: str) -> None:
    text = opening * 100 + "0" + closing * 100
    decode(text)
    with pytest.raises(UndecodableError, match="200 levels"):
        decode(opening * 101 + "0" + closing * 101)
