"""The short way by which an unchanged variable is passed over: what it costs, and that no change is lost on it."""

from __future__ import annotations

import marshal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import FrameType
from typing import Any

import numpy as np
import pytest
from registered import Basket
from test_codec_process import meanwhile

from examples import Leg
from stratvars import capture as capture_module
from stratvars.capture import Capture
from stratvars.codec import encode, imprint, unshared
from stratvars.codec.writing import encode_plain
from stratvars.contents import values_of
from stratvars.vars import Vars


class Encoding:
    """How often the codec was asked for a text since it was asked last."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._count = 0
        self._encode = encode
        for module in (capture_module, imprint):
            monkeypatch.setattr(module, "encode", self._counted)
        monkeypatch.setattr(capture_module, "encode_plain", self._counted_plain)

    def _counted_plain(self, values: Mapping[str, object]) -> dict[str, str]:
        texts = encode_plain(values)
        self._count += len(texts)
        return texts

    def _counted(self, value: object, name: str = "") -> str:
        self._count += 1
        return self._encode(value, name)

    def count(self) -> int:
        count, self._count = self._count, 0
        return count


@pytest.fixture
def encoding(monkeypatch: pytest.MonkeyPatch) -> Encoding:
    return Encoding(monkeypatch)


def mixed() -> dict[str, Any]:
    """A hundred variables of which none holds what an imprint cannot tell."""
    makers: list[Callable[[int], Any]] = [
        lambda number: {"qty": number, "legs": [{"strike": 1.5}, (1, None)], "open": True},
        lambda number: [float(number), -0.0, float("nan"), 10**700],
        lambda number: number,
        Decimal,
        lambda number: {number: {"$x": "\ud800"}},
    ]
    return {f"v{number}": makers[number % 5](number) for number in range(100)}


def test_an_unchanged_variable_is_never_written_again(encoding: Encoding) -> None:
    variables = Vars(mixed())
    capture = Capture(variables, {})
    first = capture.take()
    assert encoding.count() == 100
    capture.take()
    assert encoding.count() == 60, "what can change in place is imprinted at the second look"
    states = [capture.take() for _ in range(5)]
    assert encoding.count() == 0
    assert first.texts == states[0].texts
    assert all(state is states[0] for state in states)


def test_what_was_restored_is_written_once_and_then_never_again(encoding: Encoding) -> None:
    texts = {name: encode(value, name) for name, value in mixed().items()}
    capture = Capture(Vars(mixed()), texts)
    assert capture.take().texts == texts
    assert encoding.count() == 100
    capture.take()
    assert encoding.count() == 0


def test_only_what_changed_is_written(encoding: Encoding) -> None:
    variables = Vars(mixed())
    capture = Capture(variables, {})
    for _ in range(3):
        capture.take()
    encoding.count()
    variables.v0["legs"][1] = (1, 2)
    variables.v2 = 3
    variables.new = "x"
    del variables.v3
    state = capture.take()
    assert encoding.count() == 3
    assert list(state.texts) == list(variables)
    assert state.texts == {name: encode(value, name) for name, value in variables.items()}


def test_an_equal_list_in_place_of_the_old_one_is_not_written(encoding: Encoding) -> None:
    variables = Vars({"v": [1.5, {"a": (1,)}]})
    capture = Capture(variables, {})
    for _ in range(3):
        capture.take()
    encoding.count()
    state = capture.take()
    variables.v = [1.5, {"a": (1,)}]
    assert capture.take().texts == state.texts
    assert encoding.count() <= 1
    variables.v[1]["a"] = [1]
    assert capture.take().texts == {"v": '[1.5,{"a":[1]}]'}


def test_names_that_change_places_over_the_same_objects_are_seen() -> None:
    shared, other = [1], (2,)
    variables = Vars({"a": shared, "b": other, "c": None})
    capture = Capture(variables, {})
    capture.take()
    del variables.a, variables.b, variables.c
    variables.update(b=shared, a=other, c=None)
    assert list(capture.take().texts.items()) == [("b", "[1]"), ("a", '{"$tuple":[2]}'), ("c", "null")]


def test_a_text_is_of_the_moment_of_its_imprint(monkeypatch: pytest.MonkeyPatch) -> None:
    value = [1.5, {"flag": False}]
    capture = Capture(Vars({"v": value}), {})
    capture.take()

    def meanwhile(tree: object, name: str = "") -> str:
        """Write while another thread sets what it takes back a moment later."""
        value[1]["flag"] = True  # type: ignore[index]
        text = encode(tree, name)
        value[1]["flag"] = False  # type: ignore[index]
        return text

    monkeypatch.setattr(imprint, "encode", meanwhile)
    capture.take()
    monkeypatch.undo()
    assert capture.take().texts == {"v": '[1.5,{"flag":false}]'}


def test_a_flag_that_another_thread_toggles_is_never_saved_as_it_is_not() -> None:
    value: dict[str, Any] = {"flag": 0, "rest": [0.5] * 50, "more": {str(number): (number,) for number in range(20)}}
    capture = Capture(Vars({"v": value}), {})

    def toggle() -> None:
        value["flag"] = (value["flag"] + 1) % 3

    flags: set[str] = set()
    for _ in range(30):
        with meanwhile(toggle):
            flags.update(capture.take().texts["v"][:10] for _ in range(30))
        assert capture.take().texts["v"] == encode(value)
    assert len(flags) == 3


CYCLE = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
from stratvars import Vars
from stratvars.capture import Capture
inner = [1]
capture = Capture(Vars({"v": [inner], "good": {"a": 1}}), {})
for _ in range(3):
    capture.take()
inner += [inner, inner]
for _ in range(3):
    state = capture.take()
    assert state.held_back["v"].startswith("v[0][1]: this is v[0] again"), state.held_back
    assert state.texts == {"v": "[[1]]", "good": '{"a":1}'}
del inner[1:]
inner.append(2)
assert capture.take().texts["v"] == "[[1,2]]"
print("done")
"""


