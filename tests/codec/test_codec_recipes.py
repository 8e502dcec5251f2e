"""docs/register.md: every program on the page runs, and what it stores comes back."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import msgspec
import polars as pl
import pydantic
import pytest

from stratvars.codec import decode, encode, names, register
from stratvars.codec.registry import ENCODERS
from stratvars.codec.tree import show
from stratvars.errors import UndecodableError, UnsavableError

PAGE = Path(__file__).parents[2] / "docs" / "register.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def classes() -> Iterator[None]:
    """Begin without classes, and forget those of each program: many have one name."""
    tables: tuple[dict[Any, Any], ...] = (names._classes, ENCODERS)
    before = [table.copy() for table in tables]
    names._classes.clear()
    yield
    for table, old in zip(tables, before, strict=True):
        table.clear()
        table.update(old)


def equal(left: Any, right: Any) -> bool:
    if isinstance(left, pl.DataFrame):
        return left.equals(right) and left.schema == right.schema
    return bool(left == right) or vars(left) == vars(right)


def test_the_page_has_a_program_for_each_way() -> None:
    assert len(PROGRAMS) == 7
    for word in ("@register", "to_state=vars", "list)", "attrs.", "pydantic", "msgspec.", "polars."):
        assert any(word in program for program in PROGRAMS), word


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_each_program_on_the_page_stores_its_value_exactly(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("program")
    monkeypatch.setitem(sys.modules, "program", module)
    exec(program, vars(module))
    text = encode(module.value, "value")
    back = decode(text)
    assert type(back) is type(module.value)
    assert equal(back, module.value)
    assert encode(back) == text
    assert show(text).isprintable()


@attrs.define(frozen=True)
class AttrsLeg:
    strike: Decimal
    when: datetime
    tags: list[Any] = attrs.field(factory=list, kw_only=True)


class PydanticLeg(pydantic.BaseModel):
    strike: Decimal
    when: datetime
    tags: set[tuple[int, str]] = set()
    inner: PydanticLeg | None = None


class MsgspecLeg(msgspec.Struct, kw_only=True, frozen=True):
    strike: Decimal
    when: datetime
    tags: list[Any] = []


NOTHING = Decimal("0.00")
MOMENT = datetime(2024, 1, 2, 9, 30, tzinfo=UTC)


def line_to_add(value: object) -> str:
    with pytest.raises(UnsavableError) as caught:
        encode(value)
    line = re.search(
        r"cannot be stored yet; add `stratvars\.(register\(.*\))` after the (class|import)", caught.value.problem
    )
    assert line is not None
    return line[1]


@pytest.mark.parametrize(
    "value",
    [
        AttrsLeg(Decimal("1.50"), MOMENT, tags=[(1, {2}), AttrsLeg(NOTHING, MOMENT)]),
        PydanticLeg(strike=NOTHING, when=MOMENT, inner=PydanticLeg(strike=NOTHING, when=MOMENT, tags={(1, "a")})),
        MsgspecLeg(strike=Decimal("1.50"), when=MOMENT, tags=[(1, {2}), MsgspecLeg(strike=Decimal(0), when=MOMENT)]),
        pl.DataFrame({"a": [1.5, None], "b": [MOMENT, MOMENT], "c": [[1], []], "d": [date.min, None]}),
        pl.DataFrame({"a": ["x", "y", "x"]}, schema={"a": pl.Categorical}),
        pl.DataFrame({"a": [Decimal("1.50")]}, schema={"a": pl.Decimal(10, 2)}),
        pl.DataFrame(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_message_shows_a_line_that_works(value: Any) -> None:
    space = {"register": register, "attrs": attrs, "msgspec": msgspec, "polars": pl}
    exec(line_to_add(value), space | {type(value).__name__: type(value)})
    back = decode(encode([value]))
    assert isinstance(back, list)
    assert type(back[0]) is type(value)
    assert equal(back[0], value)


class Secretive(pydantic.BaseModel):
    key: pydantic.SecretStr


class Aliased(pydantic.BaseModel):
    symbol: str = pydantic.Field(alias="s")


def test_a_secret_of_pydantic_is_refused_and_not_shown() -> None:
    register(Secretive, to_state=Secretive.model_dump, from_state=Secretive.model_validate)
    with pytest.raises(UnsavableError, match=r"a pydantic\.SecretStr cannot be stored") as caught:
        encode(Secretive(key=pydantic.SecretStr("hunter2")), "v")
    assert caught.value.path == "v.to_state()['key']"
    assert "hunter2" not in str(caught.value)


def test_a_model_with_aliases_is_dumped_by_alias() -> None:
    register(Aliased, to_state=lambda order: order.model_dump(by_alias=True), from_state=Aliased.model_validate)
    value = Aliased(s="SPY")
    assert decode(encode(value)) == value


def test_a_model_that_does_not_validate_any_more_is_undecodable_and_quotes_nothing() -> None:
    register(PydanticLeg, to_state=PydanticLeg.model_dump, from_state=PydanticLeg.model_validate)
    with pytest.raises(UndecodableError, match="its from_state raised ValidationError") as caught:
        decode('{"$object":["PydanticLeg",{"strike":"hunter2"}]}', "v")
    assert "hunter2" not in str(caught.value)
