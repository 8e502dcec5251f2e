"""The writer thins its strategies' histories by itself: when it has time, in small steps, never at a save's cost."""

from __future__ import annotations

import logging
import math
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from postgres.stores import rows, store_at
from postgres.waiting import eventually
from stratvars import Backup, pruner
from stratvars.errors import RefusedError, UnavailableError
from stratvars.lane import Lane
from stratvars.pruner import Pruner, Rest, course
from stratvars.retention import ALL, NOTHING, Retention, Size
from stratvars.revision import Claim, State
from stratvars.settings import resolve
from stratvars.store.fact import Grade
from stratvars.store.memory import MemoryStore
from stratvars.store.opening import examine
from stratvars.testing import TABLE
from stratvars.thinning import Plan, Step

PAUSE = pytest.approx(0.2)
LIMITED = Retention(most=Size(1_000, math.inf))


def done(step: Step, *, kept: float = 0, removed: float = 0, after: int | None = None, is_young: bool = False) -> Plan:
    """What became of a step."""
    gone = Size(removed, 100 * removed)
    place = None if after is None else (1, after)
    return Plan((), (), Size(kept, 100 * kept), gone, step.over - gone, place, is_young)


class Walk:
    """A course that is played by hand; numbers are counted by the test."""

    def __init__(self, retention: Retention) -> None:
        self.number = 5_000
        self.course = course(retention, lambda: self.number)
        self.wanted = next(self.course)

    @property
    def step(self) -> Step:
        assert isinstance(self.wanted, Step)
        return self.wanted

    @property
    def rest(self) -> Rest:
        assert isinstance(self.wanted, Rest)
        return self.wanted

    def play(self, **became: float | None) -> None:
        self.wanted = self.course.send(done(self.step, **became))  # type: ignore[arg-type]

    def wake(self) -> None:
        assert self.rest
        self.wanted = self.course.send(None)


def test_after_a_start_the_whole_history_is_gone_through_and_again_when_it_may_be_too_much() -> None:
    walk = Walk(LIMITED)
    assert (walk.step.since, walk.step.over) == ((0, 0), NOTHING)
    walk.play(kept=300, after=301)
    assert walk.step.since == (1, 301)
    walk.play(kept=390)
    assert walk.rest.until == 5_000 + 990 - 690
    walk.number = 5_300
    walk.wake()
    assert (walk.step.since, walk.step.over) == ((0, 0), NOTHING)


def test_of_too_much_so_much_goes_that_there_is_room_for_a_while() -> None:
    walk = Walk(LIMITED)
    walk.play(kept=800, after=801)
    walk.play(kept=191)
    assert (walk.step.since, walk.step.over.revisions) == ((0, 0), 991 - 950)
    walk.play(removed=30, kept=0, after=31)
    assert (walk.step.since, walk.step.over.revisions) == ((1, 31), 11)
    walk.play(removed=11, kept=200, after=301)
    assert walk.rest.until == 5_000 + 990 - 950, "the rest of it was counted"


def test_once_an_hour_the_old_end_alone_is_gone_through_and_once_a_day_the_whole() -> None:
    walk = Walk(LIMITED)
    walk.play(kept=100)
    for _ in range(24):
        assert walk.rest.seconds == 3_600
        walk.wake()
        walk.play(kept=50, removed=1, after=51)
        assert walk.step.since == (1, 51)
        walk.play(kept=20, after=71, is_young=True)
    assert walk.step.since == (0, 0)
    walk.play(kept=100, after=101, is_young=True)
    assert walk.step.since == (1, 101), "the whole"


def test_a_limit_of_bytes_is_kept_too() -> None:
    walk = Walk(Retention(most=Size(math.inf, 100_000)))
    walk.play(kept=500)
    assert walk.rest.until == 5_000 + 490
    walk.number = 5_490
    walk.wake()
    walk.play(kept=991)
    assert walk.step.over.bytes == pytest.approx(99_100 - 95_000)


