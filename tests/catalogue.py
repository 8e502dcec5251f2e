"""An example for every type that can be stored: the table in docs/types.md and the golden files are made of these.

``.venv/bin/python tests/catalogue.py`` writes the table anew and adds to the golden file what it lacks.
"""

from __future__ import annotations

import json
import pathlib
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from stratvars import codec, register

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "types.md"
GOLDEN = ROOT / "tests" / "codec" / "golden" / f"format{codec.FORMAT}.jsonl"
BEGIN, END = "<!-- table: tests/catalogue.py -->\n", "<!-- end of table -->\n"
LONGEST = 110


@register
class Stance(Enum):
    LONG = 1


@register
class Hurry(IntEnum):
    LOW = 1


@register
class Rights(Flag):
    READ = 1
    TRADE = 2


@register
@dataclass
class Holding:
    shares: int
    stance: Stance


@register
class Tick(NamedTuple):
    bid: float
    ask: float


class Lot:
    """A class of no special kind."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lot) and self.size == other.size

    def __hash__(self) -> int:
        return hash(self.size)

    def __repr__(self) -> str:
        return f"Lot({self.size})"


register(Lot, to_state=lambda lot: lot.size, from_state=Lot)


def objects(*cells: Any) -> Any:
    """Return an array of dtype object, for what pandas would make another dtype of."""
    array = np.empty(len(cells), object)
    for place, cell in enumerate(cells):
        array[place] = cell
    return array


_NAMED: tuple[Any, ...] = (
    *(Counter, OrderedDict, defaultdict, deque, Decimal, Fraction, UUID, ZoneInfo),
    *(date, datetime, time, timedelta, timezone),
    *(Stance, Hurry, Rights, Holding, Tick, Lot, objects),
)
NAMES: dict[str, Any] = {kind.__name__: kind for kind in _NAMED} | vars(pathlib) | {"numpy": np, "pandas": pd}
"""What an example may name."""

PLAIN: dict[str, tuple[str, ...]] = {
    "None, bool": ("[None, True]", "None", "True", "False"),
    "int": ("2**70", "0", "-1", "2**2048 - 1"),
    "int of more than 616 digits": ("16**520", "-(16**520)"),
    "float": ("102.5", "-0.0", "5e-324", "1e22"),
    "NaN, infinities": ('float("-inf")', 'float("nan")', 'float("inf")'),
    "str": ('"2024-01-15"', '""', '"a\\x00b"', '"ü\\U0001f600"'),
    "str with half of a surrogate pair": (r'"\ud83d"',),
    "complex": ("1.5 - 2j", 'complex(-0.0, float("nan"))'),
    "bytes": (r'b"\x00\xff"', 'b""'),
    "bytearray": ('bytearray(b"ab")',),
}

CONTAINERS: dict[str, tuple[str, ...]] = {
    "list": ("[1, 2.0]", "[]", "[[None]]"),
    "tuple": ("(1, 2)", "()"),
    "dict with str keys": ('{"SPY": 3}', "{}"),
    "dict with any other key": ('{1: "a", "1": "b"}', '{("SPY", 1): None}'),
    "dict with a key that begins with `$`": ('{"$decimal": "1"}',),
    "set": ("{3, 1}", "set()"),
    "frozenset": ('frozenset({"a"})',),
    "deque": ("deque([1, 2], maxlen=5)", "deque()"),
    "OrderedDict": ("OrderedDict(b=1, a=2)", "OrderedDict({1: 2})"),
    "Counter": ('Counter("aab")', "Counter({1: -1})"),
    "defaultdict of a builtin factory": ('defaultdict(list, {"a": [1]})', "defaultdict(None, {1: 2})"),
    "range": ("range(0, 10, 2)",),
}

VALUES: dict[str, tuple[str, ...]] = {
    "Decimal": ('Decimal("1.50")', 'Decimal("-0.00")', 'Decimal("sNaN1")', 'Decimal("1E+999999")'),
    "Fraction": ("Fraction(-1, 3)",),
    "datetime": ("datetime(2026, 1, 5, 9, 30)", "datetime(2026, 1, 5, 9, 30, 0, 5, fold=1)"),
    "with an offset": (
        "datetime(2026, 1, 5, 9, 30, tzinfo=timezone.utc)",
        'datetime(2026, 1, 5, 9, 30, tzinfo=timezone(timedelta(hours=1), "CET"))',
    ),
    "with a zone": (
        'datetime(2026, 1, 5, 9, 30, tzinfo=ZoneInfo("America/New_York"))',
        'datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)',
    ),
    "date": ("date(2026, 1, 5)",),
    "time": ("time(16, 0)", 'time(16, 0, tzinfo=ZoneInfo("UTC"))'),
    "timedelta": ("timedelta(days=1, seconds=5)", "timedelta(microseconds=-1)"),
    "ZoneInfo": ('ZoneInfo("America/New_York")',),
    "timezone": ("timezone(timedelta(hours=-5))", 'timezone(timedelta(hours=1), "CET")'),
    "UUID": ('UUID("12345678-1234-5678-1234-567812345678")',),
    "Path": (
        *('PurePosixPath("/data/ticks.csv")', 'PureWindowsPath("C:/data")'),
        *(('WindowsPath("x")',) if sys.platform == "win32" else ('PosixPath("x")',)),
    ),
}

REGISTERED: dict[str, tuple[str, ...]] = {
    "registered Enum": ("Stance.LONG", "Hurry.LOW", "Rights.READ | Rights.TRADE", "Rights(0)"),
    "registered dataclass": ("Holding(3, Stance.LONG)",),
    "registered named tuple": ("Tick(1.5, 2.5)",),
    "class registered with two functions": ("Lot(100)",),
}

NUMPY: dict[str, tuple[str, ...]] = {
    "numpy scalar": (
        "numpy.float64(1.5)",
        *(f"numpy.{name}(5)" for name in ("int8", "int16", "int32", "int64", "longlong")),
        *(f"numpy.{name}(5)" for name in ("uint8", "uint16", "uint32", "uint64", "ulonglong")),
        *(f"numpy.{name}(1.5)" for name in ("float16", "float32", "longdouble")),
        *(f"numpy.{name}(1.5 - 2j)" for name in ("complex64", "complex128", "clongdouble")),
        *("numpy.bool_(True)", 'numpy.str_("a")', r'numpy.bytes_(b"\xff")', r'numpy.void(b"ab")'),
        *('numpy.datetime64("2026-01-05", "ns")', 'numpy.timedelta64(5, "D")', 'numpy.datetime64("NaT", "s")'),
        'numpy.zeros(1, [("price", "f8"), ("size", "i4")])[0]',
        'numpy.rec.array([(1.5, 2)], [("price", "f8"), ("size", "i4")])[0]',
    ),
    "numpy array": (
        "numpy.array([1.5, 2.5])",
        *(f'numpy.array([1, 2], "{kind}")' for kind in ("b", "h", "i", "l", "q", "B", "H", "I", "L", "Q", ">i4")),
        *(f'numpy.array([1.5, 2.5], "{kind}")' for kind in ("e", "f", "g", "F", "D", "G", ">f8")),
        *("numpy.array([True, False])", 'numpy.array(["SPY", "QQQ"])', r'numpy.array([b"\xff"])'),
        *('numpy.array(["2026-01-05", "NaT"], "M8[D]")', 'numpy.array([5], "m8[ns]")', "numpy.array(1.5)"),
        *('numpy.array(["a", ""], numpy.dtypes.StringDType())', 'numpy.frombuffer(b"abcd", "V2").copy()'),
        *("numpy.zeros((2, 0))", "numpy.asfortranarray(numpy.arange(4).reshape(2, 2))"),
        *("numpy.broadcast_to(0.5, (2,))", "-numpy.array([float('nan')])", "numpy.array([float('nan'), 1.0])"),
        'numpy.zeros(1, [("price", "f8"), ("legs", ">i2", (2,)), ("inner", [("symbol", "U3")])])',
    ),
    "with more than 64 items": ("numpy.linspace(0, 1, 101)",),
    "with missing texts": (
        'numpy.array(["a", None], numpy.dtypes.StringDType(na_object=None))',
        'numpy.array(["a", float("nan")], numpy.dtypes.StringDType(na_object=float("nan"), coerce=False))',
        'numpy.array(["a", pandas.NA], numpy.dtypes.StringDType(na_object=pandas.NA))',
        'numpy.array(["a", "N/A"], numpy.dtypes.StringDType(na_object="N/A"))',
    ),
    "records with gaps or titles": (
        'numpy.array([(1, 2.5)], numpy.dtype([("side", "i1"), ("price", "f8")], align=True))',
        'numpy.zeros((2, 2), numpy.dtype([("side", "i1"), ("legs", "f8", (2,))], align=True)).T',
        'numpy.array([(2.5,)], [(("Last price", "last"), "f8")])',
        'numpy.zeros(1, numpy.dtype({"names": ["a"], "formats": ["g"], "offsets": [16], "itemsize": 48}))',
        'numpy.asarray(numpy.rec.array([(1.5, 2)], [("price", "f8"), ("size", "i4")]))',
    ),
}

PANDAS: dict[str, tuple[str, ...]] = {
    "pandas Timestamp": (
        'pandas.Timestamp("2026-01-05 09:30", tz=ZoneInfo("America/New_York")).as_unit("us")',
        *('pandas.Timestamp("2026-01-05").as_unit("s")', "pandas.Timestamp(1, tz=timezone.utc)"),
        'pandas.Timestamp("2026-10-25 01:30Z").as_unit("ms").tz_convert(ZoneInfo("Europe/Berlin"))',
    ),
    "pandas Timedelta": ('pandas.Timedelta(90, "min").as_unit("s")', "pandas.Timedelta(-1)"),
    "pandas NaT": ("pandas.NaT",),
    "pandas NA": ("pandas.NA",),
    "pandas Period": ('pandas.Period("2026-01", "M")',),
    "pandas Interval": ("pandas.Interval(1, 2.5)", "pandas.Interval(pandas.Timedelta(0), pandas.Timedelta(1), 'both')"),
    "pandas Index": (
        "pandas.Index([1, 2])",
        'pandas.Index(objects("a", 1, (2,)), dtype=object, name="n", tupleize_cols=False)',
        'pandas.Index(["a"], dtype=pandas.StringDtype("python", na_value=float("nan")))',
    ),
    "pandas RangeIndex": ("pandas.RangeIndex(3)", 'pandas.RangeIndex(9, 0, -3, name="n")'),
    "pandas DatetimeIndex": (
        'pandas.date_range("2026-01-05", periods=2, freq="B", tz=ZoneInfo("America/New_York"), unit="us")',
        'pandas.DatetimeIndex(["2026-01-05", "NaT"]).as_unit("s")',
    ),
    "pandas TimedeltaIndex": ('pandas.timedelta_range("1s", periods=2, freq="h", unit="s")',),
    "pandas PeriodIndex": ('pandas.period_range("2026-01", periods=2, freq="M")',),
    "pandas CategoricalIndex": ('pandas.CategoricalIndex([2, 1], [2, 1], ordered=True, name="c")',),
    "pandas IntervalIndex": ("pandas.interval_range(0, 2)",),
    "pandas MultiIndex": ('pandas.MultiIndex.from_arrays([[1, 2], [1.5, 2.5]], names=["x", None])',),
    "pandas arrays: nullable numbers": (
        *('pandas.array([1, None], dtype="Int64")', 'pandas.array([1], dtype="UInt8")'),
    ),
    "nullable floats": ('pandas.array([1.5, None], dtype="Float32")',),
    "nullable booleans": ('pandas.array([True, None], dtype="boolean")',),
    "text": (
        'pandas.array(["a", None], dtype=pandas.StringDtype("python", na_value=pandas.NA))',
        'pandas.array(["a", None], dtype=pandas.StringDtype("python", na_value=float("nan")))',
    ),
    "categories": ("pandas.Categorical([1.5, None])",),
    "moments": ('pandas.DatetimeIndex(["2026-01-05"], tz="UTC").as_unit("us").array',),
    "durations": ('pandas.TimedeltaIndex([5]).as_unit("ns").array',),
    "periods": ('pandas.PeriodIndex(["2026Q1"], freq="Q-DEC").array',),
    "intervals": ("pandas.interval_range(0, 1).array",),
    "pandas Series": (
        'pandas.Series([1.5, 2.5], name="bid")',
        "pandas.Series(objects(None, 1, [pandas.NaT]), dtype=object)",
        'pandas.Series([1, None], dtype="Int8").set_flags(allows_duplicate_labels=False)',
    ),
    "pandas DataFrame": (
        "pandas.DataFrame([[1.5, 2.5]])",
        'pandas.DataFrame([[1, 2.5, True]], columns=pandas.Index(objects("x", "y", "x"), dtype=object), index=[5])',
        "pandas.DataFrame()",
    ),
}

PYTZ: dict[str, tuple[str, ...]] = {
    "zone of pytz": ('pytz.timezone("America/New_York")', "pytz.FixedOffset(90)", "pytz.utc"),
}

CATALOGUE: dict[str, tuple[str, ...]] = PLAIN | CONTAINERS | VALUES | REGISTERED | NUMPY | PANDAS | PYTZ
"""What a type is called, and expressions for some of its values; the page shows the first."""


def value_of(expression: str) -> Any:
    """Return what an expression stands for; one of pytz raises ImportError where pytz is not installed."""
    if "pytz" in expression:
        import pytz  # type: ignore[import-untyped]

        return eval(expression, NAMES | {"pytz": pytz})
    return eval(expression, NAMES)


def golden() -> dict[str, str]:
    """Return the texts of the golden file of this format by their expressions."""
    if not GOLDEN.exists():
        return {}
    rows = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    return {row["value"]: row["text"] for row in rows}


def table() -> str:
    """Return the table of docs/types.md."""
    texts = golden()
    lines = ["| value | for example | stored as |\n", "|---|---|---|\n"]
    for name, (expression, *_) in CATALOGUE.items():
        lines.append(f"| {name} | `{expression}` | `{_cut(texts[expression])}` |\n")
    return "".join(lines)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 20]}…{text[-19:]}"


def with_table(page: str) -> str:
    """Return a page with the table of today between its two marks."""
    start, rest = page.split(BEGIN)
    return f"{start}{BEGIN}{table()}{END}{rest.split(END)[1]}"


def add_golden() -> None:
    """Add the examples that the golden file lacks; what stands in it stays."""
    texts = golden()
    for expressions in CATALOGUE.values():
        for expression in expressions:
            if expression not in texts:
                texts[expression] = codec.encode(value_of(expression))
    GOLDEN.write_text(
        "".join(json.dumps({"value": value, "text": text}, ensure_ascii=False) + "\n" for value, text in texts.items()),
        encoding="utf-8",
    )


if __name__ == "__main__":
    add_golden()
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
