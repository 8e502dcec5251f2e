"""The start of a strategy: its database's writer is borrowed, its state restored, and one line on stderr says so."""

from __future__ import annotations

from dataclasses import dataclass

from stratvars.commands import Commands
from stratvars.database import Database
from stratvars.errors import NothingSavedError
from stratvars.hosting import borrow_writer, give_back_writer
from stratvars.lease import OnOutage
from stratvars.ownership import Terms
from stratvars.restore import announce, restore
from stratvars.retention import Retention
from stratvars.session import Session
from stratvars.vars import Vars


@dataclass(frozen=True, slots=True)
class Start:
    """What a start is told.

    Attributes:
        database, table, strategy: what to restore.
        resume: refuse to start from nothing.
        patience: seconds for which a database is asked again that cannot be used.
        terms: how to become the writer.
        on_outage: what to do without the database, later.
        retention: how long revisions are kept.
    """

    database: Database
    table: str
    strategy: str
    resume: bool
    patience: float
    terms: Terms
    on_outage: OnOutage
    retention: Retention

    def begin(self, variables: Vars, plan: str) -> Session:
        """Restore. ``plan`` is what the line on stderr says about the next iteration. Raises as ``Backup.open``."""
        self._refuse_to_make_what_is_to_be_resumed()
        writer = borrow_writer(self.database)
        try:
            found = restore(
                writer.store,
                self.table,
                self.strategy,
                resume=self.resume,
                patience=self.patience,
                terms=self.terms,
                show=Commands(self.table, self.database).show,
            )
            session = Session(variables, writer, found, self.on_outage, self.retention)
        except BaseException:
            give_back_writer(writer)
            raise
        announce(self.strategy, self.database, found, plan)
        return session

    def _refuse_to_make_what_is_to_be_resumed(self) -> None:
        path = self.database.path
        if self.resume and path is not None and not path.exists():
            raise NothingSavedError(
                f"resuming {self.strategy!r} was asked for, and there is no database at {path} (chosen by: "
                f"{self.database.origin}). Check DB_CONNECTION_STR, or start without --resume"
            )
