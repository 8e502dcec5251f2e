"""A process of a bot, inside of this one: it has a writer of its own, can stand still, and can die without a word."""

from __future__ import annotations

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
        with a_writer_of_its_own(place, still=still) as writer:
            self.backup = Backup(NAME, place.url, table=place.table, wait=0, take_over=take_over, start_timeout=0)
            self.backup.open()
        opened.forget(self.backup)  # another process knows nothing of it
        self._writer = writer
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
        self._writer._turning.acquire()
        self.is_still = True

    def go_on(self) -> None:
        self._writer._turning.release()
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
def a_writer_of_its_own(place: Place, *, still: bool) -> Iterator[Writer]:
    """The writer of the start in the block, which a process lends to all who keep variables at one place."""
    writer = Writer(place.store())
    if still:
        writer._turning.acquire()

    def borrow(database: Database) -> Writer:
        hosting._writers[uuid.uuid4().hex] = (writer, 1)
        return writer

    def give_back(writer: Writer) -> None:
        if still:
            writer._turning.release()
        hosting.give_back_writer(writer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(start, "borrow_writer", borrow)
        patch.setattr(start, "give_back_writer", give_back)
        yield writer
