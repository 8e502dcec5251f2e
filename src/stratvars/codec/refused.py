"""What to store instead of a value that cannot be stored exactly."""

from __future__ import annotations

import dataclasses
import io
import sys
import types
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import tzinfo
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, NoReturn

from stratvars.codec.paths import Refusal, with_article

_RUNS = "keep it as an attribute of the strategy, not in its variables"

# By name, so that no package is imported for a message.
_BY_NAME = {
    "builtins.memoryview": "store `bytes(value)`",
    "array.array": "store `value.tolist()`",
    "datetime.datetime": "store a plain `datetime` made from it",
    "datetime.date": "store a plain `date` made from it",
    "datetime.time": "store a plain `time` made from it",
    "datetime.timedelta": "store a plain `timedelta` made from it",
    "pathlib.PurePath": "store `str(value)`",
    "uuid.UUID": "store `str(value)`",
    "re.Pattern": "store `value.pattern`",
    "random.Random": "store `value.getstate()`",
    "types.SimpleNamespace": "store `vars(value)`",
    "numpy.MaskedArray": "store `value.data` and `value.mask`",
    "numpy.ndarray": "store `numpy.asarray(value)`",
    "numpy.dtype": "store `str(value)`",
    "pandas.BaseOffset": "store `value.freqstr`",
    "pandas.Series": "store `pandas.Series(value)`",
    "pandas.Index": "store `pandas.Index(value)`",
    "pandas.DataFrame": "store `pandas.DataFrame(value)`",
    "pandas.SparseArray": "store `value.to_dense()`, a Series of it with `series.sparse.to_dense()`,",
    "pandas.ArrowExtensionArray": "store it with a dtype of numpy or a nullable one, `value.astype(...)`,",
    "pandas.NumpyExtensionArray": "store `value.to_numpy()`",
}

# By what it is; the first that fits.
_BY_KIND: tuple[tuple[type | tuple[type, ...], str], ...] = (
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
    (AbstractSet, "store `set(value)`"),
    (Sequence, "store `list(value)`"),
)

# Copied by calling them; a derived class comes before its base.
_COPIED_BY_CALL: tuple[type, ...] = (
    *(str, int, float, complex, bytes, bytearray, list, tuple, set, frozenset, deque, Decimal, Fraction),
    *(Counter, OrderedDict, dict),
)

# By the name of a base, as above; docs/register.md says what each of them does.
_RECIPES = {
    "pydantic.BaseModel": "{0}, to_state={0}.model_dump, from_state={0}.model_validate",
    "msgspec.Struct": "{0}, to_state=msgspec.structs.asdict, from_state=lambda state: {0}(**state)",
    "polars.DataFrame": (
        "polars.DataFrame, to_state=lambda frame: frame.write_ipc(None).getvalue(), from_state=polars.read_ipc"
    ),
}
_ATTRS_RECIPE = "{0}, to_state=lambda it: attrs.asdict(it, recurse=False), from_state=lambda state: {0}(**state)"


def is_named_tuple(kind: type) -> bool:
    """Tell whether a class was made by ``namedtuple`` or ``NamedTuple``, or is derived from one."""
    return issubclass(kind, tuple) and any("_field_defaults" in vars(base) for base in kind.__mro__)


def refuse(value: Any, room: int) -> NoReturn:  # noqa: ARG001 - the signature of an encoder
    """Raise Refusal with the type of a value and what to store instead."""
    kind = type(value)
    if isinstance(value, type):
        raise Refusal(f"the class {value.__name__} itself cannot be stored; store an object of it, or its name")
    if dataclasses.is_dataclass(kind) or issubclass(kind, Enum) or is_named_tuple(kind):
        raise _not_yet(kind.__name__, kind.__name__, "class")
    recipe = _recipe(kind)
    if recipe is not None:
        # A class of the package itself stands nowhere in the code of its user.
        is_theirs = _full_name(kind) in _RECIPES
        own = _full_name(kind) if is_theirs else kind.__name__
        raise _not_yet(own, recipe.format(kind.__name__), "import" if is_theirs else "class")
    name = _full_name(kind).removeprefix("builtins.").removeprefix("__main__.")
    raise Refusal(f"{with_article(name)} cannot be stored; {_remedy(kind)}")


def _not_yet(name: str, arguments: str, place: str) -> Refusal:
    line = f"stratvars.register({arguments})"
    return Refusal(f"{with_article(name)} cannot be stored yet; add `{line}` after the {place}")


def _recipe(kind: type) -> str | None:
    if "__attrs_attrs__" in vars(kind):
        return _ATTRS_RECIPE
    return next((recipe for base in kind.__mro__ if (recipe := _RECIPES.get(_full_name(base))) is not None), None)


def _remedy(kind: type) -> str:
    for base in kind.__mro__:
        known = _BY_NAME.get(_full_name(base))
        if known is not None:
            return f"{known} instead"
    for base in _COPIED_BY_CALL:
        if issubclass(kind, base):
            plain, own = base.__name__, kind.__name__
            return (
                f"store `{plain}(value)` instead, or add `stratvars.register({own}, to_state={plain},"
                f" from_state={own})` after the class"
            )
    for family, remedy in _BY_KIND:
        if issubclass(kind, family):
            return f"{remedy} instead"
    plain = "store what it holds as numbers, text, lists and dicts, or"
    if _full_name(kind).partition(".")[0] in sys.stdlib_module_names:
        return f"{plain} {_RUNS}"  # a lock, a thread, a connection: it could not be made again from a state
    return (
        f"{plain} add `stratvars.register({kind.__name__}, to_state=..., from_state=...)` after the class; or {_RUNS}"
    )


def _full_name(kind: type) -> str:
    """Return the name as a user writes it: ``numpy.ndarray``, ``pandas.Timestamp``."""
    package = str(kind.__module__).partition(".")[0]
    return f"{package}.{kind.__qualname__}"
