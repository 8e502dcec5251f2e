"""Classes that are registered with two functions of the user, which may do anything."""

from __future__ import annotations

import enum
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from notebook_cells import make
from registered import Basket, Defaults, Money, Prices, Ticker
from same import same

from stratvars.codec import check, decode, encode, is_immutable, register
from stratvars.codec.tree import show
from stratvars.errors import UndecodableError, UnsavableError, UsageError


class Thing:
    """Holds anything in its one attribute."""

    def __init__(self, item: object = None) -> None:
        self.item = item


def register_thing(to_state: Callable[[Any], Any], from_state: Callable[[Any], Any] = Thing) -> None:
    register(Thing, to_state=to_state, from_state=from_state)


def refusal_of(value: object) -> UnsavableError:
    with pytest.raises(UnsavableError) as caught:
        encode([value], "v")
    with pytest.raises(UnsavableError) as checked:
        check([value], "v")
    assert str(checked.value) == str(caught.value)
    return caught.value


def problem_of(text: str) -> UndecodableError:
    with pytest.raises(UndecodableError) as caught:
        decode(f"[{text}]", "v")
    return caught.value


def test_objects_of_any_class_come_back_with_what_they_hold() -> None:
    value = Basket([Basket({1: Money(Decimal("1.50"), "USD")}), (Ticker("SPY"),)], note=Prices([1.5]))
    assert same(decode(encode(value)), value)


def test_the_text_holds_the_name_of_the_class_and_its_state() -> None:
    assert encode(Basket(1)) == '{"$object":["Basket",{"item":1,"note":null}]}'
    assert encode(Money(1, "USD")) == '{"$object":["Money",{"$tuple":[1,"USD"]}]}'
    assert encode(Ticker("SPY")) == '{"$object":["Ticker","SPY"]}'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"$object":["Unknown",{"strike":1.5,"legs":[{"$tuple":[]}]}]}', "Unknown(strike=1.5, legs=[()])"),
        ('{"$object":["Unknown",{}]}', "Unknown()"),
        ('{"$object":["Unknown",{"a b":1}]}', "Unknown({'a b': 1})"),
        ('{"$object":["Unknown",{"$dict":[[1,2]]}]}', "Unknown({1: 2})"),
        ('{"$object":["Unknown",{"$object":["Other",[1]]}]}', "Unknown(Other([1]))"),
        ('{"$object":["\\u001b[2J","\\u001b"]}', "'\\x1b[2J'('\\x1b')"),
    ],
)
def test_an_object_is_shown_without_its_class(text: str, shown: str) -> None:
    assert show(text) == shown


def test_a_subclass_of_a_builtin_is_told_from_the_builtin() -> None:
    value = [[1], Prices([1]), "SPY", Ticker("SPY"), {1: 2}, Defaults({1: 2}), {Ticker("SPY"): 1, "SPY": 1}]
    back: Any = decode(encode(value[:-1]))
    assert same(back, value[:-1])
    assert back[5]["new"] == []


def test_the_state_is_checked_like_any_value_and_its_path_is_told() -> None:
    register_thing(lambda thing: {"inner": [thing.item]})
    error = refusal_of({"a": Thing(object())})
    assert error.path == "v[0]['a'].to_state()['inner'][0]"
    assert error.problem.startswith("an object cannot be stored")


def test_what_to_state_raises_is_told_by_its_type_and_never_quoted() -> None:
    for error in (ValueError("secret"), MemoryError("secret"), RecursionError("secret"), UnsavableError("x", "secret")):
        register_thing(partial(raise_, error))
        refusal = refusal_of(Thing())
        assert refusal.path == "v[0]"
        assert refusal.problem.startswith(f"its to_state raised {type(error).__name__}; ")
        assert "secret" not in repr(refusal)


def raise_(error: BaseException, _: object) -> None:
    raise error


def test_what_ends_the_program_is_not_caught() -> None:
    register_thing(partial(raise_, KeyboardInterrupt()), partial(raise_, SystemExit(3)))
    with pytest.raises(KeyboardInterrupt):
        encode(Thing())
    with pytest.raises(SystemExit):
        decode('{"$object":["Thing",1]}')


def test_what_from_state_raises_is_told_by_its_type_and_never_quoted() -> None:
    for error in (KeyError("secret"), MemoryError("secret"), RecursionError("secret"), UndecodableError("x", "secret")):
        register_thing(vars, partial(raise_, error))
        problem = problem_of('{"a":{"$object":["Thing",{"item":"secret"}]}}')
        assert problem.path == "v[0]['a']"
        assert problem.problem.startswith(f"its from_state raised {type(error).__name__}; ")
        assert "secret" not in repr(problem)
        assert problem.__cause__ is None
        assert problem.__context__ is None


@pytest.mark.parametrize("wrong", [None, "secret", Basket, {"item": 1}])
def test_what_from_state_returns_must_be_an_object_of_exactly_the_class(wrong: object) -> None:
    register_thing(vars, lambda _: wrong)
    problem = problem_of('{"$object":["Thing",1]}')
    assert problem.path == "v[0]"
    assert problem.problem.startswith("the from_state of Thing returned a")
    assert "must return an object of exactly the class" in problem.problem
    assert "secret" not in str(problem)


