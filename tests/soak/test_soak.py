"""Every fault at once, at random, under many strategies of one process: nothing acknowledged is lost, nothing grows."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from observed import Fleet, Sample, fleet, samples_of, torment
from torments import FAULTS, Scene

from postgres.proxy import Proxy
from postgres.servers import Server

Report = Callable[[str, object], None]
LONG = float(os.environ.get("STRATVARS_SOAK", "300"))
"""Seconds of the long form."""
ALLOWED = 1.1
"""Of the first half, what the second may take."""
HIT = ("acked", "waits", "fenced")
AGAIN = 5
CHANCE = {"memory": 0.0, "handles": 0.5, "backends": 0.5}
"""Beyond that: a process has few connections, and whether one more is just being opened is chance."""


def history(url: str, name: str) -> tuple[list[int], int]:
    """The numbers that a strategy's history holds, in its order, without what was fenced; and the current one."""
    query = (
        "SELECT changed FROM vars_backup_history WHERE strategy_id = %s AND reason <> 'fenced' ORDER BY epoch, revision"
    )
    with psycopg.connect(url) as connection:
        kept = connection.execute(query, [name]).fetchall()
        [(row,)] = connection.execute("SELECT variables FROM vars_backup WHERE strategy_id = %s", [name]).fetchall()
    changes = [json.loads(changed) for (changed,) in kept]
    return [change["number"] for change in changes if "number" in change], json.loads(row)["number"]


def judge(url: str, bots: Fleet, names: list[str]) -> None:
    for name in names:
        kept, current = history(url, name)
        acked = bots.acked[name]
        assert set(acked) <= set(kept), f"{name}: what was acknowledged is there"
        assert kept == sorted(kept), f"{name}: nothing older came after something newer"
        assert all(one < other for one, other in pairwise(acked)), f"{name}: no acknowledged number was used again"
        assert all(found >= known for found, known in bots.started[name]), f"{name}: each start found what there was"
        assert current == bots.last[name] == kept[-1], f"{name}: the newest state is there"


def play(scene: Scene, seconds: float, pace: float, report: Report) -> list[Sample]:
    with fleet(scene.proxy.url(scene.url), len(scene.names)) as bots:
        end = time.monotonic() + 30
        while bots.said["started"] < len(scene.names) and time.monotonic() < end:
            time.sleep(0.05)
        with samples_of(scene.url, bots.process.pid, 0.5) as samples:
            faults = torment(scene, seconds, pace)
            for _ in range(AGAIN):  # what is hit is chance, and a busy machine leaves less of it
                if min(bots.said[word] for word in HIT) > 0:
                    break
                faults += torment(scene, 2, pace)
        time.sleep(2.5)  # the longest pause between two tries, and a connect
        code = bots.end()
    assert code == 0, "".join(bots.errors)
    report("counted", f"soak of {len(scene.names)} strategies: {dict(bots.said)}, {dict(faults)}")
    judge(scene.url, bots, scene.names)
    assert [fault.__name__ for fault in FAULTS if faults[fault.__name__] == 0] == []
    assert min(bots.said[word] for word in HIT) > 0
    assert any("Traceback" in line for line in bots.errors) is False
    return samples


def names(many: int) -> list[str]:
    return [f"bot-{number}" for number in range(many)]


def test_nothing_acknowledged_is_lost_among_faults_of_every_kind(
    pg: Server, pg_url: str, proxy: Proxy, record_property: Report
) -> None:
    play(Scene(pg, pg_url, proxy, names(10)), 4, 0.4, record_property)


@pytest.mark.torture
@pytest.mark.skipif(sys.platform != "linux" or not Path("/proc/self/fd").exists(), reason="counts by /proc")
@pytest.mark.timeout(LONG + 300)
def test_among_faults_for_minutes_neither_memory_nor_handles_nor_connections_grow(
    pg: Server, pg_url: str, proxy: Proxy, record_property: Report
) -> None:
    samples = play(Scene(pg, pg_url, proxy, names(50)), LONG, 1, record_property)
    assert len(samples) > LONG / 2, "enough samples"
    halves = samples[: len(samples) // 2], samples[len(samples) // 2 :]
    taken = {what: [statistics.mean(getattr(sample, what) for sample in half) for half in halves] for what in CHANCE}
    record_property("counted", f"soak, means of the halves of {len(samples)} samples: {taken}")
    assert [what for what, (first, second) in taken.items() if second > ALLOWED * first + CHANCE[what]] == [], taken
