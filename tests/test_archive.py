"""Looking back from Python: revisions, states and changes, of databases whose bots are gone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rewinding import Place, postgresql_place, sqlite_place
from stratvars import Backup, open_archive
from stratvars import lane as lanes
from stratvars.archive import Archive, Shown
from stratvars.errors import NewerFormatError, UndecodableError, UsageError
from stratvars.revision import Landmark, Reason
from stratvars.texts import split_texts


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with sqlite_place(tmp_path) as place:
        yield place


@pytest.fixture(params=["sqlite", "postgresql"])
def any_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        with sqlite_place(tmp_path) as place:
            yield place
    else:
        with postgresql_place(request.getfixturevalue("pg_url")) as place:
            yield place


def numbers(archive: Archive, **wanted: Any) -> list[int]:
    return [entry.number for entry in archive.revisions("bot", **wanted)]


def rows(archive: Archive, *variables: str, **wanted: Any) -> list[tuple[int, dict[str, str]]]:
    return [(row.entry.number, dict(row.texts)) for row in archive.changes("bot", *variables, **wanted).rows]


def test_revisions_come_oldest_first_and_are_chosen_by_moment_reason_and_number(any_place: Place) -> None:
    any_place.live({"n": 1}, {"n": 2}, {"n": 3}, crash=True)  # 1, 2, an error 3, a crash 4
    any_place.live({"n": 4})  # 5, a stop 6
    with open_archive(any_place.url) as archive:
        assert numbers(archive) == [1, 2, 3, 4, 5, 6]
        assert numbers(archive, limit=2) == [5, 6]
        assert numbers(archive, since=4) == numbers(archive, since="4") == [4, 5, 6]
        assert numbers(archive, since="before-crash") == [2, 3, 4, 5, 6]
        assert numbers(archive, since=Landmark.LAST_ITERATION) == [6]
        assert numbers(archive, since="1h") == numbers(archive)
        assert numbers(archive, since=timedelta(0)) == numbers(archive, since=99) == []
        assert numbers(archive, reason="iteration", limit=2) == [2, 5]
        third = archive.revisions("bot")[2]
        assert numbers(archive, since=third.saved_at)[-4:] == [3, 4, 5, 6]
        assert numbers(archive, since=datetime(2020, 1, 1)) == numbers(archive)  # noqa: DTZ001 - a naive one is local
        assert (third.reason, third.complete) == ("error", False)
        with pytest.raises(UsageError, match="is no moment"):
            archive.revisions("bot", since="long ago")


def test_the_state_at_a_moment_is_told_as_texts_and_as_values(any_place: Place) -> None:
    any_place.live({"cash": Decimal("1.50"), "legs": (1, 2)}, {"cash": Decimal(2), "new": None}, crash=True)
    with open_archive(any_place.url) as archive:
        assert archive.variables("bot") == {"cash": Decimal(2), "new": None}
        for when in ("before-crash", "last-iteration", 1):
            assert archive.variables("bot", at=when) == {"cash": Decimal("1.50"), "legs": (1, 2)}
        assert dict(archive.at("bot", "1").state.texts)["cash"] == '{"$decimal":"1.50"}'
        assert archive.at("bot", timedelta(0)).kept.reason == "crash"
        with pytest.raises(UsageError, match="no revision 99"):
            archive.variables("bot", at=99)
        with pytest.raises(UsageError, match="nothing is saved under the name 'bto'"):
            archive.variables("bto")


def test_a_value_whose_class_is_unknown_is_shown_as_text(place: Place) -> None:
    place.live({"leg": 1, "n": 1})
    text = '{"leg":{"$dataclass":["NeverSeen",{"strike":100.0}]},"n":1}'
    place.execute(f"UPDATE vars_backup SET variables = '{text}'")
    with open_archive(place.url) as archive:
        leg = archive.variables("bot")["leg"]
        assert isinstance(leg, Shown)
        assert repr(leg) == str(leg) == "NeverSeen(strike=100.0)"
        place.execute('UPDATE vars_backup SET variables = \'{"leg":{"$wrong":1}}\'')
        with pytest.raises(UndecodableError, match="no tag that this version"):
            archive.variables("bot")
        place.execute("UPDATE vars_backup_writers SET format = 99")
        with pytest.raises(NewerFormatError, match="format 99"):
            archive.variables("bot")


def test_changes_are_the_revisions_at_which_a_variable_became_another(any_place: Place) -> None:
    states = [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 2}, {"b": 3}, {"a": 2, "b": 3}]
    any_place.live(*states)
    with open_archive(any_place.url) as archive:
        assert rows(archive, "a") == [(1, {"a": "1"}), (3, {"a": "2"}), (4, {}), (5, {"a": "2"})]
        assert rows(archive, "a", limit=2) == [(4, {}), (5, {"a": "2"})]
        assert rows(archive, "a", since=3) == [(3, {"a": "2"}), (4, {}), (5, {"a": "2"})]
        assert rows(archive, "b", since=3) == [(4, {"b": "3"})], "it was 2 before, too"
        assert rows(archive, "b", "a", limit=1) == [(5, {"b": "3", "a": "2"})]
        assert [number for number, _ in rows(archive)] == [1, 2, 3, 4, 5]
        assert archive.changes("bot").variables == ("a", "b")
        assert archive.changes("bot", "b", "a", "b").variables == ("b", "a")
        assert rows(archive, "never") == []


def test_with_a_reason_changes_are_those_between_revisions_taken_for_it(place: Place) -> None:
    with Backup("bot", place.url) as backup:
        for number, reason in enumerate([Reason.ITERATION, Reason.MANUAL, Reason.ITERATION, Reason.ITERATION]):
            backup.vars.update(n=number, slow=number // 2)
            backup.keep(reason, complete=True)
    with open_archive(place.url) as archive:
        assert rows(archive, "n", reason="iteration") == [(1, {"n": "0"}), (3, {"n": "2"}), (4, {"n": "3"})]
        assert rows(archive, "slow", reason="iteration") == [(1, {"slow": "0"}), (3, {"slow": "1"})]
        assert rows(archive, "n", reason="manual") == [(2, {"n": "1"})]


def test_changes_are_the_same_however_the_history_is_cut_into_snapshots(
    any_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = [{"n": number // 3, "m": number % 2, "same": "x"} for number in range(30)]
    monkeypatch.setattr(lanes, "_DELTAS_PER_SNAPSHOT", 4)
    any_place.live(*states[:17], crash=True)
    any_place.live(*states[17:])
    with open_archive(any_place.url) as archive:
        snapshots = sum(entry.snapshot for entry in archive.revisions("bot"))
        assert snapshots > 5, "or this test cuts nothing"
        assert [texts["n"] for _, texts in rows(archive, "n")] == [str(number) for number in range(10)]
        assert len(rows(archive, "m")) == 30
        assert rows(archive, "same") == [(1, {"same": '"x"'})]
        last = archive.current("bot")
        assert last is not None
        assert rows(archive, limit=1)[0][1] == split_texts(last.variables)


def test_a_frame_has_the_times_as_index_and_a_column_for_each_variable(any_place: Place) -> None:
    any_place.live({"cash": 1000.0, "legs": [1, 2]}, {"cash": 990.5, "legs": [1]}, {"legs": [1], "n": 2**60 + 1})
    with open_archive(any_place.url) as archive:
        frame = archive.changes("bot", "cash", "legs", "n").to_frame()
        times = [entry.saved_at for entry in archive.revisions("bot", limit=10)][:3]
    assert list(frame.columns) == ["cash", "legs", "n"]
    assert (frame.index.name, str(frame.index.tz)) == ("saved_at", "UTC")
    assert list(frame.index) == times
    assert frame["cash"].tolist()[:2] == [1000.0, 990.5]
    assert frame["legs"].tolist() == [[1, 2], [1], [1]]
    assert frame["n"].tolist()[2] == 2**60 + 1, "no float between"
    assert frame["cash"].isna().tolist() == [False, False, True]
    assert frame["n"].isna().tolist() == [True, True, False]


def test_a_frame_of_numbers_can_be_reckoned_with_and_an_empty_one_is_one(place: Place) -> None:
    place.live({"cash": 1.5, "n": 1}, {"cash": 2.5, "n": 2})
    with open_archive(place.url) as archive:
        frame = archive.changes("bot").to_frame()
        assert [str(kind) for kind in frame.dtypes] == ["float64", "int64"]
        assert frame["cash"].diff().tolist()[1] == 1.0
        empty = archive.changes("bot", "cash", since=99).to_frame()
    assert (list(empty.columns), len(empty), isinstance(empty.index, pd.DatetimeIndex)) == (["cash"], 0, True)


def test_without_pandas_the_sentence_says_what_to_install(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.live({"n": 1})
    with open_archive(place.url) as archive:
        changes = archive.changes("bot", "n")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="to_frame needs pandas, which is not installed; run: pip install pandas"):
        changes.to_frame()


def test_a_frame_of_floats_can_be_plotted_whatever_kind_of_number_was_kept(any_place: Place) -> None:
    any_place.live(
        {"cash": Decimal("1000.50"), "n": 2**60 + 1, "is_on": True, "note": "x", "price": 1.5},
        {"cash": Decimal("990.25"), "n": None, "is_on": False, "note": 7, "price": 10**400},
    )
    with open_archive(any_place.url) as archive:
        changes = archive.changes("bot")
    frame = changes.to_frame(floats=True)
    assert {str(kind) for kind in frame.dtypes} == {"float64"}
    assert list(frame.columns) == ["cash", "n", "is_on", "note", "price"]
    assert frame["cash"].tolist() == [1000.5, 990.25]
    assert frame["n"].fillna(-1).tolist() == [float(2**60 + 1), -1]
    assert frame["is_on"].isna().all()
    assert frame["note"].fillna(-1).tolist() == [-1, 7]
    assert frame["price"].fillna(-1).tolist() == [1.5, -1]
    assert frame.select_dtypes("number").shape == (2, 5), "what plot takes"
    assert changes.to_frame()["cash"].tolist() == [Decimal("1000.50"), Decimal("990.25")], "exact without it"


def test_pandas_is_imported_by_to_frame_alone(place: Place) -> None:
    place.live({"n": 1})
    program = """if True:
        import sys
        from stratvars import open_archive
        with open_archive(sys.argv[1]) as archive:
            archive.revisions("bot"), archive.variables("bot", at=1)
            changes = archive.changes("bot", "n")
        before = {"pandas", "numpy"} & sys.modules.keys()
        changes.to_frame()
        print(before, "pandas" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", program, place.url], capture_output=True, text=True, check=True)
    assert done.stdout == "set() True\n"


def test_no_repr_shows_a_value(place: Place) -> None:
    place.live({"n": "sk-canary-4711"})
    with open_archive(place.url) as archive:
        seen = [archive.changes("bot", "n"), archive.at("bot", 1), archive.revisions("bot"), archive.current("bot")]
    assert all(seen)
    assert "canary" not in repr(seen)
