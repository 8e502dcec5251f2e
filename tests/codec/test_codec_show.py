from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from same import thorough, values

from examples import BY_TAG, EXAMPLES, Bits, Leg, Permission, Side
from stratvars.codec import encode
from stratvars.codec.tree import show


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("null", "None"),
        ("[true,1,1.5]", "[True, 1, 1.5]"),
        ('{"a":"it\'s"}', "{'a': \"it's\"}"),
        ('{"$tuple":[]}', "()"),
        ('{"$tuple":[1]}', "(1,)"),
        ('{"$tuple":[1,"a"]}', "(1, 'a')"),
        ('{"$set":[]}', "set()"),
        ('{"$set":[1,2]}', "{1, 2}"),
        ('{"$dict":[[1,"a"],["1",{"$tuple":[]}]]}', "{1: 'a', '1': ()}"),
        ('{"$decimal":"1.50"}', "Decimal('1.50')"),
        ('{"$float":"nan"}', "nan"),
        ('{"$int":"-0x10"}', "-16"),
        ('{"$str":"\\\\ud800"}', "'\\ud800'"),
        ('{"$enum":["Unknown","BUY"]}', "Unknown.BUY"),
        ('{"$enum":["Perm",["R","W",8]]}', "Perm.R|Perm.W|Perm(8)"),
        ('{"$enum":["Perm",[]]}', "Perm(0)"),
        (
            '{"$dataclass":["Unknown",{"strike":100.0,"legs":[{"$enum":["Side","BUY"]}]}]}',
            "Unknown(strike=100.0, legs=[Side.BUY])",
        ),
        ('{"$complex":[1.0,{"$float":"nan"}]}', "(1+nanj)"),
        ('{"$bytes":"AP8="}', "b'\\x00\\xff'"),
        ('{"$bytearray":"AP8="}', "bytearray(b'\\x00\\xff')"),
        ('{"$frozenset":[]}', "frozenset()"),
        ('{"$frozenset":[1,{"$frozenset":[2]}]}', "frozenset({1, frozenset({2})})"),
        ('{"$deque":[[1,"a"],null]}', "deque([1, 'a'])"),
        ('{"$deque":[[],5]}', "deque([], maxlen=5)"),
        ('{"$ordereddict":{"b":1,"a":2}}', "OrderedDict({'b': 1, 'a': 2})"),
        ('{"$counter":{"$dict":[[1,2]]}}', "Counter({1: 2})"),
        ('{"$defaultdict":["list",{"SPY":[1]}]}', "defaultdict(list, {'SPY': [1]})"),
        ('{"$defaultdict":[null,{}]}', "defaultdict(None, {})"),
        ('{"$range":[0,3,1]}', "range(0, 3)"),
        ('{"$range":[0,9,-2]}', "range(0, 9, -2)"),
        ('{"$fraction":[1,3]}', "Fraction(1, 3)"),
        ('{"$fraction":[{"$int":"0x' + "f" * 16384 + '"},2]}', f"Fraction(0x{'f' * 16384}, 2)"),
        ('{"$uuid":"00000000-0000-0000-0000-000000000001"}', "UUID('00000000-0000-0000-0000-000000000001')"),
        ('{"$path":["PosixPath","/data"]}', "PosixPath('/data')"),
        ('{"$path":["WindowsPath","C:\\\\data"]}', "WindowsPath('C:\\\\data')"),
        ('{"$zone":"Nowhere/Atlantis"}', "ZoneInfo('Nowhere/Atlantis')"),
        ('{"$timezone":"-05:00"}', "timezone('-05:00')"),
        ('{"$timezone":["+01:00","CET"]}', "timezone('+01:00', 'CET')"),
        ('{"$namedtuple":["Unknown",{"bid":1,"ask":{"$tuple":[]}}]}', "Unknown(bid=1, ask=())"),
        ('{"$date":"2024-01-02"}', "date('2024-01-02')"),
        ('{"$time":"09:30:00[Nowhere/Atlantis]"}', "time('09:30:00[Nowhere/Atlantis]')"),
        (
            '{"$datetime":"2024-01-02T09:30:00+01:00[Europe/Berlin]"}',
            "datetime('2024-01-02T09:30:00+01:00[Europe/Berlin]')",
        ),
        ('{"$datetime":["2024-01-02T09:30:00+01:00","CET"]}', "datetime('2024-01-02T09:30:00+01:00', 'CET')"),
        ('{"$timedelta":"P1DT5S"}', "timedelta(days=1, seconds=5)"),
        ('{"$numpy":["float32",0.1]}', "numpy.float32(0.1)"),
        ('{"$numpy":["datetime64[D]","2024-01-02"]}', "numpy.datetime64[D]('2024-01-02')"),
        ('{"$numpy":["complex64",[1.0,{"$float":"nan"}]]}', "numpy.complex64([1.0, nan])"),
    ],
)
def test_stored_text_is_shown_as_python_would(text: str, shown: str) -> None:
    assert show(text) == shown


def test_values_of_python_s_own_types_are_shown_as_their_repr() -> None:
    value: dict[str, object] = {"a": [1, 2.5, None, True, "x", (1,), {"b": {2}}, {1: "c"}], "d": ((), [], {}, "\x00")}
    assert show(encode(value)) == repr(value)


def test_registered_classes_are_shown_by_the_names_in_the_text() -> None:
    assert show(encode([Leg(100.0), Side.SELL])) == "[Leg(strike=100.0, right='call', tags=[]), Side.SELL]"
    assert show(encode([Permission.BOTH, Bits(9), Bits(0)])) == "[Permission.BOTH, Bits.ONE|Bits(8), Bits(0)]"
    assert show('{"$enum":["Permission",["READ",24]]}') == "Permission.READ|Permission(24)"


@pytest.mark.parametrize("value", EXAMPLES, ids=lambda value: ascii(type(value).__name__))
def test_every_example_is_shown_on_one_line_of_printable_text(value: object) -> None:
    shown = show(encode(value))
    assert shown
    assert shown.isprintable()


@thorough
@given(values)
def test_every_value_is_shown_on_one_line_of_printable_text(value: Any) -> None:
    assert show(encode(value)).isprintable()


def test_showing_needs_neither_the_classes_nor_numpy() -> None:
    text = encode([Leg(1.0), Side.BUY, np.float32(0.1), np.datetime64("2024-01-01"), list(BY_TAG["$numpy"])])
    program = (
        "import sys\nsys.modules['numpy'] = None\n"
        "from stratvars.codec.tree import show\n"
        "print(show(sys.stdin.buffer.read()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], input=text.encode(), capture_output=True, check=True)
    assert done.stdout.decode().strip() == show(text)
    assert "Leg(strike=1.0, right='call', tags=[]), Side.BUY, numpy.float32(0.1)" in show(text)
