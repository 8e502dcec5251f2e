"""Rows that somebody changes or removes while the strategy does not run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from runs import Base

from stratvars import Backup
from stratvars.cli import main
from stratvars.errors import LostRowError, UndecodableError


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
        ):
            Backup("Bot", base.url).open()


@pytest.mark.parametrize("removed", ["DELETE FROM vars_backup_writers", "DROP TABLE vars_backup_writers"])
def test_a_writers_row_that_is_gone_is_refused_until_a_revision_is_chosen(
    base: Base, removed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base.execute(removed)
    before = everything(base)
    for _ in range(2):
        with pytest.raises(LostRowError, match=r"stratvars rewind Bot --to 2"):
            Backup("Bot", base.url).open()
    assert everything(base) == before
    monkeypatch.setattr("sys.argv", ["stratvars", "rewind", "Bot", "--to", "2", "--yes", "--db", base.url])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in {0, None}, capsys.readouterr().err
    with Backup("Bot", base.url) as backup:
        assert backup.vars.all() == {"n": 2, "limit": 10}
    revisions = [number for (number,) in base.execute("SELECT revision FROM vars_backup_history ORDER BY revision")]
    assert revisions == [*range(1, len(revisions) + 1)], "the numbers go on where the history ended"


def test_a_history_that_is_gone_begins_anew(base: Base) -> None:
    base.execute("DROP TABLE vars_backup_history")
    with Backup("Bot", base.url) as backup:
        assert backup.vars.all() == {"n": 2, "limit": 10}
        backup.vars.n = 3
    assert base.history[-1][2] == {"n": 3, "limit": 10}, "whole, for nothing is before it"