def test_a_list_that_was_put_into_itself_twice_is_held_back_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", CYCLE], capture_output=True, timeout=30, check=False)
    assert done.stdout == b"done\n", done.stderr.decode()[-2000:]


def test_a_function_of_the_user_may_set_variables_while_it_is_asked_for_a_state() -> None:
    from stratvars import register

    class Busy:
        pass

    register(Busy, to_state=lambda it: variables.set("n", variables.n + 1), from_state=lambda state: Busy())
    variables = Vars({"n": 0})
    variables.update(a=[1], busy=Busy())
    capture = Capture(variables, {})
    for _ in range(4):
        capture.take()
        before = variables.n
        state = capture.take()
        assert int(state.texts["n"]) in {before, before + 1}
    register(Busy, to_state=lambda it: None, from_state=lambda state: Busy())
    assert capture.take().texts == {"n": str(variables.n), "a": "[1]", "busy": encode(Busy())}


def ctrl_c() -> None:
    raise KeyboardInterrupt


def interrupted_at(step: int, work: Callable[[], object], handler: Callable[[], object] = ctrl_c) -> bool:
    """Have a signal handled at the given line that is executed in the capture; tell whether it came so far."""
    left = step

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in {capture_module.__file__, imprint.__file__, unshared.__file__}:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                sys.settrace(None)
                handler()
        return trace

    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return left <= 0


def at_rest(states: int) -> tuple[Vars, Capture]:
    """Variables that nobody used while so many states of them were taken."""
    variables = Vars({"big": [[1]], "other": [2]})
    capture = Capture(variables, {})
    for _ in range(states):
        capture.take()
    return variables, capture


def _change_all(variables: Vars) -> None:
    variables.counter += 1
    variables.prices.append(variables.counter)
    variables.legs["leg"].strike += 1.0
    variables.basket.item = variables.counter
    variables.pop(f"old{variables.counter - 1}", None)
    variables[f"old{variables.counter}"] = [variables.counter]


def test_ctrl_c_at_any_line_loses_no_change(record_property: Callable[[str, object], None]) -> None:
    variables = Vars({"counter": 0, "prices": [1.5], "legs": {"leg": Leg(1.0)}, "basket": Basket(1), "still": [1]})
    capture = Capture(variables, {})
    for _ in range(3):
        capture.take()
    step = 0
    is_interrupted = True
    while is_interrupted:
        step += 1
        for _ in range(2):
            _change_all(variables)
            is_interrupted = interrupted_at(step, capture.take)
            if step % 2:
                variables.prices.pop()
            state, expected = capture.take(), Capture(variables, {}).take()
            assert state == expected
            assert list(state.texts) == list(expected.texts)
    assert step > 50
    record_property("counted", f"capture: {step - 1} lines interrupted, no change lost")


