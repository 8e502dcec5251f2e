"""Values of pandas: their text, what is kept of them, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from frames import BERLIN, DAYS, INDEXES, KINDS, NEW_YORK, SCALARS, objects
from same import same

from stratvars.codec import decode, encode, is_immutable, pandas_family
from stratvars.codec.tree import show


def test_every_kind_has_an_example_that_is_written_as_it() -> None:
    assert set(KINDS) == set(pandas_family.KINDS)
    for kind, examples in KINDS.items():
        for value in examples:
            assert encode(value).startswith(f'{{"$pandas":["{kind}",'), value


_ROWS = '{"$pandas":["RangeIndex",{"range":[0,2,1]}]}'
_INTS = '{"$array":["int64",[2],[1,2]]}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (pd.Timestamp("2024-01-02 09:30"), '["Timestamp","2024-01-02T09:30:00.000000"]'),
        (
            pd.Timestamp("2024-01-02 09:30", tz=NEW_YORK).as_unit("s"),
            '["Timestamp",["2024-01-02T09:30:00-05:00",{"$zone":"America/New_York"}]]',
        ),
        (pd.Timedelta(90, "min").as_unit("s"), '["Timedelta",[5400,"s"]]'),
        (pd.NaT, '["NaT",null]'),
        (pd.NA, '["NA",null]'),
        (pd.Interval(1, 2.5), '["Interval",[1,2.5,"right"]]'),
        (pd.RangeIndex(3), '["RangeIndex",{"range":[0,3,1]}]'),
        (pd.Index([1, "a"]), '["Index",{"values":[1,"a"]}]'),
        (
            pd.Series([1.5, 2.5], name="x"),
            f'["Series",{{"values":{{"$array":["float64",[2],[1.5,2.5]]}},"index":{_ROWS},"name":"x"}}]',
        ),
        (
            pd.DataFrame({0: [1, 2], 1: [1, "a"]}).set_axis(range(2), axis=1),
            f'["DataFrame",{{"columns":{_ROWS},"index":{_ROWS},"data":[{_INTS},[1,"a"]]}}]',
        ),
    ],
)
def test_the_text_is_what_a_reader_of_the_table_expects(value: Any, text: str) -> None:
    assert encode(value) == f'{{"$pandas":{text}}}'


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, UTC, NEW_YORK, timezone(timedelta(hours=1), "CET")])
def test_a_timestamp_keeps_its_unit_and_its_zone(unit: str, zone: Any) -> None:
    value = pd.Timestamp("2024-07-02 09:30:15", tz=zone).as_unit(unit)
    back: Any = decode(encode(value))
    assert (back.unit, back.tz, back.asm8) == (unit, zone, value.asm8)
    assert repr(back.tz) == repr(zone)
    index = pd.DatetimeIndex([value])
    again: Any = decode(encode(index))
    assert (again.unit, again.tz, again.equals(index)) == (unit, index.tz, True)


def test_every_hour_of_a_year_comes_back_in_its_zone_and_fold() -> None:
    hours = pd.date_range("2024-01-01", "2025-01-01", freq="h", tz=ZoneInfo("Europe/Berlin"))
    turns = [hour for hour in hours if hour.fold or hour.utcoffset() != (hour + pd.Timedelta(hours=1)).utcoffset()]
    assert len(turns) == 3
    assert same(decode(encode(turns)), turns)
    assert same(decode(encode(hours)), hours)


def test_a_nanosecond_is_not_lost() -> None:
    value = pd.Timestamp(1704187800123456789, tz="UTC")
    back: Any = decode(encode(value))
    assert back.value == 1704187800123456789
    assert back.nanosecond == 789


@pytest.mark.parametrize(
    "value",
    [
        pd.Timestamp.max.tz_localize("UTC").tz_convert("America/New_York"),
        pd.Timestamp.min.tz_localize("UTC").tz_convert("Asia/Tokyo"),
    ],
)
def test_the_first_and_the_last_timestamp_come_back(value: Any) -> None:
    assert same(decode(encode(value)), value)


def test_the_scalars_can_never_change_in_place_and_all_others_can() -> None:
    for kind, examples in KINDS.items():
        for value in examples:
            encode(value)
            assert is_immutable(value) == (kind in SCALARS), kind


def test_scalars_can_be_keys_and_elements_of_sets() -> None:
    value = {pd.Timestamp(0): {pd.NaT, pd.NA, pd.Timedelta(1)}, pd.Interval(0, 1): 1, pd.Period("2024", "Y"): 2}
    assert same(decode(encode(value)), value)


def test_missing_values_stay_the_kind_they_are() -> None:
    cells = [None, float("nan"), np.float64("nan"), pd.NaT, pd.NA, np.datetime64("NaT")]
    back: Any = decode(encode(pd.Series(objects(*cells), dtype=object)))
    assert same(list(back), cells)


def test_what_is_hidden_under_a_missing_value_changes_nothing() -> None:
    one = pd.arrays.IntegerArray(np.array([1, 5]), np.array([False, True]))
    other = pd.arrays.IntegerArray(np.array([1, 9]), np.array([False, True]))
    assert encode(one) == encode(other)
    assert same(decode(encode(one)), other)


def test_two_columns_of_one_name_and_the_order_of_columns_are_kept() -> None:
    frame = pd.DataFrame([[1, "a", 2.5], [3, "b", 4.5]], columns=["x", "y", "x"])
    back: Any = decode(encode(frame))
    assert list(back.columns) == ["x", "y", "x"]
    assert same(back, frame)
    assert list(decode(encode(frame[["y"]])).columns) == ["y"]  # type: ignore[attr-defined]


def test_a_frame_that_came_back_can_be_changed() -> None:
    for frame in (pd.DataFrame({"a": [1.0], "b": [2.0]}), pd.DataFrame({"a": [1.0], "b": ["x"]})):
        back: Any = decode(encode(frame))
        back.loc[0, "a"] = 5.0
        back["c"] = [1]
        back.loc[1] = [6.0, back.loc[0, "b"], 2]
        assert list(back["a"]) == [5.0, 6.0]
        back["a"].to_numpy(copy=True)[0] = 7.0


def test_a_change_in_place_changes_the_text() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"], "c": pd.Series(objects([1], [2]), dtype=object)})
    texts = [encode(frame)]
    frame.loc[0, "a"] = 5.0
    texts.append(encode(frame))
    frame["c"].iloc[1].append(3)
    texts.append(encode(frame))
    frame.index.name = "row"
    texts.append(encode(frame))
    frame.attrs["source"] = "feed"
    texts.append(encode(frame))
    frame.columns = ["a", "b", "d"]
    texts.append(encode(frame))
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("storage", ["python", "pyarrow"])
@pytest.mark.parametrize("missing", [np.nan, pd.NA])
def test_text_comes_back_in_the_same_storage(storage: str, missing: Any) -> None:
    if storage == "pyarrow":
        pytest.importorskip("pyarrow")
    dtype = pd.StringDtype(storage, na_value=missing)
    array = pd.array(["SPY", None, ""], dtype=dtype)
    back: Any = decode(encode(array))
    assert (back.dtype, back.dtype.storage, type(back)) == (dtype, storage, type(array))
    assert same(back, array)
    assert same(decode(encode(pd.Series(array))), pd.Series(array))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (pd.DataFrame({"sym": ["a", "b", "c"], "px": [1.0, 2.0, 3.0]}), "DataFrame(3 rows, 2 columns: 'sym', 'px')"),
        (pd.DataFrame([[1]]), "DataFrame(1 rows, 1 columns: RangeIndex([0, 1, 1]))"),
        (
            pd.Series([1.5], name="x"),
            "Series(array([1.5], float64), index=RangeIndex([0, 1, 1]), name='x')",
        ),
        (pd.Index([1, "a"], name="n"), "Index([1, 'a'], name='n')"),
        (pd.NaT, "NaT"),
        (pd.NA, "NA"),
        (pd.Timestamp("2024-01-02").as_unit("s"), "Timestamp('2024-01-02T00:00:00')"),
        (pd.Timedelta(5, "s").as_unit("s"), "Timedelta(5, 's')"),
        (pd.Interval(0, 1), "Interval(0, 1, 'right')"),
        (pd.Period("2024-01", "M"), "Period(648, 'M')"),
    ],
)
def test_a_value_is_shown_on_one_line(value: Any, shown: str) -> None:
    assert show(encode(value)) == shown


@pytest.mark.parametrize("kind", INDEXES)
def test_a_frame_shows_how_many_rows_it_has_for_every_kind_of_index(kind: str) -> None:
    for index in INDEXES[kind]:
        if len(index) < 10**6:
            assert f"DataFrame({len(index)} rows, 0 columns" in show(encode(pd.DataFrame(index=index)))


def test_the_scalars_of_pandas_are_not_taken_for_those_of_python() -> None:
    moment = datetime(2024, 1, 2, tzinfo=UTC)
    value = [moment, pd.Timestamp(moment), timedelta(1), pd.Timedelta(timedelta(1))]
    back: Any = decode(encode(value))
    assert list(map(type, back)) == [datetime, pd.Timestamp, timedelta, pd.Timedelta]


@pytest.mark.parametrize("freq", ["D", "B", "ME", "90min"])
@pytest.mark.parametrize("start", ["2147-03-28 01:59:59", "2024-03-30 01:30", "2024-03-30 03:00", "2024-10-26 03:30"])
def test_days_before_and_after_a_night_that_loses_or_repeats_an_hour_come_back(start: str, freq: str) -> None:
    index = pd.date_range(pd.Timestamp(start, tz=BERLIN), periods=4, freq=freq)
    back: Any = decode(encode(index))
    assert same(back, index)
    assert back.freq == index.freq


def test_an_index_of_a_frame_is_the_one_that_was_saved() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3]}, index=DAYS)
    back: Any = decode(encode(frame))
    assert back.index.freq == DAYS.freq
    assert back.loc[DAYS[1], "a"] == 2
