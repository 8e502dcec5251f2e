"""Edits: changes of variables that somebody asks for from outside of the strategy. All records are frozen.

An edit is kept in the database from the moment it is asked for until it is resolved, so it outlives the strategy and
the command that asked. It is *applied* in the same commit as the revision that holds it, *refused* where its values
cannot be read, or *cancelled* before the strategy has taken it up.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Fate(StrEnum):
    """What became of an edit, as it stands in the database."""

    OPEN = ""
    """Nothing yet."""
    APPLIED = "applied"
    """The variables have it, and so has the revision that it names."""
    REFUSED = "refused"
    """A value could not be read; nothing of it was applied."""
    CANCELLED = "cancelled"
    """It was taken back before the strategy took it up."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit changes.

    Attributes:
        texts: what it sets, each variable as its JSON text.
        unset: the names it removes; one that is not there is no fault.
    """

    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    unset: tuple[str, ...] = ()

    def on(self, texts: Mapping[str, str]) -> dict[str, str]:
        """A state after the change; what is new comes last."""
        return {name: text for name, text in {**texts, **self.texts}.items() if name not in self.unset}

    def to_json(self) -> str:
        """As it is kept: an object with the texts of what is set as strings, and a list of what is unset."""
        return json.dumps({"set": dict(self.texts), "unset": list(self.unset)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Change:
        """The way back."""
        found = json.loads(text)
        return cls(found["set"], tuple(found["unset"]))


@dataclass(frozen=True, slots=True)
class Edit:
    """A change that somebody asks for.

    Attributes:
        change: what.
        format: the version of the text format that it is written in.
        author: who, as the command could tell.
        note: why, in the words of who asked.
        token: names this request for ever, so that it may be sent again.
        number: counts the edits of a table; 0 before it is kept.
    """

    change: Change
    format: int
    author: str
    note: str = ""
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    number: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """An edit as it stands in the database.

    Attributes:
        edit: what was asked for.
        asked_at: when, by the database's clock, in UTC.
        age: seconds since then.
        taken_by: the epoch of the start that took it up; 0 when none did.
        fate: what became of it, as text.
        said: why it was refused.
        revision: that holds it; 0 when none does.
    """

    edit: Edit
    asked_at: datetime
    age: float
    taken_by: int
    fate: str
    said: str
    revision: int


@dataclass(frozen=True, slots=True)
class Signature:
    """Who asked for the edit that a revision holds.

    Attributes:
        revision: its number.
        edit: the number of the edit.
        author, note: see ``Edit``.
    """

    revision: int
    edit: int
    author: str
    note: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """What became of an edit, to be written with the revision that is sent.

    Attributes:
        number: of the edit.
        fate: applied or refused.
        said: why it was refused.
    """

    number: int
    fate: Fate
    said: str = ""


def change_between(old: Mapping[str, str], new: Mapping[str, str]) -> Change:
    """What makes ``new`` of ``old``."""
    set_ = {name: text for name, text in new.items() if old.get(name) != text}
    return Change(set_, tuple(name for name in old if name not in new))
