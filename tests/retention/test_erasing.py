"""Erasing takes variables out of every revision and edit, and each says of the others what it said, byte for byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import made
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from made import NAME, Backup, Maker, Sides

from either import sql
from stratvars import lane
from stratvars.edits import Change, Edit
from stratvars.erasing import ERASED, Erasing, Noted, Said, noted_without, said_without
from stratvars.history import fold
from stratvars.retention import Retention
from stratvars.revision import Reason
from stratvars.store import erase
from stratvars.store.memory import MemoryStore
from stratvars.store.sqlite.store import SqliteStore
from stratvars.testing import TABLE

CANARY = "sk-canary-4711"
SECRET = 'clé "secrète"'
GONE = frozenset({SECRET, "never there"})
REASONS = [*[Reason.ITERATION] * 6, Reason.MANUAL, Reason.ERROR, Reason.CRASH, Reason.STOP, Reason.EDIT]
SECRETS = [None, f'"{CANARY}"', f'{{"key": "{CANARY}"}}', f'["{CANARY}",1]']
PUTS = st.one_of(
    st.tuples(st.just(SECRET), st.sampled_from(SECRETS)),
    st.tuples(st.sampled_from(["x", "ключ", 'a "b"']), st.sampled_from([None, "1", "[1, 2]", '"é"'])),
)
BACKUPS = st.builds(
    Backup,
    reason=st.sampled_from(REASONS),
    complete=st.booleans(),
    put=st.lists(PUTS, max_size=3).map(tuple),
    gap=st.just(1),
    is_start=st.sampled_from([False] * 9 + [True]),
    is_lost=st.sampled_from([False] * 5 + [True]),
)
LAST = Backup(Reason.ITERATION, complete=True, put=((SECRET, SECRETS[1]),), gap=1)
HISTORIES = st.lists(BACKUPS, min_size=15, max_size=30)
EXAMPLES = {"memory": 15, "sqlite": 6, "postgresql": 3}
State = tuple[list[tuple[str, str]], object]


@dataclass(frozen=True)
class Site:
    """A kind of store: how one is made, and all that is in the tables beside the current state."""

    kind: str
    make: Callable[[], Sides]
    dump: Callable[[Sides], str]


@pytest.fixture(autouse=True)
def short_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "_DELTAS_PER_SNAPSHOT", 5)


@pytest.fixture(params=EXAMPLES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    if request.param == "memory":
        return Site(request.param, made.memory, in_memory)
    if request.param == "sqlite":
        files = (tmp_path / f"{number}.db" for number in count())
        return Site(request.param, lambda: made.sqlite(next(files)), lambda sides: in_tables(url_of(sides)))
    url = request.getfixturevalue("pg_url")
    return Site(request.param, lambda: made.postgres(url), lambda _: in_tables(url))


def in_memory(sides: Sides) -> str:
    assert isinstance(sides.store, MemoryStore)
    row = sides.store._tables[TABLE][NAME]
    kept = [*(kept for kept, _ in row.history), *row.fenced]
    edits = [(one.edit.change.texts, one.edit.note, one.said) for one in row.asked]
    return repr([*((one.changed, one.removed, one.held_back) for one in kept), *edits])


def in_tables(url: str) -> str:
    return "".join(repr(sql(url, f"SELECT * FROM {TABLE}_{table}")) for table in ("history", "edits", "writers"))


def url_of(sides: Sides) -> str:
    assert isinstance(sides.store, SqliteStore)
    return f"sqlite:///{sides.store._path}"


def states(sides: Sides, *, but: frozenset[str] = frozenset()) -> dict[int, State]:
    found: dict[int, State] = {}
    for entry in made.all_entries(sides):
        past = fold(sides.records.history(TABLE, NAME, entry.number))
        texts = [item for item in past.state.texts.items() if item[0] not in but]
        found[entry.number] = texts, (past.kept.reason, past.kept.complete, past.format)
    return found


def asked(sides: Sides, edit: Edit, *, refused: str = "") -> int:
    number = sides.store.ask(TABLE, NAME, edit, refused=refused)
    assert number is not None
    return number


def erased(sides: Sides, last_edit: int) -> int:
    """All steps; how many there were."""
    step: Erasing | None = Erasing(GONE, (10**9, 0), last_edit)
    steps = 0
    while step is not None:
        done = sides.store.erase(TABLE, NAME, step)
        assert done.after != step, "it gets on"
        step, steps = done.after, steps + 1
    return steps


def test_every_revision_says_what_it_said_of_all_others(
    site: Site, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    counts: Counter[str] = Counter()

    def check(backups: list[Backup], reach: int, *, is_thinned: bool) -> None:
        monkeypatch.setattr(erase, "_REVISIONS", reach)
        monkeypatch.setattr(erase, "_EDITS", reach)
        sides = site.make()
        try:
            Maker(sides, ends=datetime.now(UTC) - timedelta(seconds=99)).play([*backups, LAST])
            asked(sides, Edit(Change({SECRET: f'"{CANARY}"', "x": "1"}), 1, "kim", note=f"the key {CANARY}, at last"))
            last = asked(sides, Edit(Change({"x": "2"}, (SECRET,)), 1, "kim", note="away"), refused="busy")
            later = asked(sides, Edit(Change({SECRET: '"new"'}), 1, "kim"))
            if is_thinned:
                made.thin(sides, Retention(0, 0, 0))
            had, wanted, fenced = states(sides), states(sides, but=GONE), made.fenced_places(sides)
            steps = erased(sides, last)
            assert states(sides) == wanted
            assert CANARY not in site.dump(sides)
            assert made.fenced_places(sides) == fenced
            edits = sides.records.edits(TABLE, NAME, limit=9)
            known = {one.edit.number: (dict(one.edit.change.texts), one.edit.note, one.said) for one in edits}
            assert [known[number] for number in (later, last)] == [
                ({SECRET: '"new"'}, "", ""),
                ({"x": "2"}, "away", "busy"),
            ]
            assert (known.pop(min(known)), edits[1].edit.change.unset) == (({"x": "1"}, ERASED, ""), (SECRET,))
            counts.update(histories=1, erased=had != wanted, steps=steps, fenced=len(fenced), kept=len(had))
            made.thin(sides, Retention(0, 0, 0))
            assert states(sides).items() <= wanted.items(), "it can be thinned later"
        finally:
            sides.close()

    drawn = {"backups": HISTORIES, "reach": st.sampled_from([1, 4, 500]), "is_thinned": st.booleans()}
    wanted = settings(
        max_examples=EXAMPLES[site.kind],
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for _ in range(9):  # few examples are played in memory, and chance may give them no start that was fenced
        wanted(given(**drawn)(check))()
        if counts["fenced"] or site.kind != "memory":
            break
    record_property("counted", f"erased on {site.kind}: {dict(counts)}")
    assert counts["erased"] == counts["histories"]
    assert counts["steps"] > 2 * counts["histories"]
    assert counts["fenced"] > 0 or site.kind != "memory"


def test_what_was_found_in_a_row_keeps_the_bytes_of_the_others() -> None:
    found = Said((1, 2), '{ "a" : 1.50,\n"key":"k", "b" :[ 1,2 ] }', '["key","c"]', '{"key":"why","d":"é"}')
    assert said_without(found, frozenset({"key"})) == replace(
        found, changed='{"a":1.50,"b":[ 1,2 ]}', removed='["c"]', held_back='{"d": "é"}'
    )
    assert said_without(found, frozenset({"z"})) == found, "not even a blank is changed"


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"a":1,"a":2}', '{"a":1', "\udc80", "[" * 5000])
def test_what_nobody_can_read_is_emptied_and_still_cannot_be_read(text: str) -> None:
    said = Said((1, 1), text, "[]", "{}")
    assert said_without(said, GONE) == replace(said, changed="")
    assert said_without(replace(said, changed="{}", removed=text), GONE).removed == ("[]" if text == "[]" else "")


@pytest.mark.parametrize(
    ("note", "left"),
    [
        ("the key is 12345", ERASED),
        ("abcdefgh", ERASED),
        ("the key abc", "the key abc"),
        ("rotated", "rotated"),
    ],
)
def test_a_note_goes_where_the_value_stands_in_it(note: str, left: str) -> None:
    change = Change({"key": '{"k":["abcdefgh",12345,"abc",true]}', "x": "1"}, ("y",)).to_json()
    told = noted_without(Noted(1, change, note, "key.abcdefgh is no"), frozenset({"key"}), frozenset())
    assert (Change.from_json(told.change), told.note, told.said) == (Change({"x": "1"}, ("y",)), left, ERASED)


def test_another_edit_loses_its_note_where_the_value_stands_in_it() -> None:
    noted = Noted(1, Change({"x": "1"}).to_json(), f"instead of {CANARY}", "busy")
    assert noted_without(noted, frozenset({"key"}), frozenset({CANARY})) == replace(noted, note=ERASED)
    assert noted_without(noted, frozenset({"key"}), frozenset()) == noted
