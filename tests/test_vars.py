from __future__ import annotations

import copy
import pickle
import threading
from collections import UserDict
from collections.abc import KeysView
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from stratvars.contents import lay_over, lock_of
from stratvars.errors import UnsavableError, UsageError
from stratvars.locks import is_mine
from stratvars.vars import Vars, replace_all

Side = StrEnum("Side", ["LONG"])
PUBLIC = "get set pop popitem setdefault update items keys values clear copy all"
RESERVED = ["all", "items", "__class__", "__dict__", "_abc_impl", "__weakref__", "_Vars__values", "__deepcopy__"]
ODD_NAMES = ["odd name", "'", '"', "\\", "a\0b", "$x", "class", "\n", "1", " ", "None"]
ASSIGNMENTS: list[Any] = [
    lambda v, name, value: v.__setitem__(name, value),
    lambda v, name, value: v.set(name, value),
    lambda v, name, value: v.setdefault(name, value),
    lambda v, name, value: v.update({"x": 2, name: value}),
    lambda v, name, value: v.update([("x", 2), (name, value)], y=3),
    lambda v, name, value: replace_all(v, {name: value}),
]


class Own(Vars):
    def profit(self) -> int:
        return 1


def test_attributes_and_items_are_the_same_variables() -> None:
    variables = Vars({"a": 1})
    variables.trade_count = 5
    variables["last_price"] = 102.5
    assert variables["trade_count"] == 5
    assert variables.last_price == variables.get("last_price") == 102.5
    assert variables.all() == {"a": 1, "trade_count": 5, "last_price": 102.5}
    del variables.trade_count, variables["last_price"]
    variables.all()["b"] = 2
    assert list(variables) == ["a"]


def test_the_public_names_are_these_and_no_other() -> None:
    assert {name for name in dir(Vars) if not name.startswith("_")} == set(PUBLIC.split())


@pytest.mark.parametrize("name", ["_values", "_lock", "mro", "register", "_x", "self", "name", "default", *ODD_NAMES])
def test_every_other_name_belongs_to_the_user(name: str) -> None:
    variables = Vars()
    setattr(variables, name, 1)
    variables.update(**{name: 2})
    assert getattr(variables, name) == variables[name] == variables.get(name) == 2
    assert (name in dir(variables)) == name.isidentifier()
    delattr(variables, name)
    assert name not in variables


@pytest.mark.parametrize("name", [*RESERVED, "profit"])
def test_a_name_of_the_class_is_refused_as_an_attribute_and_works_as_an_item(name: str) -> None:
    variables = Own()
    with pytest.raises(AttributeError) as refused:
        setattr(variables, name, 1)
    assert f'vars["{name}"] = ...' in str(refused.value)
    variables[name] = 1
    with pytest.raises(AttributeError) as refused:
        delattr(variables, name)
    assert f'del vars["{name}"]' in str(refused.value)
    assert type(variables) is Own
    assert variables.all() == Own(variables) == copy.copy(variables) == copy.deepcopy(variables) == {name: 1}
    del variables[name]
    assert len(variables) == 0


@pytest.mark.parametrize("assign", ASSIGNMENTS)
def test_what_cannot_be_stored_is_refused_by_each_way_to_assign_and_nothing_is_set(assign: Any) -> None:
    variables = Vars({"x": 1})
    for name, error in (("", UsageError), ("a\ud800", UsageError), (5, TypeError), (None, TypeError)):
        with pytest.raises(error, match="name"):
            assign(variables, name, 1)
    with pytest.raises(UnsavableError) as refused:
        assign(variables, "positions", {"SPY": [1, object()]})
    assert refused.value.path == "positions['SPY'][1]"
    assert variables.all() == {"x": 1}


def test_a_value_that_cannot_be_stored_is_refused_as_attribute_at_the_start_and_as_unused_default() -> None:
    with pytest.raises(UnsavableError, match="positions"):
        Vars().positions = object()
    with pytest.raises(UnsavableError, match="positions"):
        Vars({"positions": object()})
    with pytest.raises(UnsavableError, match="x"):
        Vars({"x": 1}).setdefault("x", object())


@pytest.mark.parametrize("value", [None, True, 2**200, -0.0, float("nan"), "half \ud800"])
def test_plain_scalars_are_always_taken(value: object) -> None:
    assert Vars({"x": value}).x is value


