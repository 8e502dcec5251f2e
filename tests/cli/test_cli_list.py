"""``stratvars list``: who runs, who stopped, who crashed, and whose lease has ended."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commandline import Shell

from rewinding import Place, postgresql_place, sqlite_place
from stratvars import Backup, open_archive
from stratvars.owner import Owner
from stratvars.standing import Standing
from stratvars.store.sqlite.starts import StartLocks

KILLED = """
    import os, sys
    from stratvars import Backup

    backup = Backup("killed", sys.argv[1])
    backup.open()
    backup.vars.n = 1
    backup.save()
    print(os.getpid(), flush=True)
    os.kill(os.getpid(), 9)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        with sqlite_place(tmp_path) as place:
            yield place
    else:
        with postgresql_place(request.getfixturevalue("pg_url")) as place:
            yield place


def listed(shell: Shell, place: Place) -> dict[str, dict[str, Any]]:
    done = shell.run("list", "--json", "--db", place.url)
    assert done.returncode == 0, done.stderr
    return {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}


def states(shell: Shell, place: Place) -> dict[str, str]:
    return {name: line["state"] for name, line in listed(shell, place).items()}


def owned_by(place: Place, owner: Owner, lease_left: int) -> None:
    moment = f"datetime('now', '{lease_left} seconds')"
    if place.url.startswith("postgresql"):
        moment = f"now() + interval '{lease_left} seconds'"
    place.execute(f"UPDATE vars_backup_writers SET owner = '{owner.to_text()}', lease_until = {moment}")


def test_each_strategy_has_its_state_its_owner_and_its_size(tmp_path: Path, place: Place) -> None:
    shell = Shell(tmp_path)
    place.live({"n": 1}, {"n": 2}, name="stopped")
    place.live({"n": 1}, crash=True, name="crashed")
    script = shell.write("killed.py", KILLED)
    killed = subprocess.run([sys.executable, script, place.url], stdout=subprocess.PIPE, text=True, check=False)
    with Backup("running", place.url) as backup:
        backup.vars.update(text="é" * 50)
        backup.save()
        found = listed(shell, place)
        lines = shell.run("list", "--db", place.url).stdout.splitlines()
    assert {name: line["state"] for name, line in found.items()} == {
        "crashed": "crashed",
        "killed": "crashed",
        "running": "running",
        "stopped": "stopped",
    }
    assert found["running"]["owner"] == {"host": os.uname().nodename, "pid": os.getpid()}
    assert found["killed"]["owner"]["pid"] == int(killed.stdout), "its death is seen at once, its lease has not ended"
    assert found["killed"]["lease_left"] > 0
    assert (found["stopped"]["owner"], found["stopped"]["lease_left"]) == (None, None)
    assert 0 < found["running"]["lease_left"] <= 15
    assert found["running"]["bytes"] == len('{"text":"') + 2 * 50 + 2
    assert {name: line["kept"] for name, line in found.items()} == {
        "crashed": 2,
        "killed": 1,
        "running": 1,
        "stopped": 3,
    }
    running = next(line.split("\t") for line in lines if line.startswith("running"))
    assert running[-2:] == ["1", f"pid {os.getpid()} on {os.uname().nodename}"]


def test_an_owner_that_cannot_be_seen_from_here_counts_by_its_lease(tmp_path: Path, place: Place) -> None:
    shell = Shell(tmp_path)
    place.live({"n": 1}, name="bot")
    elsewhere = replace(Owner.current(), host="server-2", machine="another boot", machine_id="")
    for lease_left, state in ((10, "running"), (-5, "lease ended")):
        owned_by(place, elsewhere, lease_left)
        found = listed(shell, place)["bot"]
        assert (found["state"], found["owner"]["host"]) == (state, "server-2")
        assert abs(found["lease_left"] - lease_left) < 5
    place.execute("UPDATE vars_backup_writers SET owner = 'somebody'")
    found = listed(shell, place)["bot"]
    assert (found["state"], found["owner"]) == ("lease ended", None)


def test_a_process_that_lives_and_did_not_renew_its_lease_may_be_taken_over(tmp_path: Path, place: Place) -> None:
    place.live({"n": 1}, name="bot")
    owned_by(place, Owner.current(), -1)
    assert states(Shell(tmp_path), place) == {"bot": "lease ended"}


