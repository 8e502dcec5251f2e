"""A process of a bot, inside of this one: it has a writer of its own, can stand still, and can die without a word."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from grounds import NAME, Place

from stratvars import Backup, hosting, opened, start
from stratvars.agenda import Agenda
from stratvars.database import Database
from stratvars.session import Session
from stratvars.writer import Writer


class Standstill:
    """Takes the turn of a writer and keeps it. In a thread of its own: the one that saves could take it once more."""

    def __init__(self, writer: Writer) -> None:
        self._turn = writer._turning
        self._is_held, self._is_over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold, daemon=True)
        self._thread.start()
        self._is_held.wait()

    def _hold(self) -> None:
        with self._turn:
            self._is_held.set()
            self._is_over.wait()

    def end(self) -> None:
        """May be called twice."""
        self._is_over.set()
        self._thread.join()


class Process:
    """A start of the bot that was let in.

    Args:
        place: where it keeps its variables.
        take_over: see ``Backup``.
        still: it stands still from the moment at which it is the owner and has read.

    Raises:
        StratvarsError: it was refused, as ``Backup.open`` says.
    """

    def __init__(self, place: Place, *, take_over: bool = False, still: bool = False) -> None:
        with a_writer_of_its_own(place, still=still) as (writer, standstill):
            self.backup = Backup(NAME, place.url, table=place.table, wait=0, take_over=take_over, start_timeout=0)
            self.backup.open()
        opened.forget(self.backup)  # another process knows nothing of it
        self._writer = writer
        self._standstill = standstill
        self.is_still = still

    @property
    def session(self) -> Session:
        session = self.backup._session
        assert session is not None
        return session

    @property
    def revision(self) -> int:
        """The number of the last one that was acknowledged."""
        return self.session._lane.acknowledged

    def stand_still(self) -> None:
        """Nothing leaves it any more. What it is sending just now is sent."""
        self._standstill = Standstill(self._writer)
        self.is_still = True

    def go_on(self) -> None:
        if self._standstill is not None:
            self._standstill.end()
        self.is_still = False

    def die(self) -> None:
        """Without a last save, and without giving the name up."""
        if not self.is_still:
            self.stand_still()
        with self._writer._guard:
            self._writer._agenda = Agenda()
        self.go_on()
        self.session.has_retired = True
        hosting.give_back_writer(self._writer)


@contextmanager
def a_writer_of_its_own(place: Place, *, still: bool) -> Iterator[tuple[Writer, Standstill | None]]:
    """The writer of the start in the block, which a process lends to all who keep variables at one place."""
    writer = Writer(place.store())
    standstill = Standstill(writer) if still else None

    def borrow(database: Database) -> Writer:
        hosting._writers[uuid.uuid4().hex] = (writer, 1)
        return writer

    def give_back(writer: Writer) -> None:
        if standstill is not None:
            standstill.end()
        hosting.give_back_writer(writer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(start, "borrow_writer", borrow)
        patch.setattr(start, "give_back_writer", give_back)
        yield writer, standstill
