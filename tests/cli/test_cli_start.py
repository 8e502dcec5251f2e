"""Starting the command: help, version, mistyped commands and options, and how little is imported for it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from shlex import quote

import pytest
from commandline import Shell
from prefork import COMMAND

from stratvars import __version__

_WORD = quote(str(COMMAND))
COMMANDS = ("run", "list", "show", "rewind", "doctor", "demo")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_the_version_is_one_line_on_stdout(shell: Shell) -> None:
    done = shell.run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"stratvars {__version__}\n", "")


def test_without_arguments_the_help_is_shown(shell: Shell) -> None:
    done = shell.run()
    assert done.returncode == 0
    assert done.stdout == shell.run("--help").stdout
    for command in COMMANDS:
        assert re.search(rf"^  {command} +[A-Z].*\.$", done.stdout, re.MULTILINE), command
    assert "..." not in done.stdout.replace("[ARGS]...", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_one_sentence_a_text_for_each_option_and_an_example(
    shell: Shell, command: str
) -> None:
    text = shell.run(command, "-h").stdout
    sentence = text.split("\n\n")[1].strip()
    assert sentence.endswith(".")
    assert ". " not in sentence
    options = re.findall(r"^  (?:-h, )?--[\w-]+(?: [A-Z]+)?(.*\n(?: {10,}.*\n)*)", text, re.MULTILINE)
    assert len(options) >= 3
    assert all(len(described.strip()) > 10 for described in options), options
    assert re.search(rf"^  Examples?:\n    stratvars {command} ", text, re.MULTILINE)


def test_the_settings_that_also_stand_in_the_environment_are_named_in_the_help(shell: Shell) -> None:
    text = shell.run("run", "--help").stdout
    for variable in ("DB_CONNECTION_STR", "STRATEGY_NAME", "STRATVARS_RESUME", "STRATVARS_START_TIMEOUT"):
        assert variable in text


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["show", "--help"], ["doctor", "--help"], ["rnu"]]
)
def test_asking_for_help_imports_nothing_that_is_slow(shell: Shell, arguments: list[str]) -> None:
    done = shell.call(sys.executable, "-X", "importtime", "-m", "stratvars", *arguments)
    imported = set(re.findall(r"\| +([\w.]+)$", done.stderr, re.MULTILINE))
    assert "click" in imported
    slow = {"rich", "msgspec", "psycopg", "dotenv", "sqlite3", "numpy", "stratvars.strategy", "stratvars.codec"}
    assert imported.isdisjoint(slow), imported & slow


def test_the_module_is_the_command(shell: Shell) -> None:
    shell.write("bot.py", BOT)
    done = shell.call(sys.executable, "-m", "stratvars", "run", "bot.py", "--max-iterations", "1")
    assert done.returncode == 0, done.stderr
    listed = [shell.call(sys.executable, "-m", "stratvars", "list").stdout, shell.run("list").stdout]
    first, second = (re.sub(r"\d+ s ago", "a moment ago", text) for text in listed)
    assert first == second
    assert "a moment ago" in first
    assert (shell.folder / "stratvars.db").is_file()


BOT = """
    from stratvars import Strategy

    class Bot(Strategy):
        sleeptime = 0

        def on_trading_iteration(self):
            self.vars.n = 1
"""


def test_the_database_stands_in_the_current_folder_not_beside_the_bot_or_the_command(shell: Shell) -> None:
    shell.write("bots/bot.py", BOT)
    assert shell.run("run", "bots/bot.py", "--max-iterations", "1").returncode == 0
    assert (shell.folder / "stratvars.db").is_file()
    assert not (shell.folder / "bots" / "stratvars.db").exists()


@pytest.mark.parametrize(
    ("arguments", "named", "asks"),
    [
        (["rnu"], "'rnu'; did you mean run?", "stratvars --help"),
        (["SHOW"], "'SHOW'; did you mean show?", "stratvars --help"),
        (
            ["zzz"],
            "'zzz'; there are run, list, show, history, diff, set, unset, edits, rewind, watch, export, ",
            "stratvars --help",
        ),
        (["--nope"], "--nope", "stratvars --help"),
        (["list", "--dbb", "x"], "--db", "stratvars list --help"),
        (["list", "more"], "(more)", "stratvars list --help"),
        (["show"], "missing argument 'NAME'", "stratvars show --help"),
        (["run"], "missing argument 'BOT.PY[:CLASS]'", "stratvars run --help"),
        (["demo", "--kills", "few"], "'--kills': 'few' is not a whole number", "stratvars demo --help"),
    ],
)
def test_a_word_that_is_not_known_is_answered_in_one_sentence(
    shell: Shell, arguments: list[str], named: str, asks: str
) -> None:
    said = shell.refused(*arguments)
    assert named in said
    assert said.endswith(f" See: {asks}")


def test_an_option_without_its_value_is_answered_in_one_sentence(shell: Shell) -> None:
    assert "option '--db' requires an argument" in shell.refused("show", "x", "--db")


def test_a_file_in_place_of_a_command_is_answered_with_the_command_to_write(shell: Shell) -> None:
    assert "stratvars run bot.py" in shell.refused("bot.py")


def test_the_demonstration_gets_its_options(shell: Shell) -> None:
    said = shell.refused("demo", "--kills", "99999")
    assert "99999 times" in said
    assert "the database URL" in shell.refused("demo", "--kills", "1", "--seed", "3", "--db", "nonsense")


@pytest.mark.parametrize(
    "words",
    [
        "show {}",
        "show bot {}",
        "history {}",
        "diff {} 1",
        "set {} n=1",
        "set bot {}=1",
        "set bot n={}",
        "set bot n=1 --note {}",
        "unset {} n",
        "edits {}",
        "prune {} --keep all",
        "watch {}",
        "rewind bot --to 1 --yes --note {}",
        "drop {} --yes",
        "rename {} bot",
    ],
)
def test_what_is_no_text_is_refused_and_not_shown(shell: Shell, words: str) -> None:
    for given in (words.format("$'sk-canary\\xff'").split(), words.format("sk-canary-\u00e9").split()):
        ascii_only = "" if "$" in " ".join(given) else "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 "
        done = shell.call("bash", "-c", f"{ascii_only}{_WORD} {' '.join(given)}")
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert re.fullmatch(rf"stratvars: argument \d of {given[0]} is no text in (utf-8|ascii), .*\n", done.stderr)
        assert "canary" not in done.stderr


def test_the_name_of_a_file_may_be_no_text(shell: Shell) -> None:
    shell.write("bot.py", "from stratvars import Backup\n\nwith Backup('bot') as backup:\n    backup.vars.n = 1\n")
    shell.call(sys.executable, "bot.py")
    exported = shell.call("bash", "-c", f"{_WORD} export bot $'\\xff.jsonl' && {_WORD} import $'\\xff.jsonl' --as two")
    assert exported.returncode == 0, exported.stderr
    assert "two" in shell.run("list").stdout


@pytest.mark.parametrize("words", ["--help", "--version", "show --help", ""])
def test_a_help_that_cannot_be_printed_is_one_sentence(shell: Shell, words: str) -> None:
    done = shell.call("bash", "-c", f"{_WORD} {words} >/dev/full")
    assert (done.returncode, done.stderr) == (1, "stratvars: stdout cannot be written: No space left on device\n")