def test_a_row_written_by_hand_was_never_run(tmp_path: Path, place: Place) -> None:
    place.live({"n": 1}, name="bot")
    place.execute("DELETE FROM vars_backup_writers")
    found = listed(Shell(tmp_path), place)["bot"]
    assert (found["state"], found["owner"], found["kept"]) == ("stopped", None, 0)


def test_beside_a_file_the_death_of_an_owner_in_another_container_is_seen_at_once(tmp_path: Path) -> None:
    with sqlite_place(tmp_path) as place, closing(StartLocks(tmp_path / "stratvars.db-lock")) as locks:
        place.live({"n": 1}, name="bot")
        os.utime(tmp_path / "stratvars.db-lock", (0, 0))  # it was there before the owner
        owned_by(place, replace(Owner.current(), pid_namespace="4026532999"), 10)
        place.execute("UPDATE vars_backup_writers SET start_id = 'start-9'")
        locks.hold("start-9")
        assert states(Shell(tmp_path), place) == {"bot": "running"}
        locks.give_back("start-9")
        assert states(Shell(tmp_path), place) == {"bot": "crashed"}


def test_looking_makes_no_lock_file_and_needs_no_right_to_write_one(tmp_path: Path) -> None:
    with sqlite_place(tmp_path) as place:
        place.live({"n": 1}, name="bot")
        owned_by(place, replace(Owner.current(), pid_namespace="4026532999"), 10)
        lock = tmp_path / "stratvars.db-lock"
        lock.unlink()
        assert states(Shell(tmp_path), place) == {"bot": "running"}, "nothing is known of it but its lease"
        assert not lock.exists()


def test_the_kept_revisions_are_counted_up_to_a_bound(tmp_path: Path, place: Place) -> None:
    place.live({"n": 1}, name="bot")
    place.execute(
        """INSERT INTO vars_backup_history
        WITH RECURSIVE numbers(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM numbers WHERE i < 11000)
        SELECT 'bot', 1, i, CURRENT_TIMESTAMP, 'stop', 1 = 1, 1 = 1, '{}', '[]', '{}', 'start', 1 FROM numbers"""
    )
    shell = Shell(tmp_path)
    found = listed(shell, place)["bot"]
    assert (found["kept"], found["kept_is_least"]) == (10_000, True)
    assert "\t10000+\t" in shell.run("list", "--db", place.url).stdout


def test_a_terminal_of_eighty_columns_shows_every_state_and_who_runs_it(tmp_path: Path) -> None:
    with sqlite_place(tmp_path) as place:
        place.live({"n": 1}, name="btc-live")
        owned_by(place, replace(Owner.current(), host="h", pid=7, machine="another boot"), -5)
    shown = Shell(tmp_path, {"NO_COLOR": "1"}).on_terminal("list", columns=80)
    assert all(word in shown.splitlines()[1] for word in ("btc-live", "lease ended", "stop", "pid 7"))


def test_a_name_that_is_long_leaves_the_states_their_room(tmp_path: Path) -> None:
    with sqlite_place(tmp_path) as place:
        place.live({"n": 1}, name="n" * 56)
        place.live({"n": 1}, name="btc-live-perp-01")
    shell = Shell(tmp_path, {"NO_COLOR": "1"})
    for columns in (80, 100):
        _, short, long = shell.on_terminal("list", columns=columns).splitlines()
        assert short.split()[:2] == ["btc-live-perp-01", "stopped"]
        assert re.match(r"n{15,}… +stopped ", long)
    assert shell.on_terminal("list", columns=60).splitlines()[1].startswith("btc-live-p"), "no name is left out"


def test_python_has_the_same_at_a_glance(tmp_path: Path) -> None:
    with sqlite_place(tmp_path) as place:
        place.live({"n": 1}, name="a")
        with Backup("b", place.url) as backup, open_archive(place.url) as archive:
            backup.vars.n = 1
            backup.save()
            first, second = archive.overview()
    assert (first.stored.strategy, first.standing, first.owner, first.kept) == ("a", Standing.STOPPED, None, 2)
    assert (second.standing, second.owner) == (Standing.RUNNING, Owner.current())


def test_a_database_that_is_only_read_may_be_listed(tmp_path: Path) -> None:
    with sqlite_place(tmp_path) as place:
        place.live({"n": 1}, name="bot")
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "stratvars.db").write_bytes((tmp_path / "stratvars.db").read_bytes())
    with closing(sqlite3.connect(copy / "stratvars.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert states(Shell(copy), Place(f"sqlite:///{copy}/stratvars.db", lambda _: None)) == {"bot": "stopped"}