def test_a_member_of_an_enum_and_its_text_are_one_name() -> None:
    variables = Vars({Side.LONG: 1})
    variables["long"] = 2
    assert variables.all() == {"long": 2}
    assert type(next(iter(variables))) is str


def test_a_missing_attribute_names_close_ones_and_a_remedy() -> None:
    variables = Vars({"trade_count": 1, "price": 2})
    with pytest.raises(AttributeError) as missing:
        _ = variables.trade_cuont
    remedy = "vars.get('trade_cuont', default) reads it with a default"
    assert str(missing.value) == f"vars has no variable 'trade_cuont'; did you mean 'trade_count'? {remedy}"
    with pytest.raises(AttributeError, match=r"no variable 'zzz'; vars\.get"):
        del variables.zzz


def test_the_repr_reads_like_a_call() -> None:
    assert repr(Vars({"trade_count": 5, "last_price": 102.5})) == "Vars(trade_count=5, last_price=102.5)"
    assert repr(Own({"odd name": 1, "class": 2})) == "Own('odd name'=1, 'class'=2)"


def test_it_equals_vars_and_mappings_with_the_same_content_and_has_no_hash() -> None:
    variables = Vars({"x": 1, "y": [2]})
    assert variables == Vars({"y": [2], "x": 1}) == {"x": 1, "y": [2]}
    assert variables != {"x": 1}
    with pytest.raises(TypeError, match="unhashable"):
        hash(variables)


