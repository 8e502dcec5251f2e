"""One start of a strategy, from its restore to its last save: states go from the variables to the writer.

A state is taken and left with the writer under the lock of the ``Vars``: of two threads that save at once, the later
state is left later. The waiting is done outside of it.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from stratvars import codec
from stratvars.capture import Capture
from stratvars.contents import lay_over, lock_of
from stratvars.editing import Changes, give, read_state
from stratvars.edits import Edit, Resolution
from stratvars.errors import FencedError, NotSavedError, UnsavableError
from stratvars.hosting import give_back_writer
from stratvars.lane import Lane, Offer
from stratvars.lease import OnOutage
from stratvars.locks import is_mine, new_lock
from stratvars.restore import Restored
from stratvars.retention import ALL, Retention
from stratvars.revision import Reason, State, Stored
from stratvars.vars import Vars
from stratvars.writer import Writer

_log = logging.getLogger("stratvars")

DEADLINE = 2.0
"""Seconds for which a backup holds the strategy up at most."""
LAST_DEADLINE = 5.0
"""Seconds for the last one; a container or a service is given ten and more to end."""
_LEAST = 0.1


class Left(Struct, frozen=True, gc=False):
    """A state that the writer has: the ticket to wait for, and what could not be stored, with the reasons."""

    ticket: int
    held_back: Mapping[str, str]


class Session:
    """See the module. Thread-safe.

    Args:
        variables: of the strategy; what was found is laid over them.
        writer: borrowed for this session, and given back by ``retire``.
        found: by the restore.
        on_outage: what to do without a database.
        retention: how long revisions are kept.
    """

    def __init__(
        self,
        variables: Vars,
        writer: Writer,
        found: Restored,
        on_outage: OnOutage = OnOutage.TRADE,
        retention: Retention = ALL,
    ) -> None:
        self._writer = writer
        self._claim = found.claim
        self._lane = Lane(found.claim, found.state, codec.FORMAT, found.since, read_state)
        self._on_outage = on_outage
        self._late_since: float | None = None
        self._capture = Capture(variables, found.state.texts)
        self._variables = variables
        self._lock = lock_of(variables)
        self._held_back: set[str] = set()
        self._process = os.getpid()
        self._overdue = 0
        self._ending = new_lock()
        self._last: Left | None = None
        self.has_retired = False
        lay_over(variables, found.values)
        if found.stored is not None and found.stored.foreign:
            self._adopt(found.state, found.stored)
        self._lane.deliver(found.edits)
        writer.attach(self._lane, retention)
        self.apply_edits(complete=True)

    def _adopt(self, state: State, stored: Stored) -> None:
        """Somebody else wrote the row: it is the truth, and goes into the history as it was found."""
        _log.warning(
            "The variables of %r were changed by another hand since revision %d; they are adopted.",
            stored.strategy,
            stored.revision,
        )
        self._lane.adopt(state, stored.variables)

    def may_begin(self) -> bool:
        """See ``Backup.may_begin``."""
        self.check_fence()
        if self._lane.lease.left > 0:
            if self._late_since is not None and self._is_paused:
                _log.warning("%r goes on: its lease is renewed.", self._claim.strategy)
            self._late_since = None
            return True
        if self._late_since is None:
            self._late_since = time.monotonic()
            self._writer.look()
            if self._is_paused:
                _log.warning(
                    "%r starts no iteration: its lease has ended, and another copy may run. It goes on when the lease "
                    "is renewed.",
                    self._claim.strategy,
                )
        if self._is_paused:
            return False
        is_known = self._lane.trouble_since is not None
        return is_known or time.monotonic() - self._late_since > DEADLINE

    @property
    def _is_paused(self) -> bool:
        return self._on_outage is OnOutage.PAUSE

    def when_fenced(self, wake: Callable[[], object]) -> None:
        """See ``Backup.when_fenced``."""
        self._writer.watch(self._lane, sys.maxsize, wake)

    def when_edited(self, wake: Callable[[], object]) -> None:
        """See ``Backup.when_edited``."""
        self._lane.on_edit = wake

    def apply_edits(self, *, complete: bool) -> Changes:
        """Give the variables what somebody asked for, and leave that with the writer; what has changed."""
        if not self._lane.edits:
            return {}
        was_held = is_mine(self._lock)
        try:
            if not was_held:
                self._hold(DEADLINE)
            edits = self._lane.edits
            changes, resolves = give(self._variables, self._claim.strategy, edits)
            self._leave(Reason.EDIT, complete=complete, final=bool(resolves), resolves=resolves, given=edits)
        except NotSavedError as error:
            _log.warning("%s", error)
            return {}
        finally:
            if not was_held:
                try:  # noqa: SIM105  no call before the release, for a signal raises where one begins
                    self._lock.release()
                except RuntimeError:  # it could not be had
                    pass
        return changes

    def _leave(
        self,
        reason: Reason,
        *,
        complete: bool,
        final: bool,
        resolves: tuple[Resolution, ...] = (),
        given: Sequence[Edit] = (),
        is_awaited: bool = False,
    ) -> Left:
        """Take the state and leave it, under the lock of the variables; anew where a signal handler left a later."""
        while True:
            before, state = self._lane.offered, self._capture.take()
            if state.held_back or self._held_back:
                self._tell_held_back(state)
            offer = Offer(state, reason, complete=complete, final=final, resolves=resolves)
            ticket = self._writer.offer(self._lane, offer, given, after=before, is_awaited=is_awaited)
            if ticket:
                return Left(ticket, state.held_back)

    @property
    def is_mine(self) -> bool:
        """Whether this process opened it; a forked child has neither its thread nor its connection."""
        return self._process == os.getpid()

    def leave(
        self,
        reason: Reason,
        *,
        complete: bool,
        final: bool = False,
        patience: float = DEADLINE,
        is_awaited: bool = False,
    ) -> Left:
        """Take the state as it is now and leave it with the writer.

        Args:
            reason: why.
            complete: taken between two iterations.
            final: written even when nothing changed.
            patience: seconds to wait for a thread that holds the variables (``with vars:``).
            is_awaited: ``wait`` or ``await_`` is called next, and sends it.

        Raises:
            NotSavedError: that thread still holds them; no state was taken.
        """
        was_held = is_mine(self._lock)
        try:
            if not was_held:
                self._hold(patience)
            return self._leave(reason, complete=complete, final=final, is_awaited=is_awaited)
        finally:
            if not was_held:
                try:  # noqa: SIM105  no call before the release, for a signal raises where one begins
                    self._lock.release()
                except RuntimeError:  # it could not be had
                    pass

    def keep(self, reason: Reason, *, complete: bool) -> None:
        """See ``Backup.keep``."""
        since = time.monotonic()
        left = self.leave_quietly(reason, complete=complete, is_awaited=True)
        if left is not None:
            timeout = _rest(self.patience, since)
            self._note(left.ticket, self._writer.wait(self._lane, left.ticket, timeout))
        self.check_fence()

    async def akeep(self, reason: Reason, *, complete: bool) -> None:
        """``keep`` that lets the event loop run while it waits for the database."""
        from stratvars.aio import settled  # asyncio is not for everybody, and slow to import

        since = time.monotonic()
        left = self.leave_quietly(reason, complete=complete, is_awaited=True)
        if left is not None:
            timeout = _rest(self.patience, since)
            self._note(left.ticket, await settled(self._writer, self._lane, left.ticket, timeout))
        self.check_fence()

    def leave_quietly(self, reason: Reason, *, complete: bool, is_awaited: bool = False) -> Left | None:
        """``leave`` for a backup that must not raise: None, and a line in the log, where no state can be taken."""
        try:
            return self.leave(reason, complete=complete, is_awaited=is_awaited)
        except NotSavedError as error:
            _log.warning("%s", error)
            return None

    @property
    def patience(self) -> float:
        """Seconds to wait for a backup that happens by itself.

        In trouble that is known already there is nothing to wait for: the iterations keep their pace.
        """
        is_known = self._lane.trouble_since is not None or self._lane.done < self._overdue
        return 0.0 if is_known else DEADLINE

    def _note(self, ticket: int, is_durable: bool) -> None:
        """A state that was waited for in vain: until it is durable no other is waited for."""
        if not is_durable:
            self._overdue = ticket

    def wait(self, left: Left, timeout: float, since: float) -> None:
        """Wait until a state is durable, for ``timeout`` seconds from ``since`` on, by the monotonic clock.

        Raises:
            NotSavedError, UnsavableError, FencedError: see ``Backup.save``.
        """
        rest = _rest(timeout, since)
        self._judge(left, timeout, durable=self._writer.wait(self._lane, left.ticket, rest))

    async def await_(self, left: Left, timeout: float, since: float) -> None:
        """``wait`` that lets the event loop run; cancelled, it stops waiting, and the state goes its way."""
        from stratvars.aio import settled

        rest = _rest(timeout, since)
        self._judge(left, timeout, durable=await settled(self._writer, self._lane, left.ticket, rest))

    def leave_last(self, reason: Reason, *, complete: bool, patience: float) -> Left:
        """``leave`` the last state, once: asked again, it is the state of the first time."""
        if self._last is None:
            self._last = self.leave(reason, complete=complete, final=True, patience=patience)
        return self._last

    def end(self, reason: Reason, *, complete: bool, timeout: float) -> None:
        """Make the last state durable and give the strategy up, within ``timeout`` seconds in all.

        Interrupted by a signal, it has given nothing up, and may be called again.

        Raises:
            NotSavedError, UnsavableError, FencedError: see ``Backup.close``; the strategy is given up.
        """
        since = time.monotonic()
        deadline = since + timeout
        try:
            left = self.leave_last(reason, complete=complete, patience=timeout)
            self.wait(left, timeout, since)
        except Exception:
            self.retire(deadline)
            raise
        self.retire(max(deadline, time.monotonic() + _LEAST))  # a database that answers does so at once

    def retire(self, deadline: float) -> None:
        """Give the strategy and the writer up, until ``deadline`` by the monotonic clock; a second time does nothing.

        What takes longer goes on in the writer's thread.
        """
        with self._ending:
            is_first, self.has_retired = not self.has_retired, True
        if is_first:
            self._writer.retire(self._lane, max(deadline - time.monotonic(), 0.0))
            give_back_writer(self._writer, max(deadline - time.monotonic(), 0.0))

    def check_fence(self) -> None:
        """Raise ``FencedError`` when another process took the strategy over."""
        holder = self._lane.holder
        if holder is not None:
            raise FencedError(
                f"{self._claim.strategy!r} was taken over by a later start (epoch {holder.epoch}). This process must "
                "not trade any more; its newest changes are not saved"
            )

    def _judge(self, left: Left, timeout: float, *, durable: bool) -> None:
        self.check_fence()
        if not durable:
            raise NotSavedError(
                f"{self._claim.strategy!r} is not saved after {timeout:.3g} s: the last durable state is revision "
                f"{self._lane.acknowledged}. Do not rely on the newest one; see the log for what hinders the database"
            )
        for name, problem in left.held_back.items():
            last = f"what stands there of {name!r} is its last good value, if it had one"
            raise UnsavableError("", f"{problem}. All other variables are saved; {last}")

    def _hold(self, patience: float) -> None:
        """Take the lock of the variables, which this thread has not; in a ``try``, for a signal may raise after it.

        No context manager: that takes as long as all else at an unchanged state.
        """
        if not self._lock.acquire(timeout=max(patience, 0.0)):
            raise NotSavedError(
                f"{self._claim.strategy!r} is not saved: another thread has been inside `with vars:` for "
                f"{patience:.3g} s. Keep that block short; the last durable state is revision {self._lane.acknowledged}"
            )

    def _tell_held_back(self, state: State) -> None:
        for name in state.held_back.keys() - self._held_back:
            _log.error("A variable of %r is held back: %s", self._claim.strategy, state.held_back[name])
        self._held_back = set(state.held_back)


def _rest(timeout: float, since: float) -> float:
    """What is left of so many seconds: what another thread took of them inside of ``with vars:`` counts too."""
    return max(since + timeout - time.monotonic(), 0.0)
