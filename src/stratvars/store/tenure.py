"""Who holds a strategy, or held it last, as somebody sees it who only looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stratvars.revision import Holder

KEPT = 10_000
"""As far as the kept revisions of a strategy are counted, in the statements too: a list is to cost little."""


@dataclass(frozen=True, slots=True)
class Tenure:
    """The writers' row of a strategy.

    Attributes:
        strategy: its name.
        reason: why its newest revision was taken, as text; empty before the first one.
        kept: revisions in its history, ``KEPT`` at most.
        holder: who holds it; its owner is empty when nobody does.
    """

    strategy: str
    reason: str
    kept: int
    holder: Holder


def tenure_from(row: Sequence[Any]) -> Tenure:
    """A row of ``tenures``."""
    strategy, reason, kept, *holder = row
    return Tenure(strategy, reason, kept, Holder(*holder))
