"""Are two values the same in value and type? And values of every kind to ask it about."""

from __future__ import annotations

import dataclasses
import os
import struct
from collections.abc import Callable
from datetime import datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, Flag
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from arrays import any_array, same_array
from frame_strategies import any_frame, frame_scalars, same_frame
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import from_dtype
from standard import PARTS, standard_containers, standard_scalars

from catalogue import CATALOGUE, value_of
from examples import Bits, FrozenSlotted, Leg, Level, Permission, Point, Side, Slotted, Venue
from stratvars.codec import encode

thorough = settings(max_examples=int(os.environ.get("STRATVARS_EXAMPLES", "100")), deadline=None, database=None)


def same(left: Any, right: Any) -> bool:
    """Tell whether two values are equal in value and exact type, all the way down; NaN is the same as NaN."""
    if type(left) is not type(right):
        return False
    by_base = (compare for base, compare in _BY_BASE if isinstance(left, base))
    return (_COMPARE.get(type(left)) or next(by_base, _same_object))(left, right)


def _same_object(left: Any, right: Any) -> bool:
    if dataclasses.is_dataclass(left):
        return all(same(getattr(left, one.name), getattr(right, one.name)) for one in dataclasses.fields(left))
    if type(left) in PARTS:
        return same(PARTS[type(left)](left), PARTS[type(left)](right))
    if type(left).__module__.startswith("pandas"):
        return same_frame(left, right, same)
    return bool(left == right) and repr(left) == repr(right)


def _same_items(left: Any, right: Any) -> bool:
    return len(left) == len(right) and all(map(same, left, right))


def _same_set(left: set[Any] | frozenset[Any], right: set[Any] | frozenset[Any]) -> bool:
    return _same_items(sorted(left, key=_in_order), sorted(right, key=_in_order))


def _in_order(element: object) -> tuple[str, str]:
    return type(element).__name__, encode(element)


def _same_float(left: float, right: float) -> bool:
    return (left != left and right != right) or struct.pack("d", left) == struct.pack("d", right)  # noqa: PLR0124 - NaN


def _same_moment(left: datetime | time, right: datetime | time) -> bool:
    naive = left.replace(tzinfo=None) == right.replace(tzinfo=None) and left.fold == right.fold
    return naive and _same_zone(left.tzinfo, right.tzinfo) and left.isoformat() == right.isoformat()


def _same_zone(left: tzinfo | None, right: tzinfo | None) -> bool:
    # Equal timezones may have different names, so the repr counts; a ZoneInfo must be the very same.
    return left is right or (type(left) is type(right) is timezone and repr(left) == repr(right))


def _same_scalar(left: Any, right: Any) -> bool:
    if isinstance(left, (np.str_, np.bytes_)):
        return left == right and len(left) == len(right)
    if isinstance(left, np.void):
        return same_array(np.asarray(left), np.asarray(right))
    if left.dtype != right.dtype or repr(left) != repr(right):
        return False
    # A longdouble has unused bytes, and NaN has bits that nobody sees.
    return left.dtype.kind in "fc" or left.tobytes() == right.tobytes()


_COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    int: lambda left, right: bool(left == right),  # repr refuses a huge one
    list: _same_items,
    tuple: _same_items,
    dict: lambda left, right: _same_items(list(left.items()), list(right.items())),
    set: _same_set,
    frozenset: _same_set,
    ZoneInfo: lambda left, right: left is right,
    float: _same_float,
    datetime: _same_moment,
    time: _same_moment,
    Decimal: lambda left, right: left.as_tuple() == right.as_tuple(),
}

_BY_BASE: tuple[tuple[type, Callable[[Any, Any], bool]], ...] = (
    # Early releases of Python 3.11 make a combination of flags with unnamed bits anew each time.
    (Flag, lambda left, right: bool(left.value == right.value) and repr(left) == repr(right)),
    (Enum, lambda left, right: left is right),
    (np.generic, _same_scalar),
    (np.ndarray, same_array),
)


