"""Looking back: the state as of a moment, folded from what the history kept, and how two states differ. Pure.

The history is a chain. A snapshot holds a whole state; each revision after it says what it set and what it unset. So a
state is a snapshot with the revisions after it laid over it, in their order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stratvars.errors import UndecodableError
from stratvars.revision import Kept, State
from stratvars.texts import split_texts


@dataclass(frozen=True, slots=True)
class Past:
    """The state as of one revision: byte for byte what was saved then, in that order.

    Attributes:
        kept: the revision as it stands in the history.
        state: all variables as they were.
        format: the newest version of the text format in it.
    """

    kept: Kept
    state: State
    format: int


@dataclass(frozen=True, slots=True)
class Difference:
    """One variable that is not the same in two states; a text is None where it is not set."""

    name: str
    old: str | None
    new: str | None


def fold(kept: Sequence[Kept]) -> Past:
    """The state that these revisions make: a snapshot first, then every later one up to the moment asked for.

    Raises:
        UndecodableError: they are not what this library writes.
    """
    *_, (revision, texts) = unfold(kept)
    return Past(revision, State(texts, _held_back(revision)), max(revision.format for revision in kept))


def unfold(kept: Sequence[Kept]) -> Iterator[tuple[Kept, dict[str, str]]]:
    """Each of these revisions with the text of every variable as of it; the dict is one and the same, changed on.

    Raises:
        UndecodableError: as ``fold``.
    """
    texts: dict[str, str] = {}
    for index, revision in enumerate(kept):
        if revision.snapshot != (index == 0):
            raise _broken(revision, "it does not follow the one before it")
        texts |= _split(revision)
        for name in _names(revision):
            texts.pop(name, None)
        yield revision, texts


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Difference, ...]:
    """What is to be done to ``old`` to make it ``new``: in the order of ``new``, then what is to be unset."""
    names = dict.fromkeys((*new, *old))
    return tuple(Difference(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name))


def _split(revision: Kept) -> dict[str, str]:
    try:
        return split_texts(revision.changed)
    except UndecodableError as error:
        raise _broken(revision, error.problem) from error


def _names(revision: Kept) -> list[str]:
    found = _json(revision, revision.removed)
    if not isinstance(found, list):
        raise _broken(revision, "what it unset is not a list of names")
    return [str(name) for name in found]


def _held_back(revision: Kept) -> dict[str, str]:
    found = _json(revision, revision.held_back)
    if not isinstance(found, dict):
        raise _broken(revision, "what it held back is not an object of reasons")
    return {name: str(problem) for name, problem in found.items()}


def _json(revision: Kept, text: str) -> object:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        raise _broken(revision, "it is not JSON") from None
    return found


def _broken(revision: Kept, problem: str) -> UndecodableError:
    return UndecodableError("", f"revision {revision.number} cannot be read from the history: {problem}")
