"""``stratvars history`` tells who asked for an edit and why, and ``export`` which edits it leaves out."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from either import sql
from stratvars import Backup, open_archive
from stratvars.cli import _stratvars
from stratvars.cli.errors import exit_code_of
from stratvars.edits import Change, Edit
from stratvars.revision import Claim, Reason
from stratvars.settings import resolve
from stratvars.store.opening import open_store
from stratvars.testing import TABLE, revision_of

Call = Callable[..., tuple[list[list[str]], str]]


@pytest.fixture
def call(any_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command here: the cells of its stdout, and its stderr."""
    with Backup("bot", any_url) as backup:
        backup.vars.update(limit=1, cash=5)
        backup.save()
    monkeypatch.setenv("DB_CONNECTION_STR", any_url)
    monkeypatch.setattr("getpass.getuser", lambda: "kim")
    monkeypatch.setattr("socket.gethostname", lambda: "desk")
    capsys.readouterr()

    def run(*words: str) -> tuple[list[list[str]], str]:
        assert exit_code_of(lambda: _stratvars.main(list(words), prog_name="stratvars", standalone_mode=False)) == 0
        said = capsys.readouterr()
        return [line.split("\t") for line in said.out.splitlines()], said.err

    return run


def test_who_asked_and_why_stands_beside_the_revision(call: Call, any_url: str) -> None:
    call("set", "bot", "limit=2", "--note", "desk call")
    call("rewind", "bot", "--to", "1", "--yes", "--note", "was a mistake")
    call("rewind", "bot", "--to", "3", "--yes")
    header, *lines = call("history", "bot")[0]
    assert header == ["revision", "saved", "why", "completed", "size", "by", "note"]
    assert [(line[0], line[2], *line[5:]) for line in lines] == [
        ("5", "edit", "kim on desk", "back to revision 3"),
        ("4", "edit", "kim on desk", "was a mistake"),
        ("3", "edit", "kim on desk", "desk call"),
        ("2", "stop", "", ""),
        ("1", "manual", "", ""),
    ]
    assert call("history", "bot", "limit", "--since", "3")[0][-1][3:] == ["2", "kim on desk", "desk call"]
    assert call("history", "bot", "cash")[0] == [["revision", "saved", "why", "cash"], ["1", *call_of(any_url, 1), "5"]]
    edits = [json.loads(line[0])["edits"] for line in call("history", "bot", "--json", "--limit", "4")[0]]
    assert [[edit["by"] for edit in found] for found in edits] == [["kim on desk"]] * 3 + [[]]
    assert edits[2] == [{"edit": 1, "by": "kim on desk", "note": "desk call"}]
    listed = call("edits", "bot")[0]
    assert [(line[2], line[3], line[5]) for line in listed[1:]] == [
        ("applied", "5", "limit"),
        ("applied", "4", "limit"),
        ("applied", "3", "limit"),
    ]
    call("prune", "bot", "--keep", "revisions=2", "--yes")
    call("rename", "bot", "other")
    assert [line[5] for line in call("history", "other")[0][1:]] == ["kim on desk"] * 2
    with open_archive(any_url) as archive:
        assert sorted(archive.signatures("other", archive.revisions("other"))) == [4, 5]
        assert archive.signatures("other", []) == {}
        assert len(archive.edits("other")) == 3, "they outlive the revision that they name"


def call_of(url: str, number: int) -> tuple[str, str]:
    with open_archive(url) as archive:
        [entry] = [entry for entry in archive.revisions("bot") if entry.number == number]
    return entry.saved_at.astimezone().isoformat(), entry.reason


def test_what_was_lost_under_the_same_number_was_asked_for_by_nobody(call: Call, any_url: str) -> None:
    call("set", "bot", "limit=2")
    with closing(open_store(resolve(any_url))) as store:
        store.prepare(TABLE)
        claim = store.acquire(TABLE, "bot", "", "a start that lost")
        assert isinstance(claim, Claim)
        lost = revision_of(replace(claim, epoch=1), {"limit": "9"}, number=3)
        store.keep_fenced(structs.replace(lost, reason=Reason.FENCED, complete=False))
        store.release(claim)
    assert [line[5:] for line in call("history", "bot", "--reason", "fenced")[0][1:]] == [["", ""]]


def test_a_history_is_told_where_edits_are_not(call: Call, any_url: str) -> None:
    sql(any_url, "DROP TABLE vars_backup_edits")
    lines, said = call("history", "bot")
    assert [line[0] for line in lines[1:]] == ["2", "1"]
    assert "who asked for edits cannot be read here" in said


def test_an_export_says_how_many_edits_wait_and_are_not_in_it(call: Call, any_url: str, tmp_path: Path) -> None:
    call("set", "bot", "limit=2")
    file = str(tmp_path / "bot.jsonl")
    assert "edit" not in call("export", "bot", file)[1]
    ask(any_url, "bot", Change({"limit": "3"}))
    lines, said = call("export", "bot", file, "--json")
    assert json.loads(lines[0][0])["waiting"] == 1
    assert said.endswith("bot: 1 edit that waits is not in the export; stratvars edits bot lists what was asked for\n")
    ask(any_url, "bot", Change({"limit": "4"}))
    assert "bot: 2 edits that wait are not in the export;" in call("drop", "bot", "--yes", "--export", file)[1]


def ask(url: str, name: str, change: Change) -> None:
    with closing(open_store(resolve(url))) as store:
        store.prepare(TABLE)
        store.ask(TABLE, name, Edit(change, 1, "kim"))
