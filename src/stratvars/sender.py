"""What lanes offer goes to the store, and the answers come back to them: saves, renewals, and giving up.

One that fails fails alone: what hinders a lane must not hinder the others.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from stratvars import lease, outage
from stratvars.errors import UnreachableError
from stratvars.lane import Lane
from stratvars.outcome import Fenced, Outcome, Renewal, Saved
from stratvars.revision import Claim, Revision
from stratvars.store.base import Store

_log = logging.getLogger("stratvars")

Work = list[tuple[Lane, Revision]]
_Item = TypeVar("_Item")


class Sender:
    """Used by one thread at a time.

    Args:
        store: where everything goes.
        guard: of the lanes; not held while the store is asked.
        wake: wakes who waits for lanes, after their answers came.
    """

    def __init__(self, store: Store, guard: threading.Lock, wake: Callable[[Sequence[Lane]], None]) -> None:
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
        for group in _by_table(lanes, lambda lane: lane.claim):
            since = lease.now()
            try:
                answers = self._store.renew([lane.claim for lane in group])
            except Exception as error:  # noqa: BLE001  as in send: this thread must live
                self._fail(group, error)
                continue
            settled = [self._settle_renewal(*pair, since) for pair in zip(group, answers, strict=True)]
            self._wake(group)
            outage.report_end([end for end in settled if end is not None])

    def _settle_renewal(self, lane: Lane, answer: Renewal | Fenced, since: float) -> outage.Ended | None:
        with self._guard:
            if isinstance(answer, Fenced):
                lane.holder = answer.holder
                return None
            if answer is Renewal.LEFT:
                lane.lease.put_off()
                return None
            lane.lease.renew(since)
            # A save that fails for a reason of its own is not over by that.
            begun = None if lane.has_work else outage.end(lane)
        return None if begun is None else outage.Ended(lane.claim.strategy, lane.acknowledged, begun)

    def send(self, work: Work) -> None:
        """Save revisions, of each table together."""
        # One in trouble goes alone: what hinders it must not hinder the others.
        alone = [[item] for item in work if item[0].trouble_since is not None]
        together = [item for item in work if item[0].trouble_since is None]
        groups = _by_table(together, lambda item: item[1].claim)
        ended: list[outage.Ended] = []
        while groups or alone:
            group = groups.pop(0) if groups else alone.pop(0)
            try:
                outcomes = self._store.save([revision for _, revision in group])
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

    def _fail(self, lanes: Sequence[Lane], error: Exception) -> None:
        with self._guard:
            fresh = [lane for lane in lanes if outage.begin(lane)]
        outage.report_begin(fresh, error)


def _by_table(items: Iterable[_Item], claim_of: Callable[[_Item], Claim]) -> list[list[_Item]]:
    groups: dict[str, list[_Item]] = {}
    for item in items:
        groups.setdefault(claim_of(item).table, []).append(item)
    return list(groups.values())
