"""What the machine draws: names, values, and what another hand may leave in the row."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

Items = list[tuple[str, Any]]

NAMES = st.sampled_from(["cash", "legs", "ключ", 'a "b"'])
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.sampled_from([Decimal("1.50"), datetime(2026, 11, 23, tzinfo=UTC), b"\0\xff"]),
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text("ab$", max_size=2), inner, max_size=3),
        st.tuples(inner, inner),
    ),
    max_leaves=5,
)
GOOD: dict[str, Items] = {
    '{"cash": 1.50, "edit":%d}': [("cash", 1.5)],
    ' {"legs" : [1, [2]], "ключ": "\\u00e9",\n "edit":%d}': [("legs", [1, [2]]), ("ключ", "é")],
    '{"edit":%d}': [],
}
BAD = ["", "no JSON %d", '[1, "edit", %d]', '{"cash": 1, "edit": %d', '{"cash": {"$": ["of no kind", %d]}}']
"""Texts that a hand may leave; the number makes each another one."""
