"""What the codec does to the process around it: imports, threads, limits."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from same import same

from examples import BY_TAG, Leg, Point
from stratvars.codec import check, decode, encode
from stratvars.errors import UndecodableError


def run(program: str, text: str = "", *options: str) -> str:
    """Run a program in a fresh process and return what it printed."""
    command = [sys.executable, *options, "-c", program]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def test_plain_values_are_written_and_read_without_numpy_or_pandas() -> None:
    program = (
        "import sys, collections, decimal, datetime, fractions, pathlib, uuid, zoneinfo\n"
        "import stratvars.codec as codec\n"
        "value = [1, 2.5, 'x', (1,), {1: {2}}, decimal.Decimal(1), datetime.datetime.now(datetime.UTC)]\n"
        "value += [1j, b'x', bytearray(b'x'), frozenset({1}), range(3), datetime.timezone.utc]\n"
        "value += [collections.OrderedDict(a=1), collections.Counter('a'), collections.defaultdict(int, a=1)]\n"
        "value += [collections.deque([1], 2)]\n"
        "value += [fractions.Fraction(1, 2), uuid.UUID(int=1), pathlib.Path('x'), zoneinfo.ZoneInfo('Europe/Berlin')]\n"
        "assert codec.decode(codec.encode(value)) == value\n"
        "codec.check(value, 'v')\n"
        "try:\n    codec.encode(object())\nexcept TypeError:\n    pass\n"
        "print(sorted({'numpy', 'pandas', 'pytz', 'attrs', 'pydantic', 'polars', 'rich', 'click'} & set(sys.modules)))"
    )
    assert run(program) == "[]"


def test_a_numpy_value_imports_numpy_when_it_is_read() -> None:
    program = (
        "import sys\nimport stratvars.codec as codec\n"
        "value = codec.decode(sys.stdin.buffer.read())\n"
        "print(type(value).__module__, type(value).__name__, float(value), codec.encode(value))"
    )
    assert run(program, encode(np.float32(0.1))) == 'numpy float32 0.10000000149011612 {"$numpy":["float32",0.1]}'


def test_a_numpy_value_is_undecodable_where_numpy_is_not_installed() -> None:
    program = (
        "import sys\nsys.modules['numpy'] = None\nimport stratvars.codec as codec\n"
        "try:\n    codec.decode(sys.stdin.buffer.read(), 'v')\n"
        "except codec.reading.UndecodableError as error:\n    print(error)"
    )
    assert (
        run(program, encode([np.float32(0.1)]))
        == "v[0]: this value is one of numpy's, and numpy is not installed; install it"
    )


def test_a_class_that_only_claims_to_be_numpy_s_is_refused() -> None:
    class Fake:
        __module__ = "numpy"

    for value in (Fake(), type("float64", (float,), {"__module__": "numpy"})(1.0)):
        with pytest.raises(TypeError, match="cannot be stored"):
            encode(value)


def test_the_text_does_not_depend_on_the_process() -> None:
    program = (
        "import stratvars.codec as codec\n"
        "print(codec.encode([{'b', 'a', 'c', 'x', 'y', 'z'}, {1: 2**2047, 'a': 10**5000}, {('a', 1), ('b', 2)}]))\n"
        "print(codec.encode(frozenset({frozenset('abc'), frozenset('xyz'), ('a', b'b'), 1j, None, range(3)})))"
    )
    texts = {run(program), run(program), run(program, "", "-X", "int_max_str_digits=640"), run(program, "", "-R")}
    assert len(texts) == 1


def test_ints_come_back_where_the_limit_for_digits_is_lowest() -> None:
    program = (
        "import stratvars.codec as codec\n"
        "for value in (2**2048 - 1, 2**2048, 10**5000, -10**5000):\n"
        "    assert codec.decode(codec.encode(value)) == value"
    )
    run(program, "", "-X", "int_max_str_digits=640")


def test_nothing_leaks_where_warnings_are_errors() -> None:
    for text in (
        '{"$numpy":["float16",1e9]}',
        '{"$numpy":["int8",300]}',
        '{"$numpy":["datetime64[s]","2024-01-01T00Z"]}',
    ):
        with pytest.raises(UndecodableError):
            decode(text)


def test_numpy_s_own_error_settings_change_nothing() -> None:
    tiny = (np.float32(1e-45), np.finfo(np.longdouble).smallest_subnormal, np.float16(6e-8), np.complex64(1e-45))
    with np.errstate(all="raise"):
        for value in tiny:
            assert same(decode(encode(value)), value)


def test_numpy_s_own_print_settings_change_nothing() -> None:
    with np.printoptions(precision=2, legacy="1.13", suppress=True):
        texts = [encode(value) for value in BY_TAG["$numpy"]]
        read = [decode(text) for text in texts]
    assert all(map(same, read, BY_TAG["$numpy"]))


def _grow_dict(value: Any) -> None:
    for number in range(50):
        value["d"][number] = number
    value["d"].clear()


def _grow_list(value: Any) -> None:
    value["l"].extend([1, "a", 2.5] * 20)
    value["l"].clear()


def _grow_set(value: Any) -> None:
    value["s"].update(range(50))
    value["s"].clear()


def _swap_fields(value: Any) -> None:
    leg = value["leg"]
    leg.strike, leg.right = leg.strike + 1.0, "put"
    leg.tags = [leg.right]
    value["x" * (int(leg.strike) % 50)] = 1
    value.pop("x" * (int(leg.strike) % 49), None)


@contextlib.contextmanager
def meanwhile(work: Callable[[], None], interval: float = 1e-6) -> Iterator[None]:
    """Do the work again and again in another thread, which gets its turn after that many seconds."""
    stop = threading.Event()

    def again_and_again() -> None:
        while not stop.is_set():
            work()

    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    thread = threading.Thread(target=again_and_again)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(before)


@pytest.mark.parametrize("mutate", [_grow_dict, _grow_list, _grow_set, _swap_fields])
def test_another_thread_may_change_containers_meanwhile(mutate: Callable[[Any], None]) -> None:
    value: dict[str, Any] = {
        "d": {},
        "l": [],
        "s": set(),
        "leg": Leg(1.0),
        "p": [Point(number) for number in range(50)],
    }
    with meanwhile(lambda: mutate(value)):
        for _ in range(1500):
            decode(encode(value))
            check(value, "v")


def test_a_list_is_one_moment_while_another_thread_changes_it() -> None:
    value = [1.0] * 50

    def toggle() -> None:
        value[0] = float("nan")
        value[0] = float("1")  # the call lets the other thread run while NaN stands there

    with meanwhile(toggle):
        for _ in range(5000):
            read = decode(encode(value))
            assert isinstance(read, list)
            assert type(read[0]) is float


def test_a_dataclass_is_one_moment_while_another_thread_sets_its_fields() -> None:
    leg = Leg(0.0, "0")
    numbers = itertools.count()

    def trade() -> None:
        number = next(numbers)
        vars(leg).update(strike=float(number), right=str(number))

    with meanwhile(trade):
        for _ in range(3000):
            read = decode(encode(leg))
            assert isinstance(read, Leg)
            assert read.right == str(int(read.strike))
