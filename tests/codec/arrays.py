"""Arrays of numpy: examples for every kind of dtype, strategies, and when two are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

RECORD = np.dtype(
    [("price", "f8"), ("legs", ">i2", (2,)), ("inner", [("symbol", "U3"), ("when", "M8[s]")]), ("\ud800", "?")]
)


def _read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array


def _texts(*texts: str) -> Any:
    return np.array(texts, np.dtypes.StringDType())


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
    ),
}

VOIDS: tuple[Any, ...] = (np.void(b"a\x00"), np.zeros(2, RECORD)[0])
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


any_array = st.builds(_arranged, _drawn, st.sampled_from(_ORDERS), st.booleans())
"""Arrays of any dtype, shape and order."""


def same_array(left: Any, right: Any) -> bool:
    """Tell whether two arrays have the same dtype, shape, order, flags and bytes."""
    one, other = left.dtype, right.dtype
    if (one, one.char, one.byteorder, left.shape) != (other, other.char, other.byteorder, right.shape):
        return False
    # An array that is not contiguous comes back contiguous, row by row.
    if left.flags.forc and right.flags.forc and left.flags.f_contiguous != right.flags.f_contiguous:
        return False
    if left.flags.writeable != right.flags.writeable or repr(left) != repr(right):
        return False
    if one.kind == "T":
        return bool(left.tolist() == right.tolist())
    # A longdouble has unused bytes, and NaN has bits that nobody sees.
    return one.char in "gG" or left.tobytes() == right.tobytes()
