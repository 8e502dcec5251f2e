"""The way of one strategy's states into the store: one in flight, and the newest waiting behind it.

However long a database is away, no more than these two exist. The one in flight never changes and is sent again as
it is until its outcome is known; the one that waits is replaced by a newer one. A revision is made only when it is
sent, from the last acknowledged state to the newest: so its number and what it changes are always true.

A lane is not thread-safe; the writer's lock guards it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from stratvars.lease import Lease, now
from stratvars.revision import Claim, Holder, Reason, Revision, State, join_texts

_DELTAS_PER_SNAPSHOT = 500
_BYTES_PER_SNAPSHOT = 4096


@dataclass(frozen=True, slots=True)
class Offer:
    """A state that is to become durable.

    Attributes:
        state: what to keep.
        reason: why it was taken.
        complete: taken between two iterations.
        final: written even when nothing changed.
        text: the whole state as it stood in a row that somebody else wrote, to be kept byte for byte.
    """

    state: State
    reason: Reason
    complete: bool
    final: bool = False
    text: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _InFlight:
    revision: Revision
    offer: Offer
    ticket: int
    since: float
    """Before it was sent for the first time: it may have landed then, and only the answer was lost."""


class Lane:
    """See the module.

    Args:
        claim: the right to write.
        restored: what the store holds at the start.
        format_version: of the texts, for the store.
        since: when the claim was asked for, by the clock of all leases; now, where it is not said.
    """

    def __init__(self, claim: Claim, restored: State, format_version: int, since: float | None = None) -> None:
        self.claim = claim
        self.lease = Lease(claim.lease, now() if since is None else since)
        self.holder: Holder | None = None
        """Who took the strategy over; None as long as nobody did."""
        self.trouble_since: float | None = None
        """When the saves began to fail, by the monotonic clock; kept by ``outage.py``, as the two below."""
        self.retry_at = 0.0
        """Not to be sent before, by the monotonic clock."""
        self.pause = 0.0
        """Seconds between the last two tries."""
        self.done = 0
        """The highest ticket whose state, or a newer one, is durable."""
        self._format = format_version
        self._kept = Offer(restored, Reason.ITERATION, complete=True)
        self._number = claim.revision
        self._sent = claim.revision
        self._snapshot_due = True
        self._deltas = 0
        self._delta_bytes = 0
        self._tickets = 0
        self._in_flight: _InFlight | None = None
        self._waiting: Offer | None = None

    @property
    def acknowledged(self) -> int:
        """The number of the last durable revision."""
        return self._number

    @property
    def highest_sent(self) -> int:
        """No number up to this one may name another content."""
        return self._sent

    @property
    def has_work(self) -> bool:
        """Whether there is something to send."""
        return self.holder is None and (self._in_flight is not None or self._waiting is not None)

    def offer(self, offer: Offer) -> int:
        """Take the newest state; the ticket tells when it is durable (``done``), which may be at once."""
        if self._waiting is not None and self._waiting.final:
            offer = replace(offer, final=True)
        self._waiting = offer
        self._tickets += 1
        self._drop_no_news()
        return self._tickets

    def adopt(self, state: State, text: str) -> None:
        """What somebody else wrote into the row is sent before anything newer, which would replace it."""
        offer = Offer(state, Reason.EXTERNAL, complete=False, final=True, text=text)
        self._sent += 1
        self._in_flight = _InFlight(self._make(offer), offer, self._tickets, now())

    def next(self) -> Revision | None:
        """The revision to send now: the one in flight again, or a new one; None when nothing is to be written."""
        if self._in_flight is not None:
            return self._in_flight.revision
        self._drop_no_news()
        offer, self._waiting = self._waiting, None
        if offer is None:
            return None
        self._sent += 1
        revision = self._make(offer)
        self._in_flight = _InFlight(revision, offer, self._tickets, now())
        return revision

    def settle(self) -> None:
        """The revision in flight is durable."""
        flight, self._in_flight = self._in_flight, None
        if flight is None:
            raise AssertionError("nothing is in flight")
        self._kept, self._number, self.done = flight.offer, flight.revision.number, flight.ticket
        self.lease.renew(flight.since)
        self._count(flight.revision)

    def fenced(self) -> Revision | None:
        """What is lost to the start that took over, for the history; None when that is nothing, or nobody did."""
        newest = self._waiting or (self._in_flight.offer if self._in_flight is not None else None)
        if self.holder is None or newest is None or _same(self._kept.state.texts, newest.state.texts):
            return None
        self._sent += 1
        self._snapshot_due = True
        return self._make(replace(newest, reason=Reason.FENCED, complete=False))

    def start_over(self, claim: Claim) -> None:
        """The store went back and the strategy was acquired again: write everything under a new number."""
        flight, self._in_flight = self._in_flight, None
        newest = self._waiting or (flight.offer if flight is not None else self._kept)
        self.claim = claim
        self._number = claim.revision
        self._sent = max(self._sent, claim.revision)
        self._snapshot_due = True
        self._waiting = replace(newest, final=True)

    def _drop_no_news(self) -> None:
        """A state that the store has already is durable. What is in flight may change that, so it is waited for."""
        offer = self._waiting
        if self._in_flight is None and offer is not None and not offer.final and not self._is_news(offer):
            self._waiting = None
            self.done = self._tickets

    def _is_news(self, offer: Offer) -> bool:
        """Whether the store must know: another state, or the same one that is now a completed iteration's."""
        kept = self._kept
        return (
            not _same(kept.state.texts, offer.state.texts)
            or kept.state.held_back != offer.state.held_back
            or (_is_complete(offer) and not _is_complete(kept))
        )

    def _make(self, offer: Offer) -> Revision:
        old, new = self._kept.state.texts, offer.state.texts
        changed = {name: text for name, text in new.items() if old.get(name) != text}
        removed = [name for name in old if name not in new]
        folded = {name: text for name, text in (*old.items(), *changed.items()) if name in new}
        snapshot = self._snapshot_due or offer.text is not None or list(folded) != list(new)
        variables = offer.state.to_json() if offer.text is None else offer.text
        return Revision(
            claim=self.claim,
            number=self._sent,
            follows=self._number,
            reason=offer.reason,
            complete=_is_complete(offer),
            variables=variables,
            changed=variables if snapshot else join_texts(changed),
            removed="[]" if snapshot else json.dumps(removed, ensure_ascii=False),
            held_back=json.dumps(dict(offer.state.held_back), ensure_ascii=False),
            snapshot=snapshot,
            format=self._format,
        )

    def _count(self, revision: Revision) -> None:
        """Reading back costs at most one snapshot and the changes after it; keep those below a few snapshots."""
        if revision.snapshot:
            self._deltas = self._delta_bytes = 0
        else:
            self._deltas += 1
            self._delta_bytes += len(revision.changed)
        enough = 2 * len(revision.variables) + _BYTES_PER_SNAPSHOT
        self._snapshot_due = self._deltas >= _DELTAS_PER_SNAPSHOT or self._delta_bytes > enough


def _is_complete(offer: Offer) -> bool:
    return offer.complete and not offer.state.held_back


def _same(old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    return old == new and list(old) == list(new)
