"""``stratvars rewind``, through a pipe and on a terminal."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from commandline import Shell
from prefork import COMMAND

from rewinding import Place, sqlite_place
from stratvars import Backup
from stratvars.owner import Owner
from terminal import answered

LIVE = """
    from stratvars import Backup

    with Backup("bot") as backup:
        for _ in backup.every("50S"):
            print("turn", flush=True)
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with sqlite_place(tmp_path) as place:
        yield place


def asked(
    shell: Shell, answer: str, *arguments: str, meanwhile: Callable[[], object] = lambda: None
) -> tuple[int, str]:
    words = [COMMAND, "rewind", *arguments]
    return answered(words, answer, shell.folder, shell._environment(), meanwhile=meanwhile)


def test_it_shows_what_changes_and_goes_back_without_asking_when_told_so(shell: Shell, place: Place) -> None:
    place.live({"n": 1, "text": "a\tb", "gone": [1]}, {"n": 2, "text": "a\tb", "new": None}, crash=True)
    done = shell.run("rewind", "bot", "--to", "last-iteration", "--yes")
    assert done.returncode == 0
    assert done.stdout == "name\tnow\tthen\nn\t2\t1\ngone\t(not set)\t[1]\nnew\tNone\t(not set)\n"
    first, *_, last = done.stderr.splitlines()
    assert re.fullmatch(
        r"bot: from revision 3, saved \d+ s ago \(crash\), to revision 1, saved \d+ s ago \(iteration\), in sqlite:\S+",
        first,
    )
    assert last == "bot: went back to revision 1, saved as revision 4; to take that back: --to 3"
    assert place.live() == {"n": 1, "text": "a\tb", "gone": [1]}
    back = shell.run("rewind", "bot", "--to", "3", "--yes")
    assert back.returncode == 0
    assert place.live() == {"n": 2, "text": "a\tb", "new": None}


def test_on_a_terminal_it_asks_and_does_what_is_answered(tmp_path: Path, place: Place) -> None:
    shell = Shell(tmp_path, {"NO_COLOR": "1", "TERM": "dumb"})
    place.live({"n": 1}, {"n": 2})
    before = place.history
    for answer, expected in (("n\n", 1), ("\n", 1), ("\x04", 130)):
        code, shown = asked(shell, answer, "bot", "--to", "1")
        assert (code, place.history) == (expected, before), shown
        assert ("nothing was changed" in shown) == (expected == 1)
    code, shown = asked(shell, "y\n", "bot", "--to", "1")
    assert code == 0
    assert "Go back to revision 1? [y/N]: y" in shown
    assert "went back to revision 1, saved as revision 4" in shown
    assert place.live() == {"n": 1}


