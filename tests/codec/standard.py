"""Values of the standard library and of registered classes: examples, strategies, and what tells two apart."""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import UTC, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from registered import Basket, Defaults, Empty, Fill, Money, Pair, Prices, Quote, Spread, Ticker

FACTORIES: tuple[Callable[[], Any] | None, ...] = (
    *(None, int, float, complex, bool, str, bytes, bytearray, list, tuple, dict, set, frozenset),
    *(deque, OrderedDict, Counter, Decimal, Fraction),
)


def _moved() -> OrderedDict[Any, Any]:
    ordered: OrderedDict[Any, Any] = OrderedDict(a=1, b=2, c=3)
    ordered.move_to_end("a")
    ordered.move_to_end("c", last=False)
    return ordered


STANDARD: dict[str, tuple[object, ...]] = {
    "$complex": (
        *(0j, -0j, 1.5 - 2j, complex(-0.0, 0.0), complex(0.0, -0.0), complex(-0.0, -0.0)),
        *(complex("nan"), complex(float("inf"), float("-inf")), complex(1e22, 5e-324)),
    ),
    "$bytes": (b"", b"x", b"\x00\xff", b'"\\\n', bytes(range(256))),
    "$bytearray": (bytearray(), bytearray(b"\x00\xff"), bytearray(range(256))),
    "$frozenset": (
        frozenset(),
        frozenset({3, 1, 2}),
        frozenset({frozenset({1, "a"}), frozenset()}),
        frozenset({None, (1, b"x"), 2.5}),
    ),
    "$deque": (
        deque(),
        deque([1.5, 2.5], 2),
        deque([1, [2]], maxlen=100),
        deque(maxlen=0),
        deque([deque([1])], 2**62),
    ),
    "$ordereddict": (OrderedDict(), _moved(), OrderedDict({1: "a", "1": OrderedDict()}), OrderedDict({"$x": 1})),
    "$counter": (Counter(), Counter("abca"), Counter({("SPY", 1): -2, 3: 0}), Counter({"a": 1.5})),
    "$defaultdict": (
        *(defaultdict(factory, {"a": 1}) for factory in FACTORIES),
        defaultdict(list, {1: [2], "1": []}),
        defaultdict(int, {"$x": 1}),
    ),
    "$range": (range(0), range(3), range(1, 1), range(5, -5, -2), range(-(2**2100), 2**2100, 2**2099)),
    "$fraction": (Fraction(0), Fraction(-1, 3), Fraction(2**3000, 3**2000), Fraction(10**400 + 1, 10)),
    "$uuid": (
        UUID(int=0),
        UUID("12345678-1234-5678-1234-567812345678"),
        UUID(int=2**128 - 1, is_safe=SafeUUID.safe),
        UUID(int=1, is_safe=SafeUUID.unsafe),
    ),
    "$path": (
        *(Path(), Path("/data/ticks 1.csv"), Path("a//b/../c"), Path("\udcff"), Path("a\x00\n")),
        *(PurePosixPath("//srv/x"), PurePosixPath("a\\b"), PurePosixPath("."), PurePosixPath("..")),
        *map(PureWindowsPath, ("C:\\data\\x", "C:", "//srv/share/x", "/x")),
    ),
    "$zone": (ZoneInfo("America/New_York"), ZoneInfo("UTC"), ZoneInfo("Etc/GMT+5")),
    "$timezone": (
        UTC,
        timezone(timedelta(0), "UTC"),
        timezone(timedelta(hours=-5)),
        timezone(timedelta(hours=1), "CET"),
        timezone(timedelta(hours=1), ""),
        timezone(timedelta(seconds=-1), "[a]\\\ud800"),
        timezone(timedelta(hours=23, minutes=59, seconds=59, microseconds=999_999)),
        timezone(-timedelta(microseconds=1)),
    ),
    "$namedtuple": (
        Quote(1.5),
        Quote((1, [2]), Quote(None)),
        Fill(Decimal("1.50")),
        Empty(),
        Pair("a", "b"),
        Spread([1], {2}),
    ),
    "$object": (
        Basket(1),
        Basket([Basket({1: 2})], note=Quote(1)),
        Money(Decimal("1.50"), "USD"),
        Prices([1.5, Prices()]),
        Ticker("SPY"),
        Defaults({1: [2]}),
    ),
}

_paths_text = st.text(st.characters(exclude_categories=()) | st.sampled_from("/\\:.\x00\udcff ~"), max_size=10)
_windows = _paths_text.map(PureWindowsPath).filter(lambda path: PureWindowsPath(str(path)).parts == path.parts)
_offsets = st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59))

standard_scalars: st.SearchStrategy[Any] = st.one_of(
    st.complex_numbers(),
    st.binary(),
    st.builds(range, st.integers(), st.integers(), st.integers().filter(bool)),
    st.fractions(),
    st.builds(UUID, int=st.integers(0, 2**128 - 1), is_safe=st.sampled_from(SafeUUID)),
    _paths_text.map(Path) | _paths_text.map(PurePosixPath) | _windows,
    st.timezones().filter(lambda zone: type(zone) is ZoneInfo),
    st.builds(timezone, _offsets) | st.builds(timezone, _offsets, st.text(max_size=5)),
    st.text(max_size=5).map(Ticker),
    st.builds(Money, st.decimals(allow_nan=False), st.text(max_size=3)),
)
"""Hashable, and without parts; none can change in place."""


def standard_containers(inner: st.SearchStrategy[Any], keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return containers of the values of one strategy, with the keys of another."""
    items = st.lists(inner, max_size=4)
    dicts = st.dictionaries(st.text(max_size=5), inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)
    return st.one_of(
        st.binary().map(bytearray),
        st.builds(deque, items, st.none() | st.integers(0, 5)),
        dicts.map(OrderedDict),
        dicts.map(Counter),
        st.dictionaries(keys, st.integers(), max_size=4).map(Counter),
        st.builds(defaultdict, st.sampled_from(FACTORIES), dicts),
        st.frozensets(keys, max_size=4),
        st.builds(Quote, inner, inner),
        st.builds(Fill, inner),
        st.builds(Basket, inner, inner),
        items.map(Prices),
        dicts.map(Defaults),
    )


def bits_of(value: complex) -> tuple[bytes, bytes]:
    """Return what tells 0.0 from -0.0; every NaN is the same."""
    real, imag = (struct.pack("d", part) if part == part else b"nan" for part in (value.real, value.imag))  # noqa: PLR0124 - NaN
    return real, imag


PARTS: dict[type, Callable[[Any], Any]] = {
    complex: bits_of,
    range: lambda value: (value.start, value.stop, value.step),
    Fraction: lambda value: (value.numerator, value.denominator),
    deque: lambda value: [value.maxlen, *value],
    OrderedDict: lambda value: list(value.items()),
    Counter: lambda value: list(value.items()),
    defaultdict: lambda value: [value.default_factory, list(value.items())],
    UUID: lambda value: (str(value), value.is_safe),
    Spread: lambda value: tuple(tuple.__iter__(value)),
    Basket: lambda value: list(vars(value).items()),
    Money: lambda value: (value.amount, value.currency),
    Prices: list,
    Ticker: str,
    Defaults: dict,
    **dict.fromkeys((Quote, Fill, Empty, Pair), tuple),
}
"""What two values of a type must have the same, besides the type."""
