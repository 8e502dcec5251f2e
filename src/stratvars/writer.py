"""One thread per database that sends what the lanes offer, so that a hanging database never holds a strategy.

The caller leaves a state and waits as long as it likes; the thread sends, sends again after trouble, and takes
what several strategies left meanwhile in one transaction. It is a daemon: it never keeps a process from ending;
``opened.py`` waits for the last states at the exit, with a deadline.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

from stratvars.agenda import Agenda
from stratvars.edits import Edit
from stratvars.errors import UnavailableError
from stratvars.lane import Lane, Offer
from stratvars.locks import is_mine, new_lock
from stratvars.pruner import Pruner
from stratvars.retention import ALL, Retention
from stratvars.sender import LITTLE_PATIENCE, Sender
from stratvars.store.base import PATIENCE, Store, Swift
from stratvars.waking import Alarm, Call, Waiting, Watch

_AT_MOST = 2.0
"""Seconds for which a strategy's own thread waits for the database; longer waits are the writer's."""
_FEW = 64
"""Strategies with something to send, up to which each makes its own revision; of more, so many go together at least."""
_LEAST, _MOST = 32, 256
"""Saves that are sent together, where so many wait: half of few, a third of many. Of a thousand at once most would be
out of the processor's caches when their answers come."""
_SLOW = 0.2e-3
"""Seconds for each save of a group, some three times what the interpreter takes: past that more are sent together."""
_STANDSTILL = 0.005
"""Seconds after which those are woken to whom nobody has passed it on."""
_AT_ONCE = 8
"""Strategies that are given up between two looks for saves: each takes the database a moment of its own."""


