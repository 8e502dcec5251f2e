"""Arrays of numpy: examples for every kind of dtype, strategies, and when two are the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

RECORD = np.dtype(
    [("price", "f8"), ("legs", ">i2", (2,)), ("inner", [("symbol", "U3"), ("when", "M8[s]")]), ("\ud800", "?")]
)
ALIGNED = np.dtype([("side", "i1"), ("price", "f8"), ("legs", [("size", "i2"), ("fee", "g")], (2,))], align=True)
TITLED = np.dtype(
    {
        "names": ["b", "a", "\ud800", ""],
        "formats": [">i4", "M8[s]", "U3", ("?", (0,))],
        "offsets": [20, 8, 32, 60],
        "titles": [None, "Close \\", "\ud801", None],
        "itemsize": 64,
    }
)
RECORDS: Any = np.asarray(np.rec.array([(1, 2.0), (3, np.nan)], dtype=[("size", "i4"), ("price", "f8")]))


def _read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array


def _texts(*texts: str) -> Any:
    return np.array(texts, np.dtypes.StringDType())


def _optional_texts(*texts: Any, **options: Any) -> Any:
    return np.array(texts, np.dtypes.StringDType(**options))


def _deeply(levels: int, **options: Any) -> Any:
    dtype: Any = "i1"
    for _ in range(levels):
        fields: Any = {"names": ["a"], "formats": [dtype], **options}
        dtype = np.dtype(fields)
    return np.zeros(1, dtype)


ARRAYS: dict[str, tuple[Any, ...]] = {
    "$array": (
        np.array([1.0, -0.0, 5e-324, 1e300]),
        np.array([np.nan, np.inf, -np.inf]),
        -np.array([np.nan]),
        np.array([0x7FF8000000000001], "u8").view("f8"),
        np.array(1.5),
        np.array([]),
        np.zeros((2, 0, 3)),
        np.zeros((0, 10**6), "f4"),
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(2000.0).reshape(40, 50).T,
        np.arange(24, dtype="i2").reshape(2, 3, 4).transpose(1, 0, 2),
        np.arange(20)[::3],
        np.arange(20)[::-1],
        np.broadcast_to(np.float32(0.1), (3, 2)),
        _read_only(np.array([1, 2])),
        _read_only(np.asfortranarray(np.arange(4).reshape(2, 2))),
        np.array([True, False, True]),
        np.arange(100) % 3 == 0,
        *(np.array([0, 1, 100], kind) for kind in "bhilqBHILQ"),
        np.array([-(2**63), 2**63 - 1]),
        np.array([2**64 - 1], "u8"),
        *(np.array([0.1, 1 / 3], kind) for kind in ("f2", "f4", "f8", ">f4", ">f8")),
        np.array(["0.1", "nan", "-inf", "-0.0"]).astype("g"),
        np.array([np.finfo("g").max, np.finfo("g").smallest_subnormal], ">g"),
        *(np.array([0.1 - 0j, complex("nan"), complex(-0.0, np.inf)], kind) for kind in ("c8", "c16", ">c16", "G")),
        *(np.array([1, 2, 300], kind) for kind in (">i4", ">u2", ">q")),
        np.arange(1000, dtype=">i4"),
        np.linspace(0, 1, 1000),
        np.array(["2024-01-02T09:30", "NaT", "1969-12-31"], "M8[ns]"),
        *(np.array(["2024-01-02", "NaT"], f"M8[{unit}]") for unit in ("Y", "M", "W", "D", "h", "m", "s", "25s", "us")),
        np.array(["NaT"], "M8"),
        np.array(["2024-01-02"], ">M8[s]"),
        np.array([2**62, -(2**62)]).view("M8[W]"),
        np.arange(100).view("M8[ns]"),
        np.array([-3, 0, 2**62], "m8[ns]"),
        np.array(["NaT"], "m8[D]"),
        np.array([5], ">m8[25s]"),
        np.array(["SPY", "", "a\x00b", "ü\U0001f600"]),
        np.array(["\ud800"]),
        np.array(["SPY"], ">U5"),
        np.array(["x" * 40, ""]),
        np.array(["SPY"] * 100),
        np.array([b"SPY", b"\xff\x00\x01", b""]),
        np.array([b"x" * 100]),
        np.frombuffer(b"abc\x00\xff\x00", "V3"),
        np.zeros(3, RECORD),
        np.array(((1.5, [1, 2], ("SPY", "2024-01-02"), True)), RECORD),
        _texts("", "SPY", "\x00a\x00", "x" * 100),
        _texts(*map(str, range(200))),
        _optional_texts("a", None, "None", na_object=None),
        _optional_texts("a", np.nan, "nan", na_object=np.nan),
        _optional_texts(float("nan"), na_object=float("nan"), coerce=False),
        _optional_texts("a", pd.NA, "<NA>", na_object=pd.NA),
        _optional_texts("a", "N/A", "", na_object="N/A"),
        _optional_texts("a", "", na_object=""),
        _optional_texts("a", "b", coerce=False),
        _optional_texts(*[None] * 100, na_object=None),
        _read_only(_optional_texts("a", None, na_object=None).reshape(2, 1)),
        _deeply(8),
    ),
    "$records": (
        np.zeros(2, ALIGNED),
        np.array([(1, 2.5, [(3, 0.1), (4, np.nan)])], ALIGNED),
        np.array((5, "2024-01-02", "SPY", []), TITLED),
        np.zeros((2, 0, 3), TITLED),
        np.zeros((0, 10**6), ALIGNED),
        np.zeros(100, ALIGNED),
        np.asfortranarray(np.arange(6).reshape(2, 3).astype(TITLED)),
        _read_only(np.zeros((3, 2), ALIGNED).T),
        np.zeros((2, 3, 4), ALIGNED).transpose(1, 0, 2)[::2],
        np.zeros(3, RECORD)[["price", "inner"]],
        np.zeros(3, [("price", "f8"), ("rest", "V300")])[["price"]],
        np.zeros(2, [("a", "g"), ("b", ">G", (2, 1))]),
        np.zeros(2, [("a", "i1", (0,))]),
        np.zeros(2, []),
        np.zeros((), np.dtype({"names": [], "formats": [], "itemsize": 7})),
        np.zeros(2, [("empty", []), ("b", "f8")]),
        np.zeros(2, np.dtype([("a", "f8")], align=True)),
        RECORDS,
        np.zeros(1, np.dtype((np.record, ALIGNED))),
        _deeply(9),
        _deeply(8, itemsize=16, titles=["$records"]),
    ),
}

VOIDS: tuple[Any, ...] = (
    np.void(b"a\x00"),
    np.zeros(2, RECORD)[0],
    np.zeros(2, ALIGNED)[0],
    RECORDS[0],
)
"""Records by themselves, which belong to the tag of numpy's scalars."""

