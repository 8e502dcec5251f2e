"""Hooks that could not be called, or would not run, are refused before anything is connected."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stratvars import Strategy, Trader
from stratvars.errors import UsageError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stratvars.db"


def play(path: Path, **hooks: Any) -> Strategy:
    """Run a strategy that has these hooks for one iteration."""
    hooks = {"on_trading_iteration": lambda _: None, **hooks}
    strategy: Strategy = type("Bot", (Strategy,), hooks)(db_connection_str=f"sqlite:///{path}")
    strategy.run(max_iterations=1)
    return strategy


def steps(_: object) -> Iterator[int]:
    yield 1


async def asteps(_: object) -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize("hook", [steps, asteps])
@pytest.mark.parametrize("name", ["initialize", "on_trading_iteration", "on_strategy_end"])
def test_a_hook_with_a_yield_in_it_is_refused(path: Path, name: str, hook: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match=rf"Bot\.{name} has a yield in it.*take the yield out"):
        play(path, **{name: hook})
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "hook", "wanted"),
    [
        ("initialize", lambda _, parameters: parameters, "initialize(self)"),
        ("before_starting_trading", lambda _, *, symbol: symbol, "before_starting_trading(self)"),
        ("on_trading_iteration", lambda: None, "on_trading_iteration(self)"),
        ("on_trading_iteration", None, "on_trading_iteration(self)"),
        ("on_strategy_end", lambda _, x: x, "on_strategy_end(self)"),
        ("on_abrupt_closing", staticmethod(lambda _: None), "on_abrupt_closing(self)"),
        ("on_bot_crash", lambda _: None, "on_bot_crash(self, error)"),
        ("on_vars_edited", lambda _: None, "on_vars_edited(self, changes)"),
        ("on_fenced", lambda _, x: x, "on_fenced(self)"),
    ],
)
def test_a_hook_that_takes_something_else_is_refused_and_told_what_it_is_given(
    path: Path, name: str, hook: object, wanted: str
) -> None:
    with pytest.raises(UsageError, match=rf"Bot\.{name} .*write it as ") as refused:
        play(path, **{name: hook})
    assert str(refused.value).endswith(wanted)
    assert not path.exists()


def test_a_hook_that_can_be_called_is_called_however_it_is_written(path: Path) -> None:
    called: list[str] = []

    def with_client(hook: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(hook)
        def wrapper(strategy: Strategy) -> None:
            hook(strategy, "client")

        return wrapper

    @with_client
    def traded(_: Strategy, client: str) -> None:
        called.append(client)

    async def started(_: Strategy, symbol: str = "SPY") -> None:
        called.append(symbol)

    play(
        path,
        initialize=staticmethod(lambda *_: called.append("static")),
        before_starting_trading=started,
        on_trading_iteration=traded,
        on_strategy_end=classmethod(lambda cls: called.append(cls.__name__)),
        on_bot_crash=lambda *arguments, **named: called.append(f"{arguments} {named}"),
        on_fenced={}.update,  # written in C, it does not tell what it takes
    )
    assert called == ["static", "SPY", "client", "Bot"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"sleep_time": "5S"}, "sleeptime"),
        ({"backup_tablename": "mine"}, "backup_table_name"),
        ({"db_connection_string": "sqlite:///x.db"}, "db_connection_str"),
        ({"initialise": lambda _: None}, "initialize"),
        ({"on_bot_crashed": lambda _, error: error}, "on_bot_crash"),
    ],
)
def test_a_name_that_is_all_but_one_of_ours_is_one_warning_for_each_class(
    path: Path, written: dict[str, Any], meant: str, caplog: pytest.LogCaptureFixture
) -> None:
    base = type("Base", (Strategy,), {**written, "on_trading_iteration": lambda _: None})
    bot = type("Bot", (base,), {})
    trader = Trader()
    for name in ("one", "two"):
        trader.add_strategy(bot(name=name, db_connection_str=f"sqlite:///{path}"))
    trader.run_all(max_iterations=1)
    [name] = written
    assert caplog.messages == [f"Bot.{name} is no setting and no hook; was {meant} meant?"]


def test_a_name_that_is_the_authors_own_is_no_warning(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = {"names": ["SPY"], "waits": 1, "start_time": "9:30", "initialized": False, "_initialize": len, "vary": len}
    helpers = {"trading_iteration": lambda _: None, "sleeptime": 0, "sleep_time": 5, "reinitialize": len}
    play(path, **own, **helpers)
    assert caplog.messages == []


def test_of_several_strategies_none_starts_when_a_hook_of_one_is_refused(path: Path) -> None:
    called: list[str] = []

    class Good(Strategy):
        def initialize(self) -> None:
            called.append(self.name)

        def on_trading_iteration(self) -> None:
            called.append(self.name)

    class Bad(Good):
        def on_fenced(self, owner: str) -> None:  # type: ignore[override]
            called.append(owner)

    trader = Trader()
    for each in (Good, Bad):
        trader.add_strategy(each(db_connection_str=f"sqlite:///{path}"))
    with pytest.raises(UsageError, match=r"Bad\.on_fenced"):
        trader.run_all(max_iterations=1)
    assert called == []
    assert not path.exists()
