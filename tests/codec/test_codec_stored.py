"""Values on the whole way: assigned, saved in a database, restored by another start, shown without their classes."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from same import same
from test_codec_what_others_lose import EXACT

from stratvars import Backup, codec
from stratvars.errors import RestoreError, UnsavableError

STATE = "variables, strategy_id FROM vars_backup", "* FROM vars_backup_history"


class Place:
    """A database file, and what stands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "stratvars.db"
        self.url = f"sqlite:///{self.file}"

    def ask(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file)) as database, database:
            return database.execute(statement, parameters).fetchall()

    def save(self, **values: object) -> str:
        """Save these variables and nothing else; return the text of the row."""
        with Backup("Bot", self.url) as backup:
            backup.vars.clear()
            backup.vars.update(values)
        return self.row()

    def row(self) -> str:
        ((text,),) = self.ask("SELECT variables FROM vars_backup WHERE strategy_id = 'Bot'")
        return str(text)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_every_kind_of_value_comes_back_from_the_database(place: Place) -> None:
    values = {f"v{number}": value for number, value in enumerate(EXACT.values())}
    place.save(**values)
    with Backup("Bot", place.url) as backup:
        restored = backup.vars.all()
    assert list(restored) == list(values)
    assert [name for name in values if not same(restored[name], values[name])] == []
    assert len(values) > 90


def test_one_list_under_two_names_comes_back_as_two_lists(place: Place) -> None:
    shared = [1]
    place.save(a=shared, b=shared, pair=[shared, shared])
    with Backup("Bot", place.url) as backup:
        variables = backup.vars
        variables.a.append(2)
        variables.pair[0].append(3)
        assert variables.all() == {"a": [1, 2], "b": [1], "pair": [[1, 3], [1]]}


def test_a_cycle_is_refused_at_the_assignment_and_held_back_where_it_is_made_later(place: Place) -> None:
    with Backup("Bot", place.url) as backup:
        loop: list[Any] = [0]
        backup.vars.update(loop=loop, n=1)
        backup.save()
        loop.append({"again": loop})
        backup.vars.n = 2
        with pytest.raises(UnsavableError, match=r"loop\[1\]\['again'\]: this is loop again"):
            backup.save()
        with pytest.raises(UnsavableError, match=r"other\[1\]\['again'\]: this is other again"):
            backup.vars.other = loop
        assert json.loads(place.row()) == {"loop": [0], "n": 2}
        del loop[1]


def test_the_version_of_the_format_stands_beside_the_variables_and_never_in_them(place: Place) -> None:
    for number in (1, 2):
        place.save(n=number, legs=(1, 2))
    assert place.row() == '{"n":2,"legs":{"$tuple":[1,2]}}'
    assert place.ask("SELECT format FROM vars_backup_writers") == [(codec.FORMAT,)]
    kept = place.ask("SELECT format, changed FROM vars_backup_history")
    assert {version for version, _ in kept} == {codec.FORMAT}
    assert {name for _, changed in kept for name in json.loads(changed)} == {"n", "legs"}


def test_a_row_without_a_version_is_plain_json(place: Place) -> None:
    values = {"text": "2024-01-15", "n": 5, "big": 2**70, "x": -0.0, "list": [1, [None, True]], "of": {"": {"a.b": []}}}
    place.save(n=1)
    place.ask("INSERT INTO vars_backup VALUES ('1', datetime('now'), ?, 'Theirs')", json.dumps(values, indent=1))
    with Backup("Theirs", place.url) as backup:
        assert same(backup.vars.all(), values)


def test_an_altered_row_is_restored_as_what_it_says_or_refused_with_its_bytes_untouched(
    place: Place, record_property: Callable[[str, object], None]
) -> None:
    """Bytes that were exchanged, cut off or put in anywhere in the text."""
    text = place.save(n=1, legs={"SPY": (1, 2.5), "when": EXACT["datetime with a zone"]}, prices=EXACT["numpy array"])
    chance = Random(7)
    refused = restored = 0
    for _ in range(40):
        at = chance.randrange(len(text))
        put = chance.choice(["", "", '"', "$", "0", "}", ",", "[", "x"])
        altered = text[:at] + put + text[at + chance.randint(0, 2) :]
        place.ask("UPDATE vars_backup SET variables = ?", altered)
        before = [place.ask(f"SELECT {what}") for what in STATE]
        try:
            backup = Backup("Bot", place.url).open()
        except RestoreError:
            refused += 1
            assert [place.ask(f"SELECT {what}") for what in STATE] == before
        else:
            restored += 1
            assert codec.encode(backup.vars.all()) == codec.encode(codec.decode(altered))
            backup.vars.clear()
            backup.close()
    assert refused > 15
    assert restored > 2
    record_property("counted", f"altered rows: {refused} refused untouched, {restored} restored as they stand")


BOT = """
    from dataclasses import dataclass, field
    from enum import Enum
    from typing import NamedTuple
    from stratvars import Backup, register

    @register
    class Side(Enum):
        BUY = 1

    @register
    @dataclass
    class Leg:
        strike: float
        side: Side = Side.BUY

    class Fill(NamedTuple):
        price: float

    register(Fill, name="fills.Fill")

    class Book:
        def __init__(self, levels):
            self.levels = levels

    register(Book, to_state=lambda book: book.levels, from_state=Book)

    for strike in (100.0, 105.0):
        with Backup("Bot") as backup:
            backup.vars.legs = [Leg(strike), {"near": Leg(95.0)}]
            backup.vars.fill = Fill(1.5)
            backup.vars.book = Book({"bid": (1, 2)})
"""


def test_tools_show_and_compare_objects_without_their_classes(place: Place) -> None:
    def told(*arguments: str) -> str:
        """What a new process tells."""
        command = [sys.executable, *arguments]
        environment = {"DB_CONNECTION_STR": place.url}
        return subprocess.run(command, env=environment, check=True, timeout=60, capture_output=True, text=True).stdout

    def said(*arguments: str) -> str:
        return told("-m", "stratvars", *arguments)

    told("-c", textwrap.dedent(BOT))

    assert said("show", "Bot").splitlines()[1:] == [
        "legs\t[Leg(strike=105.0, side=Side.BUY), {'near': Leg(strike=95.0, side=Side.BUY)}]",
        "fill\tfills.Fill(price=1.5)",
        "book\tBook(bid=(1, 2))",
    ]
    assert "Bot" in said("list")
    assert "legs[0].strike\t100.0\t105.0" in said("diff", "Bot", "1")
    assert "Leg(strike=100.0" in said("show", "Bot", "--at", "1")
