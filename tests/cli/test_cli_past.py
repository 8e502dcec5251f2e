"""``stratvars history``, ``diff`` and ``show --at``: looking back through a pipe and on a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from commandline import Shell

from rewinding import Place, postgresql_place, sqlite_place
from stratvars import Backup
from stratvars.cli.sparkline import BARS, sparkline
from stratvars.errors import UnsavableError
from stratvars.revision import Reason


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with sqlite_place(tmp_path) as place:
        yield place


@pytest.fixture
def shell(tmp_path: Path, place: Place) -> Shell:
    """Two lives: cash 10, 20, 5 and a crash; then 7 and a stop."""
    place.live(*({"cash": cash, "note": "x"} for cash in (10, 20, 5)), crash=True)
    place.live({"cash": 7, "note": "y"})
    return Shell(tmp_path)


def columns(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


def test_the_history_lists_revisions_newest_first(shell: Shell, place: Place) -> None:
    minutes_ago = "strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', '-' || (60 - revision) || ' minutes')"
    place.execute(f"UPDATE vars_backup_history SET saved_at = {minutes_ago}")
    done = shell.run("history", "bot")
    assert (done.returncode, done.stderr) == (0, f"bot, in {place.url}\n")
    header, *lines = columns(done.stdout)
    assert header == ["revision", "saved", "why", "completed", "size", "by", "note"]
    assert [(line[0], *line[2:4]) for line in lines] == [
        ("6", "stop", "yes"),
        ("5", "iteration", "yes"),
        ("4", "crash", "no"),
        ("3", "error", "no"),
        ("2", "iteration", "yes"),
        ("1", "iteration", "yes"),
    ]
    assert lines[-1][4] == "22 B"
    for number, time, *_ in lines:
        assert shell.run("show", "bot", "--at", time).stderr.startswith(f"bot: revision {number}, ")


def test_the_values_of_variables_are_listed_where_they_changed(shell: Shell) -> None:
    done = shell.run("history", "bot", "cash", "note")
    assert [(line[0], *line[3:]) for line in columns(done.stdout)] == [
        ("revision", "cash", "note"),
        ("5", "7", "'y'"),
        ("3", "5", "'x'"),
        ("2", "20", "'x'"),
        ("1", "10", "'x'"),
    ]


def test_one_variable_that_holds_numbers_is_drawn(shell: Shell, place: Place) -> None:
    assert shell.run("history", "bot", "cash").stderr.splitlines()[1] == "cash: 5 to 20 ▃█▁▂"
    for arguments in (["cash", "note"], ["note"], [], ["cash", "--json"], ["cash", "--limit", "1"]):
        assert not set(BARS) & set(shell.run("history", "bot", *arguments).stderr)
    ascii_shell = Shell(shell.folder, {"PYTHONIOENCODING": "ascii"})
    assert len(ascii_shell.run("history", "bot", "cash").stderr.splitlines()) == 1
    place.live(*({"cash": value} for value in (Decimal("1.5"), True, None, 3.5, float("inf"), 10**400)))
    assert "cash: 1.5 to 3.5 ▁█" in shell.run("history", "bot", "cash", "--since", "7").stderr


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--limit", "2"], [6, 5]),
        (["--limit", "0"], [6, 5, 4, 3, 2, 1]),
        (["--since", "before-crash"], [6, 5, 4, 3, 2]),
        (["--since", "5"], [6, 5]),
        (["--since", "1h", "--reason", "iteration"], [5, 2, 1]),
        (["--reason", "crash"], [4]),
        (["--since", "0s"], []),
        (["cash", "--limit", "2"], [5, 3]),
        (["cash", "--since", "4"], [5]),
        (["cash", "--reason", "stop"], [6]),
    ],
)
def test_revisions_are_chosen_by_moment_reason_and_number(shell: Shell, options: list[str], numbers: list[int]) -> None:
    done = shell.run("history", "bot", *options)
    assert [line[0] for line in columns(done.stdout)[1:]] == [str(number) for number in numbers]
    assert ("--limit 0 shows all" in done.stderr) == ("2" in options)
    assert ("nothing in its history fits" in done.stderr) == (numbers == [])


def test_history_as_json_has_the_stored_values(shell: Shell, place: Place) -> None:
    place.live({"cash": Decimal("1.50"), "api_key": "hunter2"})
    lines = [json.loads(line) for line in shell.run("history", "bot", "cash", "api_key", "--json").stdout.splitlines()]
    assert [line["revision"] for line in lines] == [7, 5, 3, 2, 1]
    assert lines[0].keys() == {
        *("revision", "saved_at", "age", "reason", "complete", "bytes", "held_back", "epoch", "start", "edits"),
        "variables",
    }
    assert lines[0]["variables"] == {"cash": {"$decimal": "1.50"}, "api_key": "********"}
    assert lines[1]["variables"] == {"cash": 7}
    shown = shell.run("history", "bot", "api_key", "--json", "--reveal", "--limit", "1").stdout
    assert json.loads(shown)["variables"] == {"api_key": "hunter2"}
    assert "variables" not in json.loads(shell.run("history", "bot", "--json", "--limit", "1").stdout)
    assert shell.run("history", "bot", "--json", "--since", "0s").stdout == ""


def test_a_revision_that_held_a_variable_back_says_so(tmp_path: Path, place: Place) -> None:
    with suppress(UnsavableError), Backup("bot", place.url) as backup:
        backup.vars.good = [1]
        backup.keep(Reason.ITERATION, complete=True)
        backup.vars.good.append(print)
        backup.vars.n = 1
        backup.keep(Reason.ITERATION, complete=True)
    _, newest = [*columns(Shell(tmp_path).run("history", "bot", "--reason", "iteration").stdout)[:2]]
    assert (newest[2].endswith(", held back: good"), newest[3]) == (True, "no")


def test_what_may_be_a_password_is_hidden_in_diff_and_history(tmp_path: Path, place: Place) -> None:
    place.live(*({"api_key": f"hunter{n}", "a": [{"Token": f"hunter{n}", "n": n}], "secret": n} for n in (1, 2)))
    shell = Shell(tmp_path)
    for arguments in (["diff", "bot", "1"], ["history", "bot", "api_key"], ["history", "bot", "a"]):
        for option in ([], ["--json"]):
            done = shell.run(*arguments, *option)
            assert (done.returncode, "********" in done.stdout) == (0, True)
            assert "hunter" not in done.stdout + done.stderr
        assert "--reveal shows it" in shell.run(*arguments).stderr
        assert "hunter2" in shell.run(*arguments, "--reveal").stdout
    assert not set(BARS) & set(shell.run("history", "bot", "secret").stderr), "a line of bars tells of it, too"
    assert columns(shell.run("diff", "bot", "1").stdout)[1:] == [
        ["api_key", "********", "********"],
        ["a[0]['Token']", "********", "********"],
        ["a[0]['n']", "1", "2"],
        ["secret", "********", "********"],
    ]


def test_a_diff_is_nested_and_goes_to_what_is_saved_now(tmp_path: Path, place: Place) -> None:
    place.live(
        {"positions": {"SPY": [1, 2, {"quantity": 3}]}, "gone": 1}, {"positions": {"SPY": [1, 2, {"quantity": 4}]}}
    )
    shell = Shell(tmp_path)
    done = shell.run("diff", "bot", "1")
    assert columns(done.stdout) == [
        ["name", "old", "new"],
        ["positions['SPY'][2]['quantity']", "3", "4"],
        ["gone", "1", "(not set)"],
    ]
    assert re.fullmatch(
        r"bot: revision 1, saved \d+ s ago \(iteration\) -> revision 3, saved \d+ s ago \(stop\), in sqlite:\S+\n",
        done.stderr,
    )
    assert [json.loads(line) for line in shell.run("diff", "bot", "1", "--json").stdout.splitlines()] == [
        {"path": "positions['SPY'][2]['quantity']", "old": 3, "new": 4},
        {"path": "gone", "old": 1},
    ]
    assert columns(shell.run("diff", "bot", "2", "1").stdout)[2] == ["gone", "(not set)", "1"]
    same = shell.run("diff", "bot", "2", "last-iteration")
    assert (same.returncode, same.stdout, same.stderr.splitlines()[1]) == (0, "name\told\tnew\n", "nothing differs")
    place.execute('UPDATE vars_backup SET variables = \'{"by":"hand"}\'')
    by_hand = shell.run("diff", "bot", "last-iteration")
    assert columns(by_hand.stdout)[1] == ["by", "(not set)", "'hand'"]
    assert "(stop, changed by hand since)" in by_hand.stderr


def test_a_diff_on_a_terminal_has_a_line_each_within_its_width(tmp_path: Path, place: Place) -> None:
    place.live({"a": 1, "long": "x" * 500, "p": {"漢字": "y" * 500}}, {"a": 2, "long": "z", "p": {"漢字": "漢" * 99}})
    shown = Shell(tmp_path, {"NO_COLOR": "1"}).on_terminal("diff", "bot", "1", columns=60).splitlines()
    assert shown[0] == "a: 1 -> 2"
    assert re.fullmatch(r"long: 'x{40,}… -> 'z'", shown[1])
    assert shown[2].startswith("p['漢字']: 'yyy")
    assert " -> '漢漢" in shown[2]
    assert len(shown) == 3
    assert all(len(line) <= 60 for line in shown)
    assert "\x1b[31m1" in Shell(tmp_path).on_terminal("diff", "bot", "1")


def test_show_tells_what_was_saved_at_a_moment(shell: Shell) -> None:
    assert shell.run("show", "bot", "--at", "2").stdout == "name\tvalue\ncash\t20\nnote\t'x'\n"
    done = shell.run("show", "bot", "note", "cash", "--at", "before-crash")
    assert done.stdout == "name\tvalue\nnote\t'x'\ncash\t20\n"
    assert re.fullmatch(r"bot: revision 2, saved \d+ s ago \(iteration\), in sqlite:\S+\n", done.stderr)
    assert shell.run("show", "bot", "--at", "3", "--json").stdout == '{"cash":5,"note":"x"}\n'
    assert shell.run("show", "bot", "note", "--json").stdout == '{"note":"y"}\n'
    assert shell.run("show", "bot", "cash").stdout == "name\tvalue\ncash\t7\n"


def test_a_past_whose_row_is_gone_is_still_told(shell: Shell, place: Place) -> None:
    place.execute("DELETE FROM vars_backup")
    assert shell.run("show", "bot", "cash", "--at", "2").stdout == "name\tvalue\ncash\t20\n"
    assert len(columns(shell.run("history", "bot").stdout)) == 7
    assert shell.run("diff", "bot", "1", "2").returncode == 0
    assert "nothing is saved" in shell.refused("diff", "bot", "1")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "bot", "csh"], "bot has no variable csh; did you mean cash? It has: cash, note"),
        (["show", "bot", "cash", "--at", "soon"], "invalid value for '--at': 'soon' is no moment; give a"),
        (["show", "bot", "--at", "99"], "'bot' has no revision 99 in its history; the newest one is 6"),
        (["show", "bto", "--at", "1"], "nothing is saved under the name bto; did you mean bot?"),
        (["history", "bto"], "nothing is saved under the name bto; did you mean bot? Saved in sqlite:///"),
        (["history", "bot", "zzz"], "the history of bot has no variable zzz; it has: cash, note"),
        (["history", "bot", "--limit", "-1"], "invalid value for '--limit': -1 is too small; it must be 0 or more"),
        (["history", "bot", "--reason", "crahs"], "nothing is saved for the reason 'crahs'; did you mean crash?"),
        (["history", "bot", "--since", "1"], None),
        (["history"], "missing argument 'NAME'. See: stratvars history --help"),
        (["diff", "bot"], "missing argument 'A'. See: stratvars diff --help"),
        (["diff", "bot", "4", "x"], "'x' is no moment"),
        (["diff", "bot", "2w"], "'bot' had saved nothing by then; its history begins"),
        (["diff", "bto", "1"], "nothing is saved under the name bto"),
        (["diff", "bot", "1", "--table", "other"], "nothing is saved in the table other of sqlite:///"),
        (["histroy", "bot"], "there is no command 'histroy'; did you mean history?"),
    ],
)  # fmt: skip
def test_wrong_input_is_answered_with_2_and_what_is_there(shell: Shell, arguments: list[str], said: str | None) -> None:
    if said is None:
        assert shell.run(*arguments).returncode == 0
    else:
        assert said in shell.refused(*arguments)


def test_what_cannot_be_read_ends_with_3(shell: Shell, place: Place) -> None:
    place.execute("UPDATE vars_backup_history SET changed = '{broken' WHERE revision = 1")
    for arguments in (["show", "bot", "--at", "2"], ["diff", "bot", "1"], ["history", "bot", "cash"]):
        assert "revision 1 cannot be read from the history" in shell.refused(*arguments, code=3)
    assert shell.run("history", "bot").returncode == 0, "no value is needed for the list"
    place.execute("UPDATE vars_backup_history SET format = 99")
    assert "format 99" in shell.run("diff", "bot", "5").stderr
    assert shell.run("show", "bot", "--at", "5", "--json").returncode == 0
    (shell.folder / "notes.db").write_text("notes\n" * 500)
    assert "is not a SQLite database" in shell.refused("history", "bot", "--db", "sqlite:///notes.db", code=3)


def test_a_class_of_the_bot_is_not_needed(shell: Shell, place: Place) -> None:
    leg = '{"cash":{"$dataclass":["Leg",{"strike":100.0,"quantity":%d}]}}'
    for revision in (1, 2):
        place.execute(f"UPDATE vars_backup_history SET changed = '{leg % revision}' WHERE revision = {revision}")
    assert columns(shell.run("diff", "bot", "1", "2").stdout)[1] == ["cash.quantity", "1", "2"]
    shown = columns(shell.run("history", "bot", "cash").stdout)
    assert [line[3] for line in shown[-2:]] == [f"Leg(strike=100.0, quantity={n})" for n in (2, 1)]


def test_every_command_looks_back_in_a_postgresql_too(tmp_path: Path, pg_url: str) -> None:
    shell = Shell(tmp_path, {"DB_CONNECTION_STR": pg_url})
    with postgresql_place(pg_url) as place:
        place.live({"cash": 1}, {"cash": 2}, {"cash": 3}, crash=True)
    assert [line[3] for line in columns(shell.run("history", "bot", "cash").stdout)] == ["cash", "3", "2", "1"]
    done = shell.run("diff", "bot", "before-crash")
    assert columns(done.stdout)[1] == ["cash", "2", "3"]
    password = re.search(r":([^:@/]+)@", pg_url)
    assert password is not None
    assert password[1] not in done.stderr
    assert "postgresql://" in done.stderr
    first = columns(shell.run("history", "bot").stdout)[-1]
    assert shell.run("show", "bot", "--at", first[1]).stdout == "name\tvalue\ncash\t1\n"


def test_a_line_of_bars_goes_from_the_lowest_to_the_highest_and_fits() -> None:
    assert sparkline([0, 7, 3.5], 10) == "▁█▅"
    assert sparkline([5, 5], 10) == "▄▄"
    assert sparkline([-1.7e308, 1.7e308], 10) == "▁█"
    many = sparkline(list(range(1000)), 8)
    assert (len(many), many[0], many[-1]) == (8, "▁", "█")
