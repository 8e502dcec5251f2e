"""docs/cli.md has the help of every command as it is, and each help says what there is to know."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from commandline import Shell
from manual import PAGE, WIDTH, commands, help_of, with_help

EVERY = {context.command_path: (context, command) for context, command in commands()}
LOOKING = ("list", "show", "history", "diff", "rewind")
CHANGING = ("set", "unset", "edits")
OPERATING = ("list", "watch", "export", "import", "rename", "drop")


def test_the_page_is_the_one_that_the_commands_make() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_help(page) == page, "run `.venv/bin/python tests/cli/manual.py`"


def test_the_page_has_a_part_for_each_command_that_the_help_lists() -> None:
    page = PAGE.read_text(encoding="utf-8")
    listed = re.findall(r"^  (\w+)  ", page.split("Commands:")[1].split("```")[0], re.MULTILINE)
    assert {f"stratvars {name}" for name in listed} | {"stratvars"} == EVERY.keys()
    assert [path for path in EVERY if f"## {path}\n" not in page] == []
    assert len(EVERY) > 7


@pytest.mark.parametrize("path", EVERY)
def test_each_help_has_an_example_and_a_word_on_every_option(path: str) -> None:
    context, command = EVERY[path]
    assert f"\n    {path}" in help_of(context, command).split("Example")[1]
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("name", LOOKING)
def test_what_looks_back_prints_json_and_names_its_moments_and_exit_codes(name: str) -> None:
    shown = help_of(*EVERY[f"stratvars {name}"])
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert "--json" in shown
    assert "Exit codes:" in shown
    assert ("before-crash" in shown) == (name != "list")


@pytest.mark.parametrize("name", OPERATING)
def test_what_operates_prints_json_and_names_its_database_and_exit_codes(name: str) -> None:
    shown = help_of(*EVERY[f"stratvars {name}"])
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert all(text in shown for text in ("--json", "--db URL", "--table TABLE", "Exit codes:"))


def test_the_help_that_a_user_sees_is_the_one_on_the_page(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"COLUMNS": str(WIDTH)})
    for path in ("stratvars", "stratvars diff"):
        seen = shell.run(*path.split()[1:], "--help").stdout
        assert "\n".join(line.rstrip() for line in seen.splitlines()) == help_of(*EVERY[path])


@pytest.mark.parametrize("name", CHANGING)
def test_what_changes_variables_prints_json_and_names_its_exit_codes(name: str) -> None:
    shown = help_of(*EVERY[f"stratvars {name}"])
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert "--json" in shown
    assert "Exit codes:" in shown
