"""``stratvars prune``, through a pipe and on a terminal, on both databases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commandline import Shell
from prefork import COMMAND

from stratvars import Backup, open_archive
from terminal import answered


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/bots.db" if request.param == "sqlite" else str(request.getfixturevalue("pg_url"))


@pytest.fixture
def shell(tmp_path: Path, url: str) -> Shell:
    for name in ("bot", "other"):
        with Backup(name, url) as backup:
            for number in range(20):
                backup.vars.number = number
                backup.save()
    return Shell(tmp_path, {"DB_CONNECTION_STR": url})


def numbers(url: str, name: str = "bot") -> list[int]:
    with open_archive(url) as archive:
        return [entry.number for entry in archive.revisions(name)]


def test_it_shows_what_would_go_and_removes_it_when_told_so(shell: Shell, url: str) -> None:
    told = shell.run("prune", "bot", "--keep", "revisions=5", "--dry-run")
    assert told.returncode == 0, told.stderr
    header, line = (row.split("\t") for row in told.stdout.splitlines())
    assert header == ["name", "revisions", "size", "go", "of size"]
    assert (line[0], line[1], line[3]) == ("bot", "21", "16")
    assert len(numbers(url)) == 21
    done = shell.run("prune", "bot", "--keep", "revisions=5", "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "bot: 16 of 21 revisions removed"
    assert numbers(url) == [17, 18, 19, 20, 21]
    assert len(numbers(url, "other")) == 21
    with Backup("bot", url) as backup:
        assert backup.vars.number == 19


def test_every_strategy_is_pruned_by_all_beside_one_that_runs(shell: Shell, url: str) -> None:
    with Backup("bot", url) as backup:
        done = shell.run("prune", "--all", "--keep", "everything=0s", "--yes", "--json")
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert [line["strategy"] for line in lines] == ["bot", "other"]
        assert [line["has"]["revisions"] > 15 < line["goes"]["revisions"] for line in lines] == [True, True]
        backup.vars.number = 99
        backup.save()
    assert len(numbers(url)) < 6
    with Backup("bot", url) as backup:
        assert backup.vars.number == 99
    again = shell.run("prune", "other", "--keep", "everything=0s", "--yes")
    assert (again.returncode, again.stderr.splitlines()[-1]) == (0, "there is nothing to remove")


def test_it_asks_on_a_terminal_and_no_means_no(shell: Shell, url: str) -> None:
    code, said = answered([COMMAND, "prune", "bot", "--keep", "revisions=5"], "n\n", shell.folder, shell._environment())
    assert code == 1
    assert "Remove these revisions?" in said
    assert "nothing was removed" in said
    assert len(numbers(url)) == 21


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--yes"], "name the strategies to prune, or give --all"),
        (["bot", "--all", "--yes"], "name the strategies to prune, or give --all"),
        (["bot"], "add --yes to prune, or --dry-run"),
        (["bto", "--yes"], "did you mean bot?"),
        (["bot", "--keep", "7", "--yes"], "--keep is '7'"),
        (["bot", "--keep", "never", "--yes"], 'give "all", a time such as "30d"'),
    ],
)
def test_wrong_input_is_answered_with_2_and_a_remedy(shell: Shell, url: str, arguments: list[str], told: str) -> None:
    done = shell.run("prune", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert len(numbers(url)) == 21
