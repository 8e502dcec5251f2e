"""What is particular to the types of the standard library, beyond coming back the same."""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PureWindowsPath
from typing import Any
from uuid import UUID, uuid1

import pytest
from registered import Ticker
from same import same
from standard import FACTORIES
from test_codec_process import meanwhile

from examples import Point
from stratvars.codec import decode, encode, register
from stratvars.errors import UndecodableError, UnsavableError


def problem_of(value: object) -> str:
    with pytest.raises(UnsavableError) as caught:
        encode([value], "v")
    assert caught.value.path == "v[0]"
    return caught.value.problem


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.5 - 2j, '{"$complex":[1.5,-2.0]}'),
        (complex("nan"), '{"$complex":[{"$float":"nan"},0.0]}'),
        (b"\x00\xff", '{"$bytes":"AP8="}'),
        (bytearray(b"\x00\xff"), '{"$bytearray":"AP8="}'),
        (frozenset({3, 1, 2}), '{"$frozenset":[1,2,3]}'),
        (deque([1, 2]), '{"$deque":[[1,2],null]}'),
        (deque([1, 2], 5), '{"$deque":[[1,2],5]}'),
        (OrderedDict(b=1, a=2), '{"$ordereddict":{"b":1,"a":2}}'),
        (OrderedDict({1: "a"}), '{"$ordereddict":{"$dict":[[1,"a"]]}}'),
        (Counter("aab"), '{"$counter":{"a":2,"b":1}}'),
        (defaultdict(list, {"SPY": [1]}), '{"$defaultdict":["list",{"SPY":[1]}]}'),
        (defaultdict(None), '{"$defaultdict":[null,{}]}'),
        (range(3), '{"$range":[0,3,1]}'),
        (Fraction(2, -6), '{"$fraction":[-1,3]}'),
        (UUID(int=1), '{"$uuid":"00000000-0000-0000-0000-000000000001"}'),
    ],
)
def test_the_text_is_what_a_reader_of_the_table_expects(value: object, text: str) -> None:
    assert encode(value) == text


def test_the_order_of_an_ordereddict_is_what_move_to_end_left() -> None:
    value = OrderedDict(a=1, b=2, c=3)
    value.move_to_end("a")
    assert list(decode(encode(value)) or ()) == ["b", "c", "a"]  # type: ignore[call-overload]


def test_a_defaultdict_that_was_read_makes_its_values() -> None:
    value: Any = decode(encode(defaultdict(list, {"a": [1]})))
    value["new"].append(2)
    assert value == {"a": [1], "new": [2]}
    with pytest.raises(KeyError):
        decode(encode(defaultdict(None)))["x"]  # type: ignore[index]


def test_every_factory_that_is_stored_makes_something_that_can_be_stored() -> None:
    for factory in FACTORIES:
        if factory is not None:
            assert same(decode(encode(factory())), factory())


