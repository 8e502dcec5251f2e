"""What was ever stored is read for ever: texts of each format, and the values they stand for."""

from __future__ import annotations

import json
import sys
from pathlib import Path, WindowsPath
from typing import Any

import numpy as np
import pytest
from same import same

from catalogue import CATALOGUE, GOLDEN, golden, value_of
from stratvars.codec import FORMAT, decode, encode, numpy_scalars, pandas_family
from stratvars.codec.registry import ENCODERS, TAGS
from stratvars.codec.tree import show

FILES = sorted(Path(__file__).with_name("golden").glob("format*.jsonl"))
ROWS = [
    (int(file.stem.removeprefix("format")), row["value"], row["text"])
    for file in FILES
    for row in map(json.loads, file.read_text(encoding="utf-8").splitlines())
]
MISSING = "run `.venv/bin/python tests/catalogue.py` after an example was added there"


def value_or_skip(expression: str) -> Any:
    if "pytz" in expression:
        pytest.importorskip("pytz")
    return value_of(expression)


@pytest.mark.parametrize(("version", "expression", "text"), ROWS, ids=[f"{row[0]}-{row[1]}"[:60] for row in ROWS])
def test_what_was_ever_stored_is_read_as_the_same_value(version: int, expression: str, text: str) -> None:
    assert 1 <= version <= FORMAT
    value = value_or_skip(expression)
    assert same(decode(text), value)
    assert show(text).isprintable()


@pytest.mark.parametrize(("expression", "text"), golden().items(), ids=[value[:60] for value in golden()])
def test_a_value_is_still_written_as_it_was(expression: str, text: str) -> None:
    assert encode(value_or_skip(expression)) == text


def test_the_newest_format_has_a_file_and_every_older_one_too() -> None:
    assert [int(file.stem.removeprefix("format")) for file in FILES] == list(range(1, FORMAT + 1))
    assert FILES[-1] == GOLDEN


def test_every_example_of_the_catalogue_has_its_text() -> None:
    wanted = {expression for expressions in CATALOGUE.values() for expression in expressions}
    if sys.platform == "win32":
        wanted = {expression for expression in wanted if "WindowsPath" not in expression}
    assert wanted - golden().keys() == set(), MISSING


def values() -> list[Any]:
    """Return the values of the golden file; without those of pytz where it is not installed."""
    found = []
    for expression in golden():
        try:
            found.append(value_of(expression))
        except ImportError:
            assert "pytz" in expression
    return found


def test_every_tag_has_a_text() -> None:
    texts = "".join(golden().values())
    assert [tag for tag in TAGS if f'{{"{tag}":' not in texts] == []


def test_every_type_of_python_has_a_text() -> None:
    own = {kind for kind in ENCODERS if kind.__module__.partition(".")[0] in sys.stdlib_module_names}
    cannot_be_made = {WindowsPath} if sys.platform != "win32" else set()
    assert len(own) > 25
    assert own - cannot_be_made - set(map(type, values())) == set()


def test_every_type_of_numpy_has_a_text_alone_and_in_an_array() -> None:
    own = {numpy_scalars.type_named(np, name) for name in numpy_scalars.SCALARS} - {None}
    assert len(own) >= 20
    assert own - set(map(type, values())) == set()
    assert own - {value.dtype.type for value in values() if type(value) is np.ndarray} == set()


def test_every_form_of_an_array_has_a_text() -> None:
    texts = "".join(golden().values())
    forms = (
        '["fortran"]',
        '["readonly"]',
        '["StringDType"',
        '[[["price"',
        '[">',
        '[101],"',
        "[],[",
        '"aligned"]',
        '"record"]',
        '"coerce":false',
        ',"Last price"]',
    )
    assert [form for form in forms if form not in texts] == []


def test_every_kind_of_pandas_has_a_text() -> None:
    texts = "".join(golden().values())
    assert [kind for kind in pandas_family.KINDS if f'{{"$pandas":["{kind}",' not in texts] == []
