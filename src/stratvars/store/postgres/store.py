"""The store on PostgreSQL. A save is one statement in one round trip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from stratvars.database import Database
from stratvars.edits import Edit
from stratvars.errors import UnavailableError
from stratvars.outcome import Left, Outcome, Renewal, Renewed, Saved
from stratvars.revision import LEASE, Claim, Holder, Reason, Renewing, Revision, Stored
from stratvars.store.base import PATIENCE
from stratvars.store.postgres import hot, rows, saving, schema
from stratvars.store.postgres.connect import WatchedConnection
from stratvars.store.postgres.explain import MissingTableError
from stratvars.store.postgres.session import Session, transaction
from stratvars.store.postgres.shelf import thin_one
from stratvars.store.postgres.statements import statements
from stratvars.store.verdict import Found, grant, judge_renewal
from stratvars.thinning import Plan, Step

if TYPE_CHECKING:
    from stratvars.erasing import Erased, Erasing

_Result = TypeVar("_Result")
_TRIES = 5


class PostgresStore:
    """See ``stratvars.store.base.Store``.

    Args:
        database: where; connected with the first verb.
    """

    def __init__(self, database: Database) -> None:
        self._session = Session(database)
        self._tables: set[str] = set()
        self._notes: list[str] | None = None
        self._places: saving.Places = {}

    def prepare(self, table: str) -> None:
        # Once: a table that is dropped later is missed by the next statement, and made anew.
        if table not in self._tables:
            schema.prepare(self._session, table)
            self._tables.add(table)

    def acquire(
        self,
        table: str,
        strategy: str,
        owner: str,
        start_id: str,
        *,
        take_over: Holder | None = None,
        above: tuple[int, int] = (0, 0),
        lease: float = LEASE,
    ) -> Claim | Holder:
        wanted = Claim(table, strategy, start_id, owner, *above, lease)
        return self._run(lambda connection: self._acquire(connection, wanted, take_over))

    def renew(self, leases: Sequence[Renewing]) -> list[Renewal]:
        return self._run(lambda connection: _renew(connection, leases))

    def ask(self, table: str, strategy: str, edit: Edit, *, refused: str = "") -> int | None:
        sql = statements(table)

        def work(connection: WatchedConnection) -> int | None:
            with self._writing(connection):
                connection.execute(sql["ask"].encode(), rows.ask(strategy, edit, refused, PATIENCE))
                row = connection.execute(sql["asked"].encode(), {"token": edit.token}).fetchone()
            return None if row is None else int(row[0])

        return self._run(work)

    def cancel(self, table: str, strategy: str, number: int) -> None:
        query = statements(table)["cancel"].encode()
        parameters = {"strategy": strategy, "number": number, "patience": rows.milliseconds(PATIENCE)}

        def work(connection: WatchedConnection) -> None:
            with self._writing(connection):
                connection.execute(query, parameters)

        self._run(work)

    def keep_fenced(self, revision: Revision) -> None:
        sql = statements(revision.claim.table)

        def work(connection: WatchedConnection) -> None:
            with transaction(connection):
                connection.execute(sql["settings"].encode(), {"patience": rows.milliseconds(PATIENCE)})
                values = rows.save(revision, PATIENCE, rows.claimed(revision.claim))
                hot.ask(connection, hot.statement(revision.claim.table, "keep_fenced"), values)

        self._run(work)

    def is_held(self, holder: Holder) -> bool | None:  # noqa: ARG002  the port's signature
        return None

    def load(self, claim: Claim) -> Stored | None:
        return self._run(lambda connection: _load(connection, claim))

    def save(self, batch: Sequence[Revision], *, patience: float = PATIENCE) -> list[Outcome]:
        return self._run(lambda connection: self._save(connection, batch, patience))

    @property
    def swift(self) -> PostgresStore:
        return self

    def save_within(self, revision: Revision, until: float, *, patience: float = PATIENCE) -> Saved | None:
        if revision.resolves:
            return None
        return self._session.run_within(
            lambda connection: saving.save_known(connection, revision, patience, self._places, is_swift=True), until
        )

    def release(self, claim: Claim) -> None:
        sql = statements(claim.table)
        key = {"strategy": claim.strategy, "epoch": claim.epoch, "start_id": claim.start_id}

        def work(connection: WatchedConnection) -> None:
            patience = {"patience": rows.milliseconds(PATIENCE)}
            with self._writing(connection):
                row = connection.execute(sql["release_writer"].encode(), {**key, **patience}).fetchone()
            if row == (0,):
                with transaction(connection):
                    connection.execute(sql["settings"].encode(), patience)
                    connection.execute(sql["forget_writer"].encode(), key)

        self._run(work)
        self._places.pop((claim.table, claim.strategy), None)

    def thin(self, table: str, strategy: str, step: Step) -> Plan:
        return self._run(lambda connection: thin_one(connection, table, strategy, step))

    def erase(self, table: str, strategy: str, step: Erasing) -> Erased:
        from stratvars.store.postgres.erasing import erase_one  # for a command, and for no bot

        return self._run(lambda connection: erase_one(connection, table, strategy, step))

    def scrub(self, table: str) -> list[str]:
        from stratvars.store.postgres.erasing import scrub

        return self._run(lambda connection: scrub(connection, table))

    def names(self, table: str) -> list[str]:
        query = statements(table)["names"].encode()
        found = self._run(lambda connection: connection.execute(query, {}).fetchall())
        # Sorted here: the database's order depends on its collation.
        return sorted(name for (name,) in found)

    def notes(self) -> list[str]:
        from stratvars.store.postgres.durability import notes  # once a store

        if self._notes is None:
            self._notes = self._run(notes)
        return self._notes

    def close(self) -> None:
        self._session.close()

    def _acquire(self, connection: WatchedConnection, wanted: Claim, take_over: Holder | None) -> Claim | Holder:
        """In one statement, where nobody holds the strategy, or the one from whom it may be taken."""
        query = statements(wanted.table)["take"].encode()
        with self._writing(connection):
            row = connection.execute(query, rows.take(wanted, take_over, PATIENCE)).fetchone()
        if row is not None:
            *columns, taken = row
            found = Found(*columns)
            answer = grant(found, wanted, take_over)
            if isinstance(answer, Holder) or answer.epoch in {found.epoch, taken}:
                return answer
        return _acquire(connection, wanted, take_over)

    def _writing(self, connection: WatchedConnection) -> AbstractContextManager[None]:
        """For one statement: it is its own transaction, unless the role's transactions only read by default."""
        return transaction(connection) if self._session.begins_writes else nullcontext()

    def _run(self, work: Callable[[WatchedConnection], _Result]) -> _Result:
        try:
            return self._session.run(work)
        except MissingTableError:
            pass  # dropped, or another database answers now: made anew, and the verdict on a save says what is lost
        for table in sorted(self._tables):
            schema.prepare(self._session, table)
        return self._session.run(work)

    def _save(self, connection: WatchedConnection, batch: Sequence[Revision], patience: float) -> list[Outcome]:
        resolves = any(revision.resolves or revision.signed is not None for revision in batch)
        with transaction(connection) if resolves else self._writing(connection):
            outcomes = saving.save(connection, batch, patience, self._places)
            saving.resolve(connection, batch, outcomes)
        return outcomes


