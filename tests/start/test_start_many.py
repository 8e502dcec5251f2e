"""Sixty-four bots start on an empty database at the same moment, and the server has no room for them all at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from postgres.binaries import Binaries
from postgres.servers import Server
from postgres.stores import rows
from stratvars.testing import TABLE

STARTERS = Path(__file__).with_name("starters.py")
MANY = 64


@pytest.fixture
def small(found: Binaries) -> Iterator[Server]:
    with Server(found, settings={"max_connections": "20"}) as server:
        yield server


@pytest.mark.timeout(180)
def test_sixty_four_processes_start_at_once_on_an_empty_database_of_too_small_a_server(
    small: Server, record_property: Callable[[str, object], None]
) -> None:
    url = small.create_database()
    starters = subprocess.run(
        [sys.executable, str(STARTERS), url, str(MANY)], input="go\n", capture_output=True, text=True, check=False
    )
    assert (starters.returncode, starters.stdout) == (0, ""), starters.stderr
    assert starters.stderr.count("FIRST START of") == MANY
    waited = starters.stderr.count("has no connection left")
    refused = small.log.count("too many clients already")
    record_property("counted", f"{MANY} starts at once on 20 connections: {waited} waited, {refused} times refused")
    assert waited >= MANY // 4
    assert refused >= waited
    other = [line for line in starters.stderr.splitlines() if "FIRST START" not in line and "has no conn" not in line]
    assert other == []
    with closing(psycopg.connect(url)) as connection:
        states = rows(connection, f"SELECT strategy_id, variables FROM {TABLE}")
        history = rows(
            connection, f"SELECT strategy_id, epoch, revision, reason FROM {TABLE}_history ORDER BY revision"
        )
    assert sorted(states) == sorted((f"bot-{number}", f'{{"n":{number}}}') for number in range(MANY))
    expected = [
        (f"bot-{number}", 1, revision, why) for revision, why in ((1, "manual"), (2, "stop")) for number in range(MANY)
    ]
    assert sorted(history) == sorted(expected)
