"""Which revisions of a history are to go, and how the others are written so that they say what they said. Pure.

Whatever the retention says, these stay: the newest revision, the last completed iteration, and around every crash that
stays what was saved last before it. Around the newest crashes in a row that stays even where everything near it is
beyond the number or the size.

A history is gone through from its oldest end in pages, a whole number of *chains* at a time: a chain is a snapshot and
the changes after it. What goes out of one changes nothing in another.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from stratvars.history import unfold
from stratvars.retention import NOTHING, Retention, Size
from stratvars.revision import Entry, Kept, Reason
from stratvars.texts import join_texts

ROW: Final = 100
"""Bytes that a revision takes beside its text, roughly, in a table and its index."""
_HOUR: Final = 3_600
_DAY: Final = 86_400
_PAGE: Final = 1_000
"""Revisions that a step looks at: more than the longest chain that is made, with what follows it."""
_LOOKED_AT: Final = 16_000_000
_READ: Final = 4_000_000
"""Bytes of text that a step looks at, and reads: no more than these, but for as much as it needs to get on."""
_STARTS: Final = 3

Place = tuple[int, int]
"""The epoch and the number of a revision: its place in the history."""
Span = tuple[Place, Place]
"""A piece of a chain, from its first place to its last."""


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of the way through a history, from its oldest end.

    Attributes:
        retention: what is kept.
        since: where to go on; the oldest end in the beginning.
        over: how much too much there is; so much goes from the oldest end.
    """

    retention: Retention
    since: Place = (0, 0)
    over: Size = NOTHING


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of one page of a history.

    Attributes:
        gone: the revisions that are to go, oldest first.
        rewritten: the chains of which a part stays: the first place, and the last one that stays.
        kept: how much stays of what was gone through.
        removed: how much goes.
        left: how much too much there still is.
        after: where to go on; None at the end.
        is_young: the next revision is kept because it is new, and so are all after it.
    """

    gone: tuple[Place, ...]
    rewritten: tuple[Span, ...]
    kept: Size
    removed: Size
    left: Size
    after: Place | None
    is_young: bool


def size_of(entries: Collection[Entry]) -> Size:
    """What these revisions take."""
    return Size(len(entries), sum(entry.size + ROW for entry in entries))


def place_of(entry: Entry) -> Place:
    """The place of a revision."""
    return entry.epoch, entry.number


def page_of(entries: Iterable[Entry]) -> tuple[list[Entry], bool]:
    """As many of the next revisions, oldest first, as a step looks at, and whether these are all there are."""
    page: list[Entry] = []
    size, starts = 0, 0
    for entry in entries:
        if len(page) >= _PAGE or (size > _LOOKED_AT and starts >= _STARTS):
            return page, False
        page.append(entry)
        size += entry.size
        starts += entry.snapshot and not _is_fenced(entry)
    return page, True


def plan(page: Sequence[Entry], step: Step, newest_crash: Place | None, *, is_end: bool) -> Plan:
    """What is to go of a page.

    Args:
        page: revisions from ``step.since`` on, oldest first, also those that were fenced; see ``page_of``.
        step: where it stands.
        newest_crash: the place of the newest revision whose reason is a crash.
        is_end: no revision stands after them.
    """
    zone = _zone(page, is_end=is_end)
    gone = _judge(page, zone, step, newest_crash, is_end=is_end)
    spans, stop = _within_reach(page, zone, gone)
    leaving = [entry for entry in page[:stop] if place_of(entry) in gone]
    removed = size_of(leaving)
    following = page[stop : stop + 1]
    return Plan(
        gone=tuple(map(place_of, leaving)),
        rewritten=tuple(spans),
        kept=size_of(page[:stop]) - removed,
        removed=removed,
        left=step.over - removed,
        after=place_of(following[0]) if following else None if is_end else _behind(page[-1]),
        is_young=all(entry.age <= step.retention.everything for entry in following),
    )


def thinned(chain: Sequence[Kept], gone: Collection[int]) -> Iterator[Kept]:
    """What is to be written anew when the revisions with these numbers go out of a chain.

    The first revision that stays becomes a snapshot, each later one after a gap takes over what was changed in it; then
    the state as of each that stays is what it was, byte for byte and in its order.

    Raises:
        UndecodableError: they are not what this library writes.
    """
    base: dict[str, str] | None = None
    has_gap, highest = False, 0
    for revision, texts in unfold(chain):
        highest = max(highest, revision.format)
        if revision.number in gone:
            has_gap = True
            continue
        if has_gap:
            yield replace(_on(base, texts, revision), format=highest)
        base, has_gap = dict(texts), False


def _on(base: dict[str, str] | None, texts: dict[str, str], revision: Kept) -> Kept:
    """A revision as it stands after another state: what it changes, or all of it where that would not do."""
    old = base or {}
    changed = {name: text for name, text in texts.items() if old.get(name) != text}
    removed = [name for name in old if name not in texts]
    in_order = [name for name in (old | changed) if name in texts]
    if base is None or in_order != list(texts):
        return replace(revision, snapshot=True, changed=join_texts(texts), removed="[]")
    names = json.dumps(removed, ensure_ascii=False)
    return replace(revision, snapshot=False, changed=join_texts(changed), removed=names)


def _zone(page: Sequence[Entry], *, is_end: bool) -> range:
    """The whole chains of a page, by index, with what was fenced between them; what stands before the first stays."""
    starts = [index for index, entry in enumerate(page) if entry.snapshot and not _is_fenced(entry)]
    first = starts[0] if starts else len(page)
    start = 0 if all(map(_is_fenced, page[:first])) else first
    return range(start, len(page) if is_end or not starts else max(start, starts[-1]))


def _behind(entry: Entry) -> Place:
    return entry.epoch, entry.number + 1


def _judge(page: Sequence[Entry], zone: range, step: Step, newest_crash: Place | None, *, is_end: bool) -> set[Place]:
    """The places in the zone that are to go."""
    beyond = _beyond(page, zone, step.over)
    landmarks = _landmarks(page, is_end=is_end)
    gone: set[Place] = set()
    following: Entry | None = None
    for index in reversed(range(zone.start, len(page))):
        entry = page[index]
        if _is_fenced(entry):
            stays = index >= beyond and entry.age <= step.retention.everything + step.retention.hourly
        else:
            until = landmarks.get(index, -1)
            is_newest = is_end and following is None
            stays = is_newest or until >= beyond or (until >= 0 and place_of(page[int(until)]) == newest_crash)
            stays = stays or (index >= beyond and _is_kept(entry, following, step.retention))
            following = entry
        if not stays and index < zone.stop:
            gone.add(place_of(entry))
    return gone


def _is_kept(entry: Entry, following: Entry | None, retention: Retention) -> bool:
    """Whether its age alone lets a revision stay."""
    age = entry.age - retention.everything
    if age <= 0 or following is None:
        return True
    if age <= retention.hourly:
        return _number_of(entry, _HOUR) != _number_of(following, _HOUR)
    return age <= retention.hourly + retention.daily and _number_of(entry, _DAY) != _number_of(following, _DAY)


def _number_of(entry: Entry, seconds: int) -> float:
    return entry.saved_at.timestamp() // seconds


def _beyond(page: Sequence[Entry], zone: range, over: Size) -> int:
    """The index at which what is beyond the number and the size ends."""
    index = zone.start
    while over.is_positive and index < zone.stop:
        over -= size_of([page[index]])
        index += 1
    return index


def _landmarks(page: Sequence[Entry], *, is_end: bool) -> dict[int, float]:
    """What stays because of a crash after it, by index, and how far that crash is; infinite where that is not in sight.

    A row of crashes begins after a completed iteration and ends before the next one; errors are part of it. Of each row
    stay the completed iteration before it, the first of each group of crashes and errors that stand together, what was
    saved before such a group, and the newest crash. So the moment before the row is found as if nothing had gone. What
    was completed last of all stays, too.
    """
    found: dict[int, float] = {}
    real = [(index, entry) for index, entry in enumerate(page) if not _is_fenced(entry)]
    crash = -1.0 if is_end else math.inf
    has_crash = has_completed = follows_group = False
    for position, (index, entry) in reversed([*enumerate(real)]):
        if entry.reason == Reason.CRASH and not has_crash:
            has_crash, crash = True, max(crash, index)
            found[index] = crash
        begins_group = _begins_group(entry, real[position - 1][1] if position else None)
        if crash >= 0 and (begins_group or follows_group or entry.complete):
            found[index] = crash
        follows_group = begins_group
        if entry.complete:
            if not has_completed:
                found[index] = math.inf
            has_completed = True
            has_crash = entry.reason == Reason.CRASH
            crash = index if has_crash else -1.0
    return found


def _begins_group(entry: Entry, before: Entry | None) -> bool:
    if entry.complete:
        return entry.reason == Reason.CRASH
    return _is_trouble(entry) and (before is None or not _is_trouble(before))


def _is_trouble(entry: Entry) -> bool:
    return entry.reason in {Reason.CRASH, Reason.ERROR} and not entry.complete


def _is_fenced(entry: Entry) -> bool:
    return entry.reason == Reason.FENCED


def _within_reach(page: Sequence[Entry], zone: range, gone: set[Place]) -> tuple[list[Span], int]:
    """The chains that are to be read and written anew in one step, and the index at which it ends."""
    starts = [index for index in zone if page[index].snapshot and not _is_fenced(page[index])]
    spans: list[Span] = []
    read = 0
    for start, end in pairwise([*starts, zone.stop]):
        chain = [entry for entry in page[start:end] if not _is_fenced(entry)]
        span = _span(chain, gone)
        if span is not None:
            read += sum(entry.size for entry in chain)
            if spans and read > _READ:
                return spans, start
            spans.append(span)
    return spans, zone.stop if zone else len(page) if zone.start == 0 else zone.start


def _span(chain: Sequence[Entry], gone: Collection[Place]) -> Span | None:
    """From where to where a chain is to be read and written anew; None where all of it stays, or nothing."""
    places = [place_of(entry) for entry in chain]
    stay = [place for place in places if place not in gone]
    return None if stay == places[: len(stay)] else (places[0], stay[-1])