def _load(connection: WatchedConnection, claim: Claim) -> Stored | None:
    stored = None
    # The second where this start itself has saved a crash since its claim; nobody else can have.
    for name in ("current",) if claim.crashed else ("current_calm", "current"):
        found = hot.ask(connection, hot.statement(claim.table, name), {"strategy": claim.strategy.encode()})
        stored = rows.loaded(found[0]) if found else None
        if stored is None or stored.reason != Reason.CRASH:
            break
    return stored


def _acquire(connection: WatchedConnection, wanted: Claim, take_over: Holder | None) -> Claim | Holder:
    """In one transaction, whatever is there; the first start of a strategy always."""
    sql = statements(wanted.table)
    with transaction(connection):
        connection.execute(sql["settings"].encode(), {"patience": rows.milliseconds(PATIENCE)})
        for _ in range(_TRIES):
            row = connection.execute(sql["writer"].encode(), {"strategy": wanted.strategy}).fetchone()
            if row is not None:
                return _take(connection, wanted, Found(*row), take_over)
            # No row, no lock: of two first starts one inserts, the other waits for it here and then looks again.
            known = connection.execute(sql["known"].encode(), {"strategy": wanted.strategy}).fetchone()
            first = grant(None if known is None else Found(*known), wanted, None)
            if not isinstance(first, Claim):
                break
            if connection.execute(sql["add_writer"].encode(), _parameters(first)).fetchone() is not None:
                return first
    raise UnavailableError(f"the row of {wanted.strategy!r} comes and goes; another start of it is busy")


def _take(connection: WatchedConnection, wanted: Claim, found: Found, take_over: Holder | None) -> Claim | Holder:
    """The answer where there is a writers' row, which is locked; ``wanted`` has what to be above."""
    answer = grant(found, wanted, take_over)
    if isinstance(answer, Claim) and answer.epoch != found.epoch:
        connection.execute(statements(wanted.table)["take_writer"].encode(), _parameters(answer))
    return answer


def _parameters(claim: Claim) -> dict[str, object]:
    return {
        "strategy": claim.strategy,
        "epoch": claim.epoch,
        "revision": claim.revision,
        "start_id": claim.start_id,
        "owner": claim.owner,
        "lease": claim.lease,
    }


def _renew(connection: WatchedConnection, leases: Sequence[Renewing]) -> list[Renewal]:
    query = statements(leases[0].claim.table)["renew"].encode()
    rows_found = connection.execute(query, rows.renewal(leases, PATIENCE)).fetchall()
    found = {strategy: row for strategy, *row in rows_found}
    return [_renewal(held, *found[held.claim.strategy]) for held in leases]


def _renewal(held: Renewing, is_there: bool, epoch: int | None, *row: Any) -> Renewal:
    """``epoch`` is None, and so is what follows, where the row is not there or somebody has it locked."""
    if is_there and epoch is None:
        return Left()
    revision, start_id, owner, edits = row
    found = None if epoch is None else Found(epoch, revision, start_id, owner)
    return judge_renewal(held, found) or Renewed(rows.waiting(edits))
