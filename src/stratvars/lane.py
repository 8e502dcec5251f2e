"""The way of one strategy's states into the store: one in flight, and the newest waiting behind it.

However long a database is away, no more than these two exist. The one in flight never changes and is sent again as
it is until its outcome is known; the one that waits is replaced by a newer one. A revision is made only where none is
in flight, from the last acknowledged state to the newest: so its number and what it changes are always true.

A lane is not thread-safe; the writer's lock guards it. A signal handler of the program may save all the same in the
middle of a step that its own thread has begun. So what a step changes it assigns at once, after a look whether that is
still as it was when the step began: the interpreter runs no handler between the two where nothing is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from stratvars.edits import Edit, Resolution, change_between
from stratvars.lease import Lease, now
from stratvars.revision import Claim, Holder, Reason, Revision, State
from stratvars.texts import as_json, digest_of, join_texts, split_texts

ANOTHER_HAND = "another hand"
"""Who changed a row without this library."""
_DELTAS_PER_SNAPSHOT = 500
_BYTES_PER_SNAPSHOT = 4096


class Offer(Struct, frozen=True, gc=False):
    """A state that is to become durable.

    Attributes:
        state: what to keep.
        reason: why it was taken.
        complete: taken between two iterations.
        final: written even when nothing changed.
        text: the whole state as it stood in a row that somebody else wrote, to be kept byte for byte.
        resolves: the edits that it applies or refuses.
    """

    state: State
    reason: Reason
    complete: bool
    final: bool = False
    text: str | None = None
    resolves: tuple[Resolution, ...] = ()

    def __repr__(self) -> str:
        return f"Offer({self.state}, {self.reason}, ...)"  # what was in the row may be an API key


class _InFlight(Struct, frozen=True, gc=False):
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
        read: what a text that somebody else wrote holds; raises ``RestoreError`` where it cannot be restored.
    """

    def __init__(
        self,
        claim: Claim,
        restored: State,
        format_version: int,
        since: float | None = None,
        read: Callable[[str], State] = lambda text: State(split_texts(text)),
    ) -> None:
        self.claim = claim
        self.lease = Lease(claim.lease, now() if since is None else since)
        self.holder: Holder | None = None
        """Who took the strategy over; None as long as nobody did."""
        self.failing_since: float | None = None
        """When the saves began to fail, by the monotonic clock; kept by ``outage.py``, as the three below."""
        self.trouble_since: float | None = None
        """The same, once that is more than somebody's short lock."""
        self.retry_at = 0.0
        """Not to be sent before, by the monotonic clock."""
        self.pause = 0.0
        """Seconds between the last two tries."""
        self.done = 0
        """The highest ticket whose state, or a newer one, is durable."""
        self.offered = 0
        """The last ticket."""
        self.read = read
        self.on_edit: Callable[[], object] = lambda: None
        """Called in the writer's thread when the variables are to be edited; must not raise, and not wait."""
        self._edits: list[Edit] = []
        self._known_edits: set[str] = set()
        self._format = format_version
        self._kept = Offer(restored, Reason.ITERATION, complete=True)
        self._number = claim.revision
        self._sent = claim.revision
        self._snapshot_due = True
        self._deltas = 0
        self._delta_bytes = 0
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

    @property
    def edits(self) -> tuple[Edit, ...]:
        """What the variables are to be given now, in this order; see ``offer``. Any thread may look."""
        return tuple(self._edits)

    def deliver(self, edits: Sequence[Edit]) -> bool:
        """Take what the store brings back, again and again; true when there is something new."""
        while True:
            known = self._edits
            fresh = [edit for edit in edits if edit.token not in self._known_edits]
            if self._edits is known:
                self._edits = [*known, *fresh]
                break
        self._known_edits.update(edit.token for edit in fresh)
        return bool(fresh)

    def offer(self, offer: Offer, given: Sequence[Edit] = (), *, after: int | None = None) -> int:
        """Take the newest state; the ticket tells when it is durable (``done``), which may be at once.

        Args:
            offer: the state.
            given: the edits that the variables have been given, from this state on.
            after: what ``offered`` was before the state was taken. Where another one came in between it is newer, for a
                signal handler left it; then nothing is taken, and 0 returned.
        """
        if given:
            self._forget(given)
        known, newest = self.offered if after is None else after, offer
        waiting = self._waiting
        if waiting is not None:
            newest = replace(offer, final=offer.final or waiting.final, resolves=waiting.resolves + offer.resolves)
        if self.offered != known:
            return 0
        self._waiting = newest
        self.offered = ticket = known + 1
        self._drop_no_news()
        return ticket

    def _forget(self, given: Sequence[Edit]) -> None:
        while True:
            known = self._edits
            rest = [edit for edit in known if edit not in given]
            if self._edits is known:
                self._edits = rest
                return

    def adopt(self, state: State, text: str) -> None:
        """What somebody else wrote into the row is sent before anything newer, which would replace it."""
        offer = Offer(state, Reason.EXTERNAL, complete=False, final=True, text=text)
        flight = self._flight(offer, self.offered)
        self._in_flight, self._sent = flight, flight.revision.number

    def take_foreign(self, state: State, text: str) -> None:
        """Somebody changed the row while the strategy runs, and the revision in flight was refused for that.

        What is in the row goes into the history as it is. What was changed there is laid over every state until the
        variables have been given it.
        """
        flight = self._in_flight
        if flight is None:
            raise AssertionError("nothing is in flight")
        if flight.offer.text is None:
            base, self._waiting = self._kept.state, self._newest()
        else:
            base = flight.offer.state  # changed once more before that was kept
        self._edits.append(Edit(change_between(base.texts, state.texts), self._format, ANOTHER_HAND))
        offer = Offer(state, Reason.EXTERNAL, complete=False, final=True, text=text)
        external = self._flight(offer, self.done)
        self._in_flight, self._sent = external, external.revision.number

    def write_over(self, text: str) -> None:
        """What somebody put into the row cannot be restored: the revision in flight may replace it."""
        if self._in_flight is not None:
            revision = replace(self._in_flight.revision, over=digest_of(text))
            self._in_flight = replace(self._in_flight, revision=revision)

    def next(self) -> Revision | None:
        """The revision to send now: the one in flight again, or a new one; None when nothing is to be written."""
        while True:
            flight, waiting, kept = self._in_flight, self._waiting, self._kept
            if flight is not None:
                return flight.revision
            if waiting is None:
                return None
            fresh = self._flight(self._laid_over(waiting), self.offered)
            number = fresh.revision.number
            # In one step, here and in settle: a signal may raise in the thread of a strategy that sends by itself.
            if self._in_flight is None and self._waiting is waiting and self._kept is kept:
                self._in_flight, self._sent, self._waiting = fresh, number, None
                return fresh.revision

    def settle(self, revision: Revision) -> None:
        """A revision is durable. Nothing happens where it is not the one in flight: a signal handler settled it."""
        flight, number = self._in_flight, revision.number
        if flight is None or flight.revision is not revision:
            return
        self._kept, self._number, self.done, self._in_flight = flight.offer, number, flight.ticket, None
        self.lease.renew(flight.since)
        self._count(revision)
        self._drop_no_news()

    def fenced(self) -> Revision | None:
        """What is lost to the start that took over, for the history; None when that is nothing, or nobody did."""
        newest = self._newest()
        if self.holder is None or newest is None or _same(self._kept.state.texts, newest.state.texts):
            return None
        self._sent += 1
        self._snapshot_due = True
        return self._make(replace(newest, reason=Reason.FENCED, complete=False, resolves=()), self._sent)

    def start_over(self, claim: Claim) -> None:
        """The store went back and the strategy was acquired again: write everything under a new number."""
        newest = self._newest() or self._kept
        self._in_flight = None
        self.claim = claim
        self._number = claim.revision
        self._sent = max(self._sent, claim.revision)
        self._snapshot_due = True
        self._waiting = replace(newest, final=True)

    def _newest(self) -> Offer | None:
        """What is not durable yet; what a revision in flight was to resolve is still to be resolved."""
        flight = None if self._in_flight is None else self._in_flight.offer
        if self._waiting is None or flight is None:
            return self._waiting or flight
        return replace(self._waiting, resolves=flight.resolves + self._waiting.resolves)

    def _laid_over(self, offer: Offer) -> Offer:
        """An offer of variables that do not have what somebody changed in the row, as it is after that change."""
        changes = [edit.change for edit in self._edits if edit.number == 0] if self._edits else []
        if not changes:
            return offer
        state = offer.state
        for change in changes:
            held_back = {name: why for name, why in state.held_back.items() if name not in change.texts}
            state = State(change.on(state.texts), held_back)
        return replace(offer, state=state)

    def _drop_no_news(self) -> None:
        """A state that the store has already is durable. What is in flight may change that, so it is waited for."""
        offer = self._waiting
        if self._in_flight is not None or offer is None or offer.final:
            return
        if not self._is_news(self._laid_over(offer)) and self._in_flight is None and self._waiting is offer:
            self._waiting, self.done = None, self.offered

    def _is_news(self, offer: Offer) -> bool:
        """Whether the store must know: another state, or the same one that is now a completed iteration's."""
        kept = self._kept
        return (
            not _same(kept.state.texts, offer.state.texts)
            or kept.state.held_back != offer.state.held_back
            or (_is_complete(offer) and not _is_complete(kept))
        )

    def _flight(self, offer: Offer, ticket: int) -> _InFlight:
        """An offer under the next number; not sent before it is the lane's."""
        return _InFlight(self._make(offer, self._sent + 1), offer, ticket, now())

    def _make(self, offer: Offer, number: int) -> Revision:
        old, new = self._kept.state.texts, offer.state.texts
        changed = {name: text for name, text in new.items() if old.get(name) != text}
        has_other_names = list(old) != list(new)
        removed = [name for name in old if name not in new] if has_other_names else []
        snapshot = self._snapshot_due or offer.text is not None or (has_other_names and not _folds(old, changed, new))
        variables = offer.state.to_json() if offer.text is None else offer.text
        is_whole = snapshot or len(changed) == len(new)
        return Revision(
            claim=self.claim,
            number=number,
            follows=self._number,
            reason=offer.reason,
            complete=_is_complete(offer),
            variables=variables,
            changed=variables if is_whole else join_texts(changed),
            removed="[]" if snapshot or not removed else as_json(removed),
            held_back=as_json(dict(offer.state.held_back)) if offer.state.held_back else "{}",
            snapshot=snapshot,
            format=self._format,
            resolves=offer.resolves,
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


def _folds(old: Mapping[str, str], changed: Mapping[str, str], new: Mapping[str, str]) -> bool:
    """Whether reading back, which lays what was changed over what was, comes to the same names in the same order."""
    return [name for name in {**old, **changed} if name in new] == list(new)


def _same(old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    return old is new or (old == new and list(old) == list(new))