def _is_hashable(value: object) -> bool:
    try:
        hash(value)
    except (TypeError, OverflowError):  # numpy has no hash for far-away moments
        return False
    return True


_texts = st.text(st.characters(exclude_categories=()) | st.sampled_from("\ud800\udfff\\$\x00"))
_offsets = st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59))
_minutes = st.integers(-1439, 1439).map(lambda minutes: timedelta(minutes=minutes))
_zones: st.SearchStrategy[tzinfo | None] = st.one_of(
    st.none(),
    st.just(timezone.utc),  # noqa: UP017 - beside its siblings
    st.builds(timezone, _offsets | _minutes),
    st.builds(timezone, _offsets | _minutes, _texts),
    st.timezones().filter(lambda zone: type(zone) is ZoneInfo),
)


def _with_zone_and_fold(value: Any, zone: tzinfo | None, fold: int) -> Any:
    return value.replace(tzinfo=zone, fold=fold)


_moments = st.builds(_with_zone_and_fold, st.datetimes() | st.times(), _zones, st.integers(0, 1))
_decimals = st.decimals() | st.from_regex(r"-?[0-9]{1,30}(\.[0-9]{1,30})?E[+-]?[0-9]{1,4}", fullmatch=True).map(Decimal)
_members = st.sampled_from([*Side, *Level, *Venue, *Permission, Permission.READ | Permission.REST, Bits(9), Bits(3)])
_numpy_types = ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "q", "Q", "f2", "f4", "f8", "g", "c8", "c16", "G")
_numpy_times = [
    f"{kind}8[{unit}]" for kind in "Mm" for unit in ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "25s")
]
_numpy_scalars = st.sampled_from([*_numpy_types, *_numpy_times]).flatmap(lambda name: from_dtype(np.dtype(name)))
_numpy_texts = _texts.map(np.str_) | st.binary().map(np.bytes_)

scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(2040, 2060).map(lambda bits: 2**bits),
    st.floats(),
    _texts,
    st.sampled_from(["$", "$dict", "$decimal", "2024-01-01", "null"]),
    _decimals,
    _moments,
    st.dates(),
    st.timedeltas(),
    _members,
    _numpy_scalars,
    _numpy_texts,
    standard_scalars,
    frame_scalars,
)


@st.composite
def _hashable(draw: st.DrawFn) -> Any:
    # Composed, for its repr: hypothesis makes that of each strategy, and all the scalars would stand in it many times.
    value = draw(scalars)
    return value if _is_hashable(value) else None


keys: st.SearchStrategy[Any] = st.recursive(
    _hashable(),
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple) | st.builds(Point, inner, inner) | st.frozensets(inner, max_size=3)
    ),
    max_leaves=4,
)


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(_texts, inner, max_size=5),
        st.dictionaries(keys, inner, max_size=5),
        st.sets(keys, max_size=5),
        st.builds(Leg, st.floats(), _texts, st.lists(inner, max_size=3)),
        st.builds(Slotted, inner, inner),
        st.builds(FrozenSlotted, price=inner),
        standard_containers(inner, keys),
        any_array,
        any_frame(inner),
    )


known: st.SearchStrategy[Any] = st.sampled_from(
    [expression for expressions in CATALOGUE.values() for expression in expressions]
).map(value_of)
"""A value of each type that can be stored, made anew each time: what is rare among all values is met here."""

_leaves = st.booleans().flatmap(lambda is_known: known if is_known else scalars)
values: st.SearchStrategy[Any] = st.recursive(_leaves, _containers, max_leaves=20)
"""Any value that can be stored."""

flat_lists: st.SearchStrategy[list[Any]] = st.sampled_from(
    [
        st.integers(),
        st.floats(),
        _texts,
        st.booleans(),
        st.none(),
        st.booleans() | st.none(),
        st.integers(2040, 2060).map(lambda bits: -(2**bits)),
    ]
).flatmap(lambda items: st.lists(items, max_size=30))
"""Lists of one type of plain value, which are written by a shorter way."""