def test_without_a_terminal_it_asks_nobody_and_changes_nothing(shell: Shell, place: Place) -> None:
    place.live({"n": 1}, {"n": 2})
    before = place.history
    said = shell.refused("rewind", "bot", "--to", "1")
    assert "there is no terminal to ask on; add --yes" in said
    done = shell.run("rewind", "bot", "--to", "1", stdin="y\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert place.history == before


def test_a_dry_run_shows_the_same_and_changes_nothing_also_while_the_strategy_runs(shell: Shell, place: Place) -> None:
    place.live({"n": 1}, {"n": 2})
    with Backup("bot", place.url):
        before = place.history
        done = shell.run("rewind", "bot", "--to", "1", "--dry-run")
        assert (done.returncode, done.stdout) == (0, "name\tnow\tthen\nn\t2\t1\n")
        assert "went back" not in done.stderr
        assert place.history == before


def test_a_strategy_that_runs_goes_back_by_itself(shell: Shell, place: Place) -> None:
    place.live({"n": 1}, {"n": 2})
    script = shell.write("live.py", LIVE)
    child = subprocess.Popen([sys.executable, script], env=shell._environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "turn\n"
        done = shell.run("rewind", "bot", "--to", "1", "--yes")
        assert done.returncode == 0
        assert re.fullmatch(r"bot: edit 1 is applied, with revision \d+", done.stderr.splitlines()[-1])
        assert json.loads(place.current.variables) == {"n": 1}
    finally:
        child.kill()
        child.communicate()
    assert shell.run("rewind", "bot", "--to", "3", "--yes").returncode == 0, "killed, it runs no more"
    assert place.live() == {"n": 2}


def test_where_nothing_would_change_it_says_so_and_writes_nothing(shell: Shell, place: Place) -> None:
    place.live({"n": 1}, {"n": 2})
    before = place.history
    done = shell.run("rewind", "bot", "--to", "last-iteration", "--yes")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"bot: nothing to change, the variables are those of revision 3, in {place.url}\n"
    assert place.history == before


def test_what_may_be_a_password_is_hidden(shell: Shell, place: Place) -> None:
    place.live({"API_Key": "hunter1", "account": {"Token": "hunter1", "n": 1}}, {"API_Key": "hunter2", "n": 1})
    done = shell.run("rewind", "bot", "--to", "1", "--yes")
    assert "hunter" not in done.stdout + done.stderr
    assert "API_Key\t********\t********\n" in done.stdout
    assert "account\t(not set)\t{'Token': '********', 'n': 1}\n" in done.stdout
    assert "******** stands for what may be a password; --reveal shows it\n" in done.stderr
    assert place.live()["API_Key"] == "hunter1"


def test_a_class_of_the_bot_is_shown_and_brought_back_without_it(shell: Shell, place: Place) -> None:
    place.live({"n": 1}, {"n": 2})
    text = '{"leg":{"$dataclass":["Leg",{"strike":100.0}]},"n":1.50}'
    place.execute(f"UPDATE vars_backup_history SET changed = '{text}' WHERE revision = 1")
    done = shell.run("rewind", "bot", "--to", "1", "--yes")
    assert done.stdout == "name\tnow\tthen\nleg\t(not set)\tLeg(strike=100.0)\nn\t2\t1.5\n"
    assert place.current.variables == text, "byte for byte"


def test_a_terminal_shows_what_differs_inside_and_long_texts_from_shortly_before_it(
    tmp_path: Path, place: Place
) -> None:
    shell = Shell(tmp_path, {"NO_COLOR": "1"})
    common, text = list(range(500)), "0123456789" * 20
    place.live(
        {"orders": [*common, "sold"], "note": text + "old"}, {"orders": [*common, "bought"], "note": text + "new"}
    )
    shown = shell.on_terminal("rewind", "bot", "--to", "1", "--dry-run", columns=80)
    assert shown.splitlines() == [
        "orders[500]: 'bought' -> 'sold'",
        "note: …0123456789new' -> …0123456789old'",
    ]
    piped = shell.run("rewind", "bot", "--to", "1", "--dry-run").stdout
    assert piped == f"name\tnow\tthen\norders[500]\t'bought'\t'sold'\nnote\t'{text}new'\t'{text}old'\n"


@pytest.mark.parametrize("when", ["before-crash", "last-iteration", "2", "0s ago"])
def test_it_goes_back_to_every_kind_of_moment(shell: Shell, place: Place, when: str) -> None:
    place.live({"n": 1}, {"n": 2}, {"n": 3}, crash=True)
    place.live({"n": 4}, crash=True)
    done = shell.run("rewind", "bot", "--to", when, "--yes", "--json")
    if when == "0s ago":
        assert "nothing to change" in done.stderr
        return
    assert (done.returncode, done.stdout) == (0, '{"path":"n","old":4,"new":2}\n')
    assert "went back to revision 2" in done.stderr
    assert place.live() == {"n": 2}


def test_only_the_order_of_the_variables_may_change(shell: Shell, place: Place) -> None:
    place.live({"a": 1, "b": 2})
    with Backup("bot", place.url) as backup:
        backup.vars.a = backup.vars.pop("a")
    done = shell.run("rewind", "bot", "--to", "1", "--yes")
    assert (done.returncode, done.stdout) == (0, "name\tnow\tthen\n")
    assert "only the order of the variables changes" in done.stderr
    assert place.current.variables == '{"a":1,"b":2}'


def test_a_state_that_cannot_be_read_is_gone_back_from(shell: Shell, place: Place) -> None:
    place.live({"n": 1, "m": 2})
    place.execute("UPDATE vars_backup SET variables = '{broken'")
    done = shell.run("rewind", "bot", "--to", "last-iteration", "--yes")
    assert done.returncode == 0
    assert done.stdout == "name\tnow\tthen\nn\t(cannot be read)\t1\nm\t(cannot be read)\t2\n"
    assert "what is saved now, which is not one JSON object" in done.stderr
    assert "(stop, changed by hand since), to revision 2" in done.stderr
    assert done.stderr.endswith("went back to revision 2, saved as revision 4; to take that back: --to 3\n")
    place.execute('UPDATE vars_backup SET variables = \'{"n":{"$wrong":1},"m":2}\'')
    wrong = shell.run("rewind", "bot", "--to", "2", "--yes")
    assert wrong.stdout == "name\tnow\tthen\nn\t(cannot be read)\t1\n"
    place.execute("DELETE FROM vars_backup")
    gone = shell.run("rewind", "bot", "--to", "2", "--yes")
    assert gone.stderr.startswith("bot: from a row that is gone back to revision 2")
    assert place.live() == {"n": 1, "m": 2}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bot", "--to", "99"], "'bot' has no revision 99 in its history; the newest one is 2"),
        (["bot", "--to", "yesterday"], "'yesterday' is no moment; give a revision (42), so long ago"),
        (["bot", "--to", "2w"], "'bot' had saved nothing by then; its history begins"),
        (["bot", "--to", "before-crash"], "'bot' never crashed; name another moment"),
        (["bot"], "missing option '--to'"),
        (["bto", "--to", "1"], "nothing is saved under the name 'bto' in the table 'vars_backup' of sqlite:///"),
        (["bot", "--to", "1", "--table", "other"], "in the table 'other' of"),
        (["", "--to", "1"], "is empty"),
        (["bot", "--to", "1", "--db", "sqlite:///none.db"], "there is no database at"),
    ],
)
def test_what_is_not_there_is_told_with_2(shell: Shell, place: Place, arguments: list[str], said: str) -> None:
    place.live({"n": 1})
    assert said in shell.refused("rewind", *arguments, "--yes")
    assert sorted(path.name for path in shell.folder.glob("*.db")) == ["stratvars.db"]


