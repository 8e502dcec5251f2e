"""When variables are read from the database and written to it: restored at the start, kept after each iteration.

This is the whole of the durability; ``Strategy`` adds hooks and a schedule to it. Use it alone under any broker's own
loop::

    with Backup("btc-live") as backup:
        for _ in backup.every("10S"):
            trade(exchange, backup.vars)
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from stratvars import codec, names, schedule, settings
from stratvars.capture import Capture
from stratvars.errors import (
    FencedError,
    ForkedError,
    NothingSavedError,
    NotSavedError,
    StratvarsError,
    UnavailableError,
    UnsavableError,
    UsageError,
)
from stratvars.lane import Lane, Offer
from stratvars.restore import Restored, announce, restore
from stratvars.revision import Reason, State
from stratvars.signals import on_stop
from stratvars.vars import Vars, lay_over
from stratvars.writer import Writer, shared_writer

_log = logging.getLogger("stratvars")

DEADLINE = 2.0
"""Seconds for which a backup holds the strategy up at most."""
LAST_DEADLINE = 5.0
"""Seconds for the last one; a container or a service is given ten and more to end."""


class Backup:
    """Durable variables under one name.

    Nothing is connected before ``open`` (or ``with``), which restores; from then until ``close`` this object is the
    only writer of the name. ``vars`` may be used from any thread at any time; ``save`` too.

    Args:
        name: of the strategy; one row is kept under it.
        url: of the database; without it ``DB_CONNECTION_STR`` from the environment or ``.env``, else the SQLite file
            ``stratvars.db`` beside the started script.
        table: the table's name.
        resume: refuse to start from nothing; without it what ``STRATVARS_RESUME`` says.
        variables: keep these instead of new ones; what is saved is laid over them.
        pause: how to wait while the database cannot be reached at the start; true when it is to be given up.

    Raises:
        UsageError: the name, the table or the URL cannot be used.
    """

    def __init__(
        self,
        name: str,
        url: str | None = None,
        *,
        table: str = "vars_backup",
        resume: bool | None = None,
        variables: Vars | None = None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        names.check_strategy_name(name)
        names.check_table_name(table)
        self.name = name
        self.table = table
        self.database = settings.resolve(url)
        self.vars = Vars() if variables is None else variables
        self._resume = settings.resume_wanted(resume)
        self._pause = pause
        self._inside = False
        self._session: _Session | None = None

    def open(self, plan: str = "") -> Self:
        """Restore the variables and become the writer of the name. Prints one line on stderr.

        Args:
            plan: what that line is to say about the next iteration.

        Raises:
            UsageError: it is open already.
            OwnedError: another process runs the strategy.
            RestoreError: the saved state cannot be restored; nothing was written.
            UnavailableError: the database cannot be used.
        """
        if self._session is not None:
            raise UsageError(f"the backup of {self.name!r} is open already; close it before opening it again")
        self._refuse_to_make_what_is_to_be_resumed()
        with ExitStack() as opening:
            writer = opening.enter_context(shared_writer(self.database))
            found = restore(writer.store, self.table, self.name, resume=self._resume, pause=self._pause)
            self._session = _Session(self.vars, writer, found, opening.pop_all())
        announce(self.name, self.database, found, plan)
        _open_backups[id(self)] = self
        return self

    def save(self, timeout: float = DEADLINE) -> None:
        """Make the variables as they are now durable; returns only when they are.

        Raises:
            NotSavedError: not within ``timeout`` seconds; it is tried again, but must not be relied on.
            UnsavableError: a variable cannot be stored; the others are durable.
            FencedError: another process took the strategy over.
            ForkedError: this process was forked by the one that opened it.
        """
        self._use().save(Reason.MANUAL, complete=not self._inside, timeout=timeout)

    def keep(self, reason: Reason, *, complete: bool) -> None:
        """The backup that happens by itself: never fails, and returns after ``DEADLINE`` at the latest.

        While the database is in trouble the newest state waits and lands when it can; this was logged once.

        Raises:
            FencedError: another process took the strategy over.
        """
        self._use().keep(reason, complete=complete)

    def turn(self, is_inside: bool) -> None:
        """Say that an iteration begins or has ended: a state saved inside one is not a completed iteration's."""
        self._inside = is_inside

    def every(self, sleeptime: str | float) -> Iterator[None]:
        """Turns of a loop: each is kept when it ends, and the next begins on time, without drift.

        Ends after the turn in which SIGINT or SIGTERM arrives, and wakes for them. A missed turn is left out.

        Raises:
            UsageError: ``sleeptime`` is not one; see ``Strategy.sleeptime``.
            FencedError: another process took the strategy over.
        """
        interval = schedule.parse(sleeptime)
        with on_stop() as stop:
            first = time.monotonic()
            while not stop.requested:
                self.turn(is_inside=True)
                yield
                self.turn(is_inside=False)
                self.keep(Reason.ITERATION, complete=True)
                now = time.monotonic()
                stop.wait(schedule.next_tick(first, interval, now) - now)

    def close(self, reason: Reason = Reason.STOP, *, complete: bool = True) -> None:
        """Save a last time, also when nothing changed, and give the name up.

        Does nothing when it is closed, or in a forked child.

        Raises:
            NotSavedError: the last state is not durable after ``LAST_DEADLINE`` seconds, and is lost.
            UnsavableError: a variable cannot be stored; the others are durable.
            FencedError: another process took the strategy over; it holds the variables.
        """
        session, self._session = self._session, None
        _open_backups.pop(id(self), None)
        if session is not None and session.is_mine:
            self._inside = False
            with session:
                session.save(reason, complete=complete, timeout=LAST_DEADLINE, final=True)

    def abandon(self) -> None:
        """Close without saving: another process holds the name. Does nothing when it is closed."""
        session, self._session = self._session, None
        _open_backups.pop(id(self), None)
        if session is not None and session.is_mine:
            with session:
                pass

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
            return
        is_crash = isinstance(error, Exception) and not isinstance(error, FencedError)
        try:
            self.close(Reason.CRASH if is_crash else Reason.STOP, complete=False)
        except StratvarsError as failure:
            # The error of the block is the one to be seen; ours stands beside it.
            error.add_note(f"stratvars, at the last save: {failure}")

    def _refuse_to_make_what_is_to_be_resumed(self) -> None:
        path = self.database.path
        if self._resume and path is not None and not path.exists():
            raise NothingSavedError(
                f"resuming {self.name!r} was asked for, and there is no database at {path} (chosen by: "
                f"{self.database.origin}). Check DB_CONNECTION_STR, or start without --resume"
            )

    def _use(self) -> _Session:
        if self._session is None:
            raise UsageError(f"the backup of {self.name!r} is not open; use `with Backup(...)`, or call open() first")
        if not self._session.is_mine:
            raise ForkedError(
                f"the backup of {self.name!r} belongs to the process that forked this one; save there, or open a "
                "backup of another name here"
            )
        return self._session


