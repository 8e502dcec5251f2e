"""What other programs put into a SQLite file, where any column takes any value: no command fails because of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from commandline import Shell

from either import sql
from stratvars import Backup, open_archive

COMMANDS = (
    ("list",),
    ("show", "bot"),
    ("diff", "bot", "1"),
    ("history", "bot"),
    ("doctor",),
    ("export", "bot", "bot.jsonl"),
    ("set", "bot", "n=5"),
    ("rewind", "bot", "--to", "1", "--yes"),
    ("rename", "bot", "bot2"),
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'hands.db'}"
    for name in ("bot", "other"):
        with Backup(name, url) as backup:
            backup.vars.n = 1
            backup.save()
            backup.vars.n = 2
    return url


@pytest.fixture
def shell(tmp_path: Path, url: str) -> Shell:
    return Shell(tmp_path, {"DB_CONNECTION_STR": url})


@pytest.mark.parametrize(
    "written",
    ["variables = CAST('{\"n\": 7}' AS BLOB)", "last_updated = 'foo'", "last_updated = x'ff'", "last_updated = 1e300"],
)
def test_every_command_works_beside_it(shell: Shell, url: str, written: str) -> None:
    sql(url, f"UPDATE vars_backup SET {written} WHERE strategy_id = 'bot'")
    for words in COMMANDS:
        done = shell.run(*words)
        assert done.returncode == 0, (words, done.stderr)
    with Backup("bot2", url) as backup:
        assert backup.vars.all() == {"n": 1}


@pytest.mark.parametrize("written", ["'foo'", "x'ff'"])
def test_a_time_in_the_history_that_is_none_is_1970_and_only_an_export_minds(
    shell: Shell, url: str, written: str
) -> None:
    sql(url, f"UPDATE vars_backup_history SET saved_at = {written} WHERE strategy_id = 'bot' AND revision = 1")
    listed = [json.loads(line) for line in shell.run("history", "bot", "--json").stdout.splitlines()]
    assert [one["saved_at"].startswith("1970-01-01") for one in listed] == [False, True]
    for words in COMMANDS:
        code = 3 if words[0] == "export" else 0
        done = shell.run(*words)
        assert done.returncode == code, (words, done.stderr)
        assert (code == 3) == ("correct its saved_at" in done.stderr)
    for line in ("show bot2 --at 1", "history bot2 n", "prune bot2 --keep 1h --yes"):
        done = shell.run(*line.split())
        assert done.returncode == 0, (line, done.stderr)


def test_the_time_of_an_edit_that_is_none_hinders_no_list_of_edits(shell: Shell, url: str) -> None:
    assert shell.run("set", "bot", "n=5").returncode == 0
    sql(url, "UPDATE vars_backup_edits SET asked_at = 'foo'")
    [edit] = shell.run("edits", "bot", "--json").stdout.splitlines()
    assert json.loads(edit)["asked_at"].startswith("1970-01-01")


def test_a_blob_is_read_as_the_text_that_its_bytes_are(shell: Shell, url: str) -> None:
    sql(url, "UPDATE vars_backup SET variables = CAST('{\"n\": 7}' AS BLOB) WHERE strategy_id = 'bot'")
    assert shell.run("show", "bot", "--json").stdout == '{"n": 7}\n'
    with Backup("bot", url) as backup:
        assert backup.vars.all() == {"n": 7}
    assert sql(url, "SELECT changed FROM vars_backup_history WHERE reason = 'external'") == [('{"n": 7}',)]
    sql(url, "UPDATE vars_backup SET variables = x'00ff' WHERE strategy_id = 'bot'")
    assert "not one JSON object" in shell.refused("run", str(bot(shell)), "--name", "bot", code=3)


def test_a_blob_under_a_running_bot_is_adopted(url: str) -> None:
    with Backup("bot", url) as backup:
        sql(url, "UPDATE vars_backup SET variables = CAST('{\"n\": 7, \"m\": 1}' AS BLOB) WHERE strategy_id = 'bot'")
        backup.vars.k = 1
        backup.save()
        backup.save()
        assert backup.vars.all() == {"n": 7, "m": 1, "k": 1}


def test_a_time_that_is_none_counts_as_1970_until_the_next_save(shell: Shell, url: str) -> None:
    sql(url, "UPDATE vars_backup SET last_updated = 'foo' WHERE strategy_id = 'bot'")
    [found] = [one for one in map(json.loads, shell.run("list", "--json").stdout.splitlines()) if one["name"] == "bot"]
    assert found["saved_at"] == "1970-01-01T00:00:00+00:00"
    assert found["age"] == pytest.approx(datetime.now(UTC).timestamp(), abs=60)
    with Backup("bot", url) as backup:
        backup.vars.n = 3
    with open_archive(url) as archive:
        stored = archive.current("bot")
    assert stored is not None
    assert stored.age < 60


def bot(shell: Shell) -> Path:
    return shell.write(
        "bot.py",
        """
        from stratvars import Strategy

        class Bot(Strategy):
            def on_trading_iteration(self):
                self.stop()
        """,
    )
