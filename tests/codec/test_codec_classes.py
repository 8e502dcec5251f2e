from __future__ import annotations

import enum
from abc import ABC
from dataclasses import InitVar, dataclass, field
from typing import ClassVar, Generic, TypeVar

import pytest
from notebook_cells import make, register_enum
from same import same

from stratvars.codec import decode, encode, register
from stratvars.errors import UndecodableError

T = TypeVar("T")


@register
@dataclass
class Rich(ABC, Generic[T]):
    kind: ClassVar[str] = "rich"
    item: T
    made: InitVar[int]
    later: object = field(init=False)
    listed: list[int] = field(default_factory=lambda: [1])
    fixed: int = field(default=3, init=False)
    hidden: int = field(default=4, repr=False, compare=False, kw_only=True)

    def __post_init__(self, made: int) -> None:
        self.later = made


def test_fields_of_every_kind_come_back() -> None:
    value = Rich("x", 5)
    text = encode(value)
    assert text == '{"$dataclass":["Rich",{"item":"x","later":5,"listed":[1],"fixed":3,"hidden":4}]}'
    assert same(decode(text), value)


def test_a_field_missing_in_the_text_takes_the_default_of_the_class() -> None:
    value = decode('{"$dataclass":["Rich",{"item":1,"later":2}]}')
    assert isinstance(value, Rich)
    assert (value.listed, value.fixed, value.hidden) == ([1], 3, 4)
    other = decode('{"$dataclass":["Rich",{"item":1,"later":2}]}')
    assert isinstance(other, Rich)
    assert other.listed is not value.listed


@pytest.mark.parametrize(("text", "path"), [('{"later":2}', "v.item"), ('{"item":1}', "v.later")])
def test_a_missing_field_without_a_default_is_undecodable(text: str, path: str) -> None:
    with pytest.raises(UndecodableError, match="gives it no default") as caught:
        decode(f'{{"$dataclass":["Rich",{text}]}}', "v")
    assert caught.value.path == path


def test_a_stored_field_the_class_does_not_have_is_undecodable_and_named() -> None:
    with pytest.raises(UndecodableError, match="Rich has no field 'colour' any more"):
        decode('{"$dataclass":["Rich",{"item":1,"later":2,"colour":3}]}')


def test_a_default_factory_that_fails_is_undecodable() -> None:
    @register
    @dataclass
    class BadFactory:
        x: int = field(default_factory=lambda: 1 // 0)

    with pytest.raises(UndecodableError, match="its default_factory raised ZeroDivisionError") as caught:
        decode('{"$dataclass":["BadFactory",{}]}', "v")
    assert caught.value.path == "v.x"


def test_a_class_that_is_not_registered_is_named_with_the_remedy() -> None:
    for text in ('{"$dataclass":["Missing",{}]}', '{"$enum":["Missing","X"]}'):
        with pytest.raises(UndecodableError, match=r"the class 'Missing' is not registered.*stratvars.register"):
            decode(text)


def test_a_class_that_changed_its_kind_is_undecodable() -> None:
    register(make("Changed"))
    with pytest.raises(UndecodableError, match="was an Enum"):
        decode('{"$enum":["Changed","X"]}')
    register_enum("Changed", {"X": 1})
    with pytest.raises(UndecodableError, match="was a dataclass"):
        decode('{"$dataclass":["Changed",{"x":1}]}')
    with pytest.raises(UndecodableError, match="was a Flag"):
        decode('{"$enum":["Changed",["X"]]}')


def test_members_may_be_numbered_anew_and_renamed_with_an_alias() -> None:
    before = register_enum("State", {"OPEN": 1, "SHUT": 2})
    text = encode([before["OPEN"], before["SHUT"]])
    after = register_enum("State", {"OPEN": 7, "CLOSED": 8, "SHUT": 8})
    assert decode(text) == [after["OPEN"], after["CLOSED"]]


def test_a_member_that_is_gone_is_undecodable() -> None:
    register_enum("State2", {"HERE": 1})
    with pytest.raises(UndecodableError, match="State2 has no member 'GONE' any more"):
        decode('{"$enum":["State2","GONE"]}')


def test_a_member_with_a_strange_name_comes_back() -> None:
    strange = register_enum("Strange", {"a b": 1, "\ud800": 2, "\\": 3, "$x": 4})
    for member in strange:
        assert decode(encode(member)) is member


def test_a_flag_that_drops_bits_is_undecodable_and_not_another_flag() -> None:
    @register
    class Conforming(enum.Flag, boundary=enum.CONFORM):
        A = 1

    @register
    class Ejecting(enum.IntFlag, boundary=enum.EJECT):
        A = 1

    for name in ("Conforming", "Ejecting"):
        with pytest.raises(UndecodableError):
            decode(f'{{"$enum":["{name}",["A",8]]}}')
    assert decode(encode(Conforming.A)) is Conforming.A
    assert decode(encode(Ejecting.A)) is Ejecting.A
