"""Every place where variables of a strategy stand, and where the same values stand under other names. Only reads."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Final

from stratvars import move
from stratvars.database import Database
from stratvars.edits import Asked, Fate
from stratvars.erasing import parsed, words_of
from stratvars.errors import UndecodableError
from stratvars.names import command
from stratvars.revision import Reason
from stratvars.store.moving import BEGINNING, HistoryRow, Source, Whole
from stratvars.store.opening import open_records, open_source
from stratvars.texts import split_texts

NOTE: Final = "erased from the past"
"""Of the edit by which a variable is erased."""
_EVERY: Final = 2**62
_MOST_WORDS: Final = 20
_LEAST_WORD: Final = 8
"""A value with more words is no secret, and a shorter word stands in many a variable by chance."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a variable stands.

    Attributes:
        variable: its name.
        revisions: as of how many of them it is set.
        edits: how many set it.
        is_now: it is one of the current variables.
    """

    variable: str
    revisions: int
    edits: int
    is_now: bool

    @property
    def is_anywhere(self) -> bool:
        """Whether there is anything to erase."""
        return self.is_now or self.revisions > 0 or self.edits > 0


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of the variables of a strategy.

    Attributes:
        strategy: its name.
        traces: of each variable that was asked for.
        unreadable: how many revisions nobody can read; they may hold anything.
        copies: other variables that hold the same text, or did.
        known: every variable that is, or was.
        words: of the values.
        revisions: how many the history has.
        epoch: of the newest start.
        newest: the number of the newest revision that says something of the variables; 0 when none does.
        edits: everything that was asked for, newest first.
    """

    strategy: str
    traces: tuple[Trace, ...]
    unreadable: int
    copies: tuple[str, ...]
    known: tuple[str, ...]
    words: frozenset[str] = field(repr=False)
    revisions: int
    epoch: int
    newest: int
    edits: tuple[Asked, ...] = field(repr=False)

    @property
    def variables(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(trace.variable for trace in self.traces)

    @property
    def is_anywhere(self) -> bool:
        """Whether there is anything to erase."""
        return any(trace.is_anywhere for trace in self.traces)

    @property
    def begun(self) -> Asked | None:
        """The edit by which the erasing was begun, where all that is left to erase is older than that."""
        variables = {*self.variables}
        if any(trace.is_now for trace in self.traces):
            return None
        for asked in self.edits:
            if _erases(asked, variables):
                return asked if asked.revision > self.newest else None
            if not variables.isdisjoint(asked.edit.change.texts):
                return None
        return None


def _erases(asked: Asked, variables: set[str]) -> bool:
    edit = asked.edit
    return edit.note == NOTE and asked.fate == Fate.APPLIED and variables <= {*edit.change.unset}


def look(database: Database, table: str, strategy: str, variables: Collection[str]) -> Found:
    """Find every place where variables stand. Only reads.

    Raises:
        UsageError: there is no such strategy.
        UndecodableError: its current variables cannot be read.
        UnavailableError: the database cannot be used.
    """
    whole = move.look(database, table, strategy)
    now = _texts(whole)
    with closing(open_records(database)) as records:
        edits = records.edits(table, strategy, limit=_EVERY)
    with closing(open_source(database, table)) as source:
        seen = _Seen(variables)
        for row in source.history(strategy, BEGINNING):
            seen.take(row)
        asked = [asked.edit.change.texts for asked in edits]
        seen.add_words(now, *asked)
        words = frozenset(seen.words if len(seen.words) <= _MOST_WORDS else ())
        copies = _copies(source, strategy, [now, *asked], words)
    return Found(
        strategy=strategy,
        traces=tuple(
            Trace(name, seen.counts[name], sum(name in texts for texts in asked), name in now) for name in seen.counts
        ),
        unreadable=seen.unreadable,
        copies=tuple(name for name in copies if name not in seen.counts),
        known=tuple(dict.fromkeys((*now, *seen.known, *(name for texts in asked for name in texts)))),
        words=words,
        revisions=seen.revisions,
        epoch=0 if whole.writer is None else whole.writer.epoch,
        newest=seen.newest,
        edits=tuple(edits),
    )


def _texts(whole: Whole) -> dict[str, str]:
    if whole.row is None:
        return {}
    try:
        return split_texts(whole.row.variables)
    except UndecodableError as error:
        raise UndecodableError(
            error.path,
            f"{error.problem}. Nothing can be erased from it: first go back to a moment that can be read, with "
            f"{command('rewind', whole.strategy, '--to WHEN')}",
        ) from None


class _Seen:
    """What is told by the revisions of a history, taken oldest first."""

    def __init__(self, variables: Iterable[str]) -> None:
        self.counts = dict.fromkeys(variables, 0)
        self.known: dict[str, None] = {}
        self.words: set[str] = set()
        self.revisions = self.unreadable = self.newest = 0
        self._set: set[str] = set()

    def take(self, row: HistoryRow) -> None:
        """Count one revision."""
        self.revisions += 1
        held_back = _names(row.held_back)
        self.known |= dict.fromkeys(held_back)
        try:
            texts = split_texts(row.changed)
        except UndecodableError:
            self.unreadable += row.changed != ""
            return
        self.known |= dict.fromkeys(texts)
        self.add_words(texts)
        before = set() if row.snapshot else self._set
        there = (before | texts.keys()) - _names(row.removed)
        if row.reason != Reason.FENCED:  # beside the others, which it does not follow
            self._set = there
        for name in self.counts:
            self.counts[name] += name in there or name in held_back
        if any(name in texts or name in held_back for name in self.counts):
            self.newest = max(self.newest, row.revision)

    def add_words(self, *states: Mapping[str, str]) -> None:
        """Keep the words of the values in states, as long as they are few."""
        for texts in states:
            for name in self.counts:
                if name in texts and len(self.words) <= _MOST_WORDS:
                    self.words |= words_of(texts[name])


def _names(text: str) -> set[str]:
    found = parsed(text)
    return {name for name in found if isinstance(name, str)} if isinstance(found, list | dict) else set()


def _copies(source: Source, strategy: str, states: Sequence[Mapping[str, str]], words: frozenset[str]) -> list[str]:
    """The variables in which one of the words stands, too."""
    needles = [json.dumps(word, ensure_ascii=False)[1:-1] for word in words if len(word) >= _LEAST_WORD]
    found: dict[str, None] = {}
    if not needles:
        return []
    for texts in states:
        found |= dict.fromkeys(_holding(texts, needles))
    for row in source.history(strategy, BEGINNING):
        if any(needle in row.changed for needle in needles):
            with suppress(UndecodableError):
                found |= dict.fromkeys(_holding(split_texts(row.changed), needles))
    return [*found]


def _holding(texts: Mapping[str, str], needles: Sequence[str]) -> list[str]:
    return [name for name, text in texts.items() if any(needle in text for needle in needles)]
