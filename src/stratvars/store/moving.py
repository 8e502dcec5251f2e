"""Ports for moving strategies whole: out of a database, into one, to another name, or away.

A *source* shows a table as it was at one moment, however long it is read. A *target* is one transaction: what is done
in it happens at its end, all of it, or not at all. The records are the rows of the three tables, byte for byte; who
holds a strategy is no part of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from stratvars.revision import Holder
from stratvars.texts import digest_of

Place = tuple[int, int]
"""Where a revision stands in the history: its epoch and its number."""
BEGINNING: Place = (0, 0)


@dataclass(frozen=True, slots=True)
class CurrentRow:
    """The row of the user's table. ``last_updated`` is in UTC."""

    id: str
    last_updated: datetime
    variables: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WriterRow:
    """What the writers' row says of the newest revision; see ``Claim``, ``Revision`` and ``Stored``."""

    epoch: int
    revision: int
    start_id: str
    lease: float
    digest: str
    reason: str
    complete: bool
    held_back: str
    format: int
    written_by: int


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A revision in the history, fenced ones too. ``saved_at`` is in UTC."""

    epoch: int
    revision: int
    saved_at: datetime
    reason: str
    complete: bool
    snapshot: bool
    changed: str = field(repr=False)
    removed: str
    held_back: str
    start_id: str
    format: int

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.epoch, self.revision


@dataclass(frozen=True, slots=True)
class Whole:
    """A strategy without its history.

    Attributes:
        strategy: its name.
        row: None when somebody deleted it.
        writer: None when this library never wrote it.
    """

    strategy: str
    row: CurrentRow | None
    writer: WriterRow | None

    @property
    def place(self) -> Place:
        """Where its newest revision stands; the beginning when there is none."""
        return BEGINNING if self.writer is None else (self.writer.written_by, self.writer.revision)

    @property
    def is_as_saved(self) -> bool:
        """Whether the row is as the newest revision left it."""
        return self.row is not None and self.writer is not None and self.writer.digest == digest_of(self.row.variables)


@dataclass(frozen=True, slots=True)
class There:
    """What a target has under a name.

    Attributes:
        whole: the strategy; it has neither row where only a history is left.
        holder: who holds it; its owner is empty when nobody does, None without a writers' row.
        newest: the start id of the newest revision, where that stands in the history.
        kept: how many revisions the history has.
    """

    whole: Whole
    holder: Holder | None
    newest: str | None
    kept: int


class Source(Protocol):
    """See the module. For one thread. Raises as ``Records`` does."""

    def names(self) -> list[str]:
        """Every strategy with a row or a saved revision, sorted; empty when the table is not there."""

    def whole(self, strategy: str) -> Whole | None:
        """One strategy; None when there is nothing of it but, at most, a history."""

    def since(self, strategy: str) -> Place:
        """The snapshot from which on the history tells the current state and the last completed iteration."""

    def count(self, strategy: str, since: Place) -> int:
        """How many revisions the history has from there on."""

    def waiting(self, strategy: str) -> int:
        """How many edits wait for it; they are no part of what is moved."""

    def history(self, strategy: str, since: Place) -> Iterator[HistoryRow]:
        """The revisions from there on, oldest first, read a few at a time."""

    def close(self) -> None:
        """End the connection. May be called twice."""


class Target(Protocol):
    """See the module. For one thread. Raises as ``Store`` does; then nothing of it has happened."""

    def find(self, strategy: str) -> There | None:
        """What is there under a name, locked for all others; None when there is nothing at all."""

    def is_held(self, holder: Holder) -> bool | None:
        """See ``Store.is_held``."""

    def put(self, whole: Whole, over: There | None) -> None:
        """Write the strategy, released, over what was found there."""

    def add(self, strategy: str, rows: Sequence[HistoryRow]) -> None:
        """Write revisions into the history; those that stand there already are left as they are."""

    def rename(self, old: str, new: str) -> None:
        """Give a strategy another name, under which nothing may be there."""

    def drop(self, strategy: str) -> None:
        """Remove everything of a strategy."""

    def cancel(self) -> None:
        """What was done is taken back at the end."""


OpenTarget = AbstractContextManager[Target]
"""Left without an error, everything is made durable; else nothing has happened."""
