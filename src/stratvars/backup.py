"""When variables are read from the database and written to it: restored at the start, kept after each iteration.

This is the whole of the durability; ``Strategy`` adds hooks and a schedule to it. Use it alone under any broker's own
loop::

    with Backup("btc-live") as backup:
        for _ in backup.every("10S"):
            trade(exchange, backup.vars)

and the same with ``async with``, ``async for`` and ``await backup.asave()``.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from stratvars import names, opened, schedule, settings
from stratvars.database import Scheme
from stratvars.editing import Changes
from stratvars.errors import FencedError, ForkedError, NotSavedError, StratvarsError, UsageError
from stratvars.ownership import Terms
from stratvars.revision import Reason
from stratvars.session import DEADLINE, LAST_DEADLINE, Session
from stratvars.signals import exit_as_terminated, on_termination, postponed
from stratvars.start import Start
from stratvars.turns import Turns
from stratvars.vars import Vars, replace_all


class Backup:
    """Durable variables under one name.

    Nothing is connected before ``open`` (or ``with``), which restores; from then until ``close`` this object is the
    only writer of the name. ``vars`` may be used from any thread at any time; ``save`` too. ``with`` closes at the end,
    also by an error (saved as a crash), by Ctrl-C and by SIGTERM, which becomes ``SystemExit``.

    Args:
        name: of the strategy; one row is kept under it.
        url: of the database; without it ``DB_CONNECTION_STR`` from the environment or ``.env``, else the SQLite file
            ``stratvars.db`` beside the started script.
        table: the table's name.
        resume: refuse to start from nothing; without it what ``STRATVARS_RESUME`` says.
        start_timeout: seconds for which the start asks a database again that cannot be used, 0 to ask once; without
            it ``STRATVARS_START_TIMEOUT``, else 30.
        wait: seconds for which the start waits for an owner of the name that lives, 0 to be refused at once; without
            it ``STRATVARS_WAIT``, else 45.
        take_over: take the name from an owner that lives; that one cannot save any more.
        lease: seconds, from 1 to 86,400, after which another start may take over from one that does not answer;
            without it ``STRATVARS_LEASE``, else 15.
        on_outage: ``"trade"``: turns go on while the database cannot be used; ``"pause"``: none begins after the end
            of the lease. Without it ``STRATVARS_ON_OUTAGE``, else trade.
        retention: how long revisions are kept: ``"all"``, ``"30d"`` for every one of so long, or parts such as
            ``"everything=7d hourly=90d daily=all revisions=100000 size=256MB"``, which are the defaults; without it
            ``STRATVARS_RETENTION``.
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
        start_timeout: float | None = None,
        wait: float | None = None,
        take_over: bool = False,
        lease: float | None = None,
        on_outage: str | None = None,
        retention: str | None = None,
        variables: Vars | None = None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        names.check_strategy_name(name)
        names.check_table_name(table)
        self.name = name
        self.table = table
        self.database = settings.resolve(url)
        self._vars = Vars() if variables is None else variables
        self._start = Start(
            database=self.database,
            table=table,
            strategy=name,
            resume=settings.resume_wanted(resume),
            patience=settings.start_timeout(start_timeout),
            terms=Terms(
                settings.lease(lease) if self.is_shared else math.inf, settings.wait(wait), take_over, pause=pause
            ),
            on_outage=settings.on_outage(on_outage),
            retention=settings.retention(retention),
        )
        self._inside = False
        self._session: Session | None = None
        self._termination = ExitStack()
        self._is_terminated = False

    @property
    def vars(self) -> Vars:
        """The durable variables; see ``Vars``. Assigning a mapping replaces the contents, never the object."""
        return self._vars

    @vars.setter
    def vars(self, values: Mapping[str, Any]) -> None:
        replace_all(self._vars, values)

    def open(self, plan: str = "") -> Self:
        """Restore the variables and become the writer of the name. Prints one line on stderr.

        Args:
            plan: what that line is to say about the next iteration.

        Raises:
            UsageError: it is open already.
            OwnedError: another process runs the strategy, or another backup of the name is open in this one.
            RestoreError: the saved state cannot be restored; nothing was written.
            UnavailableError: the database cannot be used.
        """
        return self._open(plan, opened.place_of_caller(), self._start)

    def save(self, timeout: float = DEADLINE) -> None:
        """Make the variables as they are now durable; returns only when they are.

        Raises:
            NotSavedError: not within ``timeout`` seconds; it is tried again, but must not be relied on.
            UnsavableError: a variable cannot be stored; the others are durable.
            FencedError: another process took the strategy over.
            ForkedError: this process was forked by the one that opened it.
        """
        session, since = self._use(), time.monotonic()
        self._edit_outside(session)
        left = session.leave(Reason.MANUAL, complete=not self._inside, patience=timeout, is_awaited=True)
        session.wait(left, timeout, since)

    async def asave(self, timeout: float = DEADLINE) -> None:
        """``save`` for an event loop: the state is the one at the call, and only the wait for it is awaited.

        Cancelled, it stops waiting; the state goes its way into the database all the same. Raises as ``save``.
        """
        session, since = self._use(), time.monotonic()
        self._edit_outside(session)
        left = session.leave(Reason.MANUAL, complete=not self._inside, patience=timeout, is_awaited=True)
        await session.await_(left, timeout, since)

    def keep(self, reason: Reason, *, complete: bool) -> None:
        """The backup that happens by itself: never fails, and returns after ``DEADLINE`` at the latest.

        While the database is in trouble the newest state waits and lands when it can; this was logged once.

        Raises:
            FencedError: another process took the strategy over.
        """
        self._use().keep(reason, complete=complete)

    def save_as_it_stands(self, reason: Reason = Reason.STOP) -> None:
        """Keep the state in the middle of an iteration or a hook that outlasts a stop. Never raises."""
        with suppress(StratvarsError):  # a fence, or an end meanwhile: the iteration's own thread meets it too
            self._use().keep(reason, complete=False)

    @property
    def is_shared(self) -> bool:
        """Whether another backup could keep the same: not in the memory of this process alone."""
        return self.database.scheme is not Scheme.MEMORY

    @property
    def is_open(self) -> bool:
        """Whether the variables are restored, and the name is not given up yet."""
        return self._session is not None

    def turn(self, is_inside: bool) -> None:
        """Say that an iteration begins or has ended: a state saved inside one is not a completed iteration's."""
        self._inside = is_inside

    def may_begin(self) -> bool:
        """Whether a turn may begin now; if not, ask again soon. Turns of ``every`` and of a strategy ask by themselves.

        It may not where the lease has ended: for a moment, until it is known whether another start has taken over;
        with ``on_outage="pause"`` until it is renewed.

        Raises:
            FencedError: another process took the strategy over.
        """
        return self._use().may_begin()

    def when_fenced(self, wake: Callable[[], object]) -> None:
        """Have ``wake`` called, in another thread, as soon as it is known that another process took over."""
        self._use().when_fenced(wake)

    def when_edited(self, wake: Callable[[], object]) -> None:
        """Have ``wake`` called, in another thread, when somebody asks for an edit; see ``apply_edits``."""
        self._use().when_edited(wake)

    def apply_edits(self) -> Changes:
        """Give the variables what somebody asked for from outside; the values before and after, by name.

        Turns of ``every``, strategies and ``save`` do that by themselves, between two iterations. None stands for a
        variable that is not set. The revision with it is written at once, and not waited for.
        """
        return self._use().apply_edits(complete=not self._inside)

    def every(self, sleeptime: str | float) -> Turns:
        """Turns of a loop, for ``for`` and ``async for``: each is kept when it ends, and the next begins on time.

        Ends after the turn in which SIGINT or SIGTERM arrives, and wakes for them. A missed turn is left out. A turn
        that goes on for five seconds after the signal is saved as it stands and interrupted.

        Raises:
            UsageError: ``sleeptime`` is not one; see ``Strategy.sleeptime``.
            FencedError: in the loop, when another process took the strategy over.
        """
        return Turns(
            self,
            schedule.parse(sleeptime),
            lambda: self._use().keep(Reason.ITERATION, complete=True),
            lambda: self._use().akeep(Reason.ITERATION, complete=True),
        )

    def close(self, reason: Reason = Reason.STOP, *, complete: bool = True, timeout: float = LAST_DEADLINE) -> None:
        """Save a last time, also when nothing changed, and give the name up.

        Does nothing when it is closed, or in a forked child.

        Raises:
            NotSavedError: the last state is not durable after ``timeout`` seconds, and is lost.
            UnsavableError: a variable cannot be stored; the others are durable.
            FencedError: another process took the strategy over; it holds the variables.
        """
        session = self._ending()
        if session is not None:
            with self._forgotten(session):
                session.end(reason, complete=complete, timeout=timeout)

    async def aclose(self, reason: Reason = Reason.STOP, *, complete: bool = True) -> None:
        """``close`` for an event loop. Cancelled, it goes on to its end first. Raises as ``close``."""
        from stratvars.aio import call_to_its_end

        session = self._ending()
        if session is not None:
            deadline = time.monotonic() + LAST_DEADLINE
            with self._forgotten(session):
                with suppress(NotSavedError):  # another thread is inside of `with vars:`; it is waited for below
                    session.leave_last(reason, complete=complete, patience=0.0)
                await call_to_its_end(
                    lambda: session.end(reason, complete=complete, timeout=deadline - time.monotonic())
                )

    def abandon(self) -> None:
        """Close without saving. Does nothing when it is closed."""
        session = self._ending()
        if session is not None:
            with self._forgotten(session):
                session.retire(time.monotonic() + 1.0)

    def hand_over(self) -> None:
        """Close after another process took over: what was not saved goes into the history, as fenced."""
        session = self._ending()
        if session is not None:
            session.leave_quietly(Reason.FENCED, complete=False)
            self.abandon()

    def leave_last(self, reason: Reason, *, complete: bool, patience: float) -> None:
        """Leave the last state with the writer, for a ``close`` that follows. Never raises for the database."""
        session = self._ending()
        if session is not None:
            with suppress(StratvarsError):  # the close meets it again, and says so
                session.leave_last(reason, complete=complete, patience=patience)

    def __enter__(self) -> Self:
        self._open("", opened.place_of_caller(), self._start)
        self._termination.enter_context(on_termination(exit_as_terminated))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._termination, postponed(), _beside(error):
            if isinstance(error, FencedError):
                self.hand_over()
            self.close(_reason_of(error), complete=error is None)

    async def __aenter__(self) -> Self:
        from stratvars.aio import call_to_its_end, canceller

        place, given_up = opened.place_of_caller(), threading.Event()
        start = replace(self._start, terms=replace(self._start.terms, pause=given_up.wait))
        await call_to_its_end(lambda: self._open("", place, start), cancel=given_up.set, undo=self.abandon)
        self._termination.enter_context(on_termination(canceller(self._note_termination)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._termination, _beside(error):
                if isinstance(error, FencedError):
                    self.hand_over()
                await self.aclose(_reason_of(error), complete=error is None)
        finally:
            if self._is_terminated:
                exit_as_terminated()

    def _note_termination(self) -> None:
        self._is_terminated = True

    def _open(self, plan: str, place: str, start: Start) -> Self:
        if self._session is not None:
            raise UsageError(f"the backup of {self.name!r} is open already; close it before opening it again")
        key = (self.database.url, self.table, self.name) if self.is_shared else None
        opened.register(self, key, place)
        try:
            self._session = start.begin(self.vars, plan)
        except BaseException:
            opened.forget(self)
            raise
        return self

    def _edit_outside(self, session: Session) -> None:
        if not self._inside:
            session.apply_edits(complete=True)

    def _use(self) -> Session:
        session = self._session
        if session is None:
            raise UsageError(f"the backup of {self.name!r} is not open; use `with Backup(...)`, or call open() first")
        if not session.is_mine:
            raise ForkedError(
                f"the backup of {self.name!r} belongs to the process that forked this one; save there, or open a "
                "backup of another name here"
            )
        return session

    def _ending(self) -> Session | None:
        """The session that is to be ended; None when it was, or is another process's."""
        session = self._session
        if session is None or not session.is_mine:
            self._session = None
            return None
        self._inside = False
        return session

    @contextmanager
    def _forgotten(self, session: Session) -> Iterator[None]:
        """Forget the session after the block, unless that was interrupted before the name was given up."""
        try:
            yield
        finally:
            if session.has_retired:
                opened.forget(self)
                self._session = None


def _reason_of(error: BaseException | None) -> Reason:
    return Reason.CRASH if isinstance(error, Exception) else Reason.STOP


@contextmanager
def _beside(error: BaseException | None) -> Iterator[None]:
    """When the block of the user was left by an error, that is the one to be seen; one of ours stands beside it."""
    try:
        yield
    except StratvarsError as failure:
        if error is None:
            raise
        error.add_note(f"stratvars, at the last save: {failure}")
