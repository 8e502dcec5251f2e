"""``stratvars demo`` on a real PostgreSQL: it passes, and touches nothing but its own tables."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from postgres.places import Port
from postgres.servers import Server
from postgres.stores import CANARY, rows
from stratvars import Backup
from stratvars.demo import TABLE

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
SHORTER = """
from stratvars.cli import main
from stratvars.demo import stage

prices = stage.load_prices()[:300]
stage.load_prices = lambda: prices
main()
"""
AS_MAKE_DOES = ("-m", "stratvars")
ALL_OF_MINE = "SELECT id, last_updated, variables, strategy_id FROM vars_backup"


def run_demo(folder: Path, url: str, python: tuple[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *python, "demo", *arguments]
    environment = os.environ | {"DB_CONNECTION_STR": url}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)


@pytest.mark.parametrize(
    ("python", "days"),
    [(("-c", SHORTER), 300), pytest.param(AS_MAKE_DOES, 3270, marks=pytest.mark.torture)],
    ids=["short", "whole"],
)
def test_with_a_postgresql_in_the_environment_it_is_played_there_and_leaves_what_it_says(
    tmp_path: Path, pg: Server, pg_url: str, admin: psycopg.Connection, *, python: tuple[str, str], days: int
) -> None:
    with Backup("mine", pg_url) as backup:
        backup.vars.n = 1
    mine = rows(admin, ALL_OF_MINE)
    shown = run_demo(tmp_path, pg_url, python, "--seed", "11", "--kills", "3")

    assert shown.returncode == 0, shown.stderr + shown.stdout
    assert shown.stdout.count("identical") == 14
    assert "DIFFERENT" not in shown.stdout
    states = rows(admin, f"SELECT strategy_id, variables::json->>'day' FROM {TABLE} ORDER BY 1")
    names = [name for name, _ in states]
    assert [day for _, day in states] == [str(days)] * 2
    assert f"saved as {names[0]} and {names[1]} in postgresql://postgres:***@127.0.0.1:{pg.port}" in shown.stderr
    assert f"drop the tables {TABLE}, {TABLE}_writers, {TABLE}_history and {TABLE}_edits" in shown.stderr
    assert pg.password not in shown.stderr + shown.stdout

    ours = {TABLE, f"{TABLE}_writers", f"{TABLE}_history", f"{TABLE}_edits"}
    assert {table for (table,) in rows(admin, TABLES)} == ours | {
        f"vars_backup{end}" for end in ("", "_writers", "_history", "_edits")
    }
    assert rows(admin, ALL_OF_MINE) == mine
    assert list(tmp_path.iterdir()) == []
    for table in ours:
        admin.execute(f"DROP TABLE {table}".encode())


@pytest.mark.parametrize("kind", ["down", "no rights"])
def test_a_database_that_cannot_be_used_ends_it_at_once_with_code_3_and_the_remedy(
    tmp_path: Path, guest: str, kind: str
) -> None:
    with closing(Port()) as port:
        down = f"postgresql://me:{CANARY}@127.0.0.1:{port.number}/db"
        shown = run_demo(tmp_path, down if kind == "down" else guest, AS_MAKE_DOES)
    assert (shown.returncode, shown.stdout) == (3, "")
    if kind == "down":
        [said] = shown.stderr.splitlines()
        assert said.endswith("cannot be reached; start the server, or correct DB_CONNECTION_STR")
    else:
        assert shown.stderr.endswith(
            f"let an administrator run what this prints: stratvars doctor --ddl --table {TABLE}\n"
        )
    assert CANARY not in shown.stderr
