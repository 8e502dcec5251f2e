"""What Series, Index and DataFrame hold: numpy's arrays, lists of any values, and pandas' own arrays.

Values of dtype object are a JSON list, each written as what it is; those of a dtype of numpy are an ``$array``; those
of pandas' own dtypes are a kind of their own, which can be stored by itself too. Arrays of Arrow, sparse ones and
those of other packages are refused.
"""

from __future__ import annotations

import sys
from typing import Any

from stratvars.codec.containers import encode_items
from stratvars.codec.numpy_arrays import write_array
from stratvars.codec.pandas_family import add_container, encode_part, read_part
from stratvars.codec.pandas_scalars import encode_zone, read_closed, read_frequency, read_zone, write_frequency
from stratvars.codec.paths import Refusal, TooDeep
from stratvars.codec.reading import expect, read, read_items
from stratvars.codec.registry import ENCODERS, Decoder

_TEXTS = frozenset({str, type(None)})


def encode_values(owner: Any, room: int) -> Any:
    """Write the values of a Series or an Index."""
    if not isinstance(owner.dtype, sys.modules["numpy"].dtype):
        return ENCODERS[type(owner.array)](owner.array, room)
    array = owner.to_numpy()
    if array.dtype.kind != "O":
        return write_array(array)
    # Not the owner: it may stand for a step of its own, and the same one met twice would be taken for a cycle.
    if room == 0:
        raise TooDeep(array)
    return encode_items(array, tuple(array.tolist()), room - 1)


def read_values(tree: Any, room: int) -> Any:
    """Return values as an array of one dimension; a list becomes one of dtype object."""
    np, pd = sys.modules["numpy"], sys.modules["pandas"]
    if type(tree) is list:
        items = read_items(tree, room)
        array = np.empty(len(items), object)
        # Not array[:] = items, which takes lists of equal length for rows.
        for place, item in enumerate(items):
            array[place] = item
        return array
    values = read(tree, room)
    if not isinstance(values, (np.ndarray, pd.api.extensions.ExtensionArray)) or values.ndim != 1:
        raise ValueError
    return values


def read_array(tree: Any, kinds: str) -> Any:
    """Return an array of one dimension, of one of these kinds of dtype."""
    array = read(tree, 0)
    if type(array) is not sys.modules["numpy"].ndarray or array.ndim != 1 or array.dtype.kind not in kinds:
        raise ValueError
    return array


def read_index(content: dict[str, Any], field: str, room: int) -> Any:
    """Return the index that stands in a field."""
    return require_index(read_part(content, field, f".{field}", room))


def require_index(value: Any) -> Any:
    """Return the value if it is an index."""
    if not isinstance(value, sys.modules["pandas"].Index):
        raise ValueError  # noqa: TRY004 - every error of a page becomes one and the same sentence
    return value


