"""What a store answers to a save or a renewal. All are frozen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from stratvars.revision import Holder


@dataclass(frozen=True, slots=True)
class Saved:
    """The revision is durable; also the answer when it was sent again."""

    number: int


@dataclass(frozen=True, slots=True)
class Fenced:
    """A later start holds the strategy; nothing was written."""

    holder: Holder


@dataclass(frozen=True, slots=True)
class WentBack:
    """The store knows less than it once acknowledged (a copy was put back, a file removed); nothing was written."""

    epoch: int
    revision: int


Outcome = Saved | Fenced | WentBack


class Renewal(Enum):
    """The answer to a renewal that found no other start."""

    RENEWED = "renewed"
    LEFT = "left"
    """The row is locked by somebody, or gone: the lease runs on as it was. A save tells what it is."""
