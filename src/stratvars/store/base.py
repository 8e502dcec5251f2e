"""The ports of storage. Their docstrings are the contract; ``stratvars.testing.StoreContract`` holds every store to it.

A store keeps text: it never looks into the variables. Each verb is atomic, may be sent again with the same
arguments after an error or a lost answer, and may be called from any thread (calls are serialised inside).
All raise ``UnavailableError`` when the database cannot be used, ``RefusedError`` when only a change by somebody
can help, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from stratvars.edits import Asked, Edit, Signature
from stratvars.outcome import Outcome, Renewal, Saved
from stratvars.revision import LEASE, Claim, Entry, Holder, Kept, Moment, Renewing, Revision, Stored
from stratvars.store.tenure import Tenure
from stratvars.thinning import Place, Plan, Step

if TYPE_CHECKING:
    from stratvars.erasing import Erased, Erasing

PATIENCE = 1.0
"""Seconds to wait for somebody's lock: under the deadline of a backup."""


class Store(Protocol):
    """The side a running strategy writes to."""

    def prepare(self, table: str) -> None:
        """Create what is missing for ``table``; what is there stays as it is."""

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
        """Become the writer of ``strategy`` for ``lease`` seconds by the database's clock, or learn who is.

        The claim's epoch and revision are at least those stored, and its epoch is higher than both the stored one
        and ``above[0]``; its revision is at least ``above[1]``. An unreleased strategy is given only to the start
        that already holds it, or when ``take_over`` equals the holder that stands there at that moment and, where it
        names a stamp, has not been renewed since. Whether a lease has ended is for the caller to judge.
        """

    def renew(self, leases: Sequence[Renewing]) -> list[Renewal]:
        """Renew the leases of claims of one table, in one statement. A save renews too."""

    def ask(self, table: str, strategy: str, edit: Edit, *, refused: str = "") -> int | None:
        """Keep an edit until it is resolved, whoever holds the strategy; its number.

        None when nobody ever started the strategy. Edits are known by their token: asked again, it is the same one.
        With ``refused`` it is only kept, and nobody is given it: that says why.
        """

    def cancel(self, table: str, strategy: str, number: int) -> None:
        """Take an edit back, if it still waits and the start that holds the strategy has not taken it up."""

    def keep_fenced(self, revision: Revision) -> None:
        """Put a revision that a later start has fenced into the history, beside what is current."""

    def is_held(self, holder: Holder) -> bool | None:
        """Whether the holder's process still has the operating system's lock that its start took.

        None where the store has no such lock. An answer is worth something only on the machine of the holder.
        """

    def load(self, claim: Claim) -> Stored | None:
        """The current state, read after the claim was made; None when there is none.

        None under a claim whose ``revision`` is above 0 means that the row was lost; the caller judges.
        """

    def save(self, batch: Sequence[Revision], *, patience: float = PATIENCE) -> list[Outcome]:
        """Write revisions of different strategies of one table, each wholly or not at all, and make them durable.

        When it returns, each outcome is known and each ``Saved`` survives the loss of power. A revision that is
        already there is ``Saved`` again and not written twice. What somebody else wrote into the row of the current
        state is never replaced unseen: see ``Foreign`` and ``Revision.over``.

        Args:
            batch: at most one of each strategy.
            patience: seconds to wait for a row that somebody else has locked, where rows can be locked one by one.

        Raises:
            LockedError: it was locked for longer; nothing was written.
        """

    @property
    def swift(self) -> Swift | None:
        """Saves without the writer's thread; None where a wait for the database cannot be given up by who waits."""

    def release(self, claim: Claim) -> None:
        """Give the strategy up at once. A claim that is no longer the newest releases nothing.

        When it was the first one, and nothing was saved under it, no trace of the strategy stays.
        """

    def thin(self, table: str, strategy: str, step: Step) -> Plan:
        """Carry one step of thinning the history out, in one short transaction that touches the history alone.

        The state as of every revision that stays is what it was, for readers of any moment; who reads while a step is
        made sees the history before it or after it. Nothing is done, and the plan says to go on where the step began,
        while another one thins the same history.
        """

    def erase(self, table: str, strategy: str, step: Erasing) -> Erased:
        """Carry one step of erasing variables out, in one short transaction on the history or on the edits.

        The state as of every revision is what it was, without them. The current state is not touched: it must not have
        them any more. Nothing is done, and the answer says to take the same step, while another one thins the history.
        """

    def scrub(self, table: str) -> list[str]:
        """Let what is in no row any more be in none of the database's files, as far as this can be done from here.

        Returns:
            Sentences that say where it may still stand, and what helps.
        """

    def names(self, table: str) -> list[str]:
        """The strategies that have a saved state, sorted."""

    def notes(self) -> list[str]:
        """What a start has to say of how this database keeps what it acknowledged; empty when all is well."""

    def close(self) -> None:
        """End the connection; the store may not be used afterwards. May be called twice."""


class Swift(Protocol):
    """Saves for a caller who must be free again at a certain time, without the writer's thread."""

    def save_within(self, revision: Revision, until: float, *, patience: float = PATIENCE) -> Saved | None:
        """Save a revision, and be back at ``until``, by the monotonic clock. Never raises for the database.

        None: it is not done like this, or nothing is known of it; ``Store.save`` is to be asked, which first waits for
        what may still be going on.
        """


class Records(Protocol):
    """The side that looks at what is stored, without ever writing."""

    def strategies(self, table: str) -> list[Stored]:
        """The current state of every strategy of the table, sorted by name; empty when the table is not there."""

    def current(self, table: str, strategy: str) -> Stored | None:
        """The current state of one strategy; None when nothing is saved under the name."""

    def history(self, table: str, strategy: str, moment: Moment) -> list[Kept]:
        """What the state as of a moment is made of (see ``history.py``), oldest first, read in one statement.

        These are the revisions from the newest snapshot that is not later than the moment up to the moment itself.
        What was saved by a start that had lost the strategy (``fenced``) is none of them. Empty when there is no
        such moment. The first revision of a start is a snapshot, so all are of one epoch.
        """

    def revisions(
        self,
        table: str,
        strategy: str,
        *,
        limit: int,
        before: tuple[int, int] | None = None,
        until: datetime | None = None,
        reason: str | None = None,
    ) -> list[Entry]:
        """The newest revisions of the history, newest first, without their values.

        At most ``limit`` of those that come before the epoch and the number in ``before``, were saved at ``until`` or
        earlier, and for this ``reason``. What is ``fenced`` is none of them, unless it is the reason asked for. Where
        the database's clock was set back, some that were saved at ``until`` or earlier may be missing.
        """

    def edits(self, table: str, strategy: str, *, limit: int, number: int | None = None) -> list[Asked]:
        """The newest edits, newest first, at most ``limit``; or the one that has the number."""

    def signatures(self, table: str, strategy: str, first: int, last: int) -> list[Signature]:
        """Of the edits that revisions with the numbers from ``first`` to ``last`` hold, in the order of the edits."""

    def tenures(self, table: str) -> list[Tenure]:
        """Who holds each strategy of the table, or held it last, in any order; empty when the table is not there."""

    def is_held(self, holder: Holder) -> bool | None:
        """See ``Store.is_held``; no lock is taken for it, and nothing is made."""

    def page(self, table: str, strategy: str, since: Place) -> list[Entry]:
        """A page of the history from a place on, oldest first, also with what was fenced."""

    def close(self) -> None:
        """End the connection. May be called twice."""
