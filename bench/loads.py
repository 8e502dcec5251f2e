"""What coming back costs: the load beside a bare select and json.loads, and a whole restore in round trips."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from frame import Row, Scale, compared, race, run, told
from places import bare_postgres, distant_database, network, opened, server
from states import five, text_of, thousand

from postgres.proxy import Proxy
from stratvars import settings
from stratvars.members import read_members
from stratvars.revision import Claim
from stratvars.store.opening import open_store


def loads(scale: Scale) -> Iterator[Row]:
    for many, values, limit in ((5, five(1), 1.3), (1000, thousand(), 2.0)):
        yield _load(many, values, limit, scale)


def _load(many: int, values: dict[str, Any], limit: float, scale: Scale) -> Row:
    with distant_database() as url, bare_postgres(url) as bare:
        with closing(opened(url)) as backup:
            backup.vars.update(values)
            backup.save()
        bare.write(text_of(values))
        with closing(open_store(settings.resolve(url))) as store:
            store.prepare("vars_backup")
            claim = store.acquire("vars_backup", "bot", "bench", "start")
            if not isinstance(claim, Claim):
                raise TypeError(claim)

            def load() -> dict[str, Any]:
                stored = store.load(claim)
                return read_members("{}" if stored is None else stored.variables)[1]

            if load() != json.loads(bare.read()):
                raise ValueError("both are to read the same")
            times = race(
                {"bare": lambda: json.loads(bare.read()), "ours": load}, rounds=scale.rounds, warm_up=scale.warm_up
            )
    work = f"load of {many:,} variables, decoded"
    return compared("6", work, "bare select and json.loads", limit, (times["ours"], times["bare"]))


def restores(scale: Scale) -> Iterator[Row]:  # noqa: ARG001 - it counts, and once is enough
    with server() as made, network(made) as (proxy, url):
        with closing(opened(url)) as backup:
            backup.vars.update(five(1))
        cold, _ = _round_trips(proxy, url)
        with closing(opened(url, "other")):  # keeps the process's connection open
            warm, end = _round_trips(proxy, url)
    beside = f"{cold} with the connection, its password and the tables' check; the end, a save and giving up, {end}"
    yield Row(
        "6", "a whole restore, round trips", "", "2", f"{told(warm, 2, '')} where the process is connected; {beside}"
    )


def _round_trips(proxy: Proxy, url: str) -> tuple[int, int]:
    """Of a start, and of its end."""
    before = proxy.counts
    with closing(opened(url)):
        started = proxy.counts
    return (started - before).round_trips, (proxy.counts - started).round_trips


if __name__ == "__main__":
    run(__file__, loads, restores)
