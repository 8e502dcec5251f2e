"""``stratvars set``, ``unset`` and ``edits``, through a pipe and on a terminal, on both kinds of database."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from commandline import Shell

from either import sql
from stratvars import Backup

LIVE = """
from stratvars import Backup

with Backup("bot", lease=1) as backup:
    for _ in backup.every("50S"):
        print("turn", flush=True)
"""
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
VALUES = {"n": 1, "limit": 10, "price": Decimal("1.50"), "at": AT, "on": True, "pairs": ["A"], "api_key": "sk-canary"}


@pytest.fixture
def shell(tmp_path: Path, any_url: str) -> Shell:
    with Backup("bot", any_url) as backup:
        backup.vars.update(VALUES)
    return Shell(tmp_path, {"DB_CONNECTION_STR": any_url})


@pytest.fixture
def lite(tmp_path: Path) -> Shell:
    """The same beside a file, for what no database decides."""
    url = f"sqlite:///{tmp_path / 'lite.db'}"
    with Backup("bot", url) as backup:
        backup.vars.update(VALUES)
    return Shell(tmp_path, {"DB_CONNECTION_STR": url})


@contextmanager
def running(shell: Shell) -> Iterator[subprocess.Popen[str]]:
    """The bot in a process of its own, waiting for its next turn."""
    script = shell.write("live.py", LIVE)
    child = subprocess.Popen([sys.executable, script], env=shell._environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "turn\n"
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=20)


def variables(url: str) -> dict[str, object]:
    with Backup("bot", url) as backup:
        return backup.vars.all()


def test_a_bot_that_runs_is_edited_and_what_became_of_it_is_told(shell: Shell, any_url: str) -> None:
    with running(shell):
        done = shell.run("set", "bot", "limit=5", "price=2.25", "new=x=1", "--note", "desk call")
        assert (done.returncode, done.stdout) == (
            0,
            "name\tnow\tthen\nlimit\t10\t5\nprice\tDecimal('1.50')\tDecimal('2.25')\nnew\t(not set)\t'x=1'\n",
        )
        assert done.stderr.splitlines()[-1] == "bot: edit 1 is applied, with revision 2"
        assert shell.run("unset", "bot", "new", "on").returncode == 0
        back = shell.run("rewind", "bot", "--to", "1", "--yes")
        assert back.returncode == 0, back.stderr
        assert back.stderr.splitlines()[-1] == "bot: edit 3 is applied, with revision 4"
        assert shell.run("set", "bot", "limit=6").returncode == 0
    assert variables(any_url) == VALUES | {"limit": 6}
    listed = shell.run("edits", "bot", "--json")
    told = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [(one["edit"], one["fate"], one["revision"]) for one in told] == [
        (4, "applied", 5),
        (3, "applied", 4),
        (2, "applied", 3),
        (1, "applied", 2),
    ]
    assert [one["note"] for one in told] == ["", "back to revision 1", "", "desk call"]
    assert told[3]["sets"] == ["limit", "price", "new"]
    assert told[2]["unsets"] == ["new", "on"]
    assert re.fullmatch(r".+ on .+", told[0]["by"])


def test_a_bot_that_does_not_run_is_edited_at_once(shell: Shell, any_url: str) -> None:
    done = shell.run("set", "bot", "limit=5", "at=2026-05-06T07:08:09+00:00", "on=FALSE", 'pairs:=["B"]', "n=2")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "bot: edit 1 is applied, with revision 2"
    new = {"limit": 5, "at": datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC), "on": False, "pairs": ["B"], "n": 2}
    assert variables(any_url) == VALUES | new
    reasons = [reason for (reason,) in sql(any_url, "SELECT reason FROM vars_backup_history ORDER BY revision")]
    assert reasons == ["stop", "edit", "stop"]


def test_a_change_by_hand_is_kept_before_the_edit_takes_its_place(shell: Shell, any_url: str) -> None:
    sql(any_url, """UPDATE vars_backup SET variables = '{ "limit": 7, "more": 1}'""")
    assert shell.run("set", "bot", "limit=5").returncode == 0
    assert variables(any_url) == {"limit": 5, "more": 1}
    found = sql(any_url, "SELECT changed FROM vars_backup_history WHERE reason = 'external'")
    assert found == [('{ "limit": 7, "more": 1}',)]


def test_what_is_not_waited_for_is_kept_and_can_be_cancelled(shell: Shell, any_url: str) -> None:
    with running(shell) as bot:
        bot.send_signal(signal.SIGSTOP)  # it answers nothing until it goes on
        time.sleep(1.2)  # longer than its lease: it must not be fenced for that
        try:
            left = shell.run("set", "bot", "limit=5", "--no-wait")
            assert left.returncode == 0
            assert "bot: edit 1 still waits for the strategy" in left.stderr
            assert left.stderr.endswith("Look with: stratvars edits bot\n")
            late = shell.run("set", "bot", "limit=6", "--wait", "0.3")
            assert late.returncode == 1
            assert "bot: edit 2 still waits for the strategy" in late.stderr
            assert [line.split("\t")[2] for line in shell.run("edits", "bot").stdout.splitlines()] == [
                "fate",
                "waiting",
                "waiting",
            ]
            gone = shell.run("edits", "bot", "--cancel", "2")
            assert (gone.returncode, gone.stderr.splitlines()[-1]) == (0, "bot: edit 2 is cancelled")
        finally:
            bot.send_signal(signal.SIGCONT)
        assert shell.run("set", "bot", "n=3").returncode == 0
        assert shell.run("edits", "bot", "--cancel", "1").returncode == 1, "it is applied"
    assert variables(any_url) == VALUES | {"limit": 5, "n": 3}


def test_secrets_are_hidden_unless_they_are_to_be_shown(lite: Shell) -> None:
    done = lite.run("set", "bot", "api_key=sk-other")
    assert "sk-" not in done.stdout + done.stderr
    shown = lite.run("set", "bot", "api_key=sk-third", "--reveal")
    assert "'sk-other'\t'sk-third'" in shown.stdout
    assert "sk-" not in lite.run("edits", "bot").stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("limit=1.5",), "limit is an int, and '1.5' is none; write 'limit:=1.5' to give it another type"),
        (("price=abc",), "price is a Decimal, and 'abc' is none; write 'price:=\"abc\"' to give it another type"),
        (("limit=1e400",), "limit is an int, and '1e400' is none; write 'limit:=\"1e400\"' to give it another type"),
        (("limit=inf",), "limit is an int, and 'inf' is none; write 'limit:={\"$float\":\"inf\"}' to give it another"),
        (("on=maybe",), "on is a bool, and 'maybe' is none"),
        (("pairs=B",), "pairs is a list, which cannot be written like that; write pairs:=JSON"),
        (("pairs:=[B]",), "pairs:= wants JSON, and '[B]' is none"),
        (("pairs:=B",), "A string needs quotes"),
        (('price:={"$decimal":"1,5"}',), "price:= cannot be read: what stands in $decimal is not"),
        (('new:={"a":[{"$date":"2026-13-01"}]}',), "new:= cannot be read: what stands in $date is not"),
        (('new:={"$dataclass":["Leg",{"at":{"$uuid":"x"}}]}',), "what stands in $uuid is not what this library writes"),
        (('new:={"$decimals":"1"}',), "'$decimals' is no tag that this version of the library knows"),
        (("limit",), "'limit' sets nothing; write VARIABLE=VALUE, or VARIABLE:=JSON"),
        (("=5",), "'=5' sets nothing"),
        (("limit=5", "limit=6"), "limit is set twice"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_read_is_refused_and_nothing_is_asked_for(
    lite: Shell, words: tuple[str, ...], sentence: str
) -> None:
    done = lite.run("set", "bot", *words)
    assert done.returncode == 2
    assert sentence in done.stderr
    url = lite.environment["DB_CONNECTION_STR"]
    assert sql(url, "SELECT count(*) FROM vars_backup_edits") == [(0,)]
    assert variables(url) == VALUES


def test_a_new_number_that_is_too_large_to_be_one_stays_a_text(lite: Shell) -> None:
    digits = "9" * 5000
    assert (
        lite.run("set", "bot", f"long={digits}", f"whole={digits[:400]}", "large=1e400", "without_end=-inf").returncode
        == 0
    )
    found = variables(lite.environment["DB_CONNECTION_STR"])
    assert (found["long"], found["whole"], found["large"]) == (digits, int(digits[:400]), "1e400")
    assert found["without_end"] == float("-inf")


def test_an_object_of_a_class_that_only_the_strategy_knows_is_set(lite: Shell) -> None:
    assert lite.run("set", "bot", 'leg:={"$dataclass":["Leg",{"strike":100.0}]}').returncode == 0
    assert "leg\tLeg(strike=100.0)" in lite.run("show", "bot").stdout


def test_a_strategy_or_variable_that_is_not_there_is_answered_with_what_is(lite: Shell) -> None:
    for words in (("set", "bott", "x=1"), ("unset", "bott", "x"), ("edits", "bott")):
        done = lite.run(*words)
        assert done.returncode == 2
        assert "did you mean bot?" in done.stderr
    missing = lite.run("unset", "bot", "limits")
    assert missing.returncode == 2
    assert "did you mean limit?" in missing.stderr
    unknown = lite.run("edits", "bot", "--cancel", "9")
    assert unknown.returncode == 2
    assert "'bot' has no edit 9; stratvars edits bot lists them" in unknown.stderr
    assert lite.run("edits", "bot").stdout.splitlines() == ["edit\tage\tfate\trevision\tby\tsets\tunsets\tnote"]


def test_on_a_terminal_the_change_is_shown_as_old_and_new(lite: Shell) -> None:
    assert "limit: 10 -> 5" in re.sub(r"\x1b\[[0-9;]*m", "", lite.on_terminal("set", "bot", "limit=5"))


def test_a_database_that_cannot_be_used_ends_it_with_3(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"DB_CONNECTION_STR": "postgresql://nobody@127.0.0.1:1/none"})
    assert shell.run("set", "bot", "limit=5").returncode == 3