@pytest.mark.parametrize("duplicate", [copy.copy, Vars.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_a_copy_is_independent(duplicate: Any) -> None:
    original = Own({"x": 1, "legs": ["a"]})
    twin = duplicate(original)
    assert (type(twin), twin) == (Own, original)
    assert (twin.legs is original.legs) == (duplicate in {copy.copy, Vars.copy})
    twin.x, original.other = 2, 4
    assert original.all() == {"x": 1, "legs": ["a"], "other": 4}
    assert twin.all() == {"x": 2, "legs": ["a"]}
    with ThreadPoolExecutor(1) as pool, original:
        pool.submit(twin.set, "x", 3).result(5)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_one_that_holds_itself_can_be_copied_pickled_and_shown(protocol: int) -> None:
    variables = Vars({"legs": []})
    variables.legs.append(variables)
    for twin in (copy.deepcopy(variables), pickle.loads(pickle.dumps(variables, protocol))):
        assert twin is not variables
        assert twin.legs[0] is twin
    assert repr(variables) == "Vars(legs=[Vars(...)])"


@pytest.mark.parametrize("name", ["x", "__deepcopy__", "__getstate__", "_Vars__values"])
def test_a_protocol_is_answered_without_recursing_and_without_asking_the_variables(name: str) -> None:
    with pytest.raises(AttributeError):
        object.__new__(Vars).__getattr__(name)
    assert getattr(Vars({"__array_interface__": 1}), "__array_interface__", None) is None


@pytest.mark.parametrize("over", [iter, reversed, Vars.keys, Vars.items, Vars.values])
def test_iterating_goes_over_a_snapshot(over: Any) -> None:
    variables = Vars({"a": 1, "b": 2})
    for seen, _ in enumerate(over(variables)):
        variables[f"new {seen}"] = 0
        variables.pop("a", None)
    assert list(variables) == ["b", "new 0", "new 1"]


def test_lay_over_replaces_whole_variables_unchecked_and_replace_all_the_whole_content() -> None:
    variables = Vars({"a": {"kept": 1}, "b": 2})
    restored = {"c": object(), "a": {}}
    lay_over(variables, restored)
    assert list(variables.items()) == [("c", restored["c"]), ("a", {}), ("b", 2)]
    given = {"b": 3, "c": 4}
    replace_all(variables, given)
    replace_all(variables, variables)
    assert list(variables.items()) == [("b", 3), ("c", 4)]
    variables.b = 5
    assert given == {"b": 3, "c": 4}


OPERATIONS: list[Any] = [
    *(ASSIGNMENTS[i] for i in (0, 2, 3, 4)),
    lambda v, name, _: v[name],
    lambda v, name, value: v.get(name, value),
    lambda v, name, _: v.pop(name),
    lambda v, name, value: v.pop(name, value),
    lambda v, *_: v.popitem(),
    lambda v, name, _: v.__delitem__(name),
    lambda v, *_: v.clear(),
    lambda v, name, _: name in v,
]


def outcome(operation: Any, target: Any, name: str, value: Any) -> Any:
    try:
        return operation(target, name, value)
    except KeyError as error:
        return type(error)


class AgainstDict(RuleBasedStateMachine):
    names = st.sampled_from(["a", "b", *RESERVED, *ODD_NAMES])
    values = st.none() | st.integers() | st.floats(allow_nan=False) | st.text() | st.lists(st.integers())

    def __init__(self) -> None:
        super().__init__()
        self.vars = Vars()
        self.model: dict[str, Any] = {}

    @rule(operation=st.sampled_from(OPERATIONS), name=names, value=values)
    def do_the_same(self, operation: Any, name: str, value: Any) -> None:
        assert outcome(operation, self.vars, name, value) == outcome(operation, self.model, name, value)

    @rule(content=st.dictionaries(names, values, max_size=4), over=st.sampled_from([lay_over, replace_all]))
    def restore(self, content: dict[str, Any], over: Any) -> None:
        over(self.vars, content)
        kept = self.model if over is lay_over else {}
        self.model = {**content, **{name: value for name, value in kept.items() if name not in content}}

    @rule(duplicate=st.sampled_from([Vars.copy, copy.copy, Vars]))
    def go_on_with_a_copy(self, duplicate: Any) -> None:
        self.vars = duplicate(self.vars)

    @invariant()
    def they_agree(self) -> None:
        assert list(self.vars.items()) == list(zip(self.vars, self.vars.values(), strict=True))
        assert list(self.vars.items()) == list(self.model.items())
        assert list(reversed(self.vars)) == list(reversed(self.model))
        assert len(self.vars) == len(self.model)


TestAgainstDict = AgainstDict.TestCase


def test_other_threads_may_change_it_while_it_is_read() -> None:
    variables = Vars({f"n{i}": i for i in range(50)})
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            for over in (variables, variables.items(), variables.all(), Vars(variables), copy.deepcopy(variables)):
                assert len(list(over)) in {50, 51}

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for turn in range(3_000):
            variables[f"turn{turn}"] = turn
            del variables[f"turn{turn}"]
        done.set()
        assert [reader.result() for reader in readers] == [None, None]


def test_a_change_in_another_thread_is_not_lost_while_variables_are_laid_over() -> None:
    class Meanwhile(UserDict[str, Any]):
        def keys(self) -> KeysView[str]:
            fill.start()
            fill.join(0.2)
            return super().keys()

    variables = Vars({"x": 1})
    fill = threading.Thread(target=variables.set, args=("fill", 2))
    lay_over(variables, Meanwhile({"x": 3}))
    fill.join(5)
    assert variables == {"x": 3, "fill": 2}


def test_with_vars_keeps_a_snapshot_and_other_changes_out_of_the_block() -> None:
    variables = Vars({"bought": 0, "cash": 0})

    def trade() -> None:
        for _ in range(2_000):
            with variables, variables:
                variables.bought += 1
                variables.cash -= 1

    with ThreadPoolExecutor(2) as pool:
        traders = [pool.submit(trade) for _ in range(2)]
        while wait(traders, 0).not_done:
            assert sum(variables.values()) == 0
    assert variables == {"bought": 4_000, "cash": -4_000}


def test_an_exit_stack_holds_its_lock_too_and_gives_it_back_with_an_error() -> None:
    variables = Vars()
    with pytest.raises(ValueError, match="x"), ExitStack() as stack:
        assert stack.enter_context(variables) is variables
        assert is_mine(lock_of(variables))
        raise ValueError("x")
    assert not is_mine(lock_of(variables))


def test_every_change_and_every_snapshot_waits_for_the_end_of_a_with_block() -> None:
    variables = Vars({"x": 1})
    writers = [*ASSIGNMENTS, *OPERATIONS[6:11], lambda v, *_: lay_over(v, {"x": 2}), lambda v, *_: v.all()]
    with ThreadPoolExecutor(len(writers)) as pool:
        with variables:
            waiting = [pool.submit(outcome, writer, variables, "x", 2) for writer in writers]
            assert wait(waiting, 0.2).done == set()
            assert variables == {"x": 1}
        assert wait(waiting, 5).not_done == set()
