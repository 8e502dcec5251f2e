"""The records that travel between a strategy and a store. All are frozen; none knows a Python type of a user.

The texts of variables are left out of every ``repr``: tools that report errors show the locals of each frame.

A *state* is what the variables were at one moment, each as its JSON text. A *claim* says that this start of a
strategy may write it. A *revision* is one state on its way into the store, or in it: numbered, with the reason it
was taken and what it changed. (start id, number) names one content for ever, so a revision may be sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

from msgspec import Struct

from stratvars.edits import Edit, Resolution
from stratvars.texts import digest_of, join_texts


class Reason(StrEnum):
    """Why a revision was taken, as it stands in the history."""

    ITERATION = "iteration"
    """A trading iteration ended."""
    MANUAL = "manual"
    """The strategy asked for it."""
    STOP = "stop"
    """The strategy ended as it was meant to, or was told to."""
    CRASH = "crash"
    """An error ended the strategy."""
    ERROR = "error"
    """An error was raised; what becomes of the strategy was not decided yet, or it went on."""
    EDIT = "edit"
    """Somebody changed the variables with a command of this library while the strategy did not run."""
    EXTERNAL = "external"
    """Somebody changed the row without this library; kept, as it was found, before something else takes its place."""
    FENCED = "fenced"
    """What a start had not saved when another took the strategy over. It was never the current state."""


LEASE = 15.0
"""Seconds for which a start holds a strategy without renewing, unless it says otherwise."""


class Landmark(StrEnum):
    """A moment in the history that has a name."""

    LAST_ITERATION = "last-iteration"
    """The end of the last completed iteration."""
    BEFORE_CRASH = "before-crash"
    """What was saved last before the first error or crash of the newest ones in a row."""


Moment = int | Literal[Landmark.LAST_ITERATION]
"""A moment that a store finds by itself: the number of a revision, or the last completed iteration."""


_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class State(Struct, frozen=True, gc=False):
    """All variables at one moment.

    Attributes:
        texts: the JSON text of each variable, in the order of first assignment.
        held_back: variables whose newest value cannot be stored, with the reason; ``texts`` has their last good
            text, or nothing when they never had one.
    """

    texts: Mapping[str, str]
    held_back: Mapping[str, str] = _NOTHING

    def __repr__(self) -> str:
        return f"State(held_back={dict(self.held_back)})"

    def to_json(self) -> str:
        """The JSON object that stands in the column ``variables``."""
        return join_texts(self.texts)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a strategy, as it was at the look; two are equal when they are of one start.

    Attributes:
        epoch: of the start.
        owner: as text; see ``owner.py``.
        start_id: of the start.
        stamp: changes whenever the lease is renewed.
        left: seconds until the lease ends, by the database's clock; negative when it has ended.
        lease: its length in seconds.
    """

    epoch: int
    owner: str
    start_id: str = field(default="", compare=False)
    stamp: str = field(default="", compare=False)
    left: float = field(default=0.0, compare=False)
    lease: float = field(default=LEASE, compare=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of one start to write one strategy, valid until a later start takes a higher epoch.

    Attributes:
        table: the table's name as the user gave it.
        strategy: the strategy's name.
        start_id: a random id of this start; makes every request safe to send again.
        owner: who makes it, as text (see ``owner.py``).
        epoch: counts the starts; the store refuses a save from a lower one.
        revision: the highest number the store knew when the claim was made.
        lease: seconds for which it holds without a save or a renewal.
        open_edits: how many edits were waiting when the claim was made.
        crashed: what was saved last may be a crash; without that a load has no crashes to count.
    """

    table: str
    strategy: str
    start_id: str
    owner: str
    epoch: int
    revision: int
    lease: float = LEASE
    open_edits: int = field(default=0, compare=False)
    crashed: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class Renewing:
    """A claim whose lease is to be renewed.

    Attributes:
        claim: which.
        acknowledged: the number of its last durable revision; a store that knows a lower one went back.
    """

    claim: Claim
    acknowledged: int


class Revision(Struct, frozen=True, gc=False):
    """One state on its way into the store.

    Attributes:
        claim: who sends it.
        number: above every number this strategy ever sent.
        follows: the number of the last acknowledged revision, on which ``changed`` and ``removed`` build.
        reason: why it was taken.
        complete: taken between two iterations with nothing held back, so a strategy may be sent back to it.
        variables: the whole state as one JSON object.
        changed: the variables it sets, as one JSON object; all of them when ``snapshot``.
        removed: the names it unsets, as a JSON array.
        held_back: names with reasons, as a JSON object.
        snapshot: ``changed`` alone is the state; nothing before it is needed to read it back.
        format: the version of the text format, from the codec.
        over: the digest of what somebody else left in the row, where it may be replaced.
        resolves: the edits that it applies or refuses; resolved in the same commit.
        signed: who made it without asking a strategy; kept as an edit that is applied, in the same commit.
    """

    claim: Claim
    number: int
    follows: int
    reason: Reason
    complete: bool
    variables: str
    changed: str
    removed: str
    held_back: str
    snapshot: bool
    format: int
    over: str = ""
    resolves: tuple[Resolution, ...] = ()
    signed: Edit | None = None

    def __repr__(self) -> str:
        return f"Revision({self.claim.strategy!r}, {self.number}, {self.reason}, ...)"  # without the variables

    @property
    def digest(self) -> str:
        """SHA-256 of ``variables``, by which a change by another hand is noticed."""
        return digest_of(self.variables)


@dataclass(frozen=True, slots=True)
class Stored:
    """The current state of a strategy as the store has it.

    Attributes:
        variables: the JSON object in the contract's column, byte for byte.
        revision: its number; 0 when the row was not written by this library.
        reason: why it was taken, as text: a newer version may know reasons that this one does not.
        saved_at: when, by the database's clock, in UTC.
        age: seconds since then, by the database's clock.
        format: the version of the text format.
        foreign: the text is not what the last save left there.
        epoch: the start that wrote it.
        owner: who holds the strategy now, as text; empty when it was released.
        complete: see ``Revision``.
        held_back: see ``State``.
        crashes: how many of the newest ``COUNTED`` revisions are crashes later than the last completed iteration;
            looked up only when the newest one is a crash, else 0.
        completed: with ``crashes``, the number of the last completed iteration, however old; 0 when there is none.
    """

    strategy: str
    variables: str = field(repr=False)
    revision: int
    reason: str
    saved_at: datetime
    age: float
    format: int
    foreign: bool
    epoch: int
    owner: str
    complete: bool
    held_back: Mapping[str, str]
    crashes: int
    completed: int


COUNTED = 1000
"""As far back as crashes are counted, in the statements too: no start waits while weeks of crashes are counted."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One revision as it stands in the history.

    Attributes:
        number: of the revision.
        reason: why it was taken, as text: a newer version may know reasons that this one does not.
        age: seconds since it was saved, by the database's clock.
        complete, snapshot, changed, removed, held_back, format: see ``Revision``.
    """

    number: int
    reason: str
    age: float
    complete: bool
    snapshot: bool
    changed: str = field(repr=False)
    removed: str
    held_back: str
    format: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One revision as the history lists it: everything about it but the values.

    Attributes:
        epoch, number: its place in the history; the number alone names it, too.
        saved_at, age: see ``Stored``.
        size: of the text that it set, in bytes.
        reason, complete, snapshot, held_back: see ``Kept``; names with reasons.
        start_id: of the start that saved it; ``owner.start_of`` says where that ran.
    """

    epoch: int
    number: int
    reason: str
    saved_at: datetime
    age: float
    complete: bool
    snapshot: bool
    size: int
    held_back: Mapping[str, str]
    start_id: str
