"""Hosting strategies in a process until they end or the process is told to stop."""

from __future__ import annotations

from typing import Protocol

from stratvars.backup import Backup
from stratvars.errors import UsageError
from stratvars.life import Hooks, Life
from stratvars.signals import on_stop
from stratvars.vars import Vars

_MEMORY = "memory://"


class Hosted(Hooks, Protocol):
    """What a trader needs of a strategy: its hooks, its variables and its settings."""

    @property
    def sleeptime(self) -> str | float:
        """From the start of one iteration to the start of the next."""

    @property
    def backup_table_name(self) -> str:
        """The table in the database."""

    @property
    def db_connection_str(self) -> str | None:
        """The database's URL; None for the default."""

    @property
    def is_backtesting(self) -> bool:
        """Whether the variables are kept in memory only."""

    @property
    def name(self) -> str:
        """Under which its variables are kept."""

    @property
    def vars(self) -> Vars:
        """Its variables."""

    def attach_backup(self, backup: Backup | None) -> None:
        """Take the backup that the strategy's own saves go to; None when it ended."""


class Trader:
    """Runs strategies; see ``run_all``. Not thread-safe; used once."""

    def __init__(self) -> None:
        self._strategies: list[Hosted] = []

    def add_strategy(self, strategy: Hosted) -> None:
        """Take a strategy in.

        Raises:
            UsageError: there is one already; this version runs one in a process.
        """
        if self._strategies:
            raise UsageError("this version runs one strategy in a process; start another process for the next one")
        self._strategies.append(strategy)

    def run_all(self, max_iterations: int | None = None, *, resume: bool | None = None) -> None:
        """Run until the strategy ends, or SIGINT or SIGTERM arrives; the handlers are given back afterwards.

        Args:
            max_iterations: how many iterations to run; None for no end.
            resume: refuse to start from nothing; None for what ``STRATVARS_RESUME`` says.

        Raises:
            UsageError: there is no strategy, or one of its settings cannot be used.
            StratvarsError: it could not be started or saved; see ``stratvars.errors``.
            Exception: the error that ended the strategy.
        """
        if not self._strategies:
            raise UsageError("there is nothing to run; call add_strategy first")
        with on_stop() as stop:
            for strategy in self._strategies:
                backup = Backup(
                    strategy.name,
                    _MEMORY if strategy.is_backtesting else strategy.db_connection_str,
                    table=strategy.backup_table_name,
                    resume=False if strategy.is_backtesting else resume,
                    variables=strategy.vars,
                    pause=stop.wait,
                )
                life = Life(strategy, backup, strategy.sleeptime, stop, max_iterations)
                strategy.attach_backup(backup)
                try:
                    life.start()
                    life.live()
                finally:
                    strategy.attach_backup(None)
