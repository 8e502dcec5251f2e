"""Durable variables for trading strategies: what a bot writes to ``self.vars`` survives every restart and crash.

Everything here is loaded when it is first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stratvars.archive import open_archive
    from stratvars.backup import Backup
    from stratvars.codec import register
    from stratvars.errors import FencedError, NotSavedError, StratvarsError, UnsavableError
    from stratvars.strategy import Strategy
    from stratvars.trader import Trader
    from stratvars.vars import Vars

__version__ = "0.1.0.dev0"

__all__ = [
    "Backup",
    "FencedError",
    "NotSavedError",
    "Strategy",
    "StratvarsError",
    "Trader",
    "UnsavableError",
    "Vars",
    "open_archive",
    "register",
]

_HOMES = {
    "Backup": "backup",
    "FencedError": "errors",
    "NotSavedError": "errors",
    "Strategy": "strategy",
    "StratvarsError": "errors",
    "Trader": "trader",
    "UnsavableError": "errors",
    "Vars": "vars",
    "open_archive": "archive",
    "register": "codec",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'stratvars' has no attribute {name!r}")
    value = getattr(import_module(f"stratvars.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
