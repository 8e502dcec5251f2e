"""Hundreds of strategies in one process: one writer's thread, at most two connections, each on its own schedule."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from either import sql
from stratvars import Strategy, Trader

MANY = 300
ITERATIONS = 3


class Counter(Strategy):
    """Counts its iterations."""

    sleeptime = "0.2S"

    def on_trading_iteration(self) -> None:
        self.vars.n = self.vars.get("n", 0) + 1


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'many.db'}"
    return str(request.getfixturevalue("pg_url"))


def counts(url: str) -> list[tuple[str, int]]:
    query = "SELECT variables, count(*) FROM vars_backup GROUP BY variables"
    return sql(url, query)


def backends(url: str) -> int:
    """Connections to the database other than the one that looks; a file has none to count."""
    if url.startswith("sqlite"):
        return 1
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(url) as connection:
        [(found,)] = connection.execute(query.encode()).fetchall()
    return int(found)


def test_three_hundred_strategies_share_one_writer_and_at_most_two_connections(
    url: str, record_property: Callable[[str, object], None]
) -> None:
    over = threading.Event()
    writers: list[int] = []
    connections: list[int] = []

    def look() -> None:
        while not over.wait(0.1):
            writers.append(sum(thread.name == "stratvars-writer" for thread in threading.enumerate()))
            connections.append(backends(url))

    watcher = threading.Thread(target=look)
    watcher.start()
    trader = Trader()
    for number in range(MANY):
        trader.add_strategy(Counter(name=f"counter-{number}", db_connection_str=url))
    try:
        trader.run_all(max_iterations=ITERATIONS)
    finally:
        over.set()
        watcher.join()
    record_property("counted", f"{MANY} strategies: {max(connections)} connections, {len(connections)} looks")
    assert len(connections) > 5
    assert max(writers) == 1
    assert max(connections) in {1, 2}
    assert counts(url) == [(f'{{"n":{ITERATIONS}}}', MANY)]
