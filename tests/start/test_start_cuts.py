"""A connection that is cut in the middle of a start, at every step of it, in both directions."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import pairwise
from threading import Thread

import psycopg
import pytest

from postgres.proxy import Direction, Proxy
from postgres.stores import rows
from stratvars import Backup
from stratvars.errors import NewerFormatError


def opened(url: str, table: str) -> Backup:
    return Backup("bot", url, table=table, pause=lambda _: time.sleep(0.001)).open()


def middles_of_messages(proxy: Proxy, direction: Direction, start: Callable[[], object]) -> list[int]:
    """How many bytes have passed in the middle of each message of a start, learned from one that is left alone."""
    before, counts, is_over = proxy.counts, [0], False

    def watch() -> None:
        while not is_over:
            passed = proxy.counts - before
            count = passed.bytes_to_server if direction is Direction.TO_SERVER else passed.bytes_to_client
            if count != counts[-1]:
                counts.append(count)
            time.sleep(0.0005)

    watcher = Thread(target=watch)
    watcher.start()
    proxy.delay(0.01)  # so that no two messages pass between two looks
    start()
    is_over = True
    watcher.join()
    proxy.delay(0)
    return [(start + end) // 2 for start, end in pairwise(counts)]


@pytest.mark.parametrize("is_first", [True, False], ids=["first-start", "later-start"])
@pytest.mark.parametrize("direction", Direction, ids=["question-cut", "answer-cut"])
def test_a_connection_that_is_cut_at_any_step_of_a_start_costs_nothing(
    pg_url: str,
    proxy: Proxy,
    *,
    admin: psycopg.Connection,
    direction: Direction,
    is_first: bool,
    record_property: Callable[[str, object], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also where the start has become the writer and only the answer is lost: it must not take itself for another."""
    caplog.set_level(logging.ERROR)
    url, cuts = proxy.url(pg_url), 0
    with Backup("bot", url, table="later") as backup:
        backup.vars.n = 0
    alone: list[Backup] = []
    table = "first_00" if is_first else "later"
    places = middles_of_messages(proxy, direction, lambda: alone.append(opened(url, table)))
    alone[0].close()
    for number, place in enumerate(places, 1):
        table = f"first_{number:02}" if is_first else "later"
        before = proxy.counts.connections
        proxy.cut_after_bytes(place, direction)
        backup = opened(url, table)
        cuts += proxy.counts.connections - before > 1
        proxy.cut()  # where this start took fewer bytes, the cut is not to fall later
        assert backup.vars.get("n") == (None if is_first else number - 1)
        backup.vars.n = number
        backup.close()
        epoch = rows(admin, f"SELECT epoch, revision FROM {table}_writers")
        assert epoch == [(1, 1) if is_first else (number + 2, number + 2)], (
            "one start is one epoch, however often it asks"
        )
    record_property("counted", f"{'first' if is_first else 'later'} start: {cuts} cuts, bytes going {direction.value}")
    assert cuts >= 0.8 * len(places) > 8


def test_a_state_that_cannot_be_restored_is_refused_for_that_reason_wherever_the_connection_is_cut(
    pg_url: str, proxy: Proxy, admin: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    with Backup("bot", pg_url, table="later") as backup:
        backup.vars.n = 1

    def refused() -> None:
        # Where the cut hit the release, this process still stands there as the owner.
        admin.execute("UPDATE later_writers SET format = 99, owner = ''")
        with pytest.raises(NewerFormatError, match="format 99"):
            opened(proxy.url(pg_url), "later")

    places = middles_of_messages(proxy, Direction.TO_CLIENT, refused)
    for place in places:
        proxy.cut_after_bytes(place, Direction.TO_CLIENT)
        refused()
        proxy.cut()
    assert proxy.counts.connections > 1.8 * len(places) > 14
    assert rows(admin, "SELECT variables FROM later") == [('{"n":1}',)]
