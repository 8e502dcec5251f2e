"""What a strategy is called with in the course of its life, and whether it can be."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from stratvars.editing import Changes
from stratvars.errors import UsageError

Turn = Awaitable[None] | None
"""What a hook returns: nothing, or, when it is an ``async def``, nothing after it was awaited."""


class Hooks(Protocol):
    """What is called in the course of a life. All but ``on_trading_iteration`` may do nothing; any may be ``async``."""

    def initialize(self) -> Turn:
        """Set defaults; saved variables are not there yet."""

    def before_starting_trading(self) -> Turn:
        """Once, after the restore and before the first iteration."""

    def on_trading_iteration(self) -> Turn:
        """One turn of the strategy."""

    def on_strategy_end(self) -> Turn:
        """The strategy ended by itself."""

    def on_abrupt_closing(self) -> Turn:
        """It was told to stop by SIGINT or SIGTERM."""

    def on_bot_crash(self, error: BaseException) -> object:
        """An error was raised; True means: go on with the next iteration."""

    def on_vars_edited(self, changes: Changes) -> Turn:
        """Somebody changed variables from outside, between two iterations."""

    def on_fenced(self) -> Turn:
        """Another process took the strategy over: neither trade nor write."""


def check(hooks: Hooks) -> None:
    """Refuse hooks that would fail, or do nothing, when they are called: maybe weeks after the start.

    Raises:
        UsageError: one takes other arguments, or is a generator.
    """
    import inspect  # needed once, at a start

    for name, pattern in vars(Hooks).items():
        if name.startswith("_"):
            continue
        hook, wanted = getattr(hooks, name), list(inspect.signature(pattern).parameters)
        if inspect.isgeneratorfunction(hook) or inspect.isasyncgenfunction(hook):
            raise UsageError(
                f"{type(hooks).__name__}.{name} has a yield in it, so that a call would run none of it; take the yield "
                "out, or put it into a function that the hook calls"
            )
        if not _takes(hook, len(wanted) - 1):
            raise UsageError(
                f"{type(hooks).__name__}.{name} cannot be called with what it is given; write it as "
                f"{name}({', '.join(wanted)})"
            )


def _takes(hook: object, many: int) -> bool:
    """Whether it can be called with so many arguments, beside the object that it is a method of."""
    import inspect

    function, bound = (hook.__func__, 1) if inspect.ismethod(hook) else (hook, 0)
    try:
        # Of a decorated hook, the decorator's function is what is called.
        inspect.signature(function, follow_wrapped=False).bind(*range(bound + many))  # type: ignore[arg-type]
    except TypeError:
        return False
    except ValueError:  # one that is written in C does not tell
        return True
    return True
