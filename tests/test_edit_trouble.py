"""Going back beside a database that fails in the middle of it: the change is made once, or not, and never half."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest

from postgres.proxy import Counts, Direction, Proxy
from rewinding import TABLE, Place, postgresql_place, sqlite_place
from stratvars.edit import Rewind, carry_out, plan_rewind
from stratvars.errors import UnavailableError
from stratvars.settings import resolve


def test_a_file_that_is_locked_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    with sqlite_place(tmp_path) as place:
        place.live({"n": 1}, {"n": 2})
        place.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(1.5, lambda: place.execute("COMMIT"))
        timer.start()
        assert place.rewind(1) == 4
        timer.join()


@pytest.fixture
def place(pg_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr("stratvars.restore._PAUSES", (0.001, 0.002))
    with postgresql_place(pg_url) as place:
        place.live({"n": 1}, {"n": 2})
        yield place


def through(proxy: Proxy, place: Place) -> Rewind:
    """A plan to go to the one of two revisions that is not the current state, over the proxy."""
    plan = plan_rewind(place.database, TABLE, "bot", 1)
    plan = plan_rewind(place.database, TABLE, "bot", 2) if plan.changes_nothing else plan
    return replace(plan, database=resolve(proxy.url(place.url)))


def cuts(proxy: Proxy, place: Place, direction: Direction, many: int, share: float) -> list[int]:
    """So many places in the last share of the bytes of one rewind, at even distances."""
    before = proxy.counts
    carry_out(through(proxy, place))
    passed: Counts = proxy.counts - before
    total = passed.bytes_to_server if direction is Direction.TO_SERVER else passed.bytes_to_client
    return [int(total * (1 - share + share * part / many)) for part in range(many)]


def edits_of(place: Place) -> int:
    return sum(row[2] == "edit" for row in place.history)


@pytest.mark.parametrize("direction", Direction)
def test_a_connection_that_is_cut_anywhere_makes_the_change_once(
    place: Place, proxy: Proxy, direction: Direction, record_property: Callable[[str, object], None]
) -> None:
    met = 0
    for cut in cuts(proxy, place, direction, 12, 1.0):
        plan, edits, before = through(proxy, place), edits_of(place), proxy.counts.connections
        proxy.cut_after_bytes(cut, direction)
        number = carry_out(plan)
        met += proxy.counts.connections - before > 1
        proxy.cut()  # where this one took fewer bytes, the cut is not to fall later
        assert edits_of(place) == edits + 1
        assert (place.current.revision, place.current.owner) == (number, "")
    record_property("counted", f"rewinds with a cut of bytes {direction.value}: {met} of 12 met it")
    assert met > 8


@pytest.mark.parametrize("direction", Direction)
def test_a_database_that_is_gone_in_the_middle_leaves_a_note_when_it_is_not_known_what_was_changed(
    place: Place,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    *,
    direction: Direction,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setattr("stratvars.edit._PATIENCE", 0.0)
    known, unknown, landed = 0, 0, 0
    proxy.delay(0.005)  # time to close the door behind a connection, before it is cut
    # What the server says is nearly all about the tables; its answer to the save is among the last of it.
    share = 0.4 if direction is Direction.TO_SERVER else 0.05
    for cut in cuts(proxy, place, direction, 12, share):
        plan, edits = through(proxy, place), edits_of(place)
        proxy.cut_after_bytes(cut, direction)
        closer = threading.Thread(target=close_the_door, args=(proxy, proxy.counts.connections))
        closer.start()
        try:
            carry_out(plan)
        except UnavailableError as error:
            is_known = not getattr(error, "__notes__", ())
            known, unknown = known + is_known, unknown + (not is_known)
            made = edits_of(place) - edits
            assert made == 0 if is_known else made <= 1
            landed += made
        else:  # what was cut is the end of the connection, after the change
            assert edits_of(place) == edits + 1
        closer.join()
        proxy.accept()
        proxy.cut()
        place.execute("UPDATE vars_backup_writers SET owner = ''")  # what the end of this process would say
    record_property("counted", f"bytes {direction.value}: {known} known, {unknown} not known, of which {landed} landed")
    assert unknown > 0


def close_the_door(proxy: Proxy, before: int) -> None:
    while proxy.counts.connections == before:
        sleep(0.001)
    proxy.refuse()
