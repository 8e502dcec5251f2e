"""A connection that is cut at every byte of a save and of its answer: the state is there, once, whatever was heard."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from itertools import cycle

import psycopg
import pytest
from wire import Count, Wire, wire_at

from postgres.proxy import Direction, Proxy

Told = Callable[[str, object], None]
WARMTHS = (1, 2, 4)
"""Saves on a connection before the one that is cut: the next is sent as it is, prepared, and then by its name alone."""


def cut_everywhere(wire: Wire, warmth: int, strides: dict[Direction, int]) -> int:
    """Cut at the bytes of both directions, the last one included; returns how many bytes there are."""
    size = 0
    for direction, stride in strides.items():
        wire.warm_up(warmth)
        length = wire.size(direction)
        size += length
        # Past the last byte of a question the answer alone is cut.
        end = length + 1 if direction is Direction.TO_SERVER else length
        for place in sorted({*range(0, end, stride), end - 1}):
            wire.cut_at(place, direction, warmth)
    return size


def cut_many(url: str, proxy: Proxy, admin: psycopg.Connection, strides: dict[Direction, int], late: int) -> Count:
    with wire_at(url, proxy, admin) as wire, closing(psycopg.connect(url)) as holder:
        size = sum(cut_everywhere(wire, warmth, strides) for warmth in WARMTHS)
        for _, waiting in zip(range(late), cycle((1, 2)), strict=False):
            wire.cut_while_held(holder, waiting)
    assert size > 2 * 1000
    return wire.count


def check(count: Count, told: Told) -> None:
    told("counted", f"a save's connection cut: {count}")
    assert (count.lost, count.repeated, count.torn) == (0, 0, 0)
    assert count.not_committed > 0
    assert count.committed > 0
    assert count.committed_late > 0
    # Of the last byte of an answer some miss: it is as long as the numbers of the places in it.
    assert count.beside <= 0.04 * count.faults, "the cuts fell into the saves"


def test_a_save_that_is_cut_at_any_byte_is_there_once(
    pg_url: str, proxy: Proxy, admin: psycopg.Connection, record_property: Told, caplog: pytest.LogCaptureFixture
) -> None:
    check(cut_many(pg_url, proxy, admin, {Direction.TO_SERVER: 131, Direction.TO_CLIENT: 11}, 10), record_property)
    assert caplog.messages == [], "a connection that is there again at once is no trouble"


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_a_save_that_is_cut_at_every_byte_is_there_once(
    pg_url: str, proxy: Proxy, admin: psycopg.Connection, record_property: Told
) -> None:
    check(cut_many(pg_url, proxy, admin, dict.fromkeys(Direction, 1), 200), record_property)
