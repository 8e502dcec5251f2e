"""Going back: one new revision, nothing erased, only while the strategy does not run."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from rewinding import LAST, TABLE, Place, postgresql_place, sqlite_place
from stratvars import Backup
from stratvars.edit import carry_out, check_stopped, plan_rewind, rewind
from stratvars.errors import FencedError, NewerFormatError, NotSavedError, OwnedError, UndecodableError, UsageError
from stratvars.history import Difference
from stratvars.owner import Owner
from stratvars.revision import Reason
from stratvars.settings import resolve


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Place]:
    with sqlite_place(tmp_path) as place:
        yield place


@pytest.fixture
def postgresql(pg_url: str) -> Iterator[Place]:
    with postgresql_place(pg_url) as place:
        yield place


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> Place:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def test_a_strategy_goes_back_to_the_last_completed_iteration_and_starts_with_exactly_that(place: Place) -> None:
    good = {"n": 2, "price": Decimal("1.50"), "legs": ("a", 2)}
    place.live({"n": 1}, good, {**good, "n": 3, "price": "n/a", "extra": None}, crash=True)
    before = place.history
    assert place.current.reason == "crash"
    assert place.rewind() == 5
    assert place.history[:-1] == before, "nothing is erased or changed"
    assert len(place.history) == len(before) + 1, "one revision"
    now = place.current
    assert (now.revision, now.reason, now.complete, now.foreign, now.owner) == (5, "edit", True, False, "")
    found = place.live()
    assert found == good
    assert [type(value) for value in found.values()] == [int, Decimal, tuple]
    assert list(found) == list(good)


def test_going_back_can_be_taken_back_and_an_unfinished_state_stays_one(place: Place) -> None:
    place.live({"n": 1, "m": 1}, {"n": 2}, crash=True)
    crashed = place.current
    assert place.rewind() == 4
    assert place.rewind(crashed.revision) == 5
    now = place.current
    assert (now.variables, now.complete, now.reason) == (crashed.variables, False, "edit")
    assert place.rewind() == 6
    assert place.live() == {"n": 1, "m": 1}


def test_where_nothing_would_change_nothing_is_written(place: Place) -> None:
    place.live({"n": 1}, {"n": 2})
    before = place.history
    assert place.rewind() is None
    assert place.rewind(3) is None
    assert place.history == before
    assert plan_rewind(place.database, TABLE, "bot", 2).changes_nothing


def test_a_plan_says_what_changes_and_writes_nothing(place: Place) -> None:
    place.live({"same": 1, "n": 1, "gone": 1}, {"same": 1, "n": 2, "new": 1})
    before = place.history
    plan = plan_rewind(place.database, TABLE, "bot", 1)
    assert plan.differences == (Difference("n", "2", "1"), Difference("gone", None, "1"), Difference("new", "1", None))
    assert (plan.reorders, plan.changes_nothing, place.history) == (False, False, before)


def test_the_order_of_the_variables_comes_back_too(place: Place) -> None:
    place.live({"a": 1, "b": 2})
    with Backup("bot", place.url) as backup:
        backup.vars.a = backup.vars.pop("a")
    assert place.current.variables == '{"b":2,"a":1}'
    plan = plan_rewind(place.database, TABLE, "bot", 1)
    assert (plan.differences, plan.reorders) == ((), True)
    assert place.rewind(1) is not None
    assert place.current.variables == '{"a":1,"b":2}'


def test_a_strategy_that_runs_is_not_touched_but_may_be_looked_at(place: Place) -> None:
    place.live({"n": 1}, {"n": 2})
    with Backup("bot", place.url) as backup:
        before = place.history
        for moment in (1, 2):  # also where there is nothing to change
            with pytest.raises(OwnedError, match="is running, in process"):
                place.rewind(moment)
        plan = plan_rewind(place.database, TABLE, "bot", 1)
        with pytest.raises(OwnedError, match="is running already"):
            carry_out(plan)
        assert place.history == before
        backup.vars.n = 3
        backup.save()
    assert place.current.variables == '{"n":3}'


def test_what_was_saved_after_the_plan_was_looked_at_is_not_overwritten(place: Place) -> None:
    place.live({"n": 1}, {"n": 2})
    plan = plan_rewind(place.database, TABLE, "bot", 1)
    place.live({"n": 3})
    before = place.history
    with pytest.raises(NotSavedError, match="meanwhile"):
        carry_out(plan)
    assert place.history == before
    assert place.live() == {"n": 3}, "and the name was given up"


def test_what_was_put_into_the_row_by_hand_is_kept_before_it_goes(place: Place) -> None:
    place.live({"n": 1}, {"n": 2})
    by_hand = '{ "n" : 40,  "hand":[ ]}'
    place.execute(f"UPDATE vars_backup SET variables = '{by_hand}'")
    assert place.rewind(1) == 5
    assert [row[1:4:1] for row in place.history[-2:]] == [(4, "external", False), (5, "edit", True)]
    assert place.history[-2][5] == by_hand
    assert place.live() == {"n": 1}
    assert place.rewind(4) is not None
    assert place.live() == {"n": 40, "hand": []}


@pytest.mark.parametrize("damage", ["{broken", "", '[{"n":1}]'])
def test_a_state_that_cannot_be_read_any_more_is_gone_back_from(sqlite: Place, damage: str) -> None:
    sqlite.live({"n": 1})
    sqlite.execute(f"UPDATE vars_backup SET variables = '{damage}'")
    with pytest.raises(UndecodableError):
        sqlite.live()
    assert plan_rewind(sqlite.database, TABLE, "bot", LAST).differences is None
    assert sqlite.rewind() == 4
    assert sqlite.history[-2][5] == damage, "the bytes as they were found"
    assert sqlite.live() == {"n": 1}
    with pytest.raises(UndecodableError, match="revision 3 cannot be read"):
        sqlite.rewind(3)


def test_a_row_that_was_deleted_comes_back(place: Place) -> None:
    place.live({"n": 1})
    place.execute("DELETE FROM vars_backup")
    assert place.rewind() == 3
    assert place.live() == {"n": 1}


def test_variables_that_were_held_back_are_so_in_the_state_that_comes_back(sqlite: Place) -> None:
    with Backup("bot", sqlite.url) as backup:
        backup.vars.update(good=1, list=[1])
        backup.keep(Reason.ITERATION, complete=True)
        backup.vars.good = 2
        backup.vars.list.append(object())
        backup.keep(Reason.ITERATION, complete=True)
        del backup.vars.list
    assert sqlite.rewind(2) == 4
    now = sqlite.current
    assert (now.variables, now.complete, list(now.held_back)) == ('{"good":2,"list":[1]}', False, ["list"])


@pytest.mark.parametrize("moment", [0, -1, 4, 2**63, 10**100])
def test_a_revision_that_is_not_there_is_named_with_the_newest(place: Place, moment: int) -> None:
    place.live({"n": 1}, {"n": 2})
    with pytest.raises(UsageError, match=f"'bot' has no revision {moment} in its history; the newest one is 3"):
        place.rewind(moment)


def test_without_a_completed_iteration_there_is_nothing_to_go_back_to(place: Place) -> None:
    place.live({"n": 1}, crash=True)
    with pytest.raises(UsageError, match=r"'bot' never completed an iteration.* up to 2"):
        place.rewind()


def test_a_name_under_which_nothing_is_saved_leaves_no_trace(place: Place) -> None:
    place.live({"n": 1}, name="Bot")
    with pytest.raises(UsageError, match=r"nothing is saved under the name 'bot' .*: 'Bot'"):
        place.rewind()
    with pytest.raises(UsageError, match="saved there: nothing"):
        rewind(place.database, "other", "bot", 1)
    assert place.execute("SELECT count(*) FROM vars_backup_writers").fetchone() == (1,)
    with pytest.raises((sqlite3.Error, psycopg.Error)):
        place.execute("SELECT * FROM other")


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no database at"):
        rewind(resolve(f"sqlite:///{tmp_path}/none.db"), TABLE, "bot", 1)
    with pytest.raises(UsageError, match="lives in the process"):
        rewind(resolve("memory://"), TABLE, "bot", 1)
    assert list(tmp_path.iterdir()) == []


def test_a_state_of_a_newer_format_is_left_alone(sqlite: Place) -> None:
    sqlite.live({"n": 1}, {"n": 2})
    sqlite.execute("UPDATE vars_backup_history SET format = 99 WHERE revision = 1")
    before = sqlite.history
    with pytest.raises(NewerFormatError, match=r"revision 2 .*format 99"):  # its chain begins with that one
        sqlite.rewind(2)
    assert sqlite.history == before


def test_a_strategy_of_an_unseen_machine_is_named_and_taken_over_as_by_a_start(
    sqlite: Place, caplog: pytest.LogCaptureFixture
) -> None:
    sqlite.live({"n": 1}, {"n": 2})
    elsewhere = replace(Owner.current(), host="far-away", machine="another-boot", machine_id="", pid=77)
    soon = "strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', '+1 seconds')"
    sqlite.execute(f"UPDATE vars_backup_writers SET owner = '{elsewhere.to_text()}', lease_until = {soon}")
    plan = plan_rewind(sqlite.database, TABLE, "bot", 1)
    assert check_stopped(plan) == elsewhere
    assert carry_out(plan) == 4
    assert "'bot' is run by process 77 on far-away" in caplog.text
    assert "'bot' is taken from process 77 on far-away: its lease has ended" in caplog.text
    assert check_stopped(plan_rewind(sqlite.database, TABLE, "bot", 1)) is None


def test_a_strategy_whose_process_died_is_gone_back(sqlite: Place) -> None:
    sqlite.live({"n": 1}, {"n": 2})
    dead = json.dumps(asdict(Owner.current()) | {"started": 1})
    sqlite.execute(f"UPDATE vars_backup_writers SET owner = '{dead}'")
    assert sqlite.rewind(1) == 4


def test_a_start_between_the_take_over_and_the_change_wins(sqlite: Place) -> None:
    sqlite.live({"n": 1}, {"n": 2})
    plan = plan_rewind(sqlite.database, TABLE, "bot", 1)
    before = sqlite.history
    sqlite.execute(
        """CREATE TRIGGER later AFTER UPDATE OF start_id ON vars_backup_writers WHEN NEW.start_id <> 'later' BEGIN
            UPDATE vars_backup_writers SET epoch = NEW.epoch + 1, start_id = 'later';
        END"""
    )
    with pytest.raises(FencedError, match="was started meanwhile; nothing was changed"):
        carry_out(plan)
    assert sqlite.history == before