_KINDS = tuple("? i1 i4 i8 u8 q f2 f4 f8 >f8 >i4 c16 g G M8[ns] M8[D] m8[s] U3 S3".split())  # noqa: SIM905 - shorter


_SHAPES = ((), (0,), (1,), (3,), (2, 3), (2, 0), (2, 1, 2), (65,))

_drawn = st.sampled_from([(kind, shape) for kind in _KINDS for shape in _SHAPES]).flatmap(lambda one: arrays(*one))


_ORDERS: tuple[Callable[[Any], Any], ...] = (
    lambda array: array.view(),
    lambda array: array.T,
    np.asfortranarray,
    lambda array: array[..., ::2] if array.ndim else array,
)


def _arranged(array: Any, order: Callable[[Any], Any], writeable: bool) -> Any:
    view = order(array).view()
    view.flags.writeable = writeable
    return view


@st.composite
def _record_dtypes(draw: st.DrawFn, parts: st.SearchStrategy[Any]) -> Any:
    drawn = draw(st.lists(st.tuples(parts, st.sampled_from(((), (), (2,), (1, 3), (0,)))), max_size=4))
    formats = [np.dtype(part) for part in drawn]
    is_aligned = draw(st.booleans())
    offsets, end = [], 0
    for one in formats:
        start = end + draw(st.sampled_from((0, 0, 1, 16)))
        offsets.append(start + (-start % one.alignment if is_aligned else 0))
        end = offsets[-1] + one.itemsize
    alignment = max([one.alignment for one in formats], default=1)
    end += draw(st.sampled_from((0, 0, 5)))
    order = draw(st.permutations(range(len(formats))))
    dtype = np.dtype(
        {
            "names": draw(st.permutations(("price", "", "$tuple", "\ud800")))[: len(formats)],
            "formats": [formats[place] for place in order],
            "offsets": [offsets[place] for place in order],
            "titles": draw(st.permutations(("Price", "\\", None, None)))[: len(formats)],
            "itemsize": end + (-end % alignment if is_aligned else 0),
            "aligned": is_aligned,
        }
    )
    return np.dtype((np.record, dtype)) if draw(st.booleans()) else dtype


