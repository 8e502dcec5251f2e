"""Taking variables out of what is kept of a strategy, as if they had never been saved. Pure.

Each revision says what it set and what it unset; each is said anew without the variables, alone: what it says of the
others stays byte for byte and in its order, so the state as of it is what it was, without them. What nobody can read
may hold anything: its text is emptied, and it still cannot be read. An edit no longer says to what it set them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from stratvars.errors import UndecodableError
from stratvars.texts import as_json, join_texts, split_texts
from stratvars.thinning import Place

ERASED: Final = "(erased)"
"""Stands for a note, or a reason, in which the value was."""
_LEAST: Final = 4
"""Characters of a word that tells a value: what is shorter stands in any note."""


@dataclass(frozen=True, slots=True)
class Erasing:
    """One piece of the way through the history of a strategy, from its oldest end, and then through its edits.

    Attributes:
        variables: what is erased.
        until: the last place in the history that is looked at.
        last_edit: the number of the last edit that is looked at.
        words: of their values; a note with one of them is erased.
        since: where to go on in the history; None when that is done.
        after_edit: the number of the last edit that is done.
    """

    variables: frozenset[str]
    until: Place
    last_edit: int
    words: frozenset[str] = field(default=frozenset(), repr=False)
    since: Place | None = (0, 0)
    after_edit: int = 0


@dataclass(frozen=True, slots=True)
class Erased:
    """What one piece came to.

    Attributes:
        seen: how many revisions and edits were looked at.
        after: the next piece; None at the end.
    """

    seen: int
    after: Erasing | None


@dataclass(frozen=True, slots=True)
class Said:
    """What a revision says; see ``Revision``."""

    place: Place
    changed: str = field(repr=False)
    removed: str
    held_back: str


@dataclass(frozen=True, slots=True)
class Noted:
    """What an edit says; see ``Edit`` and ``Asked``. ``change`` is as it is kept."""

    number: int
    change: str = field(repr=False)
    note: str = field(repr=False)
    said: str = field(repr=False)


def said_without(said: Said, variables: frozenset[str]) -> Said:
    """A revision without these variables; equal to it where it says nothing of them."""
    try:
        texts = split_texts(said.changed)
    except UndecodableError:
        return replace(said, changed="")
    if not variables.isdisjoint(texts):
        kept = {name: text for name, text in texts.items() if name not in variables}
        said = replace(said, changed=join_texts(kept))
    return replace(said, removed=_names_without(said.removed, variables), held_back=_without(said.held_back, variables))


def _names_without(text: str, variables: frozenset[str]) -> str:
    """A JSON array of names without these; as it is where it has none of them."""
    found = parsed(text)
    if not isinstance(found, list):
        return ""
    kept = [name for name in found if str(name) not in variables]
    return text if kept == found else as_json(kept)


def _without(text: str, variables: frozenset[str]) -> str:
    """A JSON object without these names; as it is where it has none of them."""
    found = parsed(text)
    if not isinstance(found, dict):
        return "{}"
    kept = {name: why for name, why in found.items() if name not in variables}
    return text if kept == found else as_json(kept)


def parsed(text: str) -> object:
    """What a JSON text holds; None where it is none."""
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found


def noted_without(noted: Noted, variables: frozenset[str], words: frozenset[str]) -> Noted:
    """An edit without the values of these variables; what it unset, when, and who asked stays."""
    change = json.loads(noted.change)
    texts: dict[str, str] = change["set"]
    gone = {name: text for name, text in texts.items() if name in variables}
    words = words.union(*(words_of(text) for text in gone.values()))
    note = ERASED if any(word in noted.note for word in words) else noted.note
    if not gone:
        return replace(noted, note=note)
    change["set"] = {name: text for name, text in texts.items() if name not in variables}
    # Why it was refused may name a key inside of the value.
    return replace(noted, change=as_json(change), note=note, said=noted.said and ERASED)


def words_of(text: str) -> frozenset[str]:
    """What a value is told by, wherever else it stands: its strings and numbers, unless they are short."""
    return frozenset(word for word in _leaves(parsed(text)) if len(word) >= _LEAST)


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