class Recorder(MemoryStore):
    """Notes the steps, and fails as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, Step]] = []
        self.error: Exception | None = None

    def thin(self, table: str, strategy: str, step: Step) -> Plan:
        self.asked.append((strategy, step))
        if self.error is not None:
            raise self.error
        return done(step, kept=1, after=len(self.asked))


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def lane_of(name: str) -> Lane:
    return Lane(Claim(TABLE, name, "start-1", "me", 1, 0), State({}), 1)


def test_a_start_is_left_alone_for_a_while_and_steps_leave_time_for_saves() -> None:
    store, clock = Recorder(), Clock()
    pruner = Pruner(store, clock)
    pruner.add(lane_of("a"), Retention())
    pruner.add(lane_of("kept"), ALL)
    assert (pruner.turn(), store.asked) == (10.0, [])
    clock.now += 10
    for many, passed in ((1, 0.0), (1, 0.2), (2, 0.0)):
        assert pruner.turn() == PAUSE
        assert len(store.asked) == many
        clock.now += passed


def test_strategies_take_turns_and_one_in_trouble_or_gone_is_left_out() -> None:
    store, clock = Recorder(), Clock()
    pruner = Pruner(store, clock)
    first, second, third = lane_of("a"), lane_of("b"), lane_of("c")
    for lane in (first, second, third):
        pruner.add(lane, Retention())
    third.trouble_since = 1.0
    for _ in range(4):
        clock.now += 10
        pruner.turn()
    assert [name for name, _ in store.asked] == ["a", "b", "a", "b"]
    pruner.forget(first)
    clock.now += 10
    assert pruner.turn() == PAUSE
    assert store.asked[-1][0] == "b"
    pruner.forget(second)
    assert pruner.turn() == math.inf


def test_trouble_is_waited_for_and_a_refusal_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    store, clock = Recorder(), Clock()
    pruner = Pruner(store, clock)
    for name in ("a", "b"):
        pruner.add(lane_of(name), Retention())
    clock.now += 10
    store.error = UnavailableError("busy")
    assert (pruner.turn(), pruner.turn()) == (0.0, 60.0)
    assert caplog.messages == []
    clock.now += 60
    store.error = RefusedError("no right: sk-canary is not told by a store")
    pruner.turn()
    assert pruner.turn() == 86_400
    [line] = caplog.messages
    assert "'vars_backup' is not thinned, and grows; saves are not hindered" in line
    clock.now += 86_400
    store.error = LookupError("sk-canary")
    pruner.turn()
    assert len(caplog.messages) == 1
    store.error = None
    clock.now += 86_400
    assert [pruner.turn(), pruner.turn()] == [0.0, PAUSE], "and it goes on"


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruner, "FIRST", 0.05)
    monkeypatch.setattr(pruner, "_LEAST_PAUSE", 0.01)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_running_bot_keeps_no_more_than_it_is_told(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path}/bots.db" if kind == "sqlite" else request.getfixturevalue("pg_url")
    with Backup("bot", url, retention="revisions=20") as backup:
        for number in range(1, 61):
            backup.vars.number = number
            backup.save()
        store = backup._session._writer.store  # type: ignore[union-attr]
        assert eventually(lambda: store.thin(TABLE, "bot", Step(ALL)).kept.revisions <= 20, 10)
        kept = store.thin(TABLE, "bot", Step(ALL)).kept.revisions
        backup.vars.number = 61
        backup.save()
    assert kept >= 15
    with Backup("bot", url) as backup:
        assert backup.vars.all() == {"number": 61}


@pytest.mark.usefixtures("soon")
def test_a_role_that_may_not_thin_runs_all_the_same_and_one_line_says_so(
    guest: str, admin: psycopg.Connection, pg_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(store_at(pg_url)) as store:
        store.prepare(TABLE)
    admin.execute(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON vars_backup, vars_backup_writers, vars_backup_edits TO guest"
    )
    admin.execute("GRANT SELECT, INSERT ON vars_backup_history TO guest")
    with caplog.at_level(logging.WARNING), Backup("bot", guest, retention="revisions=5") as backup:
        for number in range(20):
            backup.vars.number = number
            backup.save()
        assert eventually(lambda: caplog.messages != [], 10)
        backup.vars.number = 20
        backup.save()
    [line] = caplog.messages
    assert "permission denied for table vars_backup_history" in line
    assert "GRANT" in line
    assert rows(admin, "SELECT count(*) > 20 FROM vars_backup_history") == [(True,)]
    [fact] = [fact for fact in examine(resolve(guest), TABLE).facts if fact.name == "history"]
    assert (fact.grade, "stratvars doctor --ddl" in fact.remedy) == (Grade.WARN, True)
    admin.execute("GRANT UPDATE, DELETE ON vars_backup_history TO guest")
    assert [fact for fact in examine(resolve(guest), TABLE).facts if fact.name == "history"] == []
