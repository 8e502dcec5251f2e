"""docs/types.md says what is really written, for every type there is; its table is made from the code."""

from __future__ import annotations

import re

import pytest

from catalogue import BEGIN, END, LONGEST, PAGE, table, value_of, with_table
from stratvars import codec
from stratvars.codec import pandas_family
from stratvars.codec.registry import TAGS

ROW = re.compile(r"^\| [^|`]*(?:`\$`)? \| `(?P<value>.+)` \| `(?P<text>.+)` \|$", re.MULTILINE)


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def rows() -> list[tuple[str, str]]:
    part = page().split(BEGIN)[1].split(END)[0]
    return [(match["value"], match["text"]) for match in ROW.finditer(part)]


def test_the_table_is_the_one_that_the_code_makes() -> None:
    assert with_table(page()) == page(), "run `.venv/bin/python tests/catalogue.py`"


@pytest.mark.parametrize(("value", "text"), rows())
def test_each_example_is_written_as_the_page_says_and_comes_back(value: str, text: str) -> None:
    if "pytz" in value:
        pytest.importorskip("pytz")
    example = value_of(value)
    written = codec.encode(example)
    start, cut, end = text.partition("…")
    assert written == text if not cut else written.startswith(start) and written.endswith(end)
    back = codec.decode(written)
    assert type(back) is type(example)
    assert codec.encode(back) == written


def test_the_page_has_an_example_for_every_tag_and_every_kind_of_pandas() -> None:
    shown = "".join(text for _, text in rows())
    assert [tag for tag in TAGS if f'"{tag}":' not in shown] == []
    written = "".join(codec.encode(value_of(value)) for value, _ in rows() if "pytz" not in value)
    assert [kind for kind in pandas_family.KINDS if f'{{"$pandas":["{kind}",' not in written] == []
    assert len(rows()) >= 55


def test_every_row_of_the_table_is_read_by_these_tests() -> None:
    assert len(rows()) == table().count("\n") - 2
    assert max(len(text) for _, text in rows()) <= LONGEST
