"""Classes registered for the tests, and one value or more for every tag the codec writes."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cached_property
from typing import ClassVar, Generic, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from arrays import ARRAYS, VOIDS
from frames import KINDS
from standard import STANDARD

from stratvars.codec import register

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
T = TypeVar("T")


@register
class Side(enum.Enum):
    BUY = 1
    SELL = -1


@register
class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@register
class Venue(enum.StrEnum):
    CBOE = "cboe"


@register
class Permission(enum.Flag):
    NONE = 0
    READ = 1
    WRITE = 2
    BOTH = 3
    REST = 24


@register
class Bits(enum.IntFlag):
    ONE = 1
    TWO = 2


@register
@dataclass
class Leg:
    strike: float
    right: str = "call"
    tags: list[object] = field(default_factory=list)


@register
@dataclass(frozen=True)
class Point:
    x: object
    y: object = None


@register
@dataclass(slots=True)
class Slotted:
    price: object
    note: object = None


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenSlotted:
    price: object


@register
@dataclass
class Derived(Leg):
    extra: object = None


@register
@dataclass
class Node:
    next: object = None


@register
@dataclass(eq=False)
class Holder:
    """Known by its identity, so it may stand in a set and still change."""

    item: object


@register
@dataclass
class Counted:
    """Its constructor must not run when it is read."""

    start: int
    total: int = field(init=False)
    constructed: int = field(default=0, init=False)
    constructions: ClassVar[int] = 0

    def __post_init__(self) -> None:
        self.total = self.start * 2
        type(self).constructions += 1

    @cached_property
    def half(self) -> float:
        return self.total / 2


@register
@dataclass
class Box(Generic[T]):
    item: T


@register
@dataclass(frozen=True)
class RudePoint:
    x: object

    def __hash__(self) -> int:
        raise RuntimeError


SIMPLE: tuple[object, ...] = (
    None,
    True,
    False,
    0,
    -1,
    2**53 + 1,
    2**63,
    2**64,
    -(2**64),
    10**300,
    2**2048 - 1,
    0.0,
    -0.0,
    0.1,
    1.0,
    1e16,
    1e22,
    5e-324,
    1.7976931348623157e308,
    "",
    "plain",
    "$decimal",
    "2024-01-01T09:30:00",
    "NaN",
    "a\x00b",
    "ünï \U0001f600   \x7f",
    [],
    [1, "a", None, 2.5, True],
    [[], {}, [[]]],
    {},
    {"a": {"b": [1, {"c": None}]}},
    {"": 1, "a$": 2, "ü": 3},
)

BY_TAG: dict[str, tuple[object, ...]] = {
    "$int": (2**2048, -(2**2048), 10**5000, -(10**5000)),
    "$float": (float("nan"), float("inf"), float("-inf")),
    "$str": ("\ud800", "a\\u0041\udfff", "\ud83d\ude00", "\\\ud800\\"),
    "$tuple": ((), (1,), (1, (2, [3])), ((),)),
    "$dict": (
        {1: "a", "1": "b"},
        {"1": "b", 1: "a"},
        {float("nan"): 1, None: 2, ("SPY", 450.0): 3, True: 4},
        {"$decimal": "1"},
        {"$dict": [[1, 2]]},
        {"$": 1, "a": 2},
        {"a": 1, "$b": 2},
        {"\ud800": 1},
        {Side.BUY: {Level.LOW: 1}},
        {Decimal("1.0"): 1, date(2024, 1, 1): 2},
    ),
    "$set": (set(), {1, "a", (1, 2)}, {3, 1, 2}, {None, True, 2.5}, {"\ud800", "b"}, {Point(1), Point(1, 2)}),
    "$decimal": (
        *map(Decimal, ("1.50", "1.5", "0", "-0", "-0.00", "1E+3", "1E-7")),
        *map(Decimal, ("NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity")),
        *map(Decimal, ("1E+999999999999999999", "123456789012345678901234567890.123456789")),
    ),
    "$datetime": (
        datetime(2024, 1, 2, 9, 30),  # noqa: DTZ001 - naive moments are values too
        datetime(1, 1, 1, tzinfo=BERLIN),
        datetime.max.replace(tzinfo=NEW_YORK),
        datetime(2024, 1, 2, 9, 30, 15, 123456, tzinfo=UTC),
        datetime(2024, 1, 2, fold=1),  # noqa: DTZ001 - as above
        datetime(2024, 1, 2, tzinfo=UTC, fold=1),
        datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN),
        datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1),
        datetime(2024, 3, 31, 2, 30, tzinfo=BERLIN),
        datetime(2024, 3, 31, 2, 30, tzinfo=BERLIN, fold=1),
        datetime(2024, 6, 1, tzinfo=BERLIN, fold=1),
        datetime(2024, 6, 1, tzinfo=ZoneInfo("UTC")),
        datetime(1900, 1, 1, tzinfo=ZoneInfo("Asia/Kolkata")),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=-5))),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=53, seconds=28))),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(microseconds=1))),
        datetime(2024, 1, 1, tzinfo=timezone(-timedelta(microseconds=1))),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1), "CET")),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(0), "UTC"), fold=1),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1), "")),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1), "[a]\\\ud800")),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1), "UTC+01:00")),
    ),
    "$time": (
        time(9, 30),
        time(9, 30, 1, 5, tzinfo=UTC),
        time(9, 30, tzinfo=NEW_YORK),
        time(9, 30, tzinfo=ZoneInfo("UTC"), fold=1),
        time(9, 30, tzinfo=timezone(timedelta(seconds=-1), "x")),
    ),
    "$date": (date.min, date(2024, 2, 29), date.max),
    "$timedelta": (timedelta(0), timedelta.min, timedelta.max, timedelta(microseconds=-1), timedelta(days=1.5)),
    "$enum": (
        Side.BUY,
        Level.HIGH,
        Venue.CBOE,
        Permission.NONE,
        Permission.READ,
        Permission.READ | Permission.WRITE,
        Permission.REST,
        Permission.READ | Permission.REST,
        Bits.ONE,
        Bits(0),
        Bits.ONE | Bits.TWO,
        Bits(9),
    ),
    "$dataclass": (
        Leg(100.0),
        Leg(float("nan"), "put", [(1, 2), Side.BUY]),
        Point((1, 2), {3}),
        Slotted(Decimal("1.0"), Slotted(1)),
        FrozenSlotted(price=None),
        Derived(1.0, extra={1: 2}),
        Node(Node(Node())),
        Counted(3),
        Box(1.5),
    ),
    "$numpy": (
        *(np.bool_(True), np.bool_(False), np.int8(-128), np.int16(1), np.int32(1), np.int64(-(2**63)), np.longlong(1)),
        *(np.uint8(255), np.uint16(1), np.uint32(1), np.uint64(2**64 - 1), np.ulonglong(1)),
        np.float16(0.1),
        np.float32(0.1),
        np.float32(1 / 3),
        np.float32("nan"),
        np.float64(0.1),
        np.float64(-0.0),
        np.float64("-inf"),
        np.longdouble("0.1"),
        np.longdouble("nan"),
        np.longdouble("-0.0"),
        np.finfo(np.longdouble).max,
        np.finfo(np.longdouble).smallest_subnormal,
        np.complex64(complex(0.1, -0.0)),
        np.complex128(complex(float("nan"), float("inf"))),
        np.clongdouble(complex(-0.0, 0.1)),
        np.str_("a\x00"),
        np.str_("\ud800"),
        np.bytes_(b"\xff\x00"),
        np.datetime64("2024-01-02T09:30:00.000000001"),
        np.datetime64("2024-01-02"),
        np.datetime64("NaT"),
        np.datetime64("NaT", "ns"),
        np.array(2**62).view("M8[W]")[()],
        np.array(3).view("M8[25s]")[()],
        np.timedelta64(-3, "D"),
        np.timedelta64(3),
        np.timedelta64("NaT", "ns"),
    ),
}

BY_TAG |= STANDARD | ARRAYS | {"$pandas": tuple(value for values in KINDS.values() for value in values)}
BY_TAG["$numpy"] += VOIDS

EXAMPLES: tuple[object, ...] = (*SIMPLE, *(value for values in BY_TAG.values() for value in values))
