from __future__ import annotations

import enum
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any, Self, TypeVar
from uuid import UUID

import numpy as np
import pytest
from notebook_cells import make
from same import same

from stratvars.codec import decode, encode, register
from stratvars.errors import UndecodableError, UnsavableError, UsageError

T = TypeVar("T")


def class_of(text: str) -> type:
    return type(decode(text))


def test_register_returns_the_class_and_may_be_called_again() -> None:
    cls = make("Again")
    assert register(cls) is cls
    assert register(cls) is cls
    assert same(decode(encode(cls(1))), cls(1))


def test_register_is_a_decorator() -> None:
    @register
    @dataclass
    class Decorated:
        x: int

    @register
    class Word(enum.Enum):
        ONE = "one"

    assert same(decode(encode([Decorated(1), Word.ONE])), [Decorated(1), Word.ONE])


def test_a_class_defined_anew_takes_the_place_of_the_old_one() -> None:
    old = register(make("Cell"))
    text = encode(old(1))
    new = register(make("Cell"))
    assert class_of(text) is new
    assert encode(new(1)) == text


def test_an_object_of_the_class_before_is_still_stored() -> None:
    old = register(make("Before"))
    value = old(1)
    new = register(make("Before"))
    assert class_of(encode(value)) is new
    register(old)
    assert class_of(encode(new(1))) is old


def test_a_class_defined_anew_takes_all_names_of_the_old_one() -> None:
    old = register(make("Renamed"), name="first", aliases=["second"])
    text = encode(old(1)).replace('"first"', '"second"')
    new = register(make("Renamed"))
    assert class_of(text) is new
    assert class_of('{"$dataclass":["first",{"x":1}]}') is new


def test_another_class_under_the_same_name_is_refused_and_told_to_take_a_name() -> None:
    first = register(make("Twice"))
    second = make("Twice")
    second.__module__ = "elsewhere"
    with pytest.raises(
        UsageError, match=r"notebook\.Twice.*elsewhere\.Twice another.*register\(Twice, name=\"\.\.\.\"\)"
    ):
        register(second)
    assert class_of('{"$dataclass":["Twice",{"x":1}]}') is first
    with pytest.raises(UnsavableError):
        encode(second(1))
    register(second, name="elsewhere.Twice")
    assert class_of(encode(first(1))) is first
    assert class_of(encode(second(1))) is second


def test_an_alias_reads_older_texts_and_writes_the_new_name() -> None:
    cls = register(make("NewName"), aliases=["OldName", "OlderName"])
    for old in ("OldName", "OlderName"):
        assert class_of(f'{{"$dataclass":["{old}",{{"x":1}}]}}') is cls
    assert '"NewName"' in encode(cls(1))


def test_an_alias_that_belongs_to_another_class_changes_nothing() -> None:
    register(make("Owner"))
    cls = make("Latecomer")
    with pytest.raises(UsageError, match="already stands for"):
        register(cls, aliases=["free", "Owner"])
    with pytest.raises(UndecodableError):
        decode('{"$dataclass":["free",{"x":1}]}')
    with pytest.raises(UnsavableError):
        encode(cls(1))


@pytest.mark.parametrize("name", ["", "a\x00b", "a\nb", "\ud800", "\x1b[2J"])
def test_a_name_must_be_printable(name: str) -> None:
    with pytest.raises(UsageError, match="printable"):
        register(make("Unprintable"), name=name)


@pytest.mark.parametrize("name", ["$x", "with space", "ünï", "a.b", '"quoted"', "\\"])
def test_any_printable_name_will_do(name: str) -> None:
    cls = register(make(f"For {name!a}"), name=name)
    assert class_of(encode(cls(1))) is cls


class Plain:
    pass


class Child(make("Parent")):  # type: ignore[misc]
    pass


@pytest.mark.parametrize("wrong", [Plain, SimpleNamespace, Child])
def test_a_class_of_another_kind_is_refused_with_the_remedy(wrong: type) -> None:
    with pytest.raises(UsageError, match=r"neither a dataclass nor a named tuple nor an Enum; put `@dataclass` above"):
        register(wrong)


