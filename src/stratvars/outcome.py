"""What a store answers to a save or a renewal. All are frozen."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from stratvars.edits import Edit
from stratvars.revision import Holder


class Saved(Struct, frozen=True, gc=False, eq=False):
    """The revision is durable; also the answer when it was sent again.

    Attributes:
        number: of the revision.
        was_missing: somebody had removed the row of the current state; it is there again.
        edits: every one that waits for the strategy, in the order in which they were asked for; also those that were
            in an earlier answer.
    """

    number: int
    was_missing: bool = False
    edits: tuple[Edit, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Whether the same became of the same revision, whatever waits."""
        return isinstance(other, Saved) and (self.number, self.was_missing) == (other.number, other.was_missing)

    def __hash__(self) -> int:
        return hash((self.number, self.was_missing))


@dataclass(frozen=True, slots=True)
class Fenced:
    """A later start holds the strategy; nothing was written."""

    holder: Holder


@dataclass(frozen=True, slots=True)
class WentBack:
    """The store knows less than it once acknowledged (a copy was put back, a file removed); nothing was written."""

    epoch: int
    revision: int


@dataclass(frozen=True, slots=True)
class Foreign:
    """The current state is not what the last save left there: somebody wrote ``variables`` into the row.

    Nothing was written; a revision with this very text is taken.
    """

    variables: str = field(repr=False)


Outcome = Saved | Fenced | WentBack | Foreign


@dataclass(frozen=True, slots=True)
class Renewed:
    """The lease begins anew. ``edits``: as in ``Saved``."""

    edits: tuple[Edit, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody has the row locked: the lease runs on as it was."""


Renewal = Renewed | Left | Fenced | WentBack