def test_an_object_of_a_derived_class_is_neither_written_nor_read_as_its_base() -> None:
    class Derived(Thing):
        pass

    register_thing(vars, lambda _: Derived())
    assert "stratvars.register(Derived, to_state=..., from_state=...)" in refusal_of(Derived()).problem
    assert "returned a Derived" in problem_of('{"$object":["Thing",{}]}').problem


def test_a_fault_in_the_stored_state_has_a_path() -> None:
    register_thing(vars)
    assert problem_of('{"$object":["Thing",{"item":[{"$x":1}]}]}').path == "v[0].to_state()['item'][0]"


def test_an_object_whose_state_contains_it_is_refused_where_it_closes() -> None:
    register_thing(vars)
    thing = Thing()
    thing.item = [thing]
    error = refusal_of(thing)
    assert error.path == "v[0].to_state()['item'][0]"
    assert error.problem.startswith("this is v[0] again; a value cannot contain itself")


@pytest.mark.parametrize("to_state", [lambda thing: thing, lambda _: Thing(), lambda thing: [thing, thing]])
def test_a_to_state_that_never_comes_to_an_end_is_refused(to_state: Callable[[Any], Any]) -> None:
    register_thing(to_state)
    problem = refusal_of(Thing()).problem
    assert "a value cannot contain itself" in problem or "nested more than 200 levels deep" in problem


def test_registering_again_takes_the_new_functions() -> None:
    register_thing(vars, lambda state: Thing(state["item"]))
    assert encode(Thing(1)) == '{"$object":["Thing",{"item":1}]}'
    register_thing(lambda thing: [thing.item], lambda state: Thing(state[0]))
    assert encode(Thing(1)) == '{"$object":["Thing",[1]]}'
    back: Any = decode('{"$object":["Thing",[1]]}')
    assert back.item == 1


def test_a_class_defined_anew_takes_the_place_of_the_old_one() -> None:
    def cell() -> Any:
        cls: Any = type("Cell", (), {"__module__": "notebook"})
        return register(cls, to_state=vars, from_state=lambda _: cls())

    text = encode(cell()())
    new = cell()
    assert type(decode(text)) is new


def test_name_and_aliases_keep_older_texts_readable() -> None:
    register(Thing, to_state=vars, from_state=lambda _: Thing(), name="the thing", aliases=["old", "older"])
    for name in ("the thing", "old", "older"):
        assert type(decode(f'{{"$object":["{name}",{{}}]}}')) is Thing
    assert encode(Thing()) == '{"$object":["the thing",{"item":null}]}'


def test_a_class_that_was_a_dataclass_gives_its_fields_to_from_state() -> None:
    before = register(make("Moved"))
    text = encode(before([1, (2,)]))
    after: Any = type("Moved", (), {"__module__": "notebook"})

    def from_state(state: Any) -> Any:
        value = after()
        value.state = state
        return value

    register(after, to_state=vars, from_state=from_state)
    assert same(vars(decode(text)), {"state": {"x": [1, (2,)]}})
    assert same(vars(decode(text.replace("$dataclass", "$namedtuple"))), {"state": {"x": [1, (2,)]}})
    register(make("Moved"))
    with pytest.raises(UndecodableError, match="Moved was registered with to_state and from_state when this was saved"):
        decode(text.replace("$dataclass", "$object"))


@pytest.mark.parametrize("functions", [{"to_state": vars}, {"from_state": Thing}, {"to_state": 1, "from_state": 2}])
def test_the_two_functions_come_together(functions: Any) -> None:
    with pytest.raises(UsageError, match=r"write `stratvars.register\(Thing, to_state=\.\.\., from_state=\.\.\.\)`"):
        register(Thing, **functions)


def test_the_two_functions_come_before_what_the_class_is() -> None:
    @dataclass
    class Priced:
        price: int

    class Kind(enum.Enum):
        A = 1

    class Bag(Counter[str]):
        pass

    register(Kind)
    assert is_immutable(Kind.A)
    register(Priced, to_state=lambda value: value.price, from_state=Priced)
    register(Kind, to_state=lambda member: member.value, from_state=Kind)
    register(Bag, to_state=Counter, from_state=Bag)
    assert encode([Priced(1), Kind.A]) == '[{"$object":["Priced",1]},{"$object":["Kind",1]}]'
    for value in (Priced(1), Kind.A, Bag("aab")):
        back = decode(encode(value))
        assert type(back) is type(value)
        assert back == value
    assert not is_immutable(Kind.A)


def test_objects_may_change_in_place_whatever_they_hold() -> None:
    for value in (Basket(1), Money(1, "USD"), Ticker("SPY")):
        encode(value)
        assert not is_immutable(value)


def test_a_state_written_by_one_process_is_read_by_the_next_and_never_without_its_class() -> None:
    program = (
        "import sys, stratvars.codec as codec\n"
        "class Leg(list):\n    pass\n"
        "if 'known' in sys.argv:\n    codec.register(Leg, to_state=list, from_state=Leg)\n"
        "text = sys.stdin.read()\n"
        "try:\n    print(codec.encode(codec.decode(text, 'v')) if text else codec.encode(Leg([1, (2,)])))\n"
        "except codec.reading.UndecodableError as error:\n    print(error)\n"
    )

    def run(text: str, *known: str) -> str:
        command = [sys.executable, "-c", program, *known]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout.strip()

    first = run("", "known")
    assert first == '{"$object":["Leg",[1,{"$tuple":[2]}]]}'
    assert run(first, "known") == first
    assert run(first).startswith("v: the class 'Leg' is not registered; import the module that defines it")
