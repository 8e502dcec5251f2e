"""A state as one JSON text."""

from __future__ import annotations

import tracemalloc

import pytest

from stratvars import texts
from stratvars.texts import join_texts, split_texts


def test_the_texts_of_names_are_kept_for_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_MOST_NAMES", 3)
    monkeypatch.setattr(texts, "_name_texts", names := texts._NameTexts())
    for number in range(8):
        members = {f"n{number}": "1", f'"{number}': "2"}
        assert split_texts(join_texts(members)) == members
        assert len(names) <= 3
    assert names


def test_a_text_of_a_megabyte_is_copied_once_where_a_state_is_joined() -> None:
    members = {"count": "1", "big": "1" * 1_000_000, "last": "2"}
    tracemalloc.start()
    try:
        joined = join_texts(members)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert split_texts(joined) == members
    assert 1_000_000 < peak < 1_100_000


def test_no_variables_at_all_are_an_empty_object() -> None:
    assert join_texts({}) == "{}"
