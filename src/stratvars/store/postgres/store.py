"""The store on PostgreSQL. A save is one statement in one round trip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from stratvars.database import Database
from stratvars.errors import UnavailableError
from stratvars.outcome import Fenced, Outcome, Renewal, Saved
from stratvars.revision import LEASE, Claim, Holder, Revision, Stored
from stratvars.store.postgres import rows, schema
from stratvars.store.postgres.connect import WatchedConnection
from stratvars.store.postgres.explain import MissingTableError
from stratvars.store.postgres.session import Session, transaction
from stratvars.store.postgres.statements import statements
from stratvars.store.verdict import Found, grant, judge, judge_renewal

_Result = TypeVar("_Result")
_PATIENCE = "1000"
"""Milliseconds to wait for somebody's lock: under the deadline of a backup."""
_TRIES = 5


class PostgresStore:
    """See ``stratvars.store.base.Store``.

    Args:
        database: where; connected with the first verb.
    """

    def __init__(self, database: Database) -> None:
        self._session = Session(database)
        self._tables: set[str] = set()

    def prepare(self, table: str) -> None:
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
        return self._run(lambda connection: _acquire(connection, wanted, take_over))

    def renew(self, claims: Sequence[Claim]) -> list[Renewal | Fenced]:
        return self._run(lambda connection: _renew(connection, claims))

    def keep_fenced(self, revision: Revision) -> None:
        sql = statements(revision.claim.table)

        def work(connection: WatchedConnection) -> None:
            with transaction(connection):
                connection.execute(sql["settings"].encode(), {"patience": _PATIENCE})
                connection.execute(sql["keep_fenced"].encode(), rows.save(revision, _PATIENCE))

        self._run(work)

    def is_held(self, holder: Holder) -> bool | None:  # noqa: ARG002  the port's signature
        return None

    def load(self, claim: Claim) -> Stored | None:
        query = statements(claim.table)["current"].encode()
        parameters = {"strategy": claim.strategy}
        row = self._run(lambda connection: connection.execute(query, parameters).fetchone())
        return None if row is None else rows.stored(row)

    def save(self, batch: Sequence[Revision]) -> list[Outcome]:
        return self._run(lambda connection: self._save(connection, batch))

    def release(self, claim: Claim) -> None:
        sql = statements(claim.table)
        key = {"strategy": claim.strategy, "epoch": claim.epoch, "start_id": claim.start_id}

        def work(connection: WatchedConnection) -> None:
            with transaction(connection):
                connection.execute(sql["settings"].encode(), {"patience": _PATIENCE})
                # Two statements: while the first waits for a ghost save's commit, the one that decides whether
                # anything was ever saved must not have looked already.
                connection.execute(sql["release_writer"].encode(), key)
                connection.execute(sql["forget_writer"].encode(), key)

        self._run(work)

    def names(self, table: str) -> list[str]:
        query = statements(table)["names"].encode()
        found = self._run(lambda connection: connection.execute(query, {}).fetchall())
        # Sorted here: the database's order depends on its collation.
        return sorted(name for (name,) in found)

    def notes(self) -> list[str]:
        from stratvars.store.postgres.durability import notes  # once a start

        return self._run(notes)

    def close(self) -> None:
        self._session.close()

    def _run(self, work: Callable[[WatchedConnection], _Result]) -> _Result:
        try:
            return self._session.run(work)
        except MissingTableError:
            pass  # dropped, or another database answers now: made anew, and the verdict on a save says what is lost
        for table in sorted(self._tables):
            schema.prepare(self._session, table)
        return self._session.run(work)

    def _save(self, connection: WatchedConnection, batch: Sequence[Revision]) -> list[Outcome]:
        if len(batch) == 1 and not self._session.begins_writes:
            return [_save_one(connection, batch[0])]
        with transaction(connection):
            # In the order of the names: two batches that lock the same rows in another order wait for each other.
            order = sorted(range(len(batch)), key=lambda index: batch[index].claim.strategy)
            outcomes = {index: _save_one(connection, batch[index]) for index in order}
        return [outcomes[index] for index in range(len(batch))]


def _acquire(connection: WatchedConnection, wanted: Claim, take_over: Holder | None) -> Claim | Holder:
    sql = statements(wanted.table)
    with transaction(connection):
        connection.execute(sql["settings"].encode(), {"patience": _PATIENCE})
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


def _renew(connection: WatchedConnection, claims: Sequence[Claim]) -> list[Renewal | Fenced]:
    query = statements(claims[0].table)["renew"].encode()
    parameters = {
        "patience": _PATIENCE,
        "strategies": [claim.strategy for claim in claims],
        "epochs": [claim.epoch for claim in claims],
        "start_ids": [claim.start_id for claim in claims],
        "leases": [claim.lease for claim in claims],
    }
    found = {name: Found(*row) for name, *row in connection.execute(query, parameters).fetchall()}
    return [judge_renewal(claim, found.get(claim.strategy)) for claim in claims]


def _save_one(connection: WatchedConnection, revision: Revision) -> Outcome:
    query = statements(revision.claim.table)["save"].encode()
    row = connection.execute(query, rows.save(revision, _PATIENCE)).fetchone()
    verdict = judge(revision, None if row is None else Found(*row))
    # The statement wrote exactly when the row is one to which the verdict says nothing against it.
    return Saved(revision.number) if verdict is None else verdict
