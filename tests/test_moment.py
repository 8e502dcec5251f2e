"""WHEN: how a moment is written, and which revision it means, on SQLite, on PostgreSQL and in memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from postgres.stores import store_at
from stratvars import moment
from stratvars.errors import UsageError
from stratvars.moment import find, parse, past, walk
from stratvars.outcome import Saved
from stratvars.revision import Claim, Entry, Landmark, Reason
from stratvars.settings import resolve
from stratvars.store.base import Records, Store
from stratvars.store.memory import MemoryStore
from stratvars.store.postgres.records import PostgresRecords
from stratvars.store.sqlite.records import SqliteRecords
from stratvars.store.sqlite.store import SqliteStore
from stratvars.testing import TABLE, revision_of

Sides = tuple[Store, Records]
BEFORE = Landmark.BEFORE_CRASH


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def sides(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sides]:
    store: Store
    records: Records
    if request.param == "memory":
        store = records = MemoryStore()
        store.prepare(TABLE)
    elif request.param == "sqlite":
        store = SqliteStore(tmp_path / "stratvars.db")
        store.prepare(TABLE)
        records = SqliteRecords(tmp_path / "stratvars.db")
    else:
        url = request.getfixturevalue("pg_url")
        store, records = store_at(url), PostgresRecords(resolve(url))
        store.prepare(TABLE)
    with closing(store), closing(records):
        yield store, records


def saved(store: Store, letters: str) -> None:
    """A revision for each letter: i and s are complete, m, e and c were taken inside of an iteration."""
    claim = store.acquire(TABLE, "bot", "me", "start-1")
    assert isinstance(claim, Claim)
    reasons = {reason.value[0]: reason for reason in (Reason.ITERATION, Reason.STOP, Reason.MANUAL, Reason.CRASH)}
    reasons["e"] = Reason.ERROR
    for number, letter in enumerate(letters, 1):
        revision = revision_of(
            claim, {"n": str(number)}, follows=number - 1, reason=reasons[letter], complete=letter in "is"
        )
        assert store.save([revision]) == [Saved(number)]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("42", 42),
        ("0", 0),
        ("-1", -1),
        ("20261123", 20261123),
        ("10m", timedelta(minutes=10)),
        ("90s", timedelta(seconds=90)),
        ("1.5h", timedelta(minutes=90)),
        ("2D", timedelta(days=2)),
        ("1w", timedelta(days=7)),
        ("4 min ago", timedelta(minutes=4)),
        (" 5 days ago ", timedelta(days=5)),
        ("1 day", timedelta(days=1)),
        ("2026-11-23T14:00Z", datetime(2026, 11, 23, 14, tzinfo=UTC)),
        ("2026-11-23 14:00:05.5+01:00", datetime(2026, 11, 23, 13, 0, 5, 500_000, tzinfo=UTC)),
        ("last-iteration", Landmark.LAST_ITERATION),
        ("before-crash", BEFORE),
    ],
)
def test_a_moment_is_written_in_five_forms(text: str, meant: moment.When) -> None:
    assert parse(text) == meant
    assert type(parse(text)) is type(meant)


def test_a_time_without_a_zone_is_one_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert parse("2026-11-23T14:00") == datetime(2026, 11, 23, 19, tzinfo=UTC)
        assert parse("2026-07-01") == datetime(2026, 7, 1, 4, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text", ["", "yesterday", "10x", "m", "-10m", "1h30m", "2026-13-01", "9" * 400 + "w", "Last-Iteration", "4.2"]
)
def test_what_is_no_moment_is_told_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no moment; give a revision \(42\).* last-iteration or before-crash"):
        parse(text)


@pytest.mark.parametrize(
    ("letters", "before", "why"),
    [
        ("iic", 2, "the last iteration"),
        ("iiec", 2, "the error is the same event as the crash"),
        ("iimec", 3, "what was saved inside of the iteration that crashed"),
        ("iecec", 1, "of several in a row the first"),
        ("imecmec", 2, "saves between two crashes end no row"),
        ("iecii", 1, "iterations since do not matter"),
        ("iecicii", 4, "the newest row, not the oldest"),
        ("iecs", 1, "nor does a stop"),
        ("mec", 1, "never a completed iteration"),
        ("ieiec", 3, "an error that was survived is no part of the row"),
    ],
)
def test_before_a_crash_is_what_was_saved_last_before_the_newest_row_began(
    sides: Sides, letters: str, before: int, why: str
) -> None:
    store, records = sides
    saved(store, letters)
    assert find(records, TABLE, "bot", BEFORE) == before, why
    assert [kept.number for kept in past(records, TABLE, "bot", BEFORE)] == [before]


@pytest.mark.parametrize(
    ("letters", "when", "said"),
    [
        ("ii", BEFORE, "'bot' never crashed; name another moment"),
        ("ec", BEFORE, "'bot' crashed before anything else was saved"),
        ("c", Landmark.LAST_ITERATION, "'bot' never completed an iteration; name a revision by its number, up to 1"),
        ("i", 2, "'bot' has no revision 2 in its history; the newest one is 1"),
        ("i", 0, "'bot' has no revision 0"),
        ("i", -1, "'bot' has no revision -1"),
        ("i", 10**30, "'bot' has no revision 10"),
        ("i", timedelta(days=1), "'bot' had saved nothing by then; its history begins 0 s ago"),
        ("i", timedelta.max, "'bot' had saved nothing by then"),
        ("i", datetime(1970, 1, 1, tzinfo=UTC), "'bot' had saved nothing by then"),
        ("", 1, "the history holds nothing of 'bot'"),
    ],
)
def test_a_moment_that_is_not_there_is_told_with_what_is(
    sides: Sides, letters: str, when: moment.When, said: str
) -> None:
    store, records = sides
    saved(store, letters)
    with pytest.raises(UsageError) as told:
        past(records, TABLE, "bot", when)
    assert said in str(told.value)


def test_a_time_means_what_was_saved_last_by_then_whatever_its_zone(sides: Sides) -> None:
    store, records = sides
    for letters in ("i", "ii", "iii"):
        saved(store, letters)
        time.sleep(0.01)
    third, second, first = walk(records, TABLE, "bot")
    zone = timezone(timedelta(hours=-9, minutes=-30))
    for entry in (first, second, third):
        assert find(records, TABLE, "bot", entry.saved_at) == entry.number
        assert find(records, TABLE, "bot", entry.saved_at.astimezone(zone)) == entry.number
    assert find(records, TABLE, "bot", third.saved_at - timedelta(milliseconds=2)) == 2
    assert find(records, TABLE, "bot", datetime.now(UTC) + timedelta(days=400)) == 3
    assert find(records, TABLE, "bot", timedelta(0)) == 3


def test_so_long_ago_counts_by_the_clock_of_the_database() -> None:
    class Ahead(MemoryStore):
        """Its clock is a day ahead of this machine's, and so is everything that was saved."""

        def revisions(self, *given: object, **wanted: object) -> list[Entry]:
            until = wanted.pop("until", None)
            if isinstance(until, datetime):
                wanted["until"] = until - timedelta(days=1)
            found = super().revisions(*given, **wanted)  # type: ignore[arg-type]
            return [replace(entry, saved_at=entry.saved_at + timedelta(days=1)) for entry in found]

    store = Ahead()
    store.prepare(TABLE)
    saved(store, "ii")
    assert find(store, TABLE, "bot", timedelta(0)) == 2
    with pytest.raises(UsageError, match="had saved nothing by then"):
        find(store, TABLE, "bot", timedelta(minutes=1))


def test_a_walk_reads_page_by_page_and_misses_nothing(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    store, records = sides
    saved(store, "i" * 10)
    for page in (1, 3, 5, 10, 11):
        monkeypatch.setattr(moment, "_PAGE", page)
        assert [entry.number for entry in walk(records, TABLE, "bot")] == [*range(10, 0, -1)]
    assert [entry.number for entry in walk(records, TABLE, "bot", (1, 4))] == [3, 2, 1]
