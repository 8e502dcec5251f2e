"""What a durable save costs, as ratios of a bare SQLite upsert of the same text taken in the same run.

Machines are shared and noisy: every round measures each contender once, in turn, and only ratios of medians are told.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from stratvars import Backup
from stratvars.revision import Reason

ROUNDS = 400
WARM_UP = 1500
"""Saves before the first measured one: the write-ahead log must have wrapped, for until then the file grows."""

UPSERT = (
    "INSERT INTO t (strategy_id, variables) VALUES ('bot', ?) "
    "ON CONFLICT (strategy_id) DO UPDATE SET variables = excluded.variables"
)


def bare(folder: Path) -> Callable[[str], None]:
    """A SQLite connection as durable as ours, and nothing around it."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE t (strategy_id TEXT PRIMARY KEY, variables TEXT)")
    return lambda text: connection.execute(UPSERT, (text,)).close()


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write = bare(folder)
        state = {"trade_count": 0, "last_price": 102.5, "side": "long", "stop": 99.75, "armed": True}
        with Backup("bot", f"sqlite:///{folder}/ours.db") as backup:
            backup.vars.update(state)
            times: dict[str, list[float]] = {"bare upsert": [], "save": [], "iteration without a change": []}
            for number in range(WARM_UP + ROUNDS):
                backup.vars.trade_count = state["trade_count"] = number
                took = {
                    "bare upsert": seconds(lambda: write(json.dumps(state))),
                    "save": seconds(backup.save),
                    "iteration without a change": seconds(lambda: backup.keep(Reason.ITERATION, complete=True)),
                }
                if number >= WARM_UP:
                    for contender, value in took.items():
                        times[contender].append(value)
    floor = statistics.median(times["bare upsert"])
    print(f"5 small variables, one changes; {ROUNDS} rounds, SQLite {sqlite3.sqlite_version}, medians")
    for contender, values in times.items():
        median = statistics.median(values)
        p99 = statistics.quantiles(values, n=100)[98]
        print(f"{contender:28} {median * 1e3:8.3f} ms   {median / floor:5.2f}x   p99 {p99 * 1e3:8.3f} ms")


if __name__ == "__main__":
    main()