def _encode_masked(value: Any, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    missing = value.isna()
    # What is hidden under a missing value would make equal arrays differ.
    content = {"values": write_array(value.to_numpy(value.dtype.numpy_dtype, na_value=value.dtype.type()))}
    return {**content, "missing": write_array(missing)} if missing.any() else content


def _masked_decoder(name: str) -> Decoder:
    def decode(content: Any, room: int) -> Any:  # noqa: ARG001 - the signature of a decoder
        values = read_array(content["values"], "biuf")
        if not values.dtype.isnative:
            raise ValueError
        if "missing" in content:
            missing = read_array(content["missing"], "b")
        else:
            missing = sys.modules["numpy"].zeros(len(values), bool)
        return vars(sys.modules["pandas"].arrays)[name](values, missing)

    return decode


def _encode_texts(value: Any, room: int) -> Any:
    items = value.tolist()
    missing = value.isna()
    if missing.any():
        items = [None if gone else item for item, gone in zip(items, missing.tolist(), strict=True)]
    if not set(map(type, items)) <= _TEXTS:
        raise Refusal("this StringArray holds texts of another type than str; store `value.astype(object)` instead")
    return {
        "storage": value.dtype.storage,
        "missing": "NA" if value.dtype.na_value is sys.modules["pandas"].NA else "nan",
        "values": encode_items(value, tuple(items), room),
    }


def _decode_texts(content: Any, room: int) -> Any:  # noqa: ARG001 - the signature of a decoder
    np, pd = sys.modules["numpy"], sys.modules["pandas"]
    items = read_items(content["values"], 1)
    if not set(map(type, items)) <= _TEXTS:
        raise ValueError
    storage = content["storage"]
    if storage not in ("python", "pyarrow"):
        raise ValueError
    try:
        dtype = pd.StringDtype(storage, na_value={"nan": np.nan, "NA": pd.NA}[content["missing"]])
        return pd.array(items, dtype=dtype)
    except (ImportError, TypeError):
        raise Refusal(f"this pandas has no text in the storage {storage}; install pyarrow, or a newer pandas") from None


def _encode_categorical(value: Any, room: int) -> Any:
    categories = encode_part(value, ".categories", value.categories, room)
    return {"codes": write_array(value.codes), "categories": categories, "ordered": bool(value.ordered)}


def _decode_categorical(content: Any, room: int) -> Any:
    pd = sys.modules["pandas"]
    dtype = pd.CategoricalDtype(read_index(content, "categories", room), expect(content["ordered"], bool))
    return pd.Categorical.from_codes(read_array(content["codes"], "i"), dtype=dtype)


def _encode_moments(value: Any, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    _require_no_frequency(value)
    values = {"values": write_array(sys.modules["numpy"].asarray(value, f"datetime64[{value.unit}]"))}
    return values if value.tz is None else {**values, "zone": encode_zone(value, value.tz)}


def _require_no_frequency(value: Any) -> None:
    if getattr(value, "freq", None) is not None:  # arrays of pandas 2 have one, those of pandas 3 have none
        raise Refusal(f"a {type(value).__name__} that has a freq cannot be stored; store the Index that it belongs to")


def _decode_moments(content: Any, room: int) -> Any:  # noqa: ARG001 - the signature of a decoder
    index = sys.modules["pandas"].DatetimeIndex(read_array(content["values"], "M"))
    if "zone" in content:
        # The values are moments in UTC.
        index = index.tz_localize("UTC").tz_convert(read_zone(content["zone"]))
    return index.array


def _encode_durations(value: Any, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    _require_no_frequency(value)
    return {"values": write_array(value.to_numpy())}


def _decode_durations(content: Any, room: int) -> Any:  # noqa: ARG001 - the signature of a decoder
    return sys.modules["pandas"].TimedeltaIndex(read_array(content["values"], "m")).array


def _encode_periods(value: Any, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
    return {"ordinals": write_array(value.asi8), "freq": write_frequency(value)}


def _decode_periods(content: Any, room: int) -> Any:  # noqa: ARG001 - the signature of a decoder
    pd = sys.modules["pandas"]
    dtype = pd.PeriodDtype(read_frequency(content["freq"]))
    return pd.arrays.PeriodArray(read_array(content["ordinals"], "i"), dtype=dtype)


def _encode_intervals(value: Any, room: int) -> Any:
    left = encode_part(value, ".left", value.left, room)
    return {"left": left, "right": encode_part(value, ".right", value.right, room), "closed": value.closed}


def _decode_intervals(content: Any, room: int) -> Any:
    left, right = (read_index(content, side, room) for side in ("left", "right"))
    # pandas would give memory to every label of a range.
    if "RangeIndex" in {type(left).__name__, type(right).__name__}:
        raise ValueError
    return sys.modules["pandas"].arrays.IntervalArray.from_arrays(left, right, read_closed(content["closed"]))


for _name in ("IntegerArray", "FloatingArray", "BooleanArray"):
    add_container(
        _name,
        _encode_masked,
        _masked_decoder(_name),
        lambda pandas, name=_name: vars(pandas.arrays)[name],  # type: ignore[misc]
        needed=["values"],
        optional=["missing"],
    )
add_container(
    "StringArray",
    _encode_texts,
    _decode_texts,
    lambda pandas: pandas.arrays.StringArray,
    lambda pandas: pandas.arrays.ArrowStringArray,
    needed=["storage", "missing", "values"],
)
add_container(
    "Categorical",
    _encode_categorical,
    _decode_categorical,
    lambda pandas: pandas.Categorical,
    needed=["codes", "categories", "ordered"],
)
add_container(
    "DatetimeArray",
    _encode_moments,
    _decode_moments,
    lambda pandas: pandas.arrays.DatetimeArray,
    needed=["values"],
    optional=["zone"],
)
add_container(
    "TimedeltaArray",
    _encode_durations,
    _decode_durations,
    lambda pandas: pandas.arrays.TimedeltaArray,
    needed=["values"],
)
add_container(
    "PeriodArray",
    _encode_periods,
    _decode_periods,
    lambda pandas: pandas.arrays.PeriodArray,
    needed=["ordinals", "freq"],
)
add_container(
    "IntervalArray",
    _encode_intervals,
    _decode_intervals,
    lambda pandas: pandas.arrays.IntervalArray,
    needed=["left", "right", "closed"],
)
