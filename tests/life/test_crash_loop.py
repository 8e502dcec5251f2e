"""A state that makes every start crash: the start line says so, and the command in it, as it is, goes back."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sysconfig
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from children import Place, clean_environment

from postgres.servers import Server
from stratvars import Backup
from stratvars.commands import Commands
from stratvars.crashes import about_crashes
from stratvars.database import Database
from stratvars.revision import Stored
from stratvars.settings import resolve
from terminal import answered

BOT = """
    import sys
    from stratvars import Strategy

    class Bot(Strategy):
        sleeptime = 0

        def before_starting_trading(self):
            print(self.vars.all())

        def on_trading_iteration(self):
            self.vars.total = self.vars.get("total", 0) + float(self.vars.get("price", 1))
            self.vars.count = self.vars.get("count", 0) + 1
            if self.vars.count == 3 and "--bad-feed" in sys.argv:
                self.vars.price = "n/a"  # poisons this iteration and every later one
                float(self.vars.price)

    Bot(name="btc 'live'").run(max_iterations=4)
"""
SCRIPTS = sysconfig.get_path("scripts")


def shell() -> dict[str, str]:
    """What a shell has in which somebody pastes the command."""
    return clean_environment() | {"PATH": f"{SCRIPTS}:{os.environ['PATH']}"}


def command_in(line: str) -> str:
    found = re.search(r"stop this.* and run: (.*)$", line)
    assert found is not None, line
    return found[1]


def test_after_three_crashes_the_command_in_the_start_line_goes_back_and_the_bot_runs_again(
    place: Place, tmp_path: Path
) -> None:
    lines = []
    for _ in range(4):
        done = place.run(BOT, "--bad-feed")
        assert done.returncode != 0
        lines.append(done.stderr.splitlines()[0])
    assert ["in a row" in line for line in lines] == [False, False, False, True]
    said = "crashed 3 times in a row since the last completed iteration (revision 2): to go back to it, stop this"
    assert said in lines[3]
    assert variables(place) == {"total": 3.0, "count": 3, "price": "n/a"}
    elsewhere = tmp_path / "home"
    elsewhere.mkdir()
    command = command_in(lines[3])
    assert command.startswith("stratvars rewind 'btc '\"'\"'live'\"'\"'' --to last-iteration --db ")
    code, shown = answered(["sh", "-c", command], "y\n", elsewhere, shell())
    assert code == 0, shown
    assert "price: 'n/a' -> (not set)\n" in re.sub(r"\x1b\[\d*m", "", shown), shown
    assert "went back to revision 2" in shown
    assert variables(place) == {"total": 2.0, "count": 2}
    again = place.run(BOT)
    assert again.returncode == 0, again.stderr
    assert again.stdout == "{'total': 2.0, 'count': 2}\n", "exactly what was saved then"
    assert "(edit)" in again.stderr.splitlines()[0]
    assert "in a row" not in again.stderr
    assert variables(place) == {"total": 6.0, "count": 6}
    assert list(elsewhere.iterdir()) == []


def variables(place: Place) -> object:
    return json.loads(str(place.variables))


class BoomError(Exception):
    """What ends a strategy here."""


def crash_often(name: str, url: str | None, table: str = "vars_backup") -> None:
    with Backup(name, url, table=table) as backup:
        backup.vars.n = 1
    for _ in range(4):
        with suppress(BoomError), Backup(name, url, table=table) as backup:
            backup.vars.n += 1
            raise BoomError


@pytest.mark.parametrize("way", ["argument", "environment", ".env"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_command_reaches_the_same_database_however_that_was_named(
    kind: str,
    way: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = f"sqlite:///{tmp_path}/with blank.db" if kind == "sqlite" else request.getfixturevalue("pg_url")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DB_CONNECTION_STR", raising=False)
    if way == "environment":
        monkeypatch.setenv("DB_CONNECTION_STR", url)
    if way == ".env":
        (tmp_path / ".env").write_text(f"DB_CONNECTION_STR='{url}'\n")
    crash_often("-bot", url if way == "argument" else None, "my table")
    line = capsys.readouterr().err.splitlines()[-1]
    command = command_in(line)
    assert ("--db" in command) == (way == "argument")
    environment = shell()
    if way == "environment" or "set DB_CONNECTION_STR to the URL" in line:
        environment["DB_CONNECTION_STR"] = url  # as the line says, or as it was when the bot ran
    refused = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 2, "nobody is there to say yes"
    # The name begins with a dash and stands last, so that the option goes before it.
    certain = command.replace("rewind ", "rewind --yes ")
    done = subprocess.run(certain, shell=True, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with Backup("-bot", url, table="my table") as backup:
        assert backup.vars.all() == {"n": 1}


def test_a_dotenv_file_with_a_password_beside_the_script_is_found_from_anywhere(
    place: Place, pg_url: str, pg: Server, tmp_path: Path
) -> None:
    (place.folder / ".env").write_text(f"DB_CONNECTION_STR='{pg_url}'\n")
    body = """
        from stratvars import Backup

        for number in range(5):
            try:
                with Backup("bot") as backup:
                    backup.vars.n = number
                    if number >= 1:
                        raise OSError
            except OSError:
                pass
    """
    line = place.run(body).stderr.splitlines()[-1]
    command = command_in(line)
    assert command == f"cd {shlex.quote(str(place.folder))} && stratvars rewind bot --to last-iteration"
    assert pg.password not in line
    done = subprocess.run(
        command + " --yes", shell=True, cwd=tmp_path, env=shell(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    never = place.run(body.replace('"bot"', '"new"').replace(">= 1", ">= 0")).stderr.splitlines()[-1]
    assert never.endswith("; crashed 4 times in a row, and never completed an iteration")


CRASHED = Stored(
    strategy="bot",
    variables="{}",
    revision=9,
    reason="crash",
    saved_at=datetime.now(UTC),
    age=1.0,
    format=1,
    foreign=False,
    epoch=3,
    owner="",
    complete=False,
    held_back={},
    crashes=3,
    completed=5,
)
PASSWORD = "hunter2"


@pytest.mark.parametrize("url", ["sqlite:////data/bots.db", "postgresql://me@host/bots?sslmode=require"])
def test_a_url_without_a_password_is_part_of_the_command(url: str) -> None:
    said = about_crashes(CRASHED, Commands("vars_backup", resolve(url)))
    assert said.endswith(f"stop this and run: stratvars rewind bot --to last-iteration --db {shlex.quote(url)}")


@pytest.mark.parametrize("url", ["postgresql://me:{}@host/bots", "postgresql://me@host/bots?password={}"])
def test_a_password_is_never_part_of_the_command(url: str) -> None:
    said = about_crashes(CRASHED, Commands("vars_backup", resolve(url.format(PASSWORD))))
    assert PASSWORD not in said
    assert "stop this, set DB_CONNECTION_STR to the URL of the database and run: " in said
    assert said.endswith('stratvars rewind bot --to last-iteration --db "$DB_CONNECTION_STR"')


def test_a_relative_path_in_the_environment_is_spelt_out_where_it_would_mean_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_CONNECTION_STR", "sqlite:///bots.db")
    database = resolve(folder=tmp_path / "scripts")
    assert about_crashes(CRASHED, Commands("vars_backup", database)).endswith(
        f" --db sqlite:///{tmp_path}/scripts/bots.db"
    )
    monkeypatch.chdir(tmp_path)
    assert about_crashes(CRASHED, Commands("vars_backup", resolve(folder=tmp_path))).endswith(" --to last-iteration")


def test_what_is_wrong_with_the_settings_here_does_not_keep_a_bot_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_CONNECTION_STR", "sqlite:////data/bots.db")
    database = resolve()
    monkeypatch.setenv("DB_CONNECTION_STR", "nonsense")
    assert "--db sqlite:////data/bots.db" in about_crashes(CRASHED, Commands("vars_backup", database))


@pytest.mark.parametrize("name", ["it's", "$HOME", "a\nb\x1b[31m", "`id`", "-x", "--to"])
def test_any_name_is_one_word_on_one_line(name: str, tmp_path: Path) -> None:
    database: Database = resolve(f"sqlite:///{tmp_path}/bots.db")
    said = about_crashes(replace(CRASHED, strategy=name), Commands("my table", database))
    assert said.isprintable()
    words = shlex.split(command_in(said))
    assert words[words.index("--table") + 1] == "my table"
    if name.isprintable():
        assert words[-1 if name.startswith("-") else 2] == name
