"""What thins a history between two statements of somebody else: another thinner, and who reads in more than one."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import made
import pytest
from made import NAME, NOW, Backup, Maker, Sides

from stratvars import moment
from stratvars.archive import open_archive
from stratvars.retention import Retention
from stratvars.revision import Kept, Reason
from stratvars.settings import resolve
from stratvars.store.opening import open_store
from stratvars.store.postgres.shelf import PostgresShelf
from stratvars.store.sqlite.shelf import SqliteShelf
from stratvars.testing import TABLE
from stratvars.thinning import Plan, Step

HOURLY, DAILY = Retention(0, float("inf"), 0), Retention(0, 0, float("inf"))
BACKUPS = [
    Backup(Reason.ITERATION, complete=True, put=(("n", str(number)), (f"v{number % 3}", f"[{number}]")), gap=1_500)
    for number in range(60)
]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/bots.db" if request.param == "sqlite" else str(request.getfixturevalue("pg_url"))


@pytest.fixture
def sides(url: str) -> Iterator[Sides]:
    path = resolve(url).path
    sides = made.postgres(url) if path is None else made.sqlite(path)
    Maker(sides, ends=NOW - timedelta(hours=1)).play(BACKUPS)
    yield sides
    sides.close()


def test_of_two_thinners_at_once_one_goes_on_later(url: str, sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each from what it has read: one would write a change onto a revision that the other has removed."""
    said = made.states(sides)
    has_read, may_write = threading.Event(), threading.Event()
    plans: list[Plan] = []
    kind = SqliteShelf if resolve(url).path is not None else PostgresShelf
    rewrite = kind.rewrite

    def slowly(shelf: Any, epoch: int, revisions: Sequence[Kept]) -> None:
        if threading.current_thread() is first:
            has_read.set()
            assert may_write.wait(10)
        rewrite(shelf, epoch, revisions)

    def thin() -> None:
        with closing(open_store(resolve(url))) as store:
            store.prepare(TABLE)
            plans.append(store.thin(TABLE, NAME, Step(HOURLY)))

    first = threading.Thread(target=thin)
    monkeypatch.setattr(kind, "rewrite", slowly)
    first.start()
    assert has_read.wait(10)
    second = threading.Thread(target=lambda: plans.append(sides.store.thin(TABLE, NAME, Step(DAILY))))
    second.start()
    second.join(0.5)
    may_write.set()
    first.join()
    second.join()
    if kind is PostgresShelf:
        assert [plan.gone == () for plan in plans] == [True, False]
        assert plans[0].after == (0, 0), "it is to be tried again"
    now = made.states(sides)
    assert now == {number: said[number] for number in now}
    assert len(now) < len(said)


def test_who_reads_in_two_statements_finds_each_revision_with_its_own_values(
    url: str, sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_archive(url, table=TABLE) as archive:
        history = archive._records.history

        def thinned_just_before(*asked: Any) -> list[Kept]:
            made.thin(sides, HOURLY)
            return history(*asked)

        monkeypatch.setattr(archive._records, "history", thinned_just_before)
        rows = archive.changes(NAME).rows
        assert 10 < len(rows) < len(BACKUPS)
        assert [row.texts["n"] for row in rows] == [str(row.entry.number - 1) for row in rows]


def test_a_time_whose_revision_is_thinned_out_meanwhile_means_the_one_before(
    url: str, sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = made.all_entries(sides)
    stays = {number for _, number in made.wanted(entries, HOURLY)}
    goes = next(entry for entry in entries[5:] if entry.number not in stays)
    history = sides.records.history

    def thinned_just_before(*asked: Any) -> list[Kept]:
        made.thin(sides, HOURLY)
        return history(*asked)

    monkeypatch.setattr(sides.records, "history", thinned_just_before)
    found = moment.past(sides.records, TABLE, NAME, goes.saved_at)[-1].number
    assert found == max(number for number in stays if number < goes.number)
