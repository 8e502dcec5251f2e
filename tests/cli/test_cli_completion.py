"""``stratvars completion`` and what the shell is told when a key is pressed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import Shell
from manual import PAGE
from prefork import COMMAND

from postgres.proxy import Proxy
from postgres.waiting import eventually
from rewinding import Place, postgresql_place, sqlite_place


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        with sqlite_place(tmp_path) as place:
            yield place
    else:
        with postgresql_place(request.getfixturevalue("pg_url")) as place:
            yield place


def completed(folder: Path, words: str, url: str | None = None) -> list[str]:
    asked = {"_STRATVARS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    database = {} if url is None else {"DB_CONNECTION_STR": url}
    done = Shell(folder, {**asked, **database}).run()
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def comes(wanted: list[str], folder: Path, words: str, url: str | None = None) -> bool:
    """Whether that is completed; where the machine is so busy that it takes over a second, the key is pressed again."""
    return eventually(lambda: completed(folder, words, url) == wanted, 20)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_lines_and_the_page_says_how(tmp_path: Path, shell: str) -> None:
    assert f"stratvars completion {shell} >" in PAGE.read_text(encoding="utf-8")
    done = Shell(tmp_path).run("completion", shell)
    assert done.returncode == 0
    assert f"_STRATVARS_COMPLETE={shell}_complete" in done.stdout
    if shell == "bash":
        assert Shell(tmp_path).call("bash", "-n", "-c", done.stdout).returncode == 0
    assert "'tcsh' is not one of" in Shell(tmp_path).refused("completion", "tcsh")


def test_bash_itself_completes_with_these_lines(tmp_path: Path) -> None:
    with sqlite_place(tmp_path) as place:
        place.live({"cash": 1}, name="btc-live")
    folder = Path(COMMAND).parent
    script = f"""
        PATH="{folder}:$PATH"
        eval "$(stratvars completion bash 2>/dev/null)"
        COMP_WORDS=(stratvars show btc); COMP_CWORD=2
        _stratvars_completion stratvars
        echo "${{COMPREPLY[@]}}"
    """
    # Nothing comes where the database takes longer than a second, as on a busy machine: then one presses again.
    assert eventually(lambda: Shell(tmp_path).call("bash", "-c", script).stdout == "btc-live\n", 20)


def test_commands_and_options_are_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "stratvars hi") == ["history"]
    assert completed(tmp_path, "stratvars history --s") == ["--since"]


def test_strategies_and_variables_come_from_the_database(tmp_path: Path, place: Place) -> None:
    for name in ("btc-live", "btc-test", "eth"):
        place.live({"cash": 1, "count": 2, "n": 3}, name=name)
    for command in ("show", "history", "diff", "rewind", "rename", "drop", "watch"):
        assert comes(["btc-live", "btc-test"], tmp_path, f"stratvars {command} b", place.url), command
    assert comes(["btc-test"], tmp_path, "stratvars watch btc-live b", place.url)
    assert eventually(lambda: completed(tmp_path, "stratvars export e", place.url)[:1] == ["eth"], 20)
    assert comes(["cash", "count"], tmp_path, "stratvars show eth c", place.url)
    assert comes(["count"], tmp_path, "stratvars history eth cash c", place.url)
    assert comes([], tmp_path, "stratvars show --table mine b", place.url)
    assert comes(["btc-live", "btc-test"], tmp_path, f"stratvars show --db {place.url} b")


def test_a_database_that_is_not_there_or_hangs_completes_nothing_and_makes_nobody_wait(
    tmp_path: Path, pg_url: str, proxy: Proxy
) -> None:
    assert completed(tmp_path, "stratvars show b") == []
    assert list(tmp_path.iterdir()) == []
    assert completed(tmp_path, "stratvars show b", "nonsense") == []
    proxy.black_hole(active=True)
    begun = time.monotonic()
    assert completed(tmp_path, "stratvars show b", proxy.url(pg_url)) == []
    assert time.monotonic() - begun < 4
