"""WHEN: how a user names a moment of the past, and the revision of the history that it means.

``42`` is a revision, ``10m`` is ten minutes ago, ``2026-11-23T14:00`` a time; ``last-iteration`` is the end of the last
completed iteration, ``before-crash`` what was saved last before the first error or crash of the newest ones in a row.
Ages count by the database's clock, as everything does that stands in the history.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from stratvars.errors import UsageError
from stratvars.revision import Entry, Kept, Landmark, Moment, Reason
from stratvars.schedule import age
from stratvars.store.base import Records

When = int | Landmark | timedelta | datetime
"""A moment as a user names it: a timedelta is that long ago."""

_HIGHEST: Final = 2**63 - 1
"""The highest number that a database keeps."""
_PAGE: Final = 1000
_TRIES: Final = 5
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_AGO: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|days?|d|w)(?:\s+ago)?", re.ASCII | re.IGNORECASE)
_WORDS: Final = "a revision (42), so long ago (10m, 2h, 3d), a time (2026-11-23T14:00)"


def parse(text: str) -> When:
    """The moment that a text names. A time without a zone is one of this machine's.

    Raises:
        UsageError: it names none.
    """
    text = text.strip()
    if text in set(Landmark):
        return Landmark(text)
    if re.fullmatch(r"-?\d+", text, re.ASCII):
        return int(text)
    try:
        ago = _AGO.fullmatch(text)
        return datetime.fromisoformat(text).astimezone() if ago is None else _duration(*ago.groups())
    except (ValueError, OverflowError):
        names = " or ".join(Landmark)
        raise UsageError(f"{text!r} is no moment; give {_WORDS}, {names}") from None


def find(records: Records, table: str, strategy: str, when: When) -> Moment:
    """The moment as a store finds it.

    Raises:
        UsageError: there is no such moment; the sentence says which there are.
    """
    if isinstance(when, timedelta | datetime):
        return _at(records, table, strategy, when).number
    return _before_crash(records, table, strategy).number if when is Landmark.BEFORE_CRASH else when


def past(records: Records, table: str, strategy: str, when: When) -> list[Kept]:
    """What the state as of a moment is made of; see ``Records.history``. Never empty.

    Raises:
        UsageError: there is no such moment; the sentence says which there are.
    """
    for _ in range(_TRIES):
        moment = find(records, table, strategy, when)
        kept = _kept(records, table, strategy, moment)
        # What was found by its time may have been thinned out before it was read; then it is another one.
        if kept or not isinstance(when, timedelta | datetime):
            break
    if not kept:
        raise UsageError(_no_such(strategy, moment, _newest(records, table, strategy).number))
    return kept


def _kept(records: Records, table: str, strategy: str, moment: Moment) -> list[Kept]:
    is_thinkable = isinstance(moment, Landmark) or 0 < moment <= _HIGHEST
    return records.history(table, strategy, moment) if is_thinkable else []


def walk(
    records: Records, table: str, strategy: str, before: tuple[int, int] | None = None, *, reason: str | None = None
) -> Iterator[Entry]:
    """Every revision of the history before a place in it, for a reason or all, newest first, read in pages."""
    while page := records.revisions(table, strategy, limit=_PAGE, before=before, reason=reason):
        yield from page
        before = page[-1].epoch, page[-1].number


def _duration(number: str, unit: str) -> timedelta:
    return timedelta(seconds=float(number) * _UNITS[unit[0].lower()])


def _at(records: Records, table: str, strategy: str, when: timedelta | datetime) -> Entry:
    newest = _newest(records, table, strategy)
    try:
        # What was saved at a time and its age make the database's own now: this machine's clock may differ.
        time = when if isinstance(when, datetime) else newest.saved_at + timedelta(seconds=newest.age) - when
    except OverflowError:
        time = datetime.min.replace(tzinfo=UTC)
    found = records.revisions(table, strategy, limit=1, until=time)
    if not found:
        *_, oldest = walk(records, table, strategy)
        raise UsageError(f"{strategy!r} had saved nothing by then; its history begins {age(oldest.age)} ago")
    return found[0]


def _before_crash(records: Records, table: str, strategy: str) -> Entry:
    """Go back from the newest crash over whatever was not completed, as the start line counts crashes."""
    crashes = records.revisions(table, strategy, limit=1, reason=Reason.CRASH)
    if not crashes:
        raise UsageError(f"{strategy!r} never crashed; name another moment: {_WORDS} or {Landmark.LAST_ITERATION}")
    found = None
    for entry in walk(records, table, strategy, (crashes[0].epoch, crashes[0].number)):
        if entry.complete:
            return found or entry
        if entry.reason in {Reason.CRASH, Reason.ERROR}:
            found = None
        elif found is None:
            found = entry
    if found is None:
        raise UsageError(f"{strategy!r} crashed before anything else was saved; name another moment: {_WORDS}")
    return found


def _newest(records: Records, table: str, strategy: str) -> Entry:
    found = records.revisions(table, strategy, limit=1)
    if not found:
        raise UsageError(f"the history holds nothing of {strategy!r}; what is saved was written by hand")
    return found[0]


def _no_such(strategy: str, moment: Moment, newest: int) -> str:
    if isinstance(moment, Landmark):
        return f"{strategy!r} never completed an iteration; name a revision by its number, up to {newest}"
    return f"{strategy!r} has no revision {moment} in its history; the newest one is {newest}"
