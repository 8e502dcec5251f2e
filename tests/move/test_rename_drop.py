"""A strategy gets another name, or goes away; it takes its history along, and no other strategy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cargo import NAMES, any_place, everything, exported, fill, imported, lines, sqlite_places

from rewinding import TABLE, Place
from stratvars import Backup, open_archive
from stratvars.errors import NotSavedError, OwnedError, UsageError
from stratvars.importing import Arrival
from stratvars.move import drop, look, rename


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Callable[[str], Place]]:
    with sqlite_places(tmp_path) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with any_place(request) as place:
        yield place


def test_a_strategy_is_renamed_with_its_history_and_goes_on(place: Place) -> None:
    fill(place)
    before = everything(place, but=("strategy_id",))
    others = [name for name in NAMES if name != "bot"]
    moved = rename(place.database, TABLE, "bot", "new\"'%s")
    assert (moved.name, moved.revisions) == ("new\"'%s", 8)
    assert everything(place, but=("strategy_id",)) == before
    with open_archive(place.url) as archive:
        assert sorted(stored.strategy for stored in archive.strategies()) == sorted(["new\"'%s", *others])
        assert archive.at("new\"'%s", 1).state.texts["n"] == "1"
        assert archive.current("bot") is None
    assert place.live({"n": 1}, name="new\"'%s") == {"n": 4, "é": "ü"}
    assert place.live({"n": 1}) == {}, "the old name is a first start"


def test_a_name_that_is_taken_is_not_given_twice_and_a_running_strategy_not_renamed(place: Place) -> None:
    place.live({"n": 1})
    place.live({"n": 1}, name="other")
    before = everything(place)
    with pytest.raises(UsageError, match=r"there is a strategy 'other' in .* already"):
        rename(place.database, TABLE, "bot", "other")
    with pytest.raises(UsageError, match=r"there is a strategy 'bot' in .* already"):
        rename(place.database, TABLE, "bot", "bot")
    with pytest.raises(UsageError, match="nothing is saved under the name 'nobody'"):
        rename(place.database, TABLE, "nobody", "new")
    with pytest.raises(UsageError, match="is blank"):
        rename(place.database, TABLE, "bot", " ")
    assert everything(place) == before
    with Backup("bot", place.url):
        with pytest.raises(OwnedError, match="is running, in process"):
            rename(place.database, TABLE, "bot", "new")
        with pytest.raises(OwnedError, match="is running, in process"):
            drop(place.database, TABLE, "bot")
    assert {row[0] for row in everything(place)["vars_backup"]} == {"bot", "other"}


def test_a_strategy_is_dropped_with_all_its_history_and_no_other(place: Place) -> None:
    fill(place)
    before = everything(place)
    assert drop(place.database, TABLE, "bot").revisions == 8
    assert everything(place) == {table: [row for row in rows if row[0] != "bot"] for table, rows in before.items()}
    with pytest.raises(UsageError, match="nothing is saved under the name 'bot'"):
        drop(place.database, TABLE, "bot")


def test_a_strategy_that_was_saved_since_it_was_looked_at_is_not_dropped(place: Place) -> None:
    place.live({"n": 1})
    seen = look(place.database, TABLE, "bot")
    place.live({"n": 2})
    with pytest.raises(NotSavedError, match="meanwhile"):
        drop(place.database, TABLE, "bot", only=seen)
    assert place.live() == {"n": 2}


def test_a_strategy_whose_row_is_gone_is_moved_and_dropped_as_it_is(
    place: Place, sqlite: Callable[[str], Place]
) -> None:
    origin = sqlite("origin")
    origin.live({"n": 1}, {"n": 2})
    origin.execute("DELETE FROM vars_backup")
    text = exported(origin)
    assert json.loads(lines(text)[1])["row"] is None
    assert imported(place, text) == [Arrival.IMPORTED]
    assert place.rewind() is not None
    assert place.live() == {"n": 2}
    assert drop(origin.database, TABLE, "bot", only=look(origin.database, TABLE, "bot")).revisions == 3
