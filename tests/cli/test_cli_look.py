"""``stratvars list`` and ``stratvars show``, through a pipe and on a terminal."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from commandline import Shell
from prefork import COMMAND

from stratvars import Backup

LONG = "x" * 5000


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def save(shell: Shell, name: str, variables: Mapping[str, object], table: str = "vars_backup") -> None:
    with Backup(name, f"sqlite:///{shell.folder}/stratvars.db", table=table) as backup:
        backup.vars.update(variables)


def execute(shell: Shell, statement: str, *parameters: object) -> None:
    with closing(sqlite3.connect(shell.folder / "stratvars.db")) as connection, connection:
        connection.execute(statement, parameters)


def table_of(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


def test_through_a_pipe_a_list_is_lines_of_tabs_with_a_header(shell: Shell) -> None:
    save(shell, "eth", {"a": 1})
    save(shell, "btc live", {"b": "é" * 1000, "c": None})
    done = shell.run("list")
    assert (done.returncode, done.stderr) == (
        0,
        f"2 in the table vars_backup of sqlite:///{shell.folder}/stratvars.db\n",
    )
    header, *lines = table_of(done.stdout)
    assert header == ["name", "state", "revision", "saved", "why", "variables", "size", "kept", "owner"]
    assert [line[0] for line in lines] == ["btc live", "eth"]
    assert (lines[0][1], *lines[0][4:]) == ("stopped", "stop", "2", "2.0 kB", "1", "")
    assert (lines[1][1], *lines[1][4:]) == ("stopped", "stop", "1", "7 B", "1", "")
    assert all(re.fullmatch(r"\d+ s ago", line[3]) for line in lines)
    assert all(line[2].isdigit() for line in lines)


def test_the_age_is_readable_and_a_change_by_hand_is_named(shell: Shell) -> None:
    save(shell, "bot", {"a": 1})
    execute(shell, "UPDATE vars_backup SET variables = '{\"a\":2}', last_updated = datetime('now', '-5 minutes')")
    execute(shell, "INSERT INTO vars_backup VALUES ('1', datetime('now'), '[]', 'made')")
    _, bot, made = table_of(shell.run("list").stdout)
    assert bot[3:5] == ["5 min ago", "stop, changed by hand since"]
    assert made[4:6] == ["written by hand", "?"]


def test_another_table_is_looked_at_when_it_is_named(shell: Shell) -> None:
    save(shell, "bot", {"a": 1}, table="mine")
    assert "nothing is saved in the table vars_backup of" in shell.refused("list")
    assert table_of(shell.run("list", "--table", "mine").stdout)[1][0] == "bot"
    assert shell.run("show", "bot", "--table", "mine").stdout == "name\tvalue\na\t1\n"


def test_show_gives_data_on_stdout_and_talk_on_stderr(shell: Shell) -> None:
    save(shell, "bot", {"n": 3, "spot": (1.5, None), "text": "a\tb\nc", "legs": {2: {"SPY"}}})
    done = shell.run("show", "bot")
    assert done.returncode == 0
    assert done.stdout == "name\tvalue\nn\t3\nspot\t(1.5, None)\ntext\t'a\\tb\\nc'\nlegs\t{2: {'SPY'}}\n"
    assert re.fullmatch(r"bot: revision \d+, saved \d+ s ago \(stop\), in sqlite:///\S+/stratvars.db\n", done.stderr)


def test_a_class_of_the_bot_is_shown_without_it(shell: Shell) -> None:
    save(shell, "bot", {"leg": 1})
    execute(shell, "UPDATE vars_backup SET variables = ?", '{"leg":{"$dataclass":["Leg",{"strike":100.0}]}}')
    assert shell.run("show", "bot").stdout == "name\tvalue\nleg\tLeg(strike=100.0)\n"


def test_what_may_be_a_password_is_hidden_unless_it_is_asked_for(shell: Shell) -> None:
    save(shell, "bot", {"API_Key": "hunter2", "account": {"name": "me", "auth": [{"Token": "hunter2"}]}, "n": 1})
    hidden = shell.run("show", "bot")
    assert "hunter2" not in hidden.stdout + hidden.stderr
    assert table_of(hidden.stdout)[1:] == [
        ["API_Key", "********"],
        ["account", "{'name': 'me', 'auth': [{'Token': '********'}]}"],
        ["n", "1"],
    ]
    assert "--reveal" in hidden.stderr
    shown = shell.run("show", "bot", "--reveal")
    assert shown.stdout.count("hunter2") == 2
    assert "--reveal" not in shown.stderr


def test_json_is_the_stored_text_byte_for_byte(shell: Shell) -> None:
    save(shell, "bot", {"n": 1})
    text = '{ "n" : 1.50,\n "key":"é\\u0007 \x85" , "n2":[ ]}'
    execute(shell, "UPDATE vars_backup SET variables = ?", text)
    done = subprocess.run([COMMAND, "show", "bot", "--json"], cwd=shell.folder, capture_output=True, check=True)
    assert done.stdout == text.encode() + b"\n"
    assert json.loads(done.stdout)["n"] == 1.5
    assert b"changed by hand since" in done.stderr


def test_json_is_utf_8_where_the_terminal_is_not(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"PYTHONIOENCODING": "ascii"})
    save(shell, "né", {"wert": "é"})
    assert shell.run("show", "né", "--json").stdout == '{"wert":"é"}\n'
    assert table_of(shell.run("list").stdout)[1][0] == r"n\xe9"


def test_a_variable_that_is_held_back_is_named_with_the_reason(shell: Shell) -> None:
    shell.write(
        "bot.py",
        """
        from stratvars import Strategy

        class Bot(Strategy):
            def initialize(self):
                self.vars.good = 1
                self.vars.old = [1]

            def on_trading_iteration(self):
                self.backup_variables_to_db()
                self.vars.old.append(object())
                self.vars.new = []
                self.vars.new.append(print)
        """,
    )
    shell.run("run", "bot.py", "--max-iterations", "1")
    done = shell.run("show", "Bot")
    assert table_of(done.stdout)[1:] == [["good", "1"], ["old", "[1]"]]
    assert re.search(r"^old is held back, the value above is older: old\[1\]", done.stderr, re.MULTILINE)
    assert re.search(r"^new is held back, it has no saved value: new\[0\]", done.stderr, re.MULTILINE)


def test_one_variable_that_cannot_be_read_does_not_hide_the_others(shell: Shell) -> None:
    save(shell, "bot", {"n": 1})
    execute(shell, "UPDATE vars_backup SET variables = ?", '{"bad":{"$wrong":1},"n":2,"worse":{"$tuple":3}}')
    done = shell.run("show", "bot")
    assert done.returncode == 3
    assert done.stdout == "name\tvalue\nn\t2\n"
    assert re.findall(r"^stratvars: (\w+)", done.stderr, re.MULTILINE) == ["worse", "bad"]


def test_a_text_that_is_no_json_is_refused_with_3_but_can_be_printed(shell: Shell) -> None:
    save(shell, "bot", {"n": 1})
    execute(shell, "UPDATE vars_backup SET variables = '{broken'")
    done = shell.run("show", "bot")
    assert (done.returncode, done.stdout) == (3, "")
    assert "not one JSON object" in done.stderr.splitlines()[-1]
    assert shell.run("show", "bot", "--json").stdout == "{broken\n"


@pytest.mark.parametrize("words", [["show", "bot"], ["show", "bot", "n"], ["set", "bot", "n=2"], ["unset", "bot", "n"]])
def test_a_text_that_is_no_json_is_met_with_the_way_to_see_it_and_the_way_back(shell: Shell, words: list[str]) -> None:
    save(shell, "bot", {"n": 1})
    execute(shell, "UPDATE vars_backup SET variables = '{broken'")
    refused = shell.run(*words)
    assert refused.returncode == 3
    shown = re.findall(r"stratvars (\w+ bot --[^;]+)", refused.stderr.splitlines()[-1])
    assert [line.split(" --")[0] for line in shown] == ["show bot", "rewind bot"]
    for line in shown:
        yes = ["--yes"] if line.startswith("rewind") else []  # there is no terminal here to ask on
        assert shell.run(*shlex.split(line), *yes).returncode == 0
    assert shell.run(*words).returncode == 0


def test_a_newer_format_is_refused_with_3_but_can_be_printed(shell: Shell) -> None:
    save(shell, "bot", {"n": 1})
    execute(shell, "UPDATE vars_backup_writers SET format = 99")
    done = shell.run("show", "bot")
    assert (done.returncode, done.stdout) == (3, "")
    assert "format 99" in done.stderr
    assert shell.run("show", "bot", "--json").stdout == '{"n":1}\n'


def test_an_unknown_name_is_answered_with_the_close_ones_and_what_is_there(shell: Shell) -> None:
    for name in ("btc-live", "btc-paper", "eth"):
        save(shell, name, {"n": 1})
    where = f"sqlite:///{shell.folder}/stratvars.db"
    assert shell.refused("show", "BTC-LIFE") == (
        f"nothing is saved under the name BTC-LIFE; did you mean btc-live? Saved in {where}: btc-live, btc-paper, eth"
    )
    assert shell.refused("show", "zzz") == (
        f"nothing is saved under the name zzz; saved in {where}: btc-live, btc-paper, eth"
    )


@pytest.mark.parametrize("command", [["list"], ["show", "bot"]])
def test_a_database_that_is_not_there_yet_is_not_made_and_the_sentence_says_how_it_was_chosen(
    tmp_path: Path, command: list[str]
) -> None:
    shell = Shell(tmp_path)
    said = shell.refused(*command)
    for part in (f"there is no database at {tmp_path}/stratvars.db yet", "default", "--db", "DB_CONNECTION_STR"):
        assert part in said
    shell.write(".env", "DB_CONNECTION_STR=sqlite:///env.db\n")
    assert f".env at {tmp_path}" in shell.refused(*command)
    assert "argument" in shell.refused(*command, "--db", "sqlite:///named.db")
    assert "environment" in Shell(tmp_path, {"DB_CONNECTION_STR": "sqlite:///x.db"}).refused(*command)
    assert list(tmp_path.glob("*.db*")) == []


@pytest.mark.parametrize("command", [["list"], ["show", "bot"]])
def test_an_empty_database_is_answered_with_where_was_looked(shell: Shell, command: list[str]) -> None:
    file = shell.write("stratvars.db", "")
    said = shell.refused(*command)
    assert f"nothing is saved in the table vars_backup of sqlite:///{file} (chosen by: default)" in said
    assert file.read_bytes() == b""


@pytest.mark.parametrize("command", [["list"], ["show", "bot"]])
def test_a_file_that_is_no_database_is_refused_with_3(shell: Shell, command: list[str]) -> None:
    shell.write("stratvars.db", "notes\n" * 500)
    assert "is not a SQLite database" in shell.refused(*command, code=3)
    assert "it is not a URL" in shell.refused(*command, "--db", "nonsense")


def test_a_pipe_gets_every_character_and_no_colour(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"FORCE_COLOR": "1", "COLUMNS": "20"})
    save(shell, "bot", {"long": LONG})
    assert shell.run("show", "bot").stdout == f"name\tvalue\nlong\t'{LONG}'\n"


def test_a_terminal_gets_a_table_whose_values_are_cut_to_its_width(shell: Shell) -> None:
    save(shell, "bot", {"long": LONG, "a_name_that_is_quite_long": "y" * 30})
    lines = shell.on_terminal("show", "bot", columns=60).replace("\x1b[0m", "").replace("\x1b[1m", "").splitlines()
    assert [line.split()[0] for line in lines] == ["name", "long", "a_name_that_is_quite_long"]
    assert lines[1].endswith("x…")
    assert lines[2].rstrip().endswith("yy'")
    assert max(map(len, lines)) <= 60
    assert "\t" not in "".join(lines)


def test_a_name_that_is_long_leaves_the_values_their_room(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"NO_COLOR": "1"})
    save(shell, "bot", {"n": 1, "x" * 80: [1, 2, 3], "y" * 30: "z" * 100})
    for columns in (80, 60):
        room = columns // 2 - 2
        _, short, long, both = (line.split() for line in shell.on_terminal("show", "bot", columns=columns).splitlines())
        assert short == ["n", "1"]
        assert long == ["x" * (room - 1) + "…", "[1,", "2,", "3]"]
        assert (both[0][:20], both[1][:20], both[1][-1]) == ("y" * 20, "'" + "z" * 19, "…")


def test_a_value_with_blanks_takes_one_line_of_a_terminal(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"NO_COLOR": "1"})
    save(shell, "bot", {"orders": list(range(1000)), "note": "a b " * 20, "漢字": "漢字" * 40})
    lines = shell.on_terminal("show", "bot", columns=40).splitlines()
    assert [line.split()[0] for line in lines] == ["name", "orders", "note", "漢字"]
    assert all(line.rstrip().endswith("…") for line in lines[1:])


def test_a_list_on_a_terminal_is_aligned(shell: Shell) -> None:
    save(shell, "a", {"n": 1})
    save(shell, "longer", {"n": LONG})
    header, short, long = shell.on_terminal("list").replace("\x1b[0m", "").replace("\x1b[1m", "").splitlines()
    titles = ["name", "state", "revision", "saved", "why", "variables", "size", "kept", "owner"]
    assert header.split() == titles
    assert short.index("7 B") + len("7 B") == long.index("5.0 kB") + len("5.0 kB") == header.index("size") + len("size")


def test_a_terminal_gets_colours_unless_they_are_unwanted(tmp_path: Path) -> None:
    save(Shell(tmp_path), "bot", {"n": 1})
    assert "\x1b[" in Shell(tmp_path).on_terminal("list")
    assert "\x1b[" in Shell(tmp_path, {"NO_COLOR": ""}).on_terminal("list")
    assert "\x1b" not in Shell(tmp_path, {"NO_COLOR": "1"}).on_terminal("list")
    assert "\x1b" not in Shell(tmp_path, {"TERM": "dumb"}).on_terminal("list")


HOSTILE = "[red]x[/red] :smile: \x1b[31m\x07\r\n\t\u202e\x9b"
ESCAPED = r"[red]x[/red] :smile: \x1b[31m\x07\r\n\t\u202e\x9b"


def test_markup_and_control_characters_in_names_and_values_are_shown_not_obeyed(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"NO_COLOR": "1"})
    save(shell, HOSTILE, {HOSTILE: HOSTILE})
    execute(shell, "UPDATE vars_backup_writers SET reason = ?", HOSTILE)
    for text in (shell.run("list").stdout, shell.on_terminal("list", columns=250)):
        assert text.count(ESCAPED) == 2
        assert all(character.isprintable() for character in text.replace("\r", "").replace("\n", "").replace("\t", ""))
    done = shell.run("show", HOSTILE)
    assert table_of(done.stdout)[1:] == [[ESCAPED, f"'{ESCAPED}'"]]
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(r"[red]x[/red] :smile: \x1b[31m")
    assert ESCAPED in shell.on_terminal("show", HOSTILE, columns=250)
    assert r"\x1b[31m" in shell.refused("show", "\x1b[31m")


def test_a_reader_that_has_seen_enough_ends_the_command_without_a_word(shell: Shell) -> None:
    save(shell, "bot", {f"n{number}": LONG for number in range(200)})
    for options in ("", "--json"):
        line = f"set -o pipefail; {shlex.quote(COMMAND)} show bot {options} 2>errors | head -c 10"
        done = shell.call("bash", "-c", line)
        assert (done.returncode, done.stdout[:1] in "n{", done.stderr) == (0, True, "")
        assert len((shell.folder / "errors").read_text().splitlines()) == 1


def test_output_that_cannot_be_written_is_an_error(shell: Shell) -> None:
    save(shell, "bot", {"n": 1})
    for redirection, said in ((">/dev/full", "No space left on device"), (">&-", "stdout is closed")):
        done = shell.call("bash", "-c", f"{shlex.quote(COMMAND)} list {redirection}")
        assert done.returncode == 1
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
