"""One thread per database that sends what the lanes offer, so that a hanging database never holds a strategy.

The caller leaves a state and waits as long as it likes; the thread sends, sends again after trouble, and takes
what several strategies left meanwhile in one transaction. It is a daemon: it never keeps a process from ending;
``backup.py`` waits for the last state at the exit, with a deadline.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from stratvars.database import Database
from stratvars.errors import UnavailableError
from stratvars.lane import Lane, Offer
from stratvars.revision import Claim, Fenced, Outcome, Revision, Saved
from stratvars.store.base import Store
from stratvars.store.opening import open_store

_log = logging.getLogger("stratvars")

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 1.0
"""Seconds between two tries while the database is in trouble, doubling from the first to the longest."""


class Writer:
    """Sends the offers of its lanes to one store. Thread-safe; the thread starts with the first offer."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._changed = threading.Condition()
        self._lanes: list[Lane] = []
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._pause = 0.0

    def attach(self, lane: Lane) -> None:
        """Serve the lane from now on."""
        with self._changed:
            self._lanes.append(lane)

    def detach(self, lane: Lane) -> bool:
        """Forget the lane and what it still holds; True when it was the last one."""
        with self._changed:
            self._lanes.remove(lane)
            return not self._lanes

    def offer(self, lane: Lane, offer: Offer) -> int:
        """Leave the newest state of a lane; returns at once, with the ticket to wait for."""
        with self._changed:
            ticket = lane.offer(offer)
            if lane.has_work:
                self._wake()
            return ticket

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="stratvars-writer", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def wait(self, lane: Lane, ticket: int, timeout: float) -> bool:
        """Wait until the ticket's state, or a newer one, is durable; False after ``timeout`` seconds or when fenced."""
        with self._changed:
            self._changed.wait_for(lambda: lane.done >= ticket or lane.holder is not None, timeout)
            return lane.done >= ticket

    def close(self) -> None:
        """End the thread, after what it is doing, and the store. Waits for a second at most."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=1.0)
        if thread is None or not thread.is_alive():
            self.store.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work_or_ends)
                if self._stopping.is_set():
                    return
                work = [(lane, revision) for lane in self._lanes if lane.has_work and (revision := lane.next())]
                self._changed.notify_all()  # a lane with nothing new is done without being sent
            for table in dict.fromkeys(revision.claim.table for _, revision in work):
                self._send([(lane, revision) for lane, revision in work if revision.claim.table == table])
            if self._pause:
                self._stopping.wait(self._pause)

    def _has_work_or_ends(self) -> bool:
        return self._stopping.is_set() or any(lane.has_work for lane in self._lanes)

    def _send(self, work: list[tuple[Lane, Revision]]) -> None:
        try:
            outcomes = self.store.save([revision for _, revision in work])
        except Exception as error:  # noqa: BLE001  whatever it is, this thread must live, or nothing is saved any more
            if len(work) > 1:
                for single in work:  # one of them may be the reason; the others must not suffer
                    self._send([single])
            else:
                self._fail(work[0][0], error)
            return
        for (lane, revision), outcome in zip(work, outcomes, strict=True):
            self._settle(lane, revision, outcome)

    def _settle(self, lane: Lane, revision: Revision, outcome: Outcome) -> None:
        if isinstance(outcome, Saved):
            with self._changed:
                lane.settle()
                since, lane.trouble_since = lane.trouble_since, None
                self._pause = 0.0
                self._changed.notify_all()
            _report_end(lane, revision, since)
        elif isinstance(outcome, Fenced):
            with self._changed:
                lane.holder = outcome.holder
                self._changed.notify_all()
        else:
            self._start_over(lane, (max(outcome.epoch, lane.claim.epoch), lane.highest_sent))

    def _start_over(self, lane: Lane, above: tuple[int, int]) -> None:
        claim = lane.claim
        try:
            answer = self.store.acquire(claim.table, claim.strategy, claim.owner, claim.start_id, above=above)
        except Exception as error:  # noqa: BLE001  as in _send: this thread must live
            self._fail(lane, error)
            return
        with self._changed:
            if isinstance(answer, Claim):
                lane.start_over(answer)
            else:
                lane.holder = answer
            self._changed.notify_all()
        _log.warning(
            "The database went back behind what it had acknowledged for %r (was a file or a copy put in its place?). "
            "The whole state is written to it again; revisions between may be missing there.",
            claim.strategy,
        )

    def _fail(self, lane: Lane, error: Exception) -> None:
        with self._changed:
            is_new, lane.trouble_since = lane.trouble_since is None, lane.trouble_since or time.monotonic()
            self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
        if is_new:
            _log.warning(
                "%r cannot be saved: %s. The last durable revision is %d; the newest state is kept and tried again.",
                lane.claim.strategy,
                describe(error),
                lane.acknowledged,
            )


def describe(error: Exception) -> str:
    """What to log of an error: the sentence of one of ours, else only its type, for a driver's text may hold values."""
    return str(error) if isinstance(error, UnavailableError) else type(error).__name__


def _report_end(lane: Lane, revision: Revision, since: float | None) -> None:
    if since is not None:
        _log.warning(
            "%r is saved again, with revision %d, after %.1f s of trouble.",
            lane.claim.strategy,
            revision.number,
            time.monotonic() - since,
        )


_writers: dict[str, tuple[Writer, int]] = {}
_guard = threading.Lock()


@contextmanager
def shared_writer(database: Database) -> Iterator[Writer]:
    """The process's writer for a database; its connection ends when the last user leaves the block.

    A memory store belongs to its one user, so that two backtests never meet.
    """
    key = uuid.uuid4().hex if database.scheme == "memory" else database.url.reveal()
    with _guard:
        writer, users = _writers.get(key) or (Writer(open_store(database)), 0)
        _writers[key] = (writer, users + 1)
    try:
        yield writer
    finally:
        with _guard:
            writer, users = _writers.pop(key)
            if users > 1:
                _writers[key] = (writer, users - 1)
        if users == 1:
            writer.close()
