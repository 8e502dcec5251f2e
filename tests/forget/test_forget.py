"""A variable that should never have been saved is nowhere any more, and all else is as it was."""

from __future__ import annotations

import logging
from pathlib import Path

import psycopg
import pytest
from remembering import CANARY, KEY, NAME, TABLE, ask, by_hand, fill, forgotten, found_in, holding, rows_of, states

from either import sql
from stratvars import Backup, forget, move, open_archive
from stratvars.edits import Change, Edit
from stratvars.errors import NewerFormatError, OwnedError, UnavailableError, UndecodableError
from stratvars.settings import resolve
from stratvars.store.postgres.statements import statements, table_names
from stratvars.traces import NOTE


def test_it_is_in_no_table_and_every_revision_says_what_it_said_of_all_others(any_url: str) -> None:
    fill(any_url)
    before, found = states(any_url), found_in(any_url)
    assert len(holding(any_url)) == 3, "the row, the history and the edits"
    [trace] = found.traces
    assert (trace.is_now, trace.edits, found.unreadable) == (True, 3, 1)
    assert (trace.revisions > 10, found.copies, found.newest) == (True, (), 900)
    done = forgotten(any_url)
    assert holding(any_url) == []
    assert not done.left.is_anywhere
    now = states(any_url)
    assert {number: now[number] for number in before} == before
    assert [number for number in now if number not in before] == [done.revision]
    with open_archive(any_url) as archive:
        newest = archive.revisions(NAME)[-1]
        assert (newest.number, newest.reason) == (done.revision, "edit")
        edits = archive.edits(NAME)
    assert (edits[0].revision, edits[0].fate, edits[0].edit.note) == (done.revision, "applied", NOTE)
    assert (edits[0].edit.author, edits[0].edit.change) == ("kim on desk", Change({}, (KEY,)))
    assert [(one.edit.note, one.said) for one in edits[1:]] == [
        ("is put aside", "(erased)"),
        ("(erased)", ""),
        ("a new key", ""),
    ]
    assert [set(one.edit.change.texts) for one in edits[1:]] == [set(), set(), {"n"}]


def test_the_next_start_goes_on_without_it_and_sees_no_other_hand(
    any_url: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with Backup(NAME, any_url) as backup:
        backup.vars.api_key = CANARY
    by_hand(any_url, NAME, cash=2, api_key=f"{CANARY}-10")
    forgotten(any_url)
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    capsys.readouterr()
    with Backup(NAME, any_url) as backup:
        assert backup.vars.all() == {"cash": 2}
        backup.vars.n = 5
        backup.save()
    assert "another hand" not in caplog.text + capsys.readouterr().err
    with open_archive(any_url) as archive:
        reasons = [entry.reason for entry in archive.revisions(NAME)]
    assert reasons[-4:] == ["external", "edit", "manual", "stop"]
    assert holding(any_url) == []


def test_nothing_of_another_strategy_is_touched(any_url: str) -> None:
    for name in (NAME, "other"):
        with Backup(name, any_url) as backup:
            backup.vars.api_key = CANARY
        ask(any_url, name, Edit(Change({KEY: f'"{CANARY}"'}), 1, "kim", CANARY), refused="busy")
    before = rows_of(any_url, "other")
    forgotten(any_url)
    assert rows_of(any_url, "other") == before
    assert CANARY in repr(before)
    assert CANARY not in repr(rows_of(any_url, NAME))


def test_several_variables_go_together_and_copies_of_the_value_are_named(any_url: str) -> None:
    with Backup(NAME, any_url) as backup:
        backup.vars.update(api_key=CANARY, config={"keys": [CANARY]}, cash=1)
        backup.save()
        backup.vars.config = {}
    assert found_in(any_url).copies == ("config",)
    assert found_in(any_url, KEY, "config").copies == ()
    done = forgotten(any_url, KEY, "config")
    before = rows_of(any_url, NAME)
    assert forgotten(any_url, KEY, "config").revision == done.revision, "done twice it leaves one trace"
    assert (rows_of(any_url, NAME), holding(any_url)) == (before, [])
    assert done.left.known == ("cash",)
    assert list(states(any_url)[1]) == [("cash", "1")]


def test_an_edit_that_still_waits_is_made_first(any_url: str) -> None:
    with Backup(NAME, any_url) as backup:
        backup.vars.update(n=1)
    ask(any_url, NAME, Edit(Change({KEY: f'"{CANARY}"', "n": "2"}), 1, "kim"))
    done = forgotten(any_url)
    assert (holding(any_url), done.left.is_anywhere) == ([], False)
    assert states(any_url)[done.revision] == [("n", "2")]


def test_what_was_asked_for_since_it_was_erased_is_erased_anew(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bots.db"
    with Backup(NAME, url) as backup:
        backup.vars.update(n=1, api_key=CANARY)
    first = forgotten(url)
    ask(url, NAME, Edit(Change({KEY: f'"{CANARY}"'}), 1, "kim"), refused="busy")
    again = forgotten(url)
    assert (holding(url), again.left.is_anywhere) == ([], False)
    assert again.revision == first.revision + 1


def test_a_strategy_that_runs_is_refused(any_url: str) -> None:
    with Backup(NAME, any_url) as backup:
        backup.vars.update(api_key=CANARY, n=1)
        backup.save()
        before = rows_of(any_url, NAME)
        with pytest.raises(OwnedError, match="Stop it first"):
            move.check_stopped(resolve(any_url), TABLE, NAME)
        with pytest.raises(OwnedError, match=r"nothing was erased\. Stop it first"):
            forgotten(any_url)
        assert rows_of(any_url, NAME) == before
    move.check_stopped(resolve(any_url), TABLE, NAME)


def test_what_cannot_be_read_now_is_left_as_it_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bots.db"
    fill(url)
    sql(url, f"UPDATE vars_backup_writers SET format = 99 WHERE strategy_id = '{NAME}'")
    before = rows_of(url, NAME, but=("writers",))
    with pytest.raises(NewerFormatError, match="nothing was erased"):
        forgotten(url)
    assert rows_of(url, NAME, but=("writers",)) == before
    sql(url, f"UPDATE vars_backup SET variables = '[1' WHERE strategy_id = '{NAME}'")
    with pytest.raises(UndecodableError, match=f"stratvars rewind {NAME} --to"):
        forgotten(url)
    assert rows_of(url, NAME, but=("writers", "")) == {key: before[key] for key in ("history", "edits")}


def test_where_the_row_is_gone_the_past_is_erased_all_the_same(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bots.db"
    fill(url)
    sql(url, f"DELETE FROM vars_backup WHERE strategy_id = '{NAME}'")
    before = states(url)
    done = forgotten(url)
    assert (done.revision, holding(url), states(url)) == (0, [], before)


def test_who_thins_the_history_meanwhile_is_waited_for(
    pg_url: str, monkeypatch: pytest.MonkeyPatch, admin: psycopg.Connection
) -> None:
    with Backup(NAME, pg_url) as backup:
        backup.vars.api_key = CANARY
    lock = statements(TABLE)["thinner"].encode()
    who = {"strategy": NAME, "history": table_names(TABLE)["T_history"]}
    with admin.transaction():
        assert admin.execute(lock, who).fetchone() == (True,)
        monkeypatch.setattr(forget, "_BUSY", 2)
        with pytest.raises(UnavailableError, match="being thinned by somebody else") as caught:
            forgotten(pg_url)
    assert "run the command again" in caught.value.__notes__[0]
    assert holding(pg_url) == ["vars_backup_history"], "it is unset, and the past still has it"
    forgotten(pg_url)
    assert holding(pg_url) == []