@pytest.mark.parametrize("wrong", [int, dict, bytes, deque, UUID, datetime, np.float64, type(None), PurePosixPath])
def test_a_class_that_needs_no_registration_is_refused(wrong: type) -> None:
    with pytest.raises(UsageError, match="can be stored without being registered"):
        register(wrong, to_state=str, from_state=wrong)
    with pytest.raises(UsageError, match="can be stored without being registered"):
        register(wrong)


@pytest.mark.parametrize("wrong", [1, "Leg", None, Plain()])
def test_what_is_no_class_is_refused_with_the_remedy(wrong: Any) -> None:
    with pytest.raises(UsageError, match=r"write `stratvars.register\(MyClass\)`"):
        register(wrong)


def test_aliases_are_a_list_and_not_one_text() -> None:
    with pytest.raises(UsageError, match=r"aliases=\[\.\.\.\]"):
        register(make("OneAlias"), aliases="Old")


def test_register_below_dataclass_is_refused_even_where_a_base_is_one() -> None:
    with pytest.raises(UsageError, match="neither a dataclass"):

        @dataclass
        @register
        class Upside(make("Base")):  # type: ignore[misc]
            y: int


@dataclass
class _WithProperty:
    x: int
    y: object = property(lambda self: self.x)


@dataclass
class _IsDict(dict[str, int]):
    x: int = 1


@dataclass
class _IsError(Exception):
    x: int = 1


@dataclass
class _Singleton:
    x: int

    def __new__(cls, *_: object) -> Self:
        raise AssertionError("user code")


class _HasSlot:
    __slots__ = ("hidden",)


@dataclass
class _InheritsSlot(_HasSlot):
    x: int


class _Descriptor:
    def __get__(self, instance: object, owner: type | None = None) -> int:
        return 1

    def __set__(self, instance: object, value: int) -> None:
        raise AssertionError("user code")


@dataclass
class _Described:
    x: _Descriptor = _Descriptor()


@pytest.mark.parametrize(
    ("cls", "problem", "made"),
    [
        (_IsDict, "its objects are made by dict.__new__", _IsDict),
        (_IsError, "its objects are made by Exception.__new__", _IsError),
        (_Singleton, "its objects are made by _Singleton.__new__", lambda: object.__new__(_Singleton)),
        (_InheritsSlot, "_HasSlot has slots that are not fields", lambda: _InheritsSlot(1)),
        (_Described, "its field x is a _Descriptor, which runs code", lambda: object.__new__(_Described)),
        (_WithProperty, "its field y is a property, which runs code", lambda: object.__new__(_WithProperty)),
    ],
)
def test_a_dataclass_that_holds_more_than_its_fields_or_runs_code_is_refused(
    cls: type, problem: str, made: Callable[[], object]
) -> None:
    with pytest.raises(UsageError, match=problem):
        register(cls)
    with pytest.raises(UnsavableError):
        encode(made())


def test_many_threads_may_register_at_once_and_one_class_owns_the_name() -> None:
    for turn in range(30):
        classes = []
        for number in range(8):
            cls = make(f"Raced{turn}")
            cls.__module__ = f"module{number}"
            classes.append(cls)
        ready = threading.Barrier(8)
        won: list[type] = []

        def race(cls: type, ready: threading.Barrier = ready, won: list[type] = won) -> None:
            ready.wait()
            try:
                register(cls)
            except UsageError:
                return
            won.append(cls)

        threads = [threading.Thread(target=race, args=(cls,)) for cls in classes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert class_of(f'{{"$dataclass":["Raced{turn}",{{"x":1}}]}}') is won[0]


def test_a_state_written_by_one_process_is_read_by_the_next() -> None:
    program = (
        "import sys, dataclasses, stratvars.codec as codec\n"
        "@codec.register\n@dataclasses.dataclass\nclass Leg:\n    x: object\n"
        "text = sys.stdin.read()\n"
        "print(codec.encode(codec.decode(text)) if text else codec.encode(Leg((1, {2}))))\n"
    )

    def run(text: str) -> str:
        done = subprocess.run([sys.executable, "-c", program], input=text, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    first = run("")
    assert first == '{"$dataclass":["Leg",{"x":{"$tuple":[1,{"$set":[2]}]}}]}'
    assert run(first) == first