class _Session:
    """One start of a strategy, from its restore to its last save."""

    def __init__(self, variables: Vars, writer: Writer, found: Restored, resources: ExitStack) -> None:
        self._writer = writer
        self._claim = found.claim
        self._lane = Lane(found.claim, found.state, codec.FORMAT)
        self._capture = Capture(variables, found.state.texts)
        self._held_back: set[str] = set()
        self._resources = resources
        lay_over(variables, found.values)
        writer.attach(self._lane)
        self._process = os.getpid()

    @property
    def is_mine(self) -> bool:
        """Whether this process opened it; a forked child has neither its thread nor its connection."""
        return self._process == os.getpid()

    def keep(self, reason: Reason, *, complete: bool) -> None:
        state = self._capture.take()
        ticket = self._offer(state, reason, complete=complete)
        # In trouble that is known already there is nothing to wait for: the iterations keep their pace.
        self._writer.wait(self._lane, ticket, DEADLINE if self._lane.trouble_since is None else 0.0)
        self._check_fence()

    def save(self, reason: Reason, *, complete: bool, timeout: float, final: bool = False) -> None:
        state = self._capture.take()
        ticket = self._offer(state, reason, complete=complete, final=final)
        durable = self._writer.wait(self._lane, ticket, timeout)
        self._check_fence()
        if not durable:
            raise NotSavedError(
                f"{self._claim.strategy!r} is not saved after {timeout:g} s: the last durable state is revision "
                f"{self._lane.acknowledged}. Do not rely on the newest one; see the log for what hinders the database"
            )
        for name, problem in state.held_back.items():
            raise UnsavableError("", f"{problem}. All other variables are saved; {name!r} keeps its last good value")

    def _offer(self, state: State, reason: Reason, *, complete: bool, final: bool = False) -> int:
        for name in state.held_back.keys() - self._held_back:
            _log.error("A variable of %r is held back: %s", self._claim.strategy, state.held_back[name])
        self._held_back = set(state.held_back)
        return self._writer.offer(self._lane, Offer(state, reason, complete=complete, final=final))

    def _check_fence(self) -> None:
        holder = self._lane.holder
        if holder is not None:
            raise FencedError(
                f"{self._claim.strategy!r} was taken over by a later start (epoch {holder.epoch}). This process must "
                "not trade any more; its newest changes are not saved"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._resources:
            self._writer.detach(self._lane)
            with suppress(UnavailableError):  # the next start sees that this process is dead
                self._writer.store.release(self._lane.claim)


_open_backups: dict[int, Backup] = {}


@atexit.register
def _close_all() -> None:
    """The interpreter ends and nobody closed: save what there is, in the calling thread's time."""
    for backup in list(_open_backups.values()):
        try:
            backup.close(complete=False)
        except StratvarsError as error:
            _log.error("The last state of %r is lost: %s", backup.name, error)


if sys.platform != "win32":
    # A child shares the connection and has no writer thread: what it inherits is the parent's to close.
    os.register_at_fork(after_in_child=_open_backups.clear)
