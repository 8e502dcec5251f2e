"""What is there already under the name of a strategy that comes: the same, an older state of it, or another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from cargo import any_place, everything, exported, fill, imported, lines, sqlite_places

from rewinding import TABLE, Place
from stratvars import Backup
from stratvars.errors import NotSavedError, OwnedError, UsageError
from stratvars.importing import Arrival
from stratvars.move import drop, rename
from stratvars.owner import Owner
from stratvars.revision import Claim
from stratvars.store.opening import open_store


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Callable[[str], Place]]:
    with sqlite_places(tmp_path) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with any_place(request) as place:
        yield place


def test_the_same_state_is_left_as_it_is_also_while_it_runs(place: Place) -> None:
    fill(place)
    text, before = exported(place), everything(place)
    assert imported(place, text) == [Arrival.UNCHANGED] * 4
    assert everything(place) == before
    with Backup("crashed", place.url):
        assert imported(place, exported(place, "bot", "crashed")) == [Arrival.UNCHANGED] * 2


def test_an_older_state_that_runs_is_not_brought_up_to_date(place: Place, sqlite: Callable[[str], Place]) -> None:
    origin = sqlite("origin")
    origin.live({"n": 1}, {"n": 2})
    imported(place, exported(origin))
    origin.live({"n": 3}, {"n": 4})
    with Backup("bot", place.url):
        before = everything(place)
        with pytest.raises(OwnedError, match="'bot' is running, in process"):
            imported(place, exported(origin))
        assert everything(place) == before


def test_an_older_state_is_brought_up_to_date_with_its_history(place: Place, sqlite: Callable[[str], Place]) -> None:
    origin = sqlite("origin")
    origin.live({"n": 1}, {"n": 2})
    imported(place, exported(origin))
    origin.live({"n": 3}, {"n": 4})
    assert imported(place, exported(origin)) == [Arrival.UPDATED]
    assert lines(exported(place))[1:-1] == lines(exported(origin))[1:-1]


def test_the_epoch_never_falls_below_that_of_a_start_that_saved_nothing(
    place: Place, sqlite: Callable[[str], Place]
) -> None:
    origin = sqlite("origin")
    origin.live({"n": 1})
    imported(place, exported(origin))
    origin.live({"n": 2})
    with closing(open_store(place.database)) as store:
        store.prepare(TABLE)
        for start in range(5):
            claim = store.acquire(TABLE, "bot", "me", f"start-{start}")
            assert isinstance(claim, Claim)
            store.release(claim)
    assert imported(place, exported(origin)) == [Arrival.UPDATED]
    place.live({"n": 3})
    assert place.current.epoch == claim.epoch + 1


@pytest.mark.parametrize(
    "what",
    [
        *("newer", "another", "changed by hand", "older and changed by hand", "the file changed by hand"),
        *("older without history", "history alone"),
    ],
)
def test_another_state_is_never_overwritten(place: Place, sqlite: Callable[[str], Place], what: str) -> None:
    origin = sqlite("origin")
    origin.live({"n": 1}, {"n": 2})
    text = exported(origin)
    if what == "another":
        place.live({"n": 7}, name="bot")
    else:
        imported(place, text)
    if what == "newer":
        place.live({"n": 9})
    if "older" in what:
        origin.live({"n": 5})
        text = exported(origin, history=what != "older without history")
    if what == "the file changed by hand":
        origin.execute("UPDATE vars_backup SET variables = '{}'")
        text = exported(origin)
    elif "changed by hand" in what:
        place.execute("UPDATE vars_backup SET variables = '{}'")
    if what == "history alone":
        place.execute("DELETE FROM vars_backup")
        place.execute("DELETE FROM vars_backup_writers")
    before = everything(place)
    with pytest.raises(NotSavedError, match=r"is in .* already"):
        imported(place, text)
    assert everything(place) == before
    assert imported(place, text, rename_to="copy") == [Arrival.IMPORTED]
    assert everything(place)["vars_backup_history"] != before["vars_backup_history"]


def test_one_of_several_that_is_refused_keeps_all_of_them_out(place: Place, sqlite: Callable[[str], Place]) -> None:
    origin = sqlite("origin")
    for name in ("a", "b", "c"):
        origin.live({"n": 1}, name=name)
    place.live({"n": 2}, name="c")
    before = everything(place)
    with pytest.raises(NotSavedError, match="'c'"):
        imported(place, exported(origin))
    assert everything(place) == before
    with pytest.raises(UsageError, match="several strategies"):
        imported(place, exported(origin), rename_to="x")
    assert everything(place) == before


def test_an_owner_that_is_dead_or_let_its_lease_end_hinders_nobody(
    place: Place, sqlite: Callable[[str], Place]
) -> None:
    elsewhere = replace(Owner.current(), host="server-2", machine="another boot", machine_id="")
    dead = replace(Owner.current(), pid=2**22 + 1)
    now = "now()" if place.url.startswith("postgresql") else "datetime('now')"
    origin = sqlite("origin")
    origin.live({"n": 1})
    imported(place, exported(origin))
    for owner, until, is_free in (
        (elsewhere, now, True),
        (elsewhere, "'2099-01-01 00:00:00+00:00'", False),
        (dead, "'2099-01-01 00:00:00+00:00'", True),
    ):
        place.execute(f"UPDATE vars_backup_writers SET owner = '{owner.to_text()}', lease_until = {until}")
        origin.live({"n": 2})
        if is_free:
            assert imported(place, exported(origin)) == [Arrival.UPDATED]
        else:
            with pytest.raises(OwnedError, match=r"on server-2, which cannot be looked at .* its lease ends in"):
                imported(place, exported(origin))
            with pytest.raises(OwnedError, match="server-2"):
                rename(place.database, TABLE, "bot", "new")
            with pytest.raises(OwnedError, match="server-2"):
                drop(place.database, TABLE, "bot")
