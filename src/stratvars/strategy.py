"""The base class of a strategy: its settings, its hooks, its durable ``vars``, and ``run``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stratvars import settings
from stratvars.backup import Backup
from stratvars.errors import UsageError
from stratvars.hooks import Turn
from stratvars.trader import Trader
from stratvars.vars import Vars, replace_all


class Strategy:
    """A trading strategy whose ``self.vars`` survive every restart and crash.

    Settings are class attributes, or arguments of the constructor, which win::

        class TradeCounter(Strategy):
            sleeptime = "1S"

            def on_trading_iteration(self):
                self.vars.trade_count = self.vars.get("trade_count", 0) + 1

        TradeCounter(name="counter-live").run()

    Attributes:
        name: under which the variables are kept; without it ``STRATEGY_NAME``, else the name of the class.
        sleeptime: from the start of one iteration to the start of the next: ``"10S"``, ``"5M"``, ``"2H"``,
            ``"1D"``, a number of minutes, or 0 for at once again.
        backup_table_name: the table in the database.
        db_connection_str: the database's URL; without it ``DB_CONNECTION_STR``, else ``stratvars.db`` beside the
            script.
        start_timeout: seconds for which a start asks a database again that cannot be used, 0 to ask once; without
            it ``STRATVARS_START_TIMEOUT``, else 30.
        wait: seconds for which a start waits for an owner of the name that lives, 0 to be refused at once; without it
            ``STRATVARS_WAIT``, else 45.
        lease: seconds after which another start may take over from one that does not answer; without it
            ``STRATVARS_LEASE``, else 15.
        on_outage: ``"trade"``, or ``"pause"`` to begin no iteration after the end of the lease while the database
            cannot be used; without it ``STRATVARS_ON_OUTAGE``, else trade.
        retention: how long revisions are kept, as ``"30d"`` or ``"all"``; see ``Backup``. Without it
            ``STRATVARS_RETENTION``, else every one for 7 days, then less.
        is_backtesting: keep the variables in memory only; no database is touched.
    """

    name: str = ""
    sleeptime: str | float = "1M"
    backup_table_name: str = "vars_backup"
    db_connection_str: str | None = None
    start_timeout: float | None = None
    wait: float | None = None
    lease: float | None = None
    on_outage: str | None = None
    retention: str | None = None
    is_backtesting: bool = False

    _vars: Vars | None = None
    _backup: Backup | None = None

    def __init__(
        self,
        *,
        name: str | None = None,
        sleeptime: str | float | None = None,
        backup_table_name: str | None = None,
        db_connection_str: str | None = None,
        start_timeout: float | None = None,
        wait: float | None = None,
        lease: float | None = None,
        on_outage: str | None = None,
        retention: str | None = None,
        is_backtesting: bool | None = None,
    ) -> None:
        if not isinstance(type(self).vars, property):
            raise UsageError(
                f"the class {type(self).__name__} has vars of its own, where the durable variables are to be; set "
                "defaults by self.vars.n = 0 in initialize(self)"
            )
        self._vars = Vars()
        given = {
            "sleeptime": sleeptime,
            "backup_table_name": backup_table_name,
            "db_connection_str": db_connection_str,
            "start_timeout": start_timeout,
            "wait": wait,
            "lease": lease,
            "on_outage": on_outage,
            "retention": retention,
            "is_backtesting": is_backtesting,
        }
        for attribute, value in given.items():
            if value is not None:
                setattr(self, attribute, value)
        self.name = settings.strategy_name(name if name is not None else (self.name or None), type(self).__name__)

    @property
    def vars(self) -> Vars:
        """The durable variables; see ``Vars``. Assigning a mapping replaces the contents, never the object."""
        if self._vars is None:
            raise UsageError(f"{type(self).__name__}.__init__ must call super().__init__() before it uses self.vars")
        return self._vars

    @vars.setter
    def vars(self, values: Mapping[str, Any]) -> None:
        replace_all(self.vars, values)

    def initialize(self) -> Turn:
        """Hook: set defaults. Saved variables replace them afterwards."""

    def before_starting_trading(self) -> Turn:
        """Hook: once, after the restore; the place to take aliases of variables."""

    def on_trading_iteration(self) -> Turn:
        """Hook: one turn of the strategy; the variables are backed up after it."""
        raise NotImplementedError(f"{type(self).__name__} needs a method on_trading_iteration(self)")

    def on_strategy_end(self) -> Turn:
        """Hook: the strategy ended by itself."""

    def on_abrupt_closing(self) -> Turn:
        """Hook: SIGINT or SIGTERM; the running iteration has finished."""

    def on_bot_crash(self, error: BaseException) -> object:
        """Hook: ``error`` was raised. Return True to go on with the next iteration; else the strategy ends."""

    def on_vars_edited(self, changes: Mapping[str, tuple[Any, Any]]) -> Turn:
        """Hook: somebody changed variables from outside (``stratvars set``), between two iterations.

        ``changes`` holds the values before and after, by name; None where a variable is not set. ``self.vars`` has
        the new ones; aliases of old ones are to be taken again.
        """

    def on_fenced(self) -> Turn:
        """Hook: another process took the strategy over. Do not trade: what is held is that one's now."""

    def backup_variables_to_db(self) -> None:
        """Make the variables as they are now durable; returns only when they are. From any thread.

        Raises:
            NotSavedError: they are not, after two seconds; do not send the order in the next line.
            UnsavableError: one of them cannot be stored; the others are durable.
            FencedError: another process took the strategy over.
            UsageError: the strategy is not running, or its variables are not restored yet.
        """
        if self._backup is None or not self._backup.is_open:
            raise UsageError(
                f"{self.name!r} is not running yet, or not any more; its variables are restored after initialize(), "
                "and can be backed up from before_starting_trading() on"
            )
        self._backup.save()

    def attach_backup(self, backup: Backup | None) -> None:
        """For the trader: where saves go while the strategy runs."""
        self._backup = backup

    def run(self, max_iterations: int | None = None, *, resume: bool | None = None, take_over: bool = False) -> None:
        """Run until the end; see ``Trader.run_all`` for the arguments and what is raised. Never exits the process."""
        trader = Trader()
        trader.add_strategy(self)
        trader.run_all(max_iterations, resume=resume, take_over=take_over)
