"""What the start line says of a server that would lose what it acknowledged."""

from __future__ import annotations

import psycopg
import pytest

from postgres.binaries import Binaries
from postgres.servers import Server
from stratvars import Backup


def start_line(url: str, capfd: pytest.CaptureFixture[str]) -> str:
    with Backup("bot", url) as backup:
        backup.vars.n = 1
    return capfd.readouterr().err


def test_the_start_line_says_what_synchronous_commit_off_would_cost(
    pg_url: str, admin: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "synchronous_commit" not in start_line(pg_url, capfd)
    admin.execute("ALTER ROLE postgres SET synchronous_commit = off")
    try:
        line = start_line(pg_url, capfd)
    finally:
        admin.execute("ALTER ROLE postgres RESET synchronous_commit")
    assert line.count("\n") == 1
    assert "synchronous_commit is off for this role" in line
    assert "loses acknowledged commits when the server crashes: saves turn it on for themselves" in line


def test_the_start_line_says_what_fsync_off_costs(found: Binaries, capfd: pytest.CaptureFixture[str]) -> None:
    with Server(found, settings={"fsync": "off"}) as careless:
        line = start_line(careless.url(), capfd)
    assert "fsync is off on this server: a crash of its machine can lose saves, or the whole database" in line