class Writer:
    """Sends the offers of its lanes to one store. Thread-safe; the thread starts with the first offer."""

    # No Condition: an error that a signal handler raises inside of one (Ctrl-C) can leave its lock taken for ever.
    # Those of new_lock in a `with`, and SimpleQueue, are safe against that. Both locks may be taken again by their
    # thread: a signal handler of the program may save or close in the middle of a save.

    def __init__(self, store: Store) -> None:
        self.store = store
        self._guard = new_lock()
        self._turning = new_lock()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._agenda = Agenda()
        self._waiting = Waiting()
        self._retired: list[tuple[Lane, Callable[[], object]]] = []
        self._thread: threading.Thread | None = None
        self._has_no_thread = False
        self._stopping = False
        self._together = 0
        """How many revisions the thread sent last time."""
        self._at_least = _LEAST
        """How many it sends next time, where so many wait."""
        self._sender = Sender(store, self._guard, self._wake)
        self._pruner = Pruner(store)

    def attach(self, lane: Lane, retention: Retention = ALL) -> None:
        """Serve the lane from now on, and thin its strategy's history while there is nothing to send."""
        with self._guard:
            self._agenda.add(lane)
        self._pruner.add(lane, retention)
        if math.isfinite(lane.lease.length):
            self.look()

    def look(self) -> None:
        """Have the thread look now for what is due; it may have slept while the machine did."""
        self._ring()

    def offer(
        self,
        lane: Lane,
        offer: Offer,
        given: Sequence[Edit] = (),
        *,
        after: int | None = None,
        is_awaited: bool = False,
    ) -> int:
        """Leave the newest state of a lane; returns at once, with the ticket to wait for. See ``Lane.offer``.

        ``is_awaited``: it need not be sent before ``wait`` or ``watch`` is called, which follows.
        """
        with self._guard:
            ticket = lane.offer(offer, given, after=after)
            self._agenda.note([lane])
            if is_awaited and self._agenda.working <= _FEW:
                # Here its state is still in the processor's caches. Of hundreds it would not be any more when the
                # thread comes to it, and texts that are made sooner than needed push the others' out.
                lane.next()
            has_work = lane.has_work
        if has_work:
            if not is_awaited:
                self._ring()
        elif lane in self._waiting:  # who begins to watch it now, looks for himself
            self._wake([lane])
        return ticket

    def watch(self, lane: Lane, ticket: int, wake: Callable[[], object]) -> Watch:
        """Have ``wake`` called when the ticket is settled; it may be so before this returns. See ``Call``."""
        watch = Call(lane, ticket, wake)
        if not self._add(watch):
            wake()
        elif lane.has_work:
            self._ring()
        return watch

    def _add(self, watch: Watch) -> bool:
        with self._guard:
            self._waiting.add(watch)
            if watch.is_settled:  # looked at last: a signal handler may have settled it just now, and rung nobody
                self._waiting.remove(watch)
                return False
            return True

    def unwatch(self, watch: Watch) -> None:
        """Call ``wake`` no more."""
        with self._guard:
            self._waiting.remove(watch)

    def wait(self, lane: Lane, ticket: int, timeout: float) -> bool:
        """Wait until the ticket's state, or a newer one, is durable; False after ``timeout`` seconds or when fenced."""
        if lane.done >= ticket:  # as after every iteration in which nothing changed
            return True
        end = time.monotonic() + timeout
        swift = self.store.swift
        if swift is not None and timeout > 0 and self._together <= 1:
            self._send_within(swift, lane, min(end, time.monotonic() + _AT_MOST))
            if lane.done >= ticket:
                return True
        alarm = Alarm(lane, ticket)
        try:
            if self._add(alarm):
                self._ring()
                self._pass_time(alarm, end - time.monotonic())
        finally:
            self._waiting.wake_next()
            if not alarm.is_settled:  # else nobody looks at it any more
                self.unwatch(alarm)
        return lane.done >= ticket

    def retire(self, lane: Lane, timeout: float) -> None:
        """Forget the lane and what it still holds, and give its strategy up; waits for that for ``timeout`` seconds.

        Where that takes longer the thread goes on with it; where it fails, the next start sees that the owner is dead.
        """
        over = Alarm(lane, lane.done)
        self._pruner.forget(lane)
        with self._guard:
            self._agenda.remove(lane)
            self._retired.append((lane, over.ring))
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
            # Else it goes on only when the signal handler is left that closes.
            if not (is_mine(self._turning) or is_mine(self._guard)):
                thread.join(timeout)

    def _send_within(self, swift: Swift, lane: Lane, until: float) -> None:
        """Send what a lane has in the thread of its strategy, which saves a turn of this thread and the switches to it.

        Only where the thread has nothing to do and no trouble is known; whatever is not settled by it then, is sent by
        the thread.
        """
        try:
            if not self._turning.acquire(blocking=False):
                return
            with self._guard:
                is_well = self._thread is not None and lane.holder is None and lane.failing_since is None
                revision = lane.next() if is_well and self._agenda.works_only(lane) else None
            if revision is not None:
                self._sender.send_within(swift, lane, revision, until)
                with self._guard:
                    self._agenda.note([lane])
        finally:
            # No `with`, which would wait for the lock; no flag, which a signal could leave false beside it; and no call
            # before the release, for a signal raises after one.
            try:  # noqa: SIM105  as said
                self._turning.release()
            except RuntimeError:  # it was the thread's
                pass

    def _ring(self) -> None:
        """Let the thread look for work; it is started when there is none yet."""
        if self._thread is None:
            self._start()
        if self._bell.empty():  # one that was not heard yet is followed by a look for everything
            self._bell.put(None)

    def _start(self) -> None:
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

    def _pass_time(self, over: Alarm, timeout: float) -> None:
        """Wait until ``over`` rings; where the thread cannot do its work, do it meanwhile.

        There may be none any more; or this is a signal handler, and what it interrupted has the turn.
        """
        end = time.monotonic() + timeout
        while (self._has_no_thread or is_mine(self._turning)) and not over.has_rung and time.monotonic() < end:
            delay = self._turn()
            if delay is None:
                break
            if not over.has_rung:
                time.sleep(min(delay, max(end - time.monotonic(), 0)))
        # What was interrupted may hold the guard as well; others can take it meanwhile, as in threading.Condition.
        held = self._guard._release_save() if is_mine(self._guard) else None  # type: ignore[attr-defined]  # noqa: SLF001
        try:
            over.wait(max(end - time.monotonic(), 0))
        finally:
            if held is not None:
                self._guard._acquire_restore(held)  # type: ignore[attr-defined]  # noqa: SLF001

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
            if delay != 0.0:
                next_step = self._pruner.turn()
                delay = next_step if delay is None else min(delay, next_step)
                delay = delay if math.isfinite(delay) else None
        self.store.close()

    def _turn(self) -> float | None:
        """Send what is due; the seconds until something is due again, None when there is nothing."""
        with self._turning:  # two at once would send two revisions under one number
            return self._take_turn()

    def _take_turn(self) -> float | None:
        self._waiting.wake_all_where_it_stands_still()
        with self._guard:
            ready = self._agenda.ready(max(self._at_least, _share(self._agenda.working)))
            work = [(lane, revision) for lane in ready if (revision := lane.next())]
            idle = self._agenda.due()
            # Of a thousand that end together the last saves must not wait until all others are given up.
            retired, self._retired = self._retired[:_AT_ONCE], self._retired[_AT_ONCE:]
            is_alone = len(self._agenda) == 1
            self._together = len(work) or self._together
        if len(work) < len(ready):
            self._wake(ready)  # a signal raised in the thread of one, after its save and before this
        began = time.monotonic()
        # Nobody else is held up by the wait for a row that somebody has locked.
        self._sender.send(work, PATIENCE if is_alone else LITTLE_PATIENCE)
        if len(work) >= _LEAST:
            self._at_least = _next_group(self._at_least, len(work), time.monotonic() - began)
        self._sender.renew(idle)
        for lane, over in retired:
            with suppress(UnavailableError):
                self._sender.give_up(lane)
            over()
        with self._guard:
            self._agenda.put_back([*ready, *idle])
            delay = 0.0 if self._retired else self._agenda.delay()
        if self._waiting.has_sleepers:
            delay = min(delay, _STANDSTILL)
        return delay if math.isfinite(delay) else None

    def _wake(self, lanes: Sequence[Lane]) -> None:
        if not self._waiting:  # who begins to wait now, sees that it is settled
            return
        with self._guard:
            settled = self._waiting.take_settled(lanes)
        self._waiting.wake(settled)


def _share(waiting: int) -> int:
    """How many of so many saves to send together.

    The strategies of the others work meanwhile, or wait for nothing but their turn. All at once, the strategies would
    stand still with the database at work, and it with them.
    """
    return _LEAST if waiting <= _FEW else min(max(waiting // 3, _FEW), _MOST)


def _next_group(at_least: int, sent: int, took: float) -> int:
    """How many saves to send together after ``sent`` took so long, and ``at_least`` so many were to be sent."""
    if took > _SLOW * sent:
        return max(at_least, sent * 2)
    return max(min(at_least, sent) // 2, _LEAST) if took < _SLOW / 2 * sent else at_least
