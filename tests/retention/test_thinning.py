"""Thinning removes what the retention says, and what stays says what it said, whatever the history looks like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import made
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from made import Backup, Maker, Sides

from stratvars import lane, thinning
from stratvars.retention import ALL, Retention, Size
from stratvars.revision import Reason

HOUR, DAY = 3_600, 86_400
Report = Callable[[str, object], None]
REASONS = [*[Reason.ITERATION] * 6, Reason.MANUAL, Reason.ERROR, Reason.CRASH, Reason.CRASH, Reason.STOP, Reason.EDIT]
PUTS = st.tuples(st.sampled_from(["x", "y", "ключ", 'a "b"']), st.sampled_from([None, "1", "[1, 2]", '"é"']))
BACKUPS = st.builds(
    Backup,
    reason=st.sampled_from(REASONS),
    complete=st.booleans(),
    put=st.lists(PUTS, max_size=3).map(tuple),
    gap=st.sampled_from([1, 1, 1, 600, 1_000, HOUR, 8 * HOUR, 3 * DAY, 40 * DAY]),
    is_start=st.sampled_from([False] * 9 + [True]),
    is_lost=st.sampled_from([False] * 19 + [True]),
)
HISTORIES = st.lists(BACKUPS, min_size=20, max_size=40)
TIMES = st.sampled_from([0, HOUR, 2 * DAY, 7 * DAY, 90 * DAY, float("inf")])
RETENTIONS = st.builds(Retention, everything=TIMES, hourly=TIMES, daily=TIMES)
PLACES = {"memory": 40, "sqlite": 14, "postgresql": 6}


@pytest.fixture(autouse=True)
def short_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "_DELTAS_PER_SNAPSHOT", 5)


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Callable[[], Sides]]:
    numbers = count()
    if request.param == "memory":
        return request.param, made.memory
    if request.param == "sqlite":
        return request.param, lambda: made.sqlite(tmp_path / f"{next(numbers)}.db")
    url = request.getfixturevalue("pg_url")
    return request.param, lambda: made.postgres(url)


def examples(kind: str, test: Callable[..., None], **drawn: st.SearchStrategy[object]) -> None:
    phases = [Phase.generate]  # to shorten a failure takes longer than to read it
    wanted = settings(
        max_examples=PLACES[kind], deadline=None, database=None, phases=phases, suppress_health_check=list(HealthCheck)
    )
    wanted(given(**drawn)(test))()


def test_what_stays_is_what_the_rules_name_and_says_what_it_said(
    place: tuple[str, Callable[[], Sides]], monkeypatch: pytest.MonkeyPatch, record_property: Report
) -> None:
    kind, sides_of = place
    counts: Counter[str] = Counter()

    def check(backups: list[Backup], retention: Retention, page: int) -> None:
        monkeypatch.setattr(thinning, "_PAGE", page)
        sides = sides_of()
        try:
            Maker(sides, ends=datetime.now(UTC) - timedelta(seconds=99)).play(backups)
            entries, said, named = made.all_entries(sides), made.states(sides), made.named(sides)
            wanted = {number for _, number in made.wanted(entries, retention)}
            done = made.thin(sides, retention)
            now = made.states(sides)
            assert now == {number: said[number] for number in now}, "byte for byte"
            assert made.named(sides) == named
            assert wanted <= now.keys(), "nothing is missing"
            if page > len(backups) + 10:
                assert wanted == now.keys(), "nothing is left over"
                assert [plan.removed for plan in made.thin(sides, retention)] == [Size(0, 0)], "nor a second time"
            removed = len(said) - len(now)
            fenced = sum(backup.is_lost for backup in backups) - len(made.fenced_places(sides))
            assert sum(plan.removed.revisions for plan in done) == removed + fenced
            counts.update(
                histories=1,
                removed=removed,
                stayed=len(now),
                fenced=fenced,
                pages=len(done),
                crashes=sum(entry.reason == "crash" for entry in entries),
                snapshots=sum(entry.snapshot for entry in made.all_entries(sides)),
            )
        finally:
            sides.close()

    examples(kind, check, backups=HISTORIES, retention=RETENTIONS, page=st.sampled_from([12, 20, 1000, 1000]))
    record_property("counted", f"thinned on {kind}: {dict(counts)}")
    assert min(counts[what] for what in ("removed", "stayed", "pages", "crashes")) >= counts["histories"]
    assert counts["fenced"] > 0 or kind == "postgresql", "few examples are played there"
    assert counts["snapshots"] < counts["stayed"], "some stay as changes"


def test_of_too_many_the_oldest_go_and_what_was_before_the_newest_crash_stays(
    place: tuple[str, Callable[[], Sides]], monkeypatch: pytest.MonkeyPatch, record_property: Report
) -> None:
    kind, sides_of = place
    counts: Counter[str] = Counter()

    def check(backups: list[Backup], over: int, page: int) -> None:
        monkeypatch.setattr(thinning, "_PAGE", page)
        sides = sides_of()
        try:
            Maker(sides, ends=datetime.now(UTC) - timedelta(seconds=99)).play(backups)
            said, named = made.states(sides), made.named(sides)
            done = made.thin(sides, ALL, Size(over, 0))
            now = made.states(sides)
            assert now == {number: said[number] for number in now}, "byte for byte"
            assert made.named(sides) == named
            removed = sum(plan.removed.revisions for plan in done)
            assert removed <= over
            assert done[-1].left == Size(over - removed, -sum(plan.removed.bytes for plan in done))
            kept = [number for number in sorted(said)[: int(removed)] if number in now]
            assert len(kept) <= 3 + 2 * sum(backup.reason in {"crash", "error"} for backup in backups)
            counts.update(histories=1, removed=len(said) - len(now), kept=len(kept))
        finally:
            sides.close()

    examples(kind, check, backups=HISTORIES, over=st.integers(1, 50), page=st.sampled_from([12, 1000]))
    record_property("counted", f"too many on {kind}: {dict(counts)}")
    assert counts["removed"] > counts["histories"]
    assert counts["kept"] > 0 or kind == "postgresql", "few examples are played there"
