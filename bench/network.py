"""A network that is slow, or swallows everything: what a save costs then, and how long an iteration is held."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
from frame import Row, Scale, Times, race, run, seconds, told
from places import network, opened, server
from states import five

from stratvars import Backup
from stratvars.revision import Reason
from stratvars.session import DEADLINE

ROUND_TRIP = 0.02


def far_away(scale: Scale) -> Iterator[Row]:
    """Each of several sizes, with the first save of a start."""
    with server() as made, network(made) as (proxy, url):
        proxy.delay(ROUND_TRIP / 2)
        with closing(psycopg.connect(url, autocommit=True)) as probe:
            for size in (100, 10_000):
                with closing(opened(url, f"bot-{size}")) as backup:
                    first = seconds(lambda backup=backup, size=size: _save(backup, 0, size))  # type: ignore[misc]
                    number = 0

                    def save(backup: Backup = backup, size: int = size) -> None:
                        nonlocal number
                        number += 1
                        _save(backup, number, size)

                    before, trips = proxy.counts, max(scale.rounds // 3, 10)
                    times = race(
                        {"trip": lambda: probe.execute("SELECT 1", prepare=True), "ours": save}, rounds=trips, warm_up=0
                    )
                    spent = (proxy.counts - before).round_trips - trips
                ratio = times["ours"].median / times["trip"].median
                told_first = f"the first {first / times['trip'].median:.3g}, {spent / trips:.3g} counted"
                yield Row(
                    "10",
                    f"20 ms of network, {size:,} bytes: round trips per save",
                    "a bare SELECT 1",
                    "1.1x",
                    f"{told(ratio, 1.1)}; {told_first}",
                )


def _save(backup: Backup, number: int, size: int) -> None:
    backup.vars.update({**five(number), "notes": "x" * size})
    backup.save()


def black_hole(scale: Scale) -> Iterator[Row]:
    """An iteration's wait from the moment on at which the network swallows everything, several times over."""
    waits, normal, after = [], [], []
    with server() as made, network(made) as (proxy, url), closing(opened(url)) as backup:
        for outage in range(1 if scale.is_quick else 5):
            normal += [_keep(backup, outage * 1000 + number) for number in range(scale.rounds)]
            proxy.black_hole(active=True)
            waits.append(_keep(backup, outage * 1000 + 500))
            after += [_keep(backup, outage * 1000 + 501 + number) for number in range(scale.rounds)]
            proxy.black_hole(active=False)
            time.sleep(0.1)
            backup.save(timeout=30)
    limit = DEADLINE + 0.05
    longest = max(*waits, *after)
    yield Row(
        "11",
        "black-holed database: an iteration's longest wait",
        "the deadline of 2 s",
        f"{limit:g} s",
        f"{told(longest, limit, ' s')}; in the trouble that is known, p99 {Times(tuple(after)).p99 * 1e3:.3g} ms "
        f"(with the database {Times(tuple(normal)).p99 * 1e3:.3g} ms)",
    )


def not_waiting(scale: Scale) -> Iterator[Row]:
    """The caller leaves its state and does not wait: with the database, and without."""
    with server() as made, network(made) as (proxy, url), closing(opened(url)) as backup:
        leave = backup._use().leave  # noqa: SLF001 - no public save leaves a state without waiting yet
        taken = []
        for is_hole in (False, True):
            proxy.black_hole(active=is_hole)
            times = []
            for number in range(scale.rounds):
                backup.vars.update(five(number))
                times.append(seconds(lambda: leave(Reason.MANUAL, complete=True)))
                time.sleep(0.002)
            taken.append(Times(tuple(times)))
        proxy.black_hole(active=False)
        time.sleep(0.1)
        backup.save(timeout=30)
    normal, hole = taken
    yield Row(
        "11",
        "the same, a state that is left and not waited for: the caller's p99",
        "the same with the database",
        "1.2x",
        f"{told(hole.p99 / normal.p99, 1.2)}; {hole.p99 * 1e6:.0f} over {normal.p99 * 1e6:.0f} us",
    )


def _keep(backup: Backup, number: int) -> float:
    backup.vars.update(five(number))
    return seconds(lambda: backup.keep(Reason.ITERATION, complete=True))


if __name__ == "__main__":
    run(__file__, far_away, black_hole, not_waiting)
