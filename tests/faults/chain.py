"""Whether what several processes have read and saved is one chain, as if only one of them had lived at a time. Pure.

Each save and each read has a place in the history and a time in which it happened. An operation that began after
another one was over must not stand before it. A save of unknown outcome may have happened at any time after it began.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fighter import mark_of

Place = tuple[int, int]
NOWHERE = (0, 0)


@dataclass(frozen=True)
class Act:
    """A save or a read of one process, with the state that it wrote or saw."""

    who: str
    begun: float
    ended: float = math.inf
    is_read: bool = False

    @property
    def is_acknowledged(self) -> bool:
        return not self.is_read and self.ended < math.inf


@dataclass
class Count:
    """What was done, and what is wrong with it."""

    pauses: int = 0
    fenced: int = 0
    epochs: int = 0
    reads: int = 0
    acknowledged: int = 0
    unknown: int = 0
    lost: int = 0
    repeated: int = 0
    torn: int = 0
    out_of_order: int = 0
    """A read that went back, or a save of one that was taken over."""

    @property
    def wrong(self) -> int:
        return self.lost + self.repeated + self.torn + self.out_of_order

    def __str__(self) -> str:
        return (
            f"{self.pauses} pauses, {self.epochs} starts that saved, {self.fenced} of them fenced, {self.reads} reads, "
            f"{self.acknowledged} acknowledged, {self.unknown} unknown, {self.lost} lost, {self.repeated} repeated, "
            f"{self.torn} torn, {self.out_of_order} out of order"
        )


@dataclass
class Chain:
    """The revisions of the history, in order: where each state stands, and what is wrong with them."""

    places: dict[str, Place] = field(default_factory=dict)
    last: Mapping[str, Any] = field(default_factory=dict)
    epochs: set[int] = field(default_factory=set)
    repeated: int = 0
    torn: int = 0
    _number: int = 0

    def add(self, epoch: int, revision: int, changed: Mapping[str, Any]) -> None:
        """The next revision, in the order of epochs and numbers."""
        state = {**self.last, **changed}
        self.repeated += revision != self._number + 1
        self._number = revision
        if state.get("who") != self.last.get("who"):
            # What a state was built on is the one before it.
            self.torn += state["n"] != self.last.get("n", 0) + 1 or state["mark"] != mark_of(state["who"], state["n"])
            self.repeated += state["who"] in self.places
            self.places[state["who"]] = (epoch, revision)
            self.epochs.add(epoch)
        self.last = state


def chain_of(history: Iterable[tuple[int, int, str]]) -> Chain:
    chain = Chain()
    for epoch, revision, changed in history:
        chain.add(epoch, revision, json.loads(changed))
    return chain


def acts_in(lines: Iterable[str]) -> tuple[list[Act], int]:
    """What a process has noted, and how often it was fenced."""
    acts: dict[str, Act] = {}
    begun, fenced = 0.0, 0
    for line in lines:
        note = json.loads(line)
        what, at = note["what"], note["at"]
        if what == "asks":
            begun = at
        elif what == "read":
            acts[f"read at {at}"] = Act(note["who"], begun, at, is_read=True)
        elif what == "try":
            acts[note["who"]] = Act(note["who"], at)
        elif what == "acked":
            acts[note["who"]] = Act(note["who"], acts[note["who"]].begun, at)
        fenced += what == "fenced"
    return list(acts.values()), fenced


def judge(chain: Chain, acts: Iterable[Act], count: Count) -> None:
    """Count what was done, and what is wrong with it."""
    placed = []
    for act in acts:
        count.reads += act.is_read
        count.acknowledged += act.is_acknowledged
        count.unknown += not act.is_read and not act.is_acknowledged
        if act.who in chain.places or not act.who:
            placed.append((act, chain.places.get(act.who, NOWHERE)))
        else:
            count.lost += act.is_read or act.is_acknowledged
    count.repeated += chain.repeated
    count.torn += chain.torn
    count.epochs += len(chain.epochs)
    count.out_of_order += _out_of_order(placed)


def _out_of_order(placed: list[tuple[Act, Place]]) -> int:
    """How many stand before, or a save at the place of, one that was over before they began."""
    ended = sorted(placed, key=lambda one: one[0].ended)
    newest, over, wrong = NOWHERE, 0, 0
    for act, place in sorted(placed, key=lambda one: one[0].begun):
        while ended[over][0].ended < act.begun:
            newest = max(newest, ended[over][1])
            over += 1
        wrong += place < newest or (not act.is_read and place == newest)
    return wrong
