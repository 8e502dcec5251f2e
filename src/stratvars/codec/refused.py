"""What to store instead of a value that cannot be stored exactly."""

from __future__ import annotations

import dataclasses
import io
import types
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import tzinfo
from enum import Enum
from typing import Any, NoReturn

from stratvars.codec.paths import Refusal, with_article

_RUNS = "keep it as an attribute of the strategy, not in its variables"

# By name, so that no package is imported for a message.
_BY_NAME = {
    "builtins.bytes": "store `value.hex()`",
    "builtins.bytearray": "store `value.hex()`",
    "builtins.memoryview": "store `value.hex()`",
    "builtins.complex": "store `(value.real, value.imag)`",
    "builtins.frozenset": "store a set, or as a key a sorted tuple,",
    "builtins.range": "store `list(value)`",
    "collections.deque": "store `list(value)`",
    "fractions.Fraction": "store `(value.numerator, value.denominator)`",
    "datetime.datetime": "store a plain `datetime` made from it",
    "datetime.date": "store a plain `date` made from it",
    "datetime.time": "store a plain `time` made from it",
    "datetime.timedelta": "store a plain `timedelta` made from it",
    "decimal.Decimal": "store `Decimal(value)`",
    "pathlib.PurePath": "store `str(value)`",
    "uuid.UUID": "store `str(value)`",
    "numpy.ndarray": "store `value.tolist()`",
    "numpy.void": "store `value.item()`",
    "numpy.record": "store `value.item()`",
    "pandas.Timestamp": "store `value.to_pydatetime()`",
    "pandas.Timedelta": "store `value.to_pytimedelta()`",
    "pandas.Period": "store `str(value)`",
    "pandas.NaTType": "store None",
    "pandas.NAType": "store None",
    "pandas.Series": "store `value.to_dict()` or `value.tolist()`",
    "pandas.Index": "store `value.tolist()`",
    "pandas.DataFrame": 'store `value.to_dict("records")`',
}

# By what it is; the first that fits.
_BY_KIND: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type, "store its name"),
    (tzinfo, "store its name, or a datetime that has it"),
    (BaseException, "store `str(error)`"),
    (
        (types.FunctionType, types.BuiltinFunctionType, types.MethodType),
        "call it and store what it returns, or its name",
    ),
    (types.ModuleType, "store its name"),
    (types.CoroutineType, "await it and store what it returns"),
    (io.IOBase, "store its path"),
    (Iterator, "store `list(value)`"),
    (Mapping, "store `dict(value)`"),
    (str, "store `str(value)`"),
    (int, "store `int(value)`"),
    (float, "store `float(value)`"),
    (tuple, "store `tuple(value)`, or make it a dataclass and register that"),
    (AbstractSet, "store `set(value)`"),
    (Sequence, "store `list(value)`"),
)


def refuse(value: Any, room: int) -> NoReturn:  # noqa: ARG001 - the signature of an encoder
    """Raise Refusal with the type of a value and what to store instead."""
    kind = type(value)
    if dataclasses.is_dataclass(kind) or issubclass(kind, Enum):
        name = kind.__name__
        raise Refusal(f"{with_article(name)} cannot be stored yet; add `stratvars.register({name})` after the class")
    raise Refusal(f"{with_article(_full_name(kind).removeprefix('builtins.'))} cannot be stored; {_remedy(kind)}")


def _remedy(kind: type) -> str:
    for base in kind.__mro__:
        known = _BY_NAME.get(_full_name(base))
        if known is not None:
            return f"{known} instead"
    for family, remedy in _BY_KIND:
        if issubclass(kind, family):
            return f"{remedy} instead"
    return f"store what it holds as numbers, text, lists and dicts, or make it a dataclass and register it; or {_RUNS}"


def _full_name(kind: type) -> str:
    """Return the name as a user writes it: ``numpy.ndarray``, ``pandas.Timestamp``."""
    package = str(kind.__module__).partition(".")[0]
    return f"{package}.{kind.__qualname__}"
