"""Several strategies in one process: what one does must not harm another, and of several endings the worst is told."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from stratvars import Backup, FencedError, Strategy, Trader
from stratvars.errors import OwnedError, RestoreError, UsageError

Step = Callable[["One"], object]


class One(Strategy):
    """Does one step in each iteration, and writes its calls into a list that all share."""

    sleeptime = 0

    def __init__(self, path: Path, name: str, step: Step, calls: list[str]) -> None:
        super().__init__(name=name, db_connection_str=f"sqlite:///{path}")
        self.step = step
        self.calls = calls

    def initialize(self) -> None:
        self.calls.append(f"{self.name} initialize")

    def before_starting_trading(self) -> None:
        self.calls.append(f"{self.name} before")

    def on_trading_iteration(self) -> None:
        self.vars.n = self.vars.get("n", 0) + 1
        self.step(self)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "many.db"


@pytest.fixture
def calls() -> list[str]:
    return []


def run_together(path: Path, calls: list[str], steps: dict[str, Step], iterations: int = 3) -> None:
    trader = Trader()
    for name, step in steps.items():
        trader.add_strategy(One(path, name, step, calls))
    trader.run_all(max_iterations=iterations)


def contents(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = ("SELECT strategy_id, variables FROM vars_backup", "SELECT * FROM vars_backup_history")
        return [row for query in tables for row in connection.execute(f"{query} ORDER BY strategy_id")]


def quiet(_: One) -> None:
    pass


def crash(_: One) -> None:
    raise ZeroDivisionError


def leave(code: object) -> Step:
    def step(_: One) -> None:
        raise SystemExit(code)

    return step


def be_taken_over(strategy: One) -> None:
    path = str(strategy.db_connection_str).removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(
            "UPDATE vars_backup_writers SET epoch = epoch + 1, start_id = 'x', owner = 'y' WHERE strategy_id = ?",
            (strategy.name,),
        )


@pytest.mark.parametrize(
    ("steps", "worst", "beside"),
    [
        ({"a": quiet, "b": crash}, ZeroDivisionError(), []),
        ({"a": leave(0), "b": crash, "c": quiet}, ZeroDivisionError(), ["'a'", "SystemExit"]),
        ({"a": crash, "b": be_taken_over}, FencedError(), ["'a'", "ZeroDivisionError"]),
        ({"a": crash, "b": leave(7), "c": be_taken_over}, SystemExit(7), ["'a'", "'c'", "taken over"]),
        ({"a": leave("a sentence"), "b": leave(0)}, SystemExit("a sentence"), ["'b'"]),
        ({"a": leave(0), "b": leave(0)}, SystemExit(0), ["SystemExit"]),
    ],
)
def test_of_several_endings_the_worst_is_raised_and_the_others_stand_beside_it(
    path: Path, calls: list[str], steps: dict[str, Step], worst: BaseException, beside: list[str]
) -> None:
    with pytest.raises(type(worst)) as raised:
        run_together(path, calls, steps)
    assert getattr(raised.value, "code", None) == getattr(worst, "code", None)
    notes = " ".join(getattr(raised.value, "__notes__", []))
    assert [text for text in beside if text not in notes] == []


def test_the_crash_of_one_is_told_at_once_and_the_others_run_to_their_end(
    path: Path, calls: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    told_meanwhile = []

    def look(strategy: One) -> None:
        while "ZeroDivisionError" not in caplog.text:
            pass
        told_meanwhile.append(strategy.vars.n)

    caplog.set_level(logging.ERROR)
    with pytest.raises(ZeroDivisionError):
        run_together(path, calls, {"crashes": crash, "stays": look})
    assert told_meanwhile == [1, 2, 3]
    assert "'crashes' has ended by ZeroDivisionError; the others go on (1)" in caplog.text
    assert ("stays", '{"n":3}') in contents(path)


def test_all_are_restored_before_any_iterates(path: Path, calls: list[str]) -> None:
    run_together(path, calls, dict.fromkeys("abc", quiet), iterations=1)
    assert calls[:3] == ["a initialize", "b initialize", "c initialize"]
    assert sorted(calls[3:]) == ["a before", "b before", "c before"]


def test_when_one_cannot_be_restored_none_iterates_nothing_is_written_and_all_names_are_free(
    path: Path, calls: list[str]
) -> None:
    run_together(path, calls, dict.fromkeys("abc", quiet), iterations=1)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE vars_backup SET variables = '{' WHERE strategy_id = 'c'")
    before = contents(path)
    calls.clear()
    with pytest.raises(RestoreError):
        run_together(path, calls, dict.fromkeys("abc", crash))
    assert calls == ["a initialize", "b initialize", "c initialize"]
    assert contents(path) == before
    for name in "ab":
        with Backup(name, f"sqlite:///{path}") as backup:
            assert backup.vars.n == 1


def test_two_of_one_name_in_one_table_are_refused_before_anything_runs(path: Path, calls: list[str]) -> None:
    trader = Trader()
    for _ in range(2):
        trader.add_strategy(One(path, "twin", quiet, calls))
    with pytest.raises(UsageError, match="2 strategies have the name 'twin' in the table 'vars_backup'"):
        trader.run_all(max_iterations=1)
    assert calls == []
    assert not path.exists()


def test_of_two_tables_each_may_have_a_strategy_of_the_same_name(path: Path, calls: list[str]) -> None:
    trader, twins = Trader(), [One(path, "twin", quiet, calls) for _ in range(2)]
    twins[1].backup_table_name = "elsewhere"
    for twin in twins:
        trader.add_strategy(twin)
    trader.run_all(max_iterations=2)
    with closing(sqlite3.connect(path)) as connection:
        for table in ("vars_backup", "elsewhere"):
            assert connection.execute(f"SELECT variables FROM {table}").fetchall() == [('{"n":2}',)]


def test_one_that_hangs_with_its_variables_held_delays_no_save_of_the_others(path: Path, calls: list[str]) -> None:
    others_are_done, seen = threading.Event(), []

    def hang(strategy: One) -> None:
        with strategy.vars:
            seen.append(others_are_done.wait(20))

    def save(strategy: One) -> None:
        strategy.backup_variables_to_db()
        if strategy.vars.n == 50:
            others_are_done.set()

    with pytest.raises(ZeroDivisionError):
        run_together(path, calls, {"hangs": hang, "saves": save, "crashes": crash}, iterations=50)
    assert seen[0] is True, "the others could not end before the one that hangs"


def test_of_many_threads_that_open_one_name_one_succeeds_and_the_others_are_told_where_it_is_open(path: Path) -> None:
    opened: list[Backup] = []
    refused: list[str] = []
    start = threading.Barrier(8)

    def open_one() -> None:
        backup = Backup("bot", f"sqlite:///{path}")
        start.wait()
        try:
            opened.append(backup.open())
        except OwnedError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=open_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [winner] = opened
    winner.vars.still = "mine"
    winner.close()
    assert len(refused) == 7
    here = f"opened at {__file__}, line {open_one.__code__.co_firstlineno + 4}."
    assert [text for text in refused if here not in text] == []


def test_a_strategy_whose_name_is_open_in_the_process_is_told_where(path: Path, calls: list[str]) -> None:
    with Backup("bot", f"sqlite:///{path}") as backup:
        backup.vars.whose = "the block's"
        with pytest.raises(OwnedError, match=r"opened at .*test_many\.py, line \d+"):
            One(path, "bot", quiet, calls).run()
    assert contents(path)[0] == ("bot", '{"whose":"the block\'s"}')