def test_a_strategy_of_an_unseen_machine_is_named_in_the_question(tmp_path: Path, place: Place) -> None:
    shell = Shell(tmp_path, {"TERM": "dumb", "COLUMNS": "500"})
    place.live({"n": 1}, {"n": 2})
    elsewhere = replace(Owner.current(), host="far-away", machine="another-boot", machine_id="", pid=77)
    place.execute(f"UPDATE vars_backup_writers SET owner = '{elsewhere.to_text()}'")
    code, shown = asked(shell, "n\n", "bot", "--to", "1")
    assert code == 1
    assert "It was last run by process 77 on far-away, which cannot be looked at from here" in shown
    assert place.current.owner == elsewhere.to_text(), "it was not taken over before the answer"


def test_a_start_while_the_question_stands_there_wins(tmp_path: Path, place: Place) -> None:
    shell = Shell(tmp_path, {"TERM": "dumb"})
    place.live({"n": 1}, {"n": 2})
    code, shown = asked(shell, "y\n", "bot", "--to", "1", meanwhile=lambda: place.live({"n": 3}))
    assert (code, "saved by somebody else meanwhile; nothing was changed" in shown) == (1, True)
    with ExitStack() as stack:
        code, shown = asked(
            shell, "y\n", "bot", "--to", "1", meanwhile=lambda: stack.enter_context(Backup("bot", place.url))
        )
        assert (code, "'bot' is running already, in process" in shown) == (4, True)
    assert place.live() == {"n": 3}
