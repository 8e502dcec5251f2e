"""Hosting strategies in a process until they end or the process is told to stop."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import ExitStack
from typing import Protocol, Self

from stratvars.backup import Backup
from stratvars.crew import run_together
from stratvars.errors import UsageError
from stratvars.grace import limited_by
from stratvars.hooks import Hooks
from stratvars.life import Life
from stratvars.signals import Stop, on_stop
from stratvars.vars import Vars

_log = logging.getLogger("stratvars")

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
    def start_timeout(self) -> float | None:
        """Seconds for which a start asks its database again; None for the default."""

    @property
    def wait(self) -> float | None:
        """Seconds for which a start waits for an owner that lives; None for the default."""

    @property
    def lease(self) -> float | None:
        """Seconds for which a start holds the strategy; None for the default."""

    @property
    def on_outage(self) -> str | None:
        """What to do without a database; None for the default."""

    @property
    def retention(self) -> str | None:
        """How long its revisions are kept; None for the default."""

    @property
    def name(self) -> str:
        """Under which its variables are kept."""

    @property
    def vars(self) -> Vars:
        """Its variables."""

    def attach_backup(self, backup: Backup | None) -> None:
        """Take the backup that the strategy's own saves go to; None when it ended."""


_KNOWN = {
    name: callable(value) for each in (Hosted, Hooks) for name, value in vars(each).items() if not name.startswith("_")
}
"""The settings and the hooks by name; true for a hook."""

_ALIKE = 0.9
"""From when on one name is taken for another: sleep_time is for sleeptime, start_time is not for start_timeout."""


class Trader:
    """Runs strategies; see ``run_all``. Not thread-safe; used once."""

    def __init__(self) -> None:
        self._strategies: list[Hosted] = []

    def add_strategy(self, strategy: Hosted) -> Self:
        """Take a strategy in. Each has its own name, schedule and variables. Returns this trader.

        Raises:
            UsageError: it is a class, or no strategy at all.
        """
        if isinstance(strategy, type):
            name = strategy.__name__
            raise UsageError(f"add_strategy is given the class {name}; make a strategy of it: add_strategy({name}(…))")
        if not hasattr(strategy, "attach_backup"):
            raise UsageError(
                "add_strategy takes a strategy, of a class that builds on stratvars.Strategy, not "
                f"{type(strategy).__name__}"
            )
        self._strategies.append(strategy)
        return self

    def run_all(
        self, max_iterations: int | None = None, *, resume: bool | None = None, take_over: bool = False
    ) -> None:
        """Run until all strategies have ended, or SIGINT or SIGTERM arrives; the handlers are given back afterwards.

        All are restored before any iterates; when one cannot be, none starts. A single strategy runs in the calling
        thread, each of several in a thread of its own. One that crashes does not stop the others.

        Args:
            max_iterations: how many iterations each is to run; None for no end.
            resume: refuse to start from nothing; None for what ``STRATVARS_RESUME`` says.
            take_over: take a strategy from an owner that lives; that one cannot save any more.

        Raises:
            UsageError: there is no strategy, two have one name, or a setting cannot be used.
            StratvarsError: one could not be started or saved; see ``stratvars.errors``.
            Exception: the error that ended a strategy; of several the worst, by its exit code.
        """
        if not self._strategies:
            raise UsageError("there is nothing to run; call add_strategy first")
        with on_stop() as stop, ExitStack() as attached:
            lives = []
            for strategy in self._strategies:
                backup = self._backup_of(strategy, stop, resume=resume, take_over=take_over)
                strategy.attach_backup(backup)
                attached.callback(strategy.attach_backup, None)
                lives.append(Life(strategy, backup, strategy.sleeptime, stop, max_iterations))
            _refuse_twins([life.backup for life in lives])
            for each in dict.fromkeys(map(type, self._strategies)):
                _warn_of_misspelt_names(each)
            _start_all(lives)
            if len(lives) == 1:
                lives[0].live(limited_by(stop, lives[0].save_as_it_stands))
            else:
                run_together(lives, stop)

    def _backup_of(self, strategy: Hosted, stop: Stop, *, resume: bool | None, take_over: bool) -> Backup:
        return Backup(
            strategy.name,
            _MEMORY if strategy.is_backtesting else strategy.db_connection_str,
            table=strategy.backup_table_name,
            resume=False if strategy.is_backtesting else resume,
            start_timeout=strategy.start_timeout,
            wait=strategy.wait,
            take_over=take_over,
            lease=strategy.lease,
            on_outage=strategy.on_outage,
            retention=strategy.retention,
            variables=strategy.vars,
            pause=stop.wait,
        )


def _refuse_twins(backups: list[Backup]) -> None:
    counts = Counter((backup.name, backup.table, str(backup.database)) for backup in backups if backup.is_shared)
    for (name, table, database), count in counts.items():
        if count > 1:
            raise UsageError(
                f"{count} strategies have the name {name!r} in the table {table!r} of {database}, and each would "
                "overwrite the variables of the other; give each a name of its own"
            )


def _warn_of_misspelt_names(strategy: type) -> None:
    """Of what a class sets or defines that is all but the name of a setting or a hook, without that one itself."""
    from difflib import get_close_matches  # needed once, at a start

    own: dict[str, object] = {}
    for base in reversed(strategy.__mro__[:-1]):
        if not base.__module__.startswith("stratvars."):
            own.update(vars(base))
    for name, value in own.items():
        # A flag that is called as a hook nearly is, a function as a setting, or reinitialize, is something else.
        known = [each for each, is_hook in _KNOWN.items() if each[0] == name[:1] and is_hook == callable(value)]
        for meant in get_close_matches(name, [each for each in known if each not in own], 1, _ALIKE):
            _log.warning("%s.%s is no setting and no hook; was %s meant?", strategy.__name__, name, meant)


def _start_all(lives: list[Life]) -> None:
    for number, life in enumerate(lives):
        try:
            life.start()
        except BaseException:
            for started in lives[:number]:
                started.give_up()
            raise
