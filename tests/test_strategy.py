"""What a strategy's author relies on, with real files underneath."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from stratvars import Strategy, Trader, Vars
from stratvars.errors import NotSavedError, UnsavableError, UsageError


class Quiet(Strategy):
    """Runs what a test gives it, once per iteration."""

    sleeptime: str | float = 0

    def __init__(self, path: Path, *steps: Any, **settings: Any) -> None:
        super().__init__(db_connection_str=f"sqlite:///{path}", **settings)
        self.steps = list(steps)
        self.restored: dict[str, Any] = {}

    def before_starting_trading(self) -> None:
        self.restored = self.vars.all()

    def on_trading_iteration(self) -> None:
        self.steps.pop(0)(self.vars)

    def play(self) -> dict[str, Any]:
        """Run all steps; what the variables were after the restore."""
        self.run(max_iterations=len(self.steps))
        return self.restored


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stratvars.db"


def assign(**values: Any) -> Any:
    return lambda variables: variables.update(values)


def test_deleted_and_cleared_variables_stay_gone_after_a_restart(path: Path) -> None:
    Quiet(path, assign(a=1, b=2, c=3)).play()
    assert Quiet(path, lambda v: v.pop("b")).play() == {"a": 1, "b": 2, "c": 3}
    assert Quiet(path, Vars.clear).play() == {"a": 1, "c": 3}
    assert Quiet(path).play() == {}


def test_a_none_is_restored_as_none(path: Path) -> None:
    Quiet(path, assign(stop=None)).play()
    assert Quiet(path).play() == {"stop": None}


def test_a_variable_may_change_its_type(path: Path) -> None:
    Quiet(path, assign(x=1), assign(x="one"), assign(x=Decimal("1.0")), assign(x=(1,))).play()
    assert repr(Quiet(path).play()) == "{'x': (1,)}"


def test_variables_with_names_alike_never_meet(path: Path) -> None:
    names = ["level_1", "levelx1", "level%1", "LEVEL_1", "Level_1", "level 1", "$level", "get", "__class__", "'", '"']
    Quiet(path, lambda v: [v.set(name, number) for number, name in enumerate(names)]).play()
    assert Quiet(path).play() == {name: number for number, name in enumerate(names)}


def test_assigning_a_mapping_replaces_the_contents_and_keeps_the_object(path: Path) -> None:
    strategy = Quiet(path)
    before = strategy.vars

    def replace(_: Vars) -> None:
        strategy.vars = {"fresh": 1}

    strategy.steps = [assign(old=1), replace, assign(later=2)]
    strategy.play()
    assert strategy.vars is before
    assert Quiet(path).play() == {"fresh": 1, "later": 2}
    with pytest.raises(UnsavableError):
        strategy.vars = {"good": 1, "bad": object()}
    assert strategy.vars == {"fresh": 1, "later": 2}


def test_a_database_locked_at_the_start_is_waited_for_and_never_leads_to_an_empty_state(path: Path) -> None:
    Quiet(path, assign(precious=7)).play()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(2.5, other.execute, ("ROLLBACK",))
        started = time.monotonic()
        release.start()
        assert Quiet(path, assign(later=1)).play() == {"precious": 7}
        assert time.monotonic() - started > 2, "the lock must have been in the way"
        release.join()
    assert Quiet(path).play() == {"precious": 7, "later": 1}


def test_trouble_with_the_database_in_mid_run_calls_no_hook_and_stops_no_iteration(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[object] = []

    class Watched(Quiet):
        def on_bot_crash(self, error: BaseException) -> None:
            called.append(error)

        def on_abrupt_closing(self) -> None:
            called.append("abrupt")

    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        strategy = Watched(path, name="Quiet")
        strategy.steps = [
            assign(n=0),
            lambda _: other.execute("BEGIN IMMEDIATE"),
            assign(n=1),
            assign(n=2),
            lambda _: other.execute("ROLLBACK"),
            assign(n=3),
        ]
        strategy.play()
    assert called == []
    assert Quiet(path).play() == {"n": 3}
    assert "cannot be saved" in caplog.text


def test_an_order_is_not_sent_when_the_save_before_it_failed(path: Path) -> None:
    sent = []
    strategy = Quiet(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:

        def order(variables: Vars) -> None:
            other.execute("BEGIN IMMEDIATE")
            variables.pending = "A7"
            try:
                strategy.backup_variables_to_db()
                sent.append("A7")
            except NotSavedError:
                other.execute("ROLLBACK")

        strategy.steps = [assign(n=0), order]
        strategy.play()
    assert sent == []


def test_settings_are_class_attributes_or_arguments_and_arguments_win(path: Path, tmp_path: Path) -> None:
    class Configured(Quiet):
        name = "from-class"
        sleeptime: str | float = "10M"
        backup_table_name = "from_class"

    plain = Configured(path)
    given = Configured(path, name="given", sleeptime=0, backup_table_name="given_table")
    assert (plain.name, plain.sleeptime, plain.backup_table_name) == ("from-class", "10M", "from_class")
    assert (given.name, given.sleeptime, given.backup_table_name) == ("given", 0, "given_table")
    assert (Configured.name, Configured.sleeptime) == ("from-class", "10M")
    given.steps = [assign(x=1)]
    given.play()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT strategy_id FROM given_table").fetchall() == [("given",)]


def test_variables_of_a_strategy_that_is_not_running_cannot_be_backed_up(path: Path) -> None:
    with pytest.raises(UsageError, match="'Quiet' is not running"):
        Quiet(path).backup_variables_to_db()


def test_variables_that_are_not_restored_yet_cannot_be_backed_up_and_it_is_said_from_when_on(path: Path) -> None:
    class Early(Quiet):
        def initialize(self) -> None:
            self.backup_variables_to_db()

    with pytest.raises(
        UsageError, match=r"restored after initialize\(\), and can be.*from before_starting_trading\(\) on"
    ):
        Early(path, assign(x=1)).play()
    assert not path.exists()


def test_a_class_that_takes_the_name_of_the_variables_is_told_where_defaults_are_set(path: Path) -> None:
    for taken in ({"n": 0}, Vars()):
        with pytest.raises(UsageError, match=r"Bot has vars of its own.*self\.vars\.n = 0.*initialize\(self\)"):
            type("Bot", (Quiet,), {"vars": taken})(path)

    class Typed(Quiet):
        @property  # type: ignore[misc]
        def vars(self) -> Vars:
            return super().vars

    assert Typed(path, assign(x=1)).play() == {}


def test_a_constructor_that_forgot_its_base_is_told_so() -> None:
    class Forgetful(Strategy):
        def __init__(self) -> None:
            pass

    with pytest.raises(UsageError, match="super"):
        _ = Forgetful().vars


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"sleeptime": "soon"}, "10S"), ({"backup_table_name": "x" * 56}, "55"), ({"name": "a\0b"}, "NUL")],
)
def test_a_setting_that_cannot_be_used_is_refused_before_anything_is_made(
    path: Path, settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        Quiet(path, assign(x=1), **settings).play()
    assert not path.exists()


@pytest.mark.parametrize("number", [-1, 1.5, "5", True])
def test_what_is_no_number_of_iterations_is_refused(path: Path, number: Any) -> None:
    with pytest.raises(UsageError, match=f"max_iterations is {number!r}; give the whole number"):
        Quiet(path, assign(x=1)).run(max_iterations=number)
    assert not path.exists()


def test_a_trader_without_a_strategy_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="add_strategy"):
        Trader().run_all()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [(Quiet, r"add_strategy\(Quiet\(…\)\)"), (5, "builds on stratvars.Strategy, not int"), (None, "not NoneType")],
)
def test_a_trader_takes_nothing_but_strategies(wrong: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Trader().add_strategy(wrong)


def test_a_trader_runs_several_strategies_of_one_table(path: Path) -> None:
    trader = Trader().add_strategy(Quiet(path, assign(x=1)))
    trader.add_strategy(Quiet(path, assign(x=2), name="second")).run_all(max_iterations=1)
    assert Quiet(path).play() == {"x": 1}
    assert Quiet(path, name="second").play() == {"x": 2}


def test_a_strategy_may_run_in_a_thread(path: Path) -> None:
    strategy = Quiet(path, assign(x=1), assign(x=2))
    thread = threading.Thread(target=strategy.play)
    thread.start()
    thread.join(20)
    assert Quiet(path).play() == {"x": 2}
