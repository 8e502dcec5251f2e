"""Histories as a lane makes them, on every store and as old as a test wants; and its rules said plainly."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
from msgspec import structs

from postgres.stores import store_at
from stratvars import moment
from stratvars.errors import UsageError
from stratvars.history import fold
from stratvars.lane import Lane, Offer
from stratvars.outcome import Saved
from stratvars.retention import NOTHING, Retention, Size
from stratvars.revision import Claim, Entry, Landmark, Reason, State
from stratvars.settings import resolve
from stratvars.store.base import Records, Store
from stratvars.store.memory import MemoryStore
from stratvars.store.postgres.records import PostgresRecords
from stratvars.store.sqlite.records import SqliteRecords
from stratvars.store.sqlite.store import SqliteStore
from stratvars.testing import TABLE, revision_of
from stratvars.thinning import Place, Plan, Step, place_of

NAME = "bot"
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Backup:
    """One backup, or another start of the strategy before it.

    Attributes:
        reason, complete: see ``Revision``.
        put: variables and their texts, set in this order; None unsets.
        gap: seconds since the one before.
        is_start: it is the first of a new start.
        is_lost: beside it stands what was fenced.
    """

    reason: Reason
    complete: bool
    put: tuple[tuple[str, str | None], ...]
    gap: float
    is_start: bool = False
    is_lost: bool = False


@dataclass
class Sides:
    """A store and what looks at it; ``date`` makes a revision as old as it is wanted."""

    store: Store
    records: Records
    date: Callable[[Place, datetime], object]
    close: Callable[[], object] = field(default=lambda: None)


def memory() -> Sides:
    store = MemoryStore()
    store.prepare(TABLE)

    def date(place: Place, at: datetime) -> None:
        row = store._tables[TABLE][NAME]
        row.history = [(kept, at if kept.number == place[1] else known) for kept, known in row.history]
        for name in ("entries", "fenced_entries"):
            dated = [replace(e, saved_at=at) if place_of(e) == place else e for e in getattr(row, name)]
            setattr(row, name, dated)

    return Sides(store, store, date)


def sqlite(path: Path) -> Sides:
    store = SqliteStore(path)
    store.prepare(TABLE)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    query = f"UPDATE {TABLE}_history SET saved_at = ? WHERE epoch = ? AND revision = ?"

    def date(place: Place, at: datetime) -> None:
        connection.execute(query, (at.isoformat(sep=" ", timespec="milliseconds"), *place))

    records = SqliteRecords(path)

    def close() -> None:
        for each in (connection, records, store):
            each.close()

    return Sides(store, records, date, close)


def postgres(url: str) -> Sides:
    store = store_at(url)
    store.prepare(TABLE)
    connection = psycopg.connect(url, autocommit=True)
    connection.execute(f"TRUNCATE {TABLE}, {TABLE}_writers, {TABLE}_history")
    query = f"UPDATE {TABLE}_history SET saved_at = %s WHERE epoch = %s AND revision = %s"
    records = PostgresRecords(resolve(url))

    def close() -> None:
        for each in (connection, records, store):
            each.close()

    return Sides(store, records, lambda place, at: connection.execute(query, (at, *place)), close)


class Maker:
    """Plays backups into a store as lanes send them, each as old as it says."""

    def __init__(self, sides: Sides, *, ends: datetime = NOW) -> None:
        self._sides = sides
        self._ends = ends
        self._texts: dict[str, str] = {}
        self._lane: Lane | None = None
        self._starts = 0
        self._lost = 0

    def play(self, backups: Sequence[Backup]) -> None:
        at = self._ends - timedelta(seconds=sum(backup.gap for backup in backups))
        for backup in backups:
            at += timedelta(seconds=backup.gap)
            if self._lane is None or backup.is_start:
                self._start()
            self._save(backup, at)
            if backup.is_lost:
                self._lose(at)

    def _start(self) -> None:
        if self._lane is not None:
            self._sides.store.release(self._lane.claim)
        self._starts += 1
        claim = self._sides.store.acquire(TABLE, NAME, "me", f"start-{self._starts}")
        assert isinstance(claim, Claim)
        self._lane = Lane(claim, State(dict(self._texts)), 1)

    def _save(self, backup: Backup, at: datetime) -> None:
        for name, text in backup.put:
            if text is None:
                self._texts.pop(name, None)
            else:
                self._texts[name] = text
        lane = self._lane
        assert lane is not None
        lane._format = 1 + len(self._texts) % 3  # as if a newer version had gone on
        lane.offer(Offer(State(dict(self._texts)), backup.reason, backup.complete, final=True))
        revision = lane.next()
        assert revision is not None
        assert self._sides.store.save([revision]) == [Saved(revision.number)]
        lane.settle(revision)
        self._sides.date((lane.claim.epoch, revision.number), at)

    def _lose(self, at: datetime) -> None:
        """What an earlier start could not save any more, beside what is current."""
        assert self._lane is not None
        self._lost += 1
        claim = self._lane.claim
        number = self._lane.acknowledged + 10**6 + self._lost
        self._sides.store.keep_fenced(
            structs.replace(revision_of(claim, {"lost": "1"}, number=number), reason=Reason.FENCED, complete=False)
        )
        self._sides.date((claim.epoch, number), at)


def all_entries(sides: Sides) -> list[Entry]:
    """Everything that is in the history, oldest first, but for what was fenced."""
    return sides.records.revisions(TABLE, NAME, limit=10**6)[::-1]


def fenced_places(sides: Sides) -> list[Place]:
    return [place_of(entry) for entry in sides.records.revisions(TABLE, NAME, limit=10**6, reason="fenced")]


def states(sides: Sides) -> dict[int, tuple[object, ...]]:
    """What every revision that is there says: the variables in their order, what was held back, the newest format."""
    found: dict[int, tuple[object, ...]] = {}
    for entry in all_entries(sides):
        past = fold(sides.records.history(TABLE, NAME, entry.number))
        assert past.kept.number == entry.number
        told = (past.kept.reason, past.kept.complete, past.format)
        found[entry.number] = (*past.state.texts.items(), *past.state.held_back.items(), *told)
    return found


def named(sides: Sides) -> list[int | str]:
    """The revisions that the landmarks name."""
    found: list[int | str] = []
    for landmark in Landmark:
        try:
            found.append(moment.past(sides.records, TABLE, NAME, landmark)[-1].number)
        except UsageError as error:
            found.append(str(error).split(";", maxsplit=1)[0])
    return found


def thin(sides: Sides, retention: Retention, over: Size = NOTHING) -> list[Plan]:
    """All steps from the oldest end to the newest."""
    done: list[Plan] = []
    step = Step(retention, over=over)
    while True:
        plan = sides.store.thin(TABLE, NAME, step)
        done.append(plan)
        if plan.after is None:
            return done
        assert plan.after > step.since, "it gets on"
        step = Step(retention, plan.after, plan.left)


def wanted(entries: Sequence[Entry], retention: Retention) -> set[Place]:
    """What is to stay of a history by its age and for the crashes, each rule as it is said in docs/history.md."""
    stay = {place_of(entry) for entry in entries[-1:]}
    for entry, following in pairwise(entries):
        age = entry.age - retention.everything
        unit = "%Y-%m-%d %H" if age <= retention.hourly else "%Y-%m-%d"
        is_last = entry.saved_at.strftime(unit) != following.saved_at.strftime(unit)
        if age <= 0 or (is_last and age <= retention.hourly + retention.daily):
            stay.add(place_of(entry))
    completed = [index for index, entry in enumerate(entries) if entry.complete]
    stay |= {place_of(entries[index]) for index in completed[-1:]}
    for begin, end in pairwise([-1, *completed, len(entries)]):
        # Of a row: what was completed before it, then all up to the next one, which may itself be a crash.
        row = entries[begin + 1 : end + 1]
        crashes = [entry for entry in row if entry.reason == "crash"]
        if crashes:
            stay.add(place_of(crashes[-1]))
            stay |= around(entries[max(begin, 0) : entries.index(crashes[-1]) + 1])
    return stay


def around(row: Sequence[Entry]) -> set[Place]:
    """The first of each group of crashes and errors, what is before it, and the completed iteration before all."""
    stay = {place_of(entry) for entry in row[:1] if entry.complete or is_trouble(entry)}
    for entry, following in pairwise(row):
        if following.complete or (is_trouble(following) and not is_trouble(entry)):
            stay |= {place_of(entry), place_of(following)}
    return stay


def is_trouble(entry: Entry) -> bool:
    return entry.reason in {"crash", "error"} and not entry.complete
