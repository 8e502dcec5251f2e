"""Strategies moved between databases and back: not a bit is lost, and nothing is half done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cargo import DATA, NAMES, any_place, everything, exported, fill, imported, lines, sqlite_places

from postgres.proxy import Direction, Proxy
from rewinding import TABLE, Place, postgresql_place
from stratvars import open_archive
from stratvars.errors import NotSavedError, RefusedError, StratvarsError, UnavailableError
from stratvars.exporting import Exporting
from stratvars.importing import Arrival, import_strategies
from stratvars.move import drop
from stratvars.settings import resolve


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Callable[[str], Place]]:
    with sqlite_places(tmp_path) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with any_place(request) as place:
        yield place


@pytest.fixture
def postgresql(pg_url: str) -> Iterator[Place]:
    with postgresql_place(pg_url) as place:
        yield place


def test_from_sqlite_to_postgresql_and_back_not_a_bit_is_lost(
    sqlite: Callable[[str], Place], postgresql: Place
) -> None:
    first, last = sqlite("first"), sqlite("last")
    fill(first)
    before = everything(first)
    assert (len(before["vars_backup"]), len(before["vars_backup_history"])) == (4, 17)
    assert {row[4] for row in before["vars_backup_history"]} == {"fenced", "crash", "error", "stop", "iteration"}
    assert imported(postgresql, exported(first)) == [Arrival.IMPORTED] * 4
    assert imported(last, exported(postgresql)) == [Arrival.IMPORTED] * 4
    assert everything(last) == before
    assert everything(first) == before, "looking changes nothing"


def test_from_postgresql_to_sqlite_and_back_not_a_bit_is_lost(
    sqlite: Callable[[str], Place], postgresql: Place
) -> None:
    fill(postgresql)
    before = everything(postgresql)
    text = exported(postgresql)
    assert any(row[3].microsecond % 1000 for row in before["vars_backup_history"]), "finer than SQLite writes itself"
    between = sqlite("between")
    imported(between, text)
    back = exported(between)
    assert lines(back)[1:-1] == lines(text)[1:-1]
    for name in NAMES:
        drop(postgresql.database, TABLE, name)
    assert everything(postgresql) == {table: [] for table in before}
    imported(postgresql, back)
    assert everything(postgresql) == before


@pytest.mark.parametrize("history", [True, False])
def test_a_bot_goes_on_from_the_imported_state_under_a_higher_epoch(
    place: Place, sqlite: Callable[[str], Place], *, history: bool
) -> None:
    origin = sqlite("origin")
    origin.live({**DATA, "n": 1})
    origin.live({**DATA, "n": 2})
    epoch, revision = origin.current.epoch, origin.current.revision
    imported(place, exported(origin, history=history))
    found = place.live({"n": 3})
    assert repr(found) == repr({**DATA, "n": 2})
    assert (place.current.epoch, place.current.revision) == (epoch + 1, revision + 2)


def test_without_the_history_the_current_state_and_the_last_completed_iteration_come_along(
    place: Place, sqlite: Callable[[str], Place]
) -> None:
    origin = sqlite("origin")
    origin.live({"n": 1}, {"n": 2}, {"n": 3})
    origin.live({"n": 4}, {"n": 5}, {"n": 6}, crash=True)
    imported(place, exported(origin, history=False))
    with open_archive(place.url) as archive, open_archive(origin.url) as before:
        kept = [entry.number for entry in archive.revisions("bot")]
        assert kept == [entry.number for entry in before.revisions("bot")][-4:]
        for when in ("last-iteration", "before-crash", kept[0]):
            assert archive.at("bot", when).state == before.at("bot", when).state
        assert archive.variables("bot") == {"n": 6}
    assert place.current.crashes == origin.current.crashes == 1


def test_a_text_that_is_no_utf_8_stays_so_in_sqlite_and_is_refused_by_postgresql(
    sqlite: Callable[[str], Place], postgresql: Place
) -> None:
    first, last = sqlite("first"), sqlite("last")
    first.live({"n": 1}, {"n": 2})
    for table, column in (("", "variables"), ("_history", "changed")):
        first.execute(f"UPDATE vars_backup{table} SET {column} = CAST(X'7B22C3287D' AS TEXT)")
    text = exported(first)
    assert imported(last, text) == [Arrival.IMPORTED]
    query = "SELECT DISTINCT hex(CAST({} AS BLOB)), typeof({}) FROM vars_backup{}"
    for table, column in (("", "variables"), ("_history", "changed")):
        assert last.execute(query.format(column, column, table)).fetchall() == [("7B22C3287D", "text")]
    with pytest.raises(RefusedError, match="cannot keep what stands in changed: it holds bytes that are no UTF-8"):
        imported(postgresql, text)
    assert everything(postgresql) == {"vars_backup": [], "vars_backup_writers": [], "vars_backup_history": []}


def test_an_export_is_one_moment_however_long_it_takes(place: Place) -> None:
    fill(place)
    before = lines(exported(place))
    with closing(Exporting(place.database, TABLE, None, everything=True)) as exporting:
        making = exporting.lines()
        begun = [next(making) for _ in range(3)]
        place.live({"n": 99})
        place.live({"n": 99}, name="crashed")
        place.live({"n": 99}, name="new")
        found = [*begun, *making]
    assert found[1:-1] == before[1:-1]


def test_a_file_that_was_cut_off_anywhere_changes_nothing(place: Place, sqlite: Callable[[str], Place]) -> None:
    origin = sqlite("origin")
    fill(origin)
    place.live({"n": 1}, name="other")
    before = everything(place)
    found = lines(exported(origin))
    for many in range(len(found)):
        with pytest.raises(StratvarsError):
            import_strategies(place.database, TABLE, found[:many])
        assert everything(place) == before
    assert len(import_strategies(place.database, TABLE, found)) == 4


@pytest.mark.parametrize("direction", Direction)
def test_a_connection_that_is_cut_anywhere_leaves_nothing_half_imported(
    postgresql: Place,
    proxy: Proxy,
    sqlite: Callable[[str], Place],
    *,
    direction: Direction,
    record_property: Callable[[str, object], None],
) -> None:
    origin = sqlite("origin")
    fill(origin)
    text = exported(origin)
    nothing: dict[str, list[object]] = {"vars_backup": [], "vars_backup_writers": [], "vars_backup_history": []}
    database = resolve(proxy.url(postgresql.url))
    imported(postgresql, text)
    for name in NAMES:
        drop(postgresql.database, TABLE, name)
    counts = proxy.counts
    import_strategies(database, TABLE, lines(text))
    whole, passed = everything(postgresql), proxy.counts - counts
    total = passed.bytes_to_server if direction is Direction.TO_SERVER else passed.bytes_to_client
    failed, landed = 0, 0
    for part in range(0, 16, 2):
        for name in NAMES:
            drop(postgresql.database, TABLE, name)
        proxy.cut_after_bytes(total * part // 12 + 1 if part < 12 else total - 4 * (16 - part), direction)
        try:
            import_strategies(database, TABLE, lines(text))
        except UnavailableError as error:
            failed += 1
            is_known = not getattr(error, "__notes__", ())
            assert everything(postgresql) == nothing if is_known else everything(postgresql) in (nothing, whole)
            arrivals = imported(postgresql, text)
            landed += arrivals == [Arrival.UNCHANGED] * 4
        proxy.cut()
        assert everything(postgresql) == whole, "after another try it is all there, once"
    record_property("counted", f"imports cut, bytes {direction.value}: {failed} of 8 failed, {landed} had landed")
    assert failed > 4
    assert direction is Direction.TO_SERVER or landed > 0


def test_of_many_imports_and_starts_at_once_one_comes_first_and_nothing_is_mixed(
    place: Place, sqlite: Callable[[str], Place]
) -> None:
    origin = sqlite("origin")
    origin.live({"n": 1}, {"n": 2})
    text, answers = exported(origin), list[str]()

    def once(go: threading.Barrier) -> None:
        go.wait()
        try:
            answers.append(str(imported(place, text)[0]))
        except (UnavailableError, NotSavedError) as error:
            answers.append(type(error).__name__)

    go = threading.Barrier(4)
    threads = [threading.Thread(target=once, args=(go,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count("imported") == 1, answers
    assert set(answers) <= {"imported", "unchanged", "UnavailableError"}
    assert lines(exported(place))[1:-1] == lines(exported(origin))[1:-1]


def test_a_dry_run_tells_the_same_and_changes_nothing(place: Place, sqlite: Callable[[str], Place]) -> None:
    origin, empty = sqlite("origin"), sqlite("empty")
    fill(origin)
    place.live({"n": 1}, name="other")
    before = everything(place)
    assert imported(place, exported(origin), pretend=True) == [Arrival.IMPORTED] * 4
    assert everything(place) == before
    Path(empty.url.removeprefix("sqlite:///")).unlink(missing_ok=True)
    assert imported(empty, exported(origin), pretend=True) == [Arrival.IMPORTED] * 4
    assert not Path(empty.url.removeprefix("sqlite:///")).exists()


def test_a_foreign_table_is_left_as_it_is(place: Place, sqlite: Callable[[str], Place]) -> None:
    origin = sqlite("origin")
    origin.live({"n": 1})
    place.execute("CREATE TABLE vars_backup (mine text)")
    place.execute("INSERT INTO vars_backup VALUES ('x')")
    with pytest.raises(RefusedError):
        imported(place, exported(origin))
    assert place.execute("SELECT * FROM vars_backup").fetchall() == [("x",)]


def test_another_table_is_another_place(place: Place) -> None:
    fill(place)
    before = everything(place)
    import_strategies(place.database, "mine", lines(exported(place)))
    with open_archive(place.url, table="mine") as archive:
        assert [stored.strategy for stored in archive.strategies()] == sorted(NAMES)
    assert everything(place) == before
