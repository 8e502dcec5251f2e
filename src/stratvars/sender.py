"""What lanes offer goes to the store, and the answers come back to them: saves, renewals, and giving up.

One that fails fails alone: what hinders a lane must not hinder the others.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from stratvars import lease, outage
from stratvars.edits import Change, Edit
from stratvars.errors import LockedError, RestoreError, UnreachableError
from stratvars.lane import ANOTHER_HAND, Lane
from stratvars.outcome import Fenced, Foreign, Left, Outcome, Renewal, Renewed, Saved, WentBack
from stratvars.revision import Claim, Renewing, Revision
from stratvars.store.base import Store, Swift
from stratvars.texts import digest_of

LITTLE_PATIENCE = 0.05
"""Seconds to wait for a row that somebody has locked, where others wait meanwhile."""
GRACE = 1.0
"""Seconds for which a row may be locked before that is told: as long as one is waited for that is alone."""

_log = logging.getLogger("stratvars")

Work = list[tuple[Lane, Revision]]
_Item = TypeVar("_Item")


class Sender:
    """Used by one thread at a time.

    Args:
        store: where everything goes.
        guard: of the lanes; not held while the store is asked, but by a signal handler that saves inside of it.
        wake: wakes who waits for lanes, after their answers came.
    """

    def __init__(self, store: Store, guard: threading.RLock, wake: Callable[[Sequence[Lane]], None]) -> None:
        self._store = store
        self._guard = guard
        self._wake = wake

    def give_up(self, lane: Lane) -> None:
        """Give the strategy of a lane up. Raises ``UnavailableError``."""
        with self._guard:
            refused = lane.fenced()
        if refused is not None:
            self._store.keep_fenced(refused)
        self._store.release(lane.claim)

    def renew(self, lanes: Sequence[Lane]) -> None:
        """Renew the leases of lanes that have nothing to save: a save renews too."""
        groups = _by_table(lanes, lambda lane: lane.claim)
        while groups:
            group, since = groups.pop(0), lease.now()
            try:
                answers = self._store.renew([Renewing(lane.claim, lane.acknowledged) for lane in group])
            except UnreachableError as error:  # the others would only wait for the same
                self._fail([lane for rest in (group, *groups) for lane in rest], error)
                break
            except Exception as error:  # noqa: BLE001  as in send: this thread must live
                self._fail(group, error)
                continue
            settled = [self._settle_renewal(*pair, since) for pair in zip(group, answers, strict=True)]
            self._wake(group)
            outage.report_end([end for end in settled if end is not None])

    def _settle_renewal(self, lane: Lane, answer: Renewal, since: float) -> outage.Ended | None:
        match answer:
            case Fenced(holder):
                with self._guard:
                    lane.holder = holder
            case WentBack():
                self._start_over(lane, answer)
            case Left():
                with self._guard:
                    lane.lease.put_off()
            case Renewed(edits):
                with self._guard:
                    lane.lease.renew(since)
                    # A save that fails for a reason of its own is not over by that.
                    begun = None if lane.has_work else outage.end(lane)
                self._deliver(lane, edits)
                return None if begun is None else outage.Ended(lane.claim.strategy, lane.acknowledged, begun)
        return None

    def send(self, work: Work, patience: float) -> None:
        """Save revisions, of each table together; ``patience``: see ``Store.save``."""
        # One that failed goes alone: what hinders it must not hinder the others.
        alone = [[item] for item in work if item[0].failing_since is not None]
        together = [item for item in work if item[0].failing_since is None]
        groups = _by_table(together, lambda item: item[1].claim)
        ended: list[outage.Ended] = []
        while groups or alone:
            group = groups.pop(0) if groups else alone.pop(0)
            lanes = [lane for lane, _ in group]
            try:
                outcomes = self._store.save([revision for _, revision in group], patience=patience)
            except UnreachableError as error:  # the others would only wait for the same
                self._fail([lane for lane, _ in (item for rest in (group, *groups, *alone) for item in rest)], error)
                break
            except Exception as error:  # noqa: BLE001  whatever it is, this thread must live, or nothing is saved any more
                if len(group) > 1:
                    alone.extend([item] for item in group)  # one of them may be the reason
                else:
                    # A lock that was waited for a moment only may be gone in the next.
                    is_short = isinstance(error, LockedError) and patience == LITTLE_PATIENCE
                    self._fail(lanes, error, GRACE if is_short else 0.0)
                continue
            ended += [
                end for item, outcome in zip(group, outcomes, strict=True) if (end := self._settle(item, outcome))
            ]
            self._wake(lanes)
        outage.report_end(ended)

    def send_within(self, swift: Swift, lane: Lane, revision: Revision, until: float) -> None:
        """Save one revision in the thread of somebody who must be free again at ``until``; see ``store.base.Swift``.

        Where nothing is known of it then, it stays in flight.
        """
        try:
            saved = swift.save_within(revision, until, patience=LITTLE_PATIENCE)
        except Exception:  # noqa: BLE001  a strategy must not end for it; the writer's thread meets it again, and tells
            return
        if saved is not None:
            self._settle((lane, revision), saved)
            self._wake([lane])

    def _settle(self, item: tuple[Lane, Revision], outcome: Outcome) -> outage.Ended | None:
        lane, revision = item
        match outcome:
            case Saved():
                with self._guard:
                    lane.settle(revision)
                    since = outage.end(lane)
                if outcome.was_missing:
                    _log.warning("The row of %r was removed by another hand; it is written again.", lane.claim.strategy)
                if outcome.edits:
                    self._deliver(lane, outcome.edits)
                return None if since is None else outage.Ended(lane.claim.strategy, revision.number, since)
            case Fenced(holder):
                with self._guard:
                    lane.holder = holder
            case WentBack():
                self._start_over(lane, outcome)
            case Foreign(text):
                self._adopt(lane, text)
        return None

    def _deliver(self, lane: Lane, edits: Sequence[Edit]) -> None:
        with self._guard:
            has_news = lane.deliver(edits)
        if has_news:
            lane.on_edit()

    def _adopt(self, lane: Lane, text: str) -> None:
        """Take what another hand wrote into the row while the strategy runs, or put it aside where it is unreadable."""
        strategy = lane.claim.strategy
        try:
            state = lane.read(text)
        except RestoreError as error:
            self._put_aside(lane, text, error)
            return
        _log.warning(
            "The variables of %r were changed by another hand since revision %d; the change is adopted.",
            strategy,
            lane.acknowledged,
        )
        with self._guard:
            lane.take_foreign(state, text)
        lane.on_edit()

    def _put_aside(self, lane: Lane, text: str, problem: RestoreError) -> None:
        claim = lane.claim
        edit = Edit(Change({"": json.dumps(text)}), 0, ANOTHER_HAND, token=f"{claim.start_id}-{digest_of(text)}")
        try:
            number = self._store.ask(claim.table, claim.strategy, edit, refused=str(problem))
        except Exception as error:  # noqa: BLE001  as in send: this thread must live
            self._fail([lane], error)
            return
        _log.error(
            "The variables of %r were changed by another hand to what cannot be read (%s). They are written over; what "
            "stood there is kept as edit %s.",
            claim.strategy,
            problem,
            number,
        )
        with self._guard:
            lane.write_over(text)

    def _start_over(self, lane: Lane, found: WentBack) -> None:
        claim = lane.claim
        above = (max(found.epoch, claim.epoch), lane.highest_sent)
        try:
            answer = self._store.acquire(
                claim.table, claim.strategy, claim.owner, claim.start_id, above=above, lease=claim.lease
            )
        except Exception as error:  # noqa: BLE001  as in send: this thread must live
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

    def _fail(self, lanes: Sequence[Lane], error: Exception, grace: float = 0.0) -> None:
        with self._guard:
            fresh = [lane for lane in lanes if outage.begin(lane, grace)]
        outage.report_begin(fresh, error)


def _by_table(items: Iterable[_Item], claim_of: Callable[[_Item], Claim]) -> list[list[_Item]]:
    groups: dict[str, list[_Item]] = {}
    for item in items:
        groups.setdefault(claim_of(item).table, []).append(item)
    return list(groups.values())
