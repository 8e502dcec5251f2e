from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from registered import Empty, Fill, Pair, Quote, Spread
from same import same

from stratvars.codec import decode, encode, is_immutable, register
from stratvars.codec.tree import show
from stratvars.errors import UndecodableError, UnsavableError


def define(name: str, fields: str, *, aliases: tuple[str, ...] = (), **options: Any) -> Any:
    """Define a named tuple as the cell of a notebook does that is run again, and register it."""
    functional: Any = namedtuple  # noqa: PYI024 - its fields are given while the tests run
    return register(functional(name, fields, module="notebook", **options), aliases=aliases)


def test_named_tuples_of_every_kind_come_back() -> None:
    for value in (Quote(1, 2), Fill(1.5), Empty(), Pair("a", 1), Spread(1, 2), [Quote(Quote(1), {Fill(2)})]):
        assert same(decode(encode(value)), value)


def test_the_text_has_the_name_of_every_field() -> None:
    assert encode(Quote((1, 2))) == '{"$namedtuple":["Quote",{"bid":{"$tuple":[1,2]},"ask":null}]}'
    assert show(encode(Quote((1, 2)))) == "Quote(bid=(1, 2), ask=None)"


def test_a_named_tuple_is_told_from_a_tuple_and_from_another_named_tuple() -> None:
    assert same(decode(encode([(1, 2), Quote(1, 2), Pair(1, 2)])), [(1, 2), Quote(1, 2), Pair(1, 2)])


def test_a_named_tuple_is_read_without_the_user_s_constructor() -> None:
    value: Any = decode(encode(Spread(1, 2)))
    assert (value.near, value.far) == (1, (2, "made"))


def test_fields_may_change_places_and_a_new_one_takes_its_default() -> None:
    before = define("Order", "symbol size")
    text = encode(before("SPY", 3))
    after = define("Order", "size venue symbol", defaults=["?", None])
    assert same_items(decode(text), after(3, "?", "SPY"))


def same_items(left: Any, right: Any) -> bool:
    return type(left) is type(right) and same(tuple(left), tuple(right))


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        ('{"ask":1}', "v.bid", "the field is missing, and Quote gives it no default; give it one in the class"),
        ('{"bid":1,"size":1}', "v", "Quote has no field 'size' any more; declare it again, or register the class with"),
        ('{"bid":1,"_fields":1}', "v", "Quote has no field '_fields' any more"),
        ('{"bid":1,"ask":{"$x":1}}', "v.ask", "'$x' is no tag"),
    ],
)
def test_a_text_that_does_not_fit_the_class_is_undecodable(text: str, path: str, problem: str) -> None:
    with pytest.raises(UndecodableError) as caught:
        decode(f'{{"$namedtuple":["Quote",{text}]}}', "v")
    assert caught.value.path == path
    assert caught.value.problem.startswith(problem)


def test_a_class_that_is_no_named_tuple_any_more_is_undecodable() -> None:
    for name in ("Leg", "Side"):
        with pytest.raises(UndecodableError, match=f"{name} was a named tuple when this was saved and is not any more"):
            decode(f'{{"$namedtuple":["{name}",{{}}]}}')


def test_a_renamed_named_tuple_is_read_under_its_alias() -> None:
    text = encode(define("Trade", "price")(1.5))
    renamed = define("Execution", "price", aliases=("Print",))
    assert same_items(decode(text.replace("Trade", "Print")), renamed(1.5))


class Loose(NamedTuple):
    x: object


class Noted(Loose):
    """Derived without `__slots__ = ()`, so each object has a place for attributes."""


def test_a_derived_named_tuple_is_another_class_and_registered_by_itself() -> None:
    register(Loose)
    with pytest.raises(UnsavableError, match=r"add `stratvars.register\(Noted\)`"):
        encode(Noted(1))
    register(Noted)
    value = Noted([1])
    assert same_items(decode(encode(value)), value)
    value.note = "secret"  # type: ignore[attr-defined]
    with pytest.raises(UnsavableError, match="given attributes that are not fields and would be lost") as caught:
        encode([value], "v")
    assert caught.value.path == "v[0]"
    assert "secret" not in str(caught.value)


def test_a_named_tuple_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(UnsavableError, match="has 1 items for 2 fields; make it anew"):
        encode(tuple.__new__(Quote, (1,)))


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (Quote, "v.bid"),
        (lambda bad: [Quote(1, {"a": bad})], "v[0].ask['a']"),
        (lambda bad: Fill(1, Quote(1, bad)), "v.size.ask"),
    ],
)
def test_the_path_of_what_cannot_be_stored_names_the_field(make: Callable[[object], object], path: str) -> None:
    with pytest.raises(UnsavableError) as caught:
        encode(make(object()), "v")
    assert caught.value.path == path


def test_a_named_tuple_may_hold_what_changes() -> None:
    assert not is_immutable(Quote(1))
