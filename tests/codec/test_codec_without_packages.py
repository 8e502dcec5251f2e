"""What works where numpy, pandas and pyarrow are not installed, and what of ours imports them when they are."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
from frames import KINDS

from catalogue import golden
from stratvars.codec import encode
from stratvars.codec.tree import show

BLOCKED = """
import json, sys

class Blocked:
    asked = []
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numpy", "pandas", "pyarrow", "pytz"):
            self.asked.append(name)
            raise ImportError(name)

sys.meta_path.insert(0, Blocked())
import stratvars.codec as codec
from stratvars.codec.tree import show
from stratvars.errors import UndecodableError, UnsavableError
texts = json.load(sys.stdin)
"""


def run(program: str, texts: object) -> str:
    """Run a program in a fresh process, with the texts on its standard input, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(texts).encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout.decode()


def of_packages(text: str) -> bool:
    return any(f'{{"${tag}":' in text for tag in ("array", "numpy", "pandas", "pytz", "records"))


def needs_a_class(text: str) -> bool:
    return any(f'{{"${tag}":' in text for tag in ("enum", "dataclass", "namedtuple", "object"))


def test_everything_else_is_read_and_written_without_them_and_nothing_of_ours_asks_for_them() -> None:
    texts = [text for text in golden().values() if not of_packages(text) and not needs_a_class(text)]
    program = BLOCKED + (
        "for text in texts:\n"
        "    value = codec.decode(text)\n"
        "    codec.check(value, 'v')\n"
        "    assert codec.encode(value) == text, text\n"
        "    assert show(text)\n"
        "try:\n    codec.encode([object()])\nexcept UnsavableError:\n    pass\n"
        "class Fake:\n    pass\n"
        "for package in ('numpy', 'pandas', 'pytz'):\n"
        "    Fake.__module__ = package\n"
        "    try:\n        codec.encode(Fake())\n    except UnsavableError:\n        pass\n"
        "    else:\n        raise AssertionError\n"
        "print(len(texts), Blocked.asked)"
    )
    assert run(program, texts).split(" ", 1) == [str(len(texts)), "[]\n"]
    assert len(texts) > 60


def test_a_strategy_runs_without_them() -> None:
    program = BLOCKED + (
        "from stratvars import Strategy\n"
        "class Bot(Strategy):\n"
        "    sleeptime = 0\n"
        "    is_backtesting = True\n"
        "    def on_trading_iteration(self):\n"
        "        self.vars.seen = self.vars.get('seen', ()) + (1.5,)\n"
        "bot = Bot()\n"
        "bot.run(max_iterations=3)\n"
        "print(bot.vars.seen, Blocked.asked)"
    )
    assert run(program, []) == "(1.5, 1.5, 1.5) []\n"


def test_a_value_of_a_package_is_undecodable_without_it_and_names_the_remedy() -> None:
    texts = [
        text for text in golden().values() if text.startswith(('{"$array"', '{"$numpy"', '{"$pandas"', '{"$records"'))
    ]
    program = BLOCKED + (
        "for text in texts:\n"
        "    try:\n"
        "        codec.decode('[0,' + text + ']', 'v')\n"
        "    except UndecodableError as error:\n"
        "        package = 'pandas' if text.startswith('{\"$pandas\"') else 'numpy'\n"
        "        assert str(error).startswith('v[1]: this value is one of ' + package), error\n"
        "        assert package + ' is not installed; install it' in str(error)\n"
        "    else:\n"
        "        raise AssertionError(text)\n"
        "print(len(texts))"
    )
    assert run(program, texts) == f"{len(texts)}\n"
    assert len(texts) > 80


def test_every_array_and_frame_is_shown_without_them_as_it_is_with_them() -> None:
    values = [value for examples in KINDS.values() for value in examples]
    texts = [text for text in golden().values() if of_packages(text)] + [encode(value) for value in values]
    program = BLOCKED + "print(json.dumps([list(map(show, texts)), Blocked.asked]))"
    assert json.loads(run(program, texts)) == [list(map(show, texts)), []]
    assert len(texts) > 200


def test_text_that_lies_in_pyarrow_is_told_to_need_it() -> None:
    text = encode(pd.array(["a"], dtype="string")).replace('"storage":"python"', '"storage":"pyarrow"')
    program = (
        "import sys\nsys.modules['pyarrow'] = None\nimport stratvars.codec as codec, json\n"
        "try:\n    codec.decode(json.load(sys.stdin), 'v')\n"
        "except codec.reading.UndecodableError as error:\n    print(error)"
    )
    assert "this pandas has no text in the storage pyarrow; install pyarrow" in run(program, text)


def test_numpy_alone_does_not_bring_pandas() -> None:
    program = (
        "import sys, json, stratvars.codec as codec\n"
        "for text in json.load(sys.stdin):\n    codec.encode(codec.decode(text))\n"
        "print('numpy' in sys.modules, 'pandas' in sys.modules)"
    )
    texts = [text for text in golden().values() if text.startswith(('{"$array"', '{"$numpy"', '{"$records"'))]
    assert run(program, [text for text in texts if "$pandas" not in text]) == "True False\n"
