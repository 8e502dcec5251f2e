"""``stratvars doctor``: how facts are printed, and how it ends."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from commandline import Shell
from examined import execute, save

HOSTILE = "[red]x[/red] \x1b[31m\r\n\t\u202e"
ESCAPED = r"[red]x[/red] \x1b[31m\r\n\t\u202e"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a bot has saved and stopped."""
    path = tmp_path / "stratvars.db"
    save(path, "bot")
    return path


def test_through_a_pipe_facts_are_lines_of_tabs_with_a_header(shell: Shell, path: Path) -> None:
    done = shell.run("doctor")
    header, *lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert header == ["grade", "name", "text", "remedy"]
    names = [name for _, name, _, _ in lines if name != "place"]  # which depends on the machine, and may be a warning
    expected = [
        "file",
        "folder",
        "space",
        "sqlite",
        "journal",
        "lock",
        "content",
        "tables",
        "growth",
        "growth",
        "strategy",
    ]
    assert names == expected
    assert [grade for grade, name, _, _ in lines if name != "place"] == ["ok"] * len(names)
    grades = [grade for grade, *_ in lines]
    counted = f"stratvars: ok {grades.count('ok')}, warn {grades.count('warn')}, fail 0\n"
    assert (done.returncode, done.stderr) == (0, counted)
    assert f"{path} (chosen by: default)" in lines[0][2]
    assert re.fullmatch(r"bot: revision \d+, saved \d+ s ago \(stop\), stopped", lines[-1][2])


def test_as_json_each_fact_is_one_line_of_plain_ascii(shell: Shell, path: Path) -> None:
    save(path, HOSTILE)
    execute(path, "UPDATE vars_backup SET variables = '{}'")
    done = shell.run("doctor", "--json")
    assert done.stdout.isascii()
    facts = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(list(fact) == ["name", "grade", "text", "remedy"] for fact in facts)
    assert [fact["grade"] for fact in facts if fact["name"] != "place"] == ["ok"] * 11 + ["warn"] * 2
    assert any(fact["text"].startswith(f"{HOSTILE}: revision") for fact in facts)
    assert done.returncode == 0, "a warning is not a failure"


def test_a_terminal_gets_aligned_and_wrapped_lines_with_the_remedy_below(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"NO_COLOR": "1"})
    save(tmp_path / "stratvars.db", HOSTILE)
    execute(tmp_path / "stratvars.db", "UPDATE vars_backup SET variables = '{}'")
    lines = shell.on_terminal("doctor", columns=60).splitlines()
    assert all(len(line) <= 60 for line in lines)
    [header, *_] = [line for line in lines if line.startswith("grade")]
    texts = [line[header.index("text") :].rstrip() for line in lines]
    whole = " ".join(texts)
    assert "…" not in whole
    assert "changed by hand since" in whole
    assert re.search(r"→ see whether it is as it was meant: stratvars show", whole)
    assert ESCAPED.partition(" ")[2] in "".join(texts)
    assert "\x1b" not in "".join(lines)


def test_a_terminal_gets_grades_in_colour(shell: Shell, path: Path) -> None:
    execute(path, "UPDATE vars_backup SET variables = '{}'")
    seen = shell.on_terminal("doctor")
    assert re.search(r"\x1b\[32mok +\x1b\[0m", seen)
    assert re.search(r"\x1b\[1;33mwarn +\x1b\[0m", seen)


def test_a_failure_ends_with_3_and_wrong_use_with_2(shell: Shell) -> None:
    shell.write("stratvars.db", "notes\n" * 500)
    done = shell.run("doctor")
    assert done.returncode == 3
    [failed] = [line.split("\t") for line in done.stdout.splitlines() if line.startswith("fail")]
    assert failed[1] == "content"
    assert "is not a SQLite database" in failed[3]
    assert "it is not a URL" in shell.refused("doctor", "--db", "nonsense")
    assert "_writers" in shell.refused("doctor", "--table", "x_writers")
    assert "--ddl" in shell.refused("doctor", "--role", "me")
    assert "choose one" in shell.refused("doctor", "--ddl", "--json", "--db", "postgresql://h/d")


def test_memory_is_answered_with_a_sentence(shell: Shell) -> None:
    [line] = shell.run("doctor", "--json", "--db", "memory://").stdout.splitlines()
    fact = json.loads(line)
    assert (fact["grade"], fact["name"]) == ("warn", "database")
    assert "end with it" in fact["text"]


def test_a_file_that_is_not_there_yet_is_not_made(shell: Shell) -> None:
    done = shell.run("doctor")
    assert done.returncode == 0
    assert "is not there yet" in done.stdout
    assert list(shell.folder.iterdir()) == []


def test_a_folder_in_place_of_the_file_is_refused(shell: Shell) -> None:
    assert "not that of a file" in shell.refused("doctor", "--db", f"sqlite:///{shell.folder}")
