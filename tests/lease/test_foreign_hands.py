"""Rows that somebody changes or removes while the strategy does not run."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from runs import Base

from stratvars import Backup
from stratvars.cli.checkup import all_facts
from stratvars.edits import Change, Edit, Fate
from stratvars.errors import LostRowError, UndecodableError
from stratvars.request import request
from stratvars.settings import resolve
from stratvars.store.opening import examine


@pytest.fixture(params=["sqlite", "postgres"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Base:
    if request.param == "sqlite":
        base = Base(f"sqlite:///{tmp_path / 'hands.db'}", tmp_path)
    else:
        base = Base(str(request.getfixturevalue("pg_url")), tmp_path)
    for number in (1, 2):
        with Backup("Bot", base.url) as backup:
            backup.vars.update(n=number, limit=10)
    return base


def run_shown(message: str, base: Base) -> None:
    """Go the way back that the message shows, from a folder in which nothing else tells of the database."""
    [shown] = re.findall(r"stratvars rewind ([^;]*)", message)
    arguments = shlex.split(shown.replace('"$DB_CONNECTION_STR"', shlex.quote(base.url)))
    words = [sys.executable, "-m", "stratvars", "rewind", "--yes", *arguments]
    (elsewhere := base.folder / "elsewhere").mkdir(exist_ok=True)
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=elsewhere)
    assert done.returncode == 0, done.stderr


def everything(base: Base) -> list[list[tuple[object, ...]]]:
    tables = ("vars_backup", "vars_backup_history")
    return [base.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]


def test_a_change_by_hand_is_adopted_said_and_kept_byte_for_byte(base: Base, caplog: pytest.LogCaptureFixture) -> None:
    written = '{ "limit": 99,\n  "n": 2.50 }'
    base.execute(f"UPDATE vars_backup SET variables = '{written}' WHERE strategy_id = 'Bot'")
    with Backup("Bot", base.url) as backup:
        assert backup.vars.all() == {"limit": 99, "n": 2.5}
        backup.save()
    assert "The variables of 'Bot' were changed by another hand since revision 2; they are adopted." in caplog.text
    kept = base.execute("SELECT changed FROM vars_backup_history WHERE reason = 'external'")
    assert kept == [(written,)]
    caplog.clear()
    with Backup("Bot", base.url) as backup:
        assert backup.vars.all() == {"limit": 99, "n": 2.5}
    assert "another hand" not in caplog.text, "it is ours now"


def test_a_change_by_hand_that_cannot_be_read_is_refused_with_its_place_and_left_as_it_is(base: Base) -> None:
    base.execute("""UPDATE vars_backup SET variables = '{"n": 2, "limit": }' WHERE strategy_id = 'Bot'""")
    before = everything(base)
    with pytest.raises(UndecodableError, match=r"not one JSON object: .*byte 18"):
        Backup("Bot", base.url).open()
    assert everything(base) == before


def test_a_row_of_another_program_is_adopted(base: Base) -> None:
    base.execute(
        "INSERT INTO vars_backup (id, last_updated, variables, strategy_id) "
        """VALUES ('1', '2026-01-01 00:00:00+00:00', '{"shares": 5}', 'theirs')"""
    )
    with Backup("theirs", base.url) as backup:
        assert backup.vars.all() == {"shares": 5}
        backup.vars.shares += 1
    assert [
        json.loads(text) for (text,) in base.execute("SELECT variables FROM vars_backup WHERE strategy_id = 'theirs'")
    ] == [{"shares": 6}]


@pytest.mark.parametrize("removed", ["DELETE FROM vars_backup", "DROP TABLE vars_backup"])
def test_a_row_that_is_gone_is_never_an_empty_start(base: Base, removed: str) -> None:
    base.execute(removed)
    for _ in range(2):
        with pytest.raises(
            LostRowError, match=r"was saved up to revision 2, and its row in the table 'vars_backup' is"
        ) as refused:
            Backup("Bot", base.url).open()
    run_shown(str(refused.value), base)
    with Backup("Bot", base.url) as backup:
        assert backup.vars.all() == {"n": 2, "limit": 10}


@pytest.mark.parametrize("removed", ["DELETE FROM vars_backup_writers", "DROP TABLE vars_backup_writers"])
def test_a_writers_row_that_is_gone_is_refused_until_a_revision_is_chosen(base: Base, removed: str) -> None:
    base.execute(removed)
    before = everything(base)
    for _ in range(2):
        with pytest.raises(LostRowError, match=r"stratvars rewind Bot --to 2") as refused:
            Backup("Bot", base.url).open()
    assert everything(base) == before
    run_shown(str(refused.value), base)
    with Backup("Bot", base.url) as backup:
        assert backup.vars.all() == {"n": 2, "limit": 10}
    revisions = [number for (number,) in base.execute("SELECT revision FROM vars_backup_history ORDER BY revision")]
    assert revisions == [*range(1, len(revisions) + 1)], "the numbers go on where the history ended"


def test_a_shown_command_reaches_the_table_and_the_database_of_the_start(base: Base) -> None:
    with Backup("Bot", base.url, table="my bots") as backup:
        backup.vars.n = 1
    base.execute("""DELETE FROM "my bots" WHERE strategy_id = 'Bot'""")
    with pytest.raises(LostRowError) as refused:
        Backup("Bot", base.url, table="my bots").open()
    run_shown(str(refused.value), base)
    with Backup("Bot", base.url, table="my bots") as backup:
        assert backup.vars.all() == {"n": 1}


def test_a_shown_command_names_a_strategy_as_the_shell_reads_it(base: Base) -> None:
    for name in ("my bot", "-bot"):
        with Backup(name, base.url) as backup:
            backup.vars.n = 1
        base.execute(f"DELETE FROM vars_backup_writers WHERE strategy_id = '{name}'")
        with pytest.raises(LostRowError) as refused:
            Backup(name, base.url).open()
        run_shown(str(refused.value), base)
        with Backup(name, base.url) as backup:
            assert backup.vars.all() == {"n": 1}


@pytest.mark.parametrize("written", ["{bad", '{"n": {"$decimal": "1,5"}}'])
def test_what_cannot_be_read_names_the_command_that_goes_back(base: Base, written: str) -> None:
    base.execute(f"UPDATE vars_backup SET variables = '{written}' WHERE strategy_id = 'Bot'")
    with pytest.raises(
        UndecodableError, match=r"before it was changed by hand: stratvars rewind Bot --to 2"
    ) as refused:
        Backup("Bot", base.url).open()
    fact = next(fact for fact in all_facts(examine(resolve(base.url), "vars_backup")) if fact.name == "strategy")
    assert "stratvars rewind Bot --to 2" in fact.remedy
    run_shown(str(refused.value), base)
    with Backup("Bot", base.url) as backup:
        assert backup.vars.all() == {"n": 2, "limit": 10}


def test_what_cannot_be_read_though_it_was_saved_so_names_the_command_that_lists_what_was(base: Base) -> None:
    edit = Edit(Change({"n": '{"$decimal":"1,5"}'}), 1, "somebody", "")
    assert request(resolve(base.url), "vars_backup", "Bot", edit, wait=0).fate == Fate.APPLIED
    shown = r"^n: .* lists: stratvars history Bot --db .* stratvars rewind Bot --to REVISION --db "
    with pytest.raises(UndecodableError, match=shown):
        Backup("Bot", base.url).open()


def test_what_only_a_class_is_lacking_for_names_no_way_back(base: Base) -> None:
    base.execute(
        """UPDATE vars_backup SET variables = '{"n": {"$enum": ["Unheard", "OF"]}}' WHERE strategy_id = 'Bot'"""
    )
    with pytest.raises(UndecodableError, match=r"stratvars.register` on it before the state is restored$"):
        Backup("Bot", base.url).open()


def test_a_history_that_is_gone_begins_anew(base: Base) -> None:
    base.execute("DROP TABLE vars_backup_history")
    with Backup("Bot", base.url) as backup:
        assert backup.vars.all() == {"n": 2, "limit": 10}
        backup.vars.n = 3
    assert base.history[-1][2] == {"n": 3, "limit": 10}, "whole, for nothing is before it"
