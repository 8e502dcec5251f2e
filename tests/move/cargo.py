"""Databases to move strategies between, filled with everything that may stand in them, and all that is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from rewinding import TABLE, Place, postgresql_place, sqlite_place
from stratvars import Backup
from stratvars.exporting import Exporting
from stratvars.importing import Arrival, import_strategies
from stratvars.revision import Reason

NAMES = ("bot", "né \t\"'\\ ☃", "by hand", "crashed")
DATA = {
    "ints": [0, -1, 2**63, 10**40],
    "floats": [0.1, -0.0, 1e300, float("nan"), float("inf")],
    "texts": ["é☃\U0001f600", "\x00\x1f\x7f", '\\"\n'],
    "nested": {1: (1, {2}), "$dict": None},
}
_COLUMNS = {
    "vars_backup": "strategy_id, id, last_updated, variables",
    "vars_backup_writers": "strategy_id, epoch, revision, start_id, owner, lease, digest, reason, complete, held_back, "
    "format, written_by",
    "vars_backup_history": "strategy_id, epoch, revision, saved_at, reason, complete, snapshot, changed, removed, "
    "held_back, start_id, format",
}


def fill(place: Place) -> None:
    """Strategies with lives, crashes, held back variables, rows changed by hand, and what a fenced start left."""
    place.live({**DATA, "n": 1}, {**DATA, "n": 2}, {"n": 3, "gone": None})
    place.live({"n": 4}, {"n": 4, "é": "ü"})
    place.execute(
        """INSERT INTO vars_backup_history SELECT strategy_id, epoch, revision, saved_at, 'fenced', complete, snapshot,
        '{ "fenced" : 1.50 }', removed, held_back, 'a start that lost', 3 FROM vars_backup_history
        WHERE epoch = 2 AND revision = 6""".replace("epoch, revision, saved_at", "epoch - 1, revision + 9, saved_at", 1)
    )
    with suppress(Exception), Backup(NAMES[1], place.url) as backup:
        backup.vars.update(good=1, list=[1])
        backup.keep(Reason.ITERATION, complete=True)
        backup.vars.list.append(object())
        backup.keep(Reason.ITERATION, complete=True)
    place.execute("UPDATE vars_backup SET variables = '{ \"n\" : 1.50,\n\"é\":[ ]}' WHERE strategy_id LIKE 'n%'")
    place.live({"n": 1}, name="by hand")
    for table in ("_writers", "_history"):
        place.execute(f"DELETE FROM vars_backup{table} WHERE strategy_id = 'by hand'")
    place.live({"n": 1}, {"n": 2}, {"n": "?"}, crash=True, name="crashed")
    place.live({"n": 3}, crash=True, name="crashed")


def everything(place: Place, *, but: tuple[str, ...] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the three tables, but for when a lease ends; none where a table is not there."""
    found = {}
    for table, columns in _COLUMNS.items():
        wanted = ", ".join(column for column in columns.split(", ") if column not in but)
        rows = place.execute(f"SELECT {wanted} FROM {table}").fetchall()
        found[table] = sorted(rows, key=lambda row: tuple(map(str, row)))
    return found


def exported(place: Place, *wanted: str, history: bool = True) -> bytes:
    with closing(Exporting(place.database, TABLE, wanted or None, everything=history)) as exporting:
        return b"".join(exporting.lines())


def imported(place: Place, text: bytes, **options: Any) -> list[Arrival]:
    return [moved.arrival for moved in import_strategies(place.database, TABLE, lines(text), **options)]


def lines(text: bytes) -> list[bytes]:
    return text.splitlines(keepends=True)


def folder(path: Path, name: str) -> Path:
    made = path / name
    made.mkdir()
    return made


@contextmanager
def sqlite_places(path: Path) -> Iterator[Callable[[str], Place]]:
    """Makes a SQLite database in a new folder of the name it is given."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(sqlite_place(folder(path, name)))


@contextmanager
def any_place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """The database that a fixture's parameter names."""
    if request.param == "sqlite":
        with sqlite_place(folder(request.getfixturevalue("tmp_path"), "here")) as place:
            yield place
    else:
        with postgresql_place(request.getfixturevalue("pg_url")) as place:
            yield place
