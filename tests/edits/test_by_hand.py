"""A row that somebody changes with SQL while the strategy runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from asking import current, kept, told

from either import sql
from postgres.waiting import eventually
from stratvars import Backup


@pytest.fixture
def backup(any_url: str) -> Iterator[Backup]:
    with Backup("bot", any_url, lease=1) as backup:
        backup.vars.update(n=1, limit=10, old=True)
        backup.save()
        yield backup


def change(url: str, **values: object) -> str:
    """What an operator writes into the row: what stands there, with these values and without ``old``."""
    state = {name: value for name, value in current(url, "bot").items() if name != "old"} | values
    text = json.dumps(state, indent=1)
    sql(url, f"UPDATE vars_backup SET variables = '{text}' WHERE strategy_id = 'bot'")
    return text


def test_a_change_is_given_to_the_variables_and_what_the_bot_changed_meanwhile_stays(
    backup: Backup, any_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = change(any_url, limit=99)
    backup.vars.n = 2
    backup.save()
    assert current(any_url, "bot") == {"n": 2, "limit": 99}, "at once, before the variables have it"
    assert eventually(lambda: [reason for reason, _ in kept(any_url, "bot")][-2:] == ["external", "manual"])
    [(found,)] = sql(any_url, "SELECT changed FROM vars_backup_history WHERE reason = 'external'")
    assert found == text, "byte for byte"
    backup.save()
    assert backup.vars.all() == {"n": 2, "limit": 99}
    backup.save()
    assert current(any_url, "bot") == {"n": 2, "limit": 99}
    assert sum("changed by another hand since revision 1" in line for line in caplog.messages) == 1
    assert "'bot' was edited by another hand: limit, old." in caplog.text


def test_a_bot_that_only_waits_gets_it_with_its_next_change(backup: Backup, any_url: str) -> None:
    change(any_url, limit=98)
    backup.save()
    assert backup.vars.limit == 10, "nothing was to be saved, so nothing was looked at"
    backup.vars.n = 7
    backup.save()
    backup.apply_edits()
    assert backup.vars.all() == {"n": 7, "limit": 98}


def test_inside_a_turn_the_variables_are_left_alone_and_every_save_has_the_change(any_url: str) -> None:
    with Backup("bot", any_url) as backup:
        backup.vars.update(n=0, limit=10)
        backup.save()
        seen = []
        for _ in backup.every(0):
            backup.vars.n += 1
            seen.append(backup.vars.limit)
            if backup.vars.n == 1:
                change(any_url, limit=99)
                for _ in range(3):
                    backup.vars.n += 1
                    backup.save()
                    assert current(any_url, "bot") == {"n": backup.vars.n, "limit": 99}
                assert backup.vars.limit == 10
            if len(seen) == 3:
                break
    assert seen == [10, 99, 99]
    assert current(any_url, "bot") == {"n": 6, "limit": 99}


def test_two_changes_before_anything_was_saved_are_both_there(backup: Backup, any_url: str) -> None:
    change(any_url, limit=99)
    change(any_url, more=[1])
    backup.vars.n = 5
    backup.save()
    change(any_url, limit=50)
    backup.vars.n = 6
    backup.save()
    backup.apply_edits()
    assert backup.vars.all() == {"n": 6, "limit": 50, "more": [1]}
    backup.save()
    assert current(any_url, "bot") == {"n": 6, "limit": 50, "more": [1]}


@pytest.mark.parametrize("text", ['{"n": ', "[1]", '{"n": {"$no such tag": 1}}', '{"n":1,"n":2}'])
def test_what_cannot_be_read_is_put_aside_and_written_over(
    backup: Backup, any_url: str, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    sql(any_url, f"UPDATE vars_backup SET variables = '{text}' WHERE strategy_id = 'bot'")
    backup.vars.n = 2
    backup.save()
    assert current(any_url, "bot") == {"n": 2, "limit": 10, "old": True}
    [(number,)] = sql(any_url, "SELECT id FROM vars_backup_edits")
    aside = told(any_url, "bot", number)
    assert json.loads(aside.edit.change.texts[""]) == text
    assert (aside.fate, aside.edit.author) == ("refused", "another hand")
    assert f"is kept as edit {number}" in caplog.text
    backup.vars.n = 3
    backup.save()


def test_a_row_that_is_removed_comes_back_and_one_line_says_so(
    backup: Backup, any_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    sql(any_url, "DELETE FROM vars_backup")
    for number in (2, 3):
        backup.vars.n = number
        backup.save()
    assert current(any_url, "bot") == {"n": 3, "limit": 10, "old": True}
    assert sum("removed by another hand; it is written again" in line for line in caplog.messages) == 1


def test_a_database_that_went_back_is_noticed_by_a_bot_that_saves_nothing(
    backup: Backup, any_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    backup.vars.n = 2
    backup.save()
    sql(any_url, "UPDATE vars_backup_writers SET revision = 1")  # as a standby that lagged knows it
    sql(any_url, "DELETE FROM vars_backup_history WHERE revision = 2")
    begun = time.monotonic()
    assert eventually(lambda: len(kept(any_url, "bot")) == 2, 5), "the next renewal tells"
    assert time.monotonic() - begun < 4
    assert kept(any_url, "bot")[-1][1] == {"n": 2, "limit": 10, "old": True}, "whole"
    assert "The database went back" in caplog.text
