"""docs/types.md says what is really written, for every tag there is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from stratvars import codec, register
from stratvars.codec.registry import TAGS

PAGE = Path(__file__).parents[2] / "docs" / "types.md"
ROW = re.compile(r"^\| [^|`]*(?:`\$`)? \| `(?P<value>.+)` \| `(?P<text>.+)` \|$", re.MULTILINE)


@register
class Stance(Enum):
    LONG = 1


@register
@dataclass
class Holding:
    shares: int
    stance: Stance


def rows() -> list[tuple[str, str]]:
    return [(match["value"], match["text"]) for match in ROW.finditer(PAGE.read_text(encoding="utf-8"))]


NAMES: dict[str, Any] = {
    kind.__name__: kind for kind in (date, datetime, time, timedelta, timezone, Decimal, ZoneInfo, Stance, Holding)
} | {"numpy": np}


@pytest.mark.parametrize(("value", "text"), rows())
def test_each_example_is_written_as_the_page_says_and_comes_back(value: str, text: str) -> None:
    example = eval(value, NAMES)
    written = codec.encode(example)
    start, cut, end = text.partition("…")
    assert written == text if not cut else written.startswith(start) and written.endswith(end)
    back = codec.decode(written)
    assert type(back) is type(example)
    assert back == example


def test_the_page_has_an_example_for_every_tag() -> None:
    page = "".join(text for _, text in rows())
    missing = [tag for tag in TAGS if f'"{tag}":' not in page]
    assert missing == []
    assert len(rows()) >= 23