@pytest.mark.parametrize(
    ("rests", "is_used"), [(unshared._EACH * 2 - 1, False), (unshared._EACH * 3 - 1, True), (unshared._EACH * 3, True)]
)
def test_ctrl_c_at_any_line_loses_no_change_of_what_was_not_looked_at(rests: int, is_used: bool) -> None:
    """In the state in which it is found, and in the first one after it was used again."""
    step, alone = 0, 0
    is_interrupted = True
    while is_interrupted:
        step += 1
        variables, capture = at_rest(rests)
        alone += len(capture._last.alone)
        if is_used:
            variables.big[0].append(step)
        is_interrupted = interrupted_at(step, capture.take)
        if not is_used:
            variables.big[0].append(step)
        assert capture.take().texts == {"big": f"[[1,{step}]]", "other": "[2]"}
    assert step > 30
    assert alone == (step * 2 if is_used else 0)


@pytest.mark.parametrize("rests", [unshared._EACH * 2 - 1, unshared._EACH * 3 - 1, unshared._EACH * 3])
@pytest.mark.parametrize("takes", [0, 1, unshared._EACH + 1])
@pytest.mark.parametrize("is_used", [False, True])
def test_a_signal_handler_may_use_a_variable_and_save_at_any_line(rests: int, takes: int, is_used: bool) -> None:
    step, alone = 0, 0
    is_interrupted = True
    while is_interrupted:
        step += 1
        variables, capture = at_rest(rests)
        alone += len(capture._last.alone)
        held: list[Any] = []

        def handler(variables: Vars = variables, capture: Capture = capture, held: list[Any] = held) -> None:
            held.append(variables.big[0])
            held[0].append("within")
            for _ in range(takes):
                capture.take()

        if is_used:
            variables.other.append(3)
        is_interrupted = interrupted_at(step, capture.take, handler)
        for change in ("", *(f"later {number}" for number in range(unshared._EACH * 2))):
            if change and held:
                held[0].append(change)
            assert capture.take().texts == {name: encode(value) for name, value in values_of(variables).items()}
    assert step > 10
    assert alone == (0 if rests < unshared._EACH * 2 else step * 2)


def test_an_imprint_is_not_tried_again_where_it_was_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: Counter[int] = Counter()
    dumps = marshal.dumps

    def counted(value: Any, version: int) -> bytes:
        tried[id(value)] += 1
        return dumps(value, version)

    monkeypatch.setattr(imprint, "dumps", counted)
    values: dict[str, Any] = {"plain": [1], "decimal": [Decimal(1)], "array": np.zeros(3), "set": {1}, "leg": Leg(1.0)}
    capture = Capture(Vars(values), {})
    for _ in range(5):
        capture.take()
    vain = [id(values[name]) for name in ("decimal", "array", "set", "leg")]
    assert tried[id(values["plain"])] == 2, "after that it is looked at together with all that are like it"
    assert tried.keys().isdisjoint(vain)
    values["decimal"][0] = 1
    for _ in range(5):
        capture.take()
    assert tried[id(values["decimal"])] == 4
    assert tried.keys().isdisjoint(vain[1:])


def test_a_counter_that_changes_beside_calm_lists_does_not_have_each_of_them_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variables = Vars({"n": 0, **{f"list{number}": [number] for number in range(10)}})
    capture = Capture(variables, {})
    for _ in range(3):
        capture.take()
    looked: list[object] = []
    dumps = marshal.dumps

    def noted(value: Any, version: int) -> bytes:
        looked.append(value)
        return dumps(value, version)

    monkeypatch.setattr(imprint, "dumps", noted)
    for number in range(1, 4):
        variables.n = number
        assert capture.take().texts["n"] == str(number)
        assert len(looked) == number, "all of them in one look"
    variables.list3.append(5)
    variables.n = 4
    assert capture.take().texts == {"n": "4", **{f"list{one}": encode(variables[f"list{one}"]) for one in range(10)}}
    variables.list3 = 7
    variables.list4[0] = 8
    assert capture.take().texts == {name: encode(value) for name, value in variables.items()}


def test_what_a_capture_remembers_shows_no_value() -> None:
    capture = Capture(Vars({"key": ["hunter2"]}), {})
    capture.take()
    assert "hunter2" not in f"{capture._last!r} {capture._last.restless!r} {capture!r}"
