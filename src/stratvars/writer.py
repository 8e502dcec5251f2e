"""One thread per database that sends what the lanes offer, so that a hanging database never holds a strategy.

The caller leaves a state and waits as long as it likes; the thread sends, sends again after trouble, and takes
what several strategies left meanwhile in one transaction. It is a daemon: it never keeps a process from ending;
``opened.py`` waits for the last states at the exit, with a deadline.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from stratvars import outage
from stratvars.errors import UnavailableError, UnreachableError
from stratvars.lane import Lane, Offer
from stratvars.revision import Claim, Fenced, Outcome, Revision, Saved
from stratvars.store.base import Store

_log = logging.getLogger("stratvars")

_Work = list[tuple[Lane, Revision]]


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """Somebody waits for a ticket of a lane; ``wake`` is called once, in the writer's thread, and must not raise."""

    lane: Lane
    ticket: int
    wake: Callable[[], object]

    @property
    def is_settled(self) -> bool:
        """Whether the ticket's state, or a newer one, is durable, or never will be."""
        return self.lane.done >= self.ticket or self.lane.holder is not None


class Writer:
    """Sends the offers of its lanes to one store. Thread-safe; the thread starts with the first offer."""

    # No Condition: an error that a signal handler raises inside of one (Ctrl-C) can leave its lock taken for ever.
    # A plain lock in a `with`, and SimpleQueue, are safe against that.

    def __init__(self, store: Store) -> None:
        self.store = store
        self._guard = threading.Lock()
        self._turning = threading.Lock()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._lanes: list[Lane] = []
        self._watches: dict[Lane, list[Watch]] = {}
        self._retired: list[tuple[Lane, Callable[[], object]]] = []
        self._thread: threading.Thread | None = None
        self._has_no_thread = False
        self._stopping = False

    def attach(self, lane: Lane) -> None:
        """Serve the lane from now on."""
        with self._guard:
            self._lanes.append(lane)

    def offer(self, lane: Lane, offer: Offer) -> int:
        """Leave the newest state of a lane; returns at once, with the ticket to wait for."""
        with self._guard:
            ticket = lane.offer(offer)
            has_work = lane.has_work
        if has_work:
            self._ring()
        else:
            self._wake([lane])
        return ticket

    def watch(self, lane: Lane, ticket: int, wake: Callable[[], object]) -> Watch:
        """Have ``wake`` called when the ticket is settled; it may be so before this returns."""
        watch = Watch(lane, ticket, wake)
        with self._guard:
            self._watches.setdefault(lane, []).append(watch)
        self._wake([lane])
        return watch

    def unwatch(self, watch: Watch) -> None:
        """Call ``wake`` no more."""
        with self._guard:
            self._keep_watches(watch.lane, [other for other in self._watches.get(watch.lane, []) if other is not watch])

    def wait(self, lane: Lane, ticket: int, timeout: float) -> bool:
        """Wait until the ticket's state, or a newer one, is durable; False after ``timeout`` seconds or when fenced."""
        settled: SimpleQueue[None] = SimpleQueue()
        watch = self.watch(lane, ticket, lambda: settled.put(None))
        try:
            self._pass_time(settled, timeout)
        finally:
            self.unwatch(watch)
        return lane.done >= ticket

    def retire(self, lane: Lane, timeout: float) -> None:
        """Forget the lane and what it still holds, and give its strategy up; waits for that for ``timeout`` seconds.

        Where that takes longer the thread goes on with it; where it fails, the next start sees that the owner is dead.
        """
        over: SimpleQueue[None] = SimpleQueue()
        with self._guard:
            self._lanes.remove(lane)
            self._retired.append((lane, lambda: over.put(None)))
        self._ring()
        self._pass_time(over, timeout)

    def close(self, timeout: float = 1.0) -> None:
        """End the thread, after what it is doing, and the store; waits for that for ``timeout`` seconds."""
        with self._guard:
            self._stopping = True
            thread = self._thread
        if thread is None:
            self.store.close()
        else:
            self._bell.put(None)
            thread.join(timeout)

    def _ring(self) -> None:
        """Let the thread look for work; it is started when there is none yet."""
        with self._guard:
            if self._thread is None and not self._has_no_thread:
                thread = threading.Thread(target=self._run, name="stratvars-writer", daemon=True)
                try:
                    # Interrupted in here, it may run all the same, and the next call starts another: see _turn.
                    thread.start()
                except RuntimeError:  # the interpreter is ending and starts no thread any more: see _pass_time
                    self._has_no_thread = True
                else:
                    self._thread = thread
        self._bell.put(None)

    def _pass_time(self, over: SimpleQueue[None], timeout: float) -> None:
        """Wait until something is put into ``over``; where no thread can be had, do its work meanwhile."""
        end = time.monotonic() + timeout
        while self._has_no_thread and over.empty() and time.monotonic() < end:
            delay = self._turn()
            time.sleep(0 if delay is None else min(delay, max(end - time.monotonic(), 0)))
            if delay is None:
                break
        with suppress(Empty):
            over.get(timeout=max(end - time.monotonic(), 0))

    def _run(self) -> None:
        delay: float | None = 0.0
        while True:
            with suppress(Empty):
                self._bell.get(timeout=delay)
                while True:  # all that rang are answered by the one look that follows
                    self._bell.get_nowait()
            with self._guard:
                is_last = self._stopping
            delay = self._turn()
            if is_last:
                break
        self.store.close()

    def _turn(self) -> float | None:
        """Send what is due; the seconds until something is due again, None when there is nothing."""
        with self._turning:  # two at once would send two revisions under one number
            return self._take_turn()

    def _take_turn(self) -> float | None:
        with self._guard:
            now = time.monotonic()
            due = [lane for lane in self._lanes if lane.has_work and lane.retry_at <= now]
            work = [(lane, revision) for lane in due if (revision := lane.next())]
            retired, self._retired = self._retired, []
        self._wake(due)  # a lane with nothing new is done without being sent
        self._send_all(work)
        for lane, over in retired:
            with suppress(UnavailableError):
                self.store.release(lane.claim)
            over()
        with self._guard:
            waiting = [lane.retry_at for lane in self._lanes if lane.has_work]
        return max(min(waiting) - time.monotonic(), 0.0) if waiting else None

    def _send_all(self, work: _Work) -> None:
        # One in trouble goes alone: what hinders it must not hinder the others.
        alone = [[item] for item in work if item[0].trouble_since is not None]
        together = [item for item in work if item[0].trouble_since is None]
        tables = dict.fromkeys(revision.claim.table for _, revision in together)
        groups = [[item for item in together if item[1].claim.table == table] for table in tables]
        ended: list[outage.Ended] = []
        while groups or alone:
            group = groups.pop(0) if groups else alone.pop(0)
            try:
                outcomes = self.store.save([revision for _, revision in group])
            except UnreachableError as error:  # the others would only wait for the same
                self._fail([lane for lane, _ in (item for rest in (group, *groups, *alone) for item in rest)], error)
                break
            except Exception as error:  # noqa: BLE001  whatever it is, this thread must live, or nothing is saved any more
                if len(group) > 1:
                    alone.extend([item] for item in group)  # one of them may be the reason
                else:
                    self._fail([group[0][0]], error)
                continue
            ended += [
                end for item, outcome in zip(group, outcomes, strict=True) if (end := self._settle(item, outcome))
            ]
            self._wake([lane for lane, _ in group])
        outage.report_end(ended)

    def _settle(self, item: tuple[Lane, Revision], outcome: Outcome) -> outage.Ended | None:
        lane, revision = item
        if isinstance(outcome, Saved):
            with self._guard:
                lane.settle()
                since = outage.end(lane)
            return None if since is None else outage.Ended(lane.claim.strategy, revision.number, since)
        if isinstance(outcome, Fenced):
            with self._guard:
                lane.holder = outcome.holder
        else:
            self._start_over(lane, (max(outcome.epoch, lane.claim.epoch), lane.highest_sent))
        return None

    def _start_over(self, lane: Lane, above: tuple[int, int]) -> None:
        claim = lane.claim
        try:
            answer = self.store.acquire(claim.table, claim.strategy, claim.owner, claim.start_id, above=above)
        except Exception as error:  # noqa: BLE001  as in _send_all: this thread must live
            self._fail([lane], error)
            return
        with self._guard:
            if isinstance(answer, Claim):
                lane.start_over(answer)
            else:
                lane.holder = answer
        _log.warning(
            "The database went back behind what it had acknowledged for %r (was a file or a copy put in its place?). "
            "The whole state is written to it again; revisions between may be missing there.",
            claim.strategy,
        )

    def _fail(self, lanes: Sequence[Lane], error: Exception) -> None:
        with self._guard:
            fresh = [lane for lane in lanes if outage.begin(lane)]
        outage.report_begin(fresh, error)

    def _wake(self, lanes: Sequence[Lane]) -> None:
        settled: list[Watch] = []
        with self._guard:
            for lane in lanes:
                watches = self._watches.get(lane, [])
                settled += [watch for watch in watches if watch.is_settled]
                self._keep_watches(lane, [watch for watch in watches if not watch.is_settled])
        for watch in settled:
            watch.wake()

    def _keep_watches(self, lane: Lane, watches: list[Watch]) -> None:
        if watches:
            self._watches[lane] = watches
        else:
            self._watches.pop(lane, None)