class _Equal:
    """Claims to be any factory."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]

    def __call__(self) -> int:
        raise AssertionError("user code")


class _MyList(list[int]):
    pass


@pytest.mark.parametrize("factory", [lambda: 0, _MyList, _Equal(), len, Path, object, defaultdict, [].copy])
def test_any_other_factory_is_refused_with_the_remedy(factory: Callable[[], Any]) -> None:
    problem = problem_of(defaultdict(factory))
    assert problem.startswith("its default_factory cannot be stored; take one of int, float,")
    assert problem.endswith("store `dict(value)` instead")


@pytest.mark.parametrize("kind", [OrderedDict, Counter])
def test_attributes_given_to_a_dict_of_the_standard_library_are_refused_because_they_would_be_lost(kind: Any) -> None:
    value = kind(a=1)
    value.note = "secret"
    problem = problem_of(value)
    assert "was given attributes, which would be lost" in problem
    assert "secret" not in problem


def test_a_uuid_keeps_whether_it_was_made_safely() -> None:
    value = uuid1()
    back = decode(encode(value))
    assert isinstance(back, UUID)
    assert back.is_safe is value.is_safe


def test_a_fraction_is_stored_up_to_a_size_that_is_read_in_no_time() -> None:
    largest = Fraction(2**65536 - 1, 2**65535)
    assert same(decode(encode(largest)), largest)
    for value in (Fraction(2**65536), Fraction(1, 2**65536)):
        assert "`(value.numerator, value.denominator)`" in problem_of(value)
        parts = (value.numerator, value.denominator)
        assert same(decode(encode(parts)), parts)


def test_a_path_of_windows_comes_back_as_itself_or_is_refused() -> None:
    refused = 0
    for text in ("./a:b", "c:./d:e", "C:", "C:/", "//srv/share", "\\\\?\\C:\\x", "a/b:c"):
        value = PureWindowsPath(text)
        if type(value)(str(value)) == value:
            assert same(decode(encode(value)), value)
        else:
            assert "`value.parts`" in problem_of(value)
            refused += 1
    # Since 3.12 Python writes a text for each of them that is read as the same path.
    assert refused == (1 if sys.version_info < (3, 12) else 0)


def test_a_path_of_another_system_is_refused_and_named_and_its_pure_form_is_read() -> None:
    other = "PosixPath" if sys.platform == "win32" else "WindowsPath"
    with pytest.raises(UndecodableError, match=f"a {other} exists on its own .* store a pure path") as caught:
        decode(f'[{{"$path":["{other}","x"]}}]', "v")
    assert caught.value.path == "v[0]"
    assert decode(f'{{"$path":["Pure{other}","x"]}}').__class__.__name__ == f"Pure{other}"


def test_a_deque_that_was_full_drops_what_was_first() -> None:
    value: Any = decode(encode(deque([1, 2], 2)))
    value.append(3)
    assert list(value) == [2, 3]


def test_an_ordereddict_may_be_changed_by_another_thread_meanwhile() -> None:
    # The hash of a Point is a function of Python: where the walk asks for it, the other thread may get its turn.
    # Usually that is after 5 ms; were it at every key, no walk would ever come to its end.
    value: OrderedDict[Any, Any] = OrderedDict((Point(number), Decimal(number)) for number in range(10))
    extra = Point("extra")

    def trade() -> None:
        value.move_to_end(next(iter(value)))
        value[extra] = 1
        del value[extra]

    with meanwhile(trade, interval=1e-4):
        for _ in range(1500):
            read = decode(encode(value))
            assert isinstance(read, OrderedDict)
            numbers = [key.x for key in read if key != extra]
            assert len(numbers) == 10
            assert numbers == [(numbers[0] + place) % 10 for place in range(10)]


def test_the_values_of_an_ordereddict_are_those_of_one_moment() -> None:
    value: OrderedDict[Any, Any] = OrderedDict((Point(number), 0) for number in range(10))

    def trade() -> None:
        number = value[Point(9)] + 1
        for key in [*value]:
            value[key] = number

    with meanwhile(trade, interval=1e-5):
        for _ in range(3000):
            read: Any = decode(encode(value))
            numbers = [*read.values()]
            assert numbers == sorted(numbers, reverse=True)
            assert numbers[0] - numbers[-1] in {0, 1}


def test_an_ordereddict_is_whole_even_if_the_key_that_is_walked_over_is_moved_to_the_end() -> None:
    class Mover(Ticker):
        """Moves itself, once, when it is asked for its hash, as another thread might do in that moment."""

        armed = False

        def __hash__(self) -> int:
            if self.armed:
                Mover.armed = False
                value.move_to_end(self)
            return super().__hash__()

    register(Mover, to_state=str, from_state=Mover)
    value = OrderedDict({Mover("a"): 1, Mover("b"): 2, Mover("c"): 3})
    Mover.armed = True
    read: Any = decode(encode(value))
    assert not Mover.armed
    assert [*read.items()] == [("b", 2), ("c", 3), ("a", 1)]


def test_an_ordereddict_that_never_holds_still_is_refused_and_not_waited_for() -> None:
    class Restless:
        """A key whose hash changes the dict that is being walked over."""

        def __hash__(self) -> int:
            value.pop("x", None) if "x" in value else value.setdefault("x", 1)
            return 1

    value: OrderedDict[Any, int] = OrderedDict()
    value[Restless()] = 1
    value["y"] = 2
    assert "inside `with self.vars:`" in problem_of(value)


def _turn(value: Any) -> None:
    value["deque"].append(1)
    value["bytes"][0] ^= 1
    value["bytes"].append(0)
    value["counter"].update({str(value["bytes"][0]): 1})
    value["default"]["new"].append(1)
    del value["default"]["new"], value["bytes"][5:]


def test_the_other_containers_may_be_changed_by_another_thread_meanwhile() -> None:
    value = {
        "deque": deque([1, "a", 2.5] * 20, 60),
        "bytes": bytearray(b"abc"),
        "counter": Counter("abc"),
        "default": defaultdict(list, {number: [number] for number in range(50)}),
    }
    with meanwhile(lambda: _turn(value)):
        for _ in range(1500):
            decode(encode(value))
