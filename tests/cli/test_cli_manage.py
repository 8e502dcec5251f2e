"""``stratvars rename`` and ``drop``, through a pipe and on a terminal."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import Shell
from prefork import COMMAND

from rewinding import Place, postgresql_place, sqlite_place
from stratvars.archive import open_archive
from stratvars.owner import Owner
from terminal import answered

QUESTION = "type its name: "
LIVE = """
    import sys
    from stratvars import Backup

    with Backup("bot", sys.argv[1]) as backup:
        for _ in backup.every("50S"):
            print("turn", flush=True)
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, {"NO_COLOR": "1", "TERM": "dumb"})


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        with sqlite_place(tmp_path) as place:
            yield place
    else:
        with postgresql_place(request.getfixturevalue("pg_url")) as place:
            yield place


def names(place: Place) -> list[str]:
    with open_archive(place.url) as archive:
        return [stored.strategy for stored in archive.strategies()]


def test_a_strategy_gets_another_name(shell: Shell, place: Place) -> None:
    place.live({"n": 1}, {"n": 2})
    done = shell.run("rename", "bot", "btc 2026", "--db", place.url)
    where = str(place.database)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"bot: is btc 2026 now, with 3 revisions, in {where}\n"
    assert shell.run("show", "btc 2026", "--at", "1", "--db", place.url).stdout == "name\tvalue\nn\t1\n"
    done = shell.run("rename", "btc 2026", "x", "--db", place.url, "--json")
    assert json.loads(done.stdout) == {"old": "btc 2026", "new": "x", "revision": 3, "revisions": 3}


def test_what_cannot_be_renamed_is_refused_with_2(shell: Shell, place: Place) -> None:
    place.live({"n": 1})
    place.live({"n": 1}, name="other")
    db = ("--db", place.url)
    assert "there is a strategy 'other' in" in shell.refused("rename", "bot", "other", *db)
    assert "nothing is saved under the name 'bto'" in shell.refused("rename", "bto", "x", *db)
    assert "missing argument 'NEWNAME'" in shell.refused("rename", "bot", *db)
    assert "is blank" in shell.refused("rename", "bot", " ", *db)
    assert "there is no database at" in shell.refused("rename", "bot", "x", "--db", "sqlite:///no.db")
    assert names(place) == ["bot", "other"]
    assert not (shell.folder / "no.db").exists()


def test_dropping_asks_for_the_name_and_says_what_is_lost(shell: Shell, place: Place) -> None:
    place.live({"n": 1}, {"n": 2})
    words = [COMMAND, "drop", "bot", "--db", place.url]
    for answer, code in (("y\n", 1), ("bo\n", 1), ("\n", 1), ("\x04", 130)):
        given, shown = answered(words, answer, shell.folder, shell._environment(), question=QUESTION)
        assert given == code, shown
        assert re.search(
            r"bot: its variables and 3 revisions, the oldest of \d{4}-\d\d-\d\d \d\d:\d\d, are to be lost", shown
        )
        assert "; first they are exported to bot.jsonl" in shown
        assert not (shell.folder / "bot.jsonl").exists()
        assert names(place) == ["bot"]
    given, shown = answered(words, "bot\n", shell.folder, shell._environment(), question=QUESTION)
    assert (given, "bot: dropped, with 3 revisions, from" in shown) == (0, True)
    assert names(place) == []


def test_without_a_terminal_it_drops_only_when_told_so(shell: Shell, place: Place) -> None:
    place.live({"n": 1})
    assert "there is no terminal to ask on; add --yes" in shell.refused("drop", "bot", "--db", place.url)
    assert names(place) == ["bot"]
    done = shell.run("drop", "bot", "--db", place.url, "--yes", "--json")
    assert json.loads(done.stdout) == {"name": "bot", "revision": 2, "revisions": 2}
    assert names(place) == []
    assert "nothing is saved under the name 'bot'" in shell.refused("drop", "bot", "--db", place.url, "--yes")


def test_what_was_exported_before_it_was_dropped_comes_back(shell: Shell, place: Place) -> None:
    place.live({"n": 1}, {"n": 2})
    done = shell.run("drop", "bot", "--export", "bot.jsonl", "--yes", "--db", place.url)
    assert done.returncode == 0, done.stderr
    assert shell.run("import", "bot.jsonl", "--db", place.url).returncode == 0
    assert shell.run("show", "bot", "--at", "1", "--db", place.url).stdout == "name\tvalue\nn\t1\n"
    assert place.live() == {"n": 2}


def test_it_is_exported_first_unless_no_copy_is_wanted(shell: Shell, place: Place) -> None:
    for number, file in enumerate(("my_bot.jsonl", "my_bot-2.jsonl")):
        place.live({"n": number}, name="my/bot")
        done = shell.run("drop", "my/bot", "--yes", "--db", place.url)
        assert (done.returncode, f"first they are exported to {file}" in done.stderr) == (0, True), done.stderr
        assert shell.run("import", file, "--db", place.url, "--dry-run").returncode == 0
    place.live({"n": 2}, name="my/bot")
    assert "contradict" in shell.refused("drop", "my/bot", "--no-export", "--export", "x", "--yes", "--db", place.url)
    done = shell.run("drop", "my/bot", "--no-export", "--yes", "--db", place.url)
    assert (done.returncode, "no copy is kept" in done.stderr) == (0, True)
    assert len(list(shell.folder.glob("*.jsonl"))) == 2


def test_nothing_is_dropped_when_the_export_before_it_fails(shell: Shell, place: Place) -> None:
    place.live({"n": 1})
    said = shell.run("drop", "bot", "--export", "no/bot.jsonl", "--yes", "--db", place.url)
    assert (said.returncode, "the folder no does not exist" in said.stderr) == (2, True)
    assert names(place) == ["bot"]


def test_a_strategy_that_runs_is_neither_renamed_nor_dropped(shell: Shell, place: Place) -> None:
    place.live({"n": 1})
    script = shell.write("live.py", LIVE)
    words = [sys.executable, str(script), place.url]
    child = subprocess.Popen(words, env=shell._environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "turn\n"
        said = shell.refused("rename", "bot", "new", "--db", place.url, code=4)
        assert f"'bot' is running, in process {child.pid} on " in said
        dropped = shell.run("drop", "bot", "--yes", "--db", place.url)
        assert (dropped.returncode, f"in process {child.pid} on" in dropped.stderr) == (4, True)
        assert names(place) == ["bot"]
    finally:
        child.kill()
        child.communicate()
    assert shell.run("rename", "bot", "new", "--db", place.url).returncode == 0, "killed, it runs no more"


def test_a_strategy_that_was_started_while_it_asked_is_not_dropped(shell: Shell, place: Place) -> None:
    place.live({"n": 1})
    words = [COMMAND, "drop", "bot", "--db", place.url]

    def start() -> None:
        place.execute(f"UPDATE vars_backup_writers SET owner = '{Owner.current().to_text()}'")

    code, shown = answered(words, "bot\n", shell.folder, shell._environment(), meanwhile=start, question=QUESTION)
    assert (code, "is running, in process" in shown) == (4, True), shown
    assert names(place) == ["bot"]