_any_dtype: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from((*_KINDS, "V2", RECORD)), _record_dtypes, max_leaves=4
)


@st.composite
def _records(draw: st.DrawFn) -> Any:
    dtype = draw(_record_dtypes(_any_dtype))
    # So few that they are stored even if all of it is gap.
    most = max(4096 // max(dtype.itemsize, 1), 1)
    shape = draw(st.sampled_from([shape for shape in _SHAPES if math.prod(shape) <= most]))
    # The gaps hold what would be seen if they were written.
    array: Any = np.ndarray(shape, dtype, bytearray(b"\xaa" * max(math.prod(shape) * dtype.itemsize, 1)))
    _fill(array, draw)
    return array


def _fill(array: Any, draw: st.DrawFn) -> None:
    for name in array.dtype.names:
        column = array[name]
        if column.dtype.names is None:
            column[...] = draw(arrays(column.dtype, column.shape)) if column.dtype.kind != "V" else b"ab"
        else:
            _fill(column, draw)


_missing: st.SearchStrategy[Any] = st.sampled_from((None, np.nan, pd.NA, "N/A", ""))


@st.composite
def _any_texts(draw: st.DrawFn) -> Any:
    options: dict[str, Any] = {"coerce": draw(st.booleans())}
    texts: st.SearchStrategy[Any] = st.text(max_size=5)
    if draw(st.booleans()):
        options["na_object"] = draw(_missing)
        texts |= st.just(options["na_object"])
    array = np.empty(draw(st.sampled_from(_SHAPES[:-1])), np.dtypes.StringDType(**options))
    for place in np.ndindex(array.shape):
        array[place] = draw(texts)
    return array


any_array = st.builds(_arranged, _drawn | _records() | _any_texts(), st.sampled_from(_ORDERS), st.booleans())
"""Arrays of any dtype, shape and order."""


def same_array(left: Any, right: Any) -> bool:
    """Tell whether two arrays have the same dtype, shape, order, flags and bytes."""
    one = left.dtype
    if _traits(left) != _traits(right) or repr(left) != repr(right):
        return False
    # An array that is not contiguous comes back contiguous, row by row. Of one without bytes numpy says this or that.
    if left.nbytes and left.flags.forc and right.flags.forc and left.flags.f_contiguous != right.flags.f_contiguous:
        return False
    if one.kind == "T":
        return repr(left.tolist()) == repr(right.tolist())
    if one.names is not None:
        return all(same_array(left[name], right[name]) for name in one.names)
    # A longdouble has unused bytes, and NaN has bits that nobody sees.
    return one.char in "gG" or left.tobytes() == right.tobytes()


def _traits(array: Any) -> tuple[Any, ...]:
    dtype = array.dtype
    # The repr tells of an alignment and of the type of record, of which a comparison of two dtypes does not.
    names = (repr(dtype), dtype.char, dtype.byteorder)
    return (dtype, *names, dtype.isalignedstruct, dtype.alignment, array.shape, array.flags.writeable)
