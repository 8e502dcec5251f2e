"""Becoming the writer of a strategy: at once from nobody or from the dead, else when the owner's lease has ended.

An owner whose death can be seen from here is dead at once. For every other one its lease counts, by the database's
clock; and as that clock may be set back, a lease that was not renewed for one length of it by our own clock has ended
too. Who lives is waited for, for a while: a new version of a bot is often started before the old one has stopped.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from stratvars import lease
from stratvars.errors import OwnedError
from stratvars.owner import Life, Owner, look
from stratvars.revision import LEASE, Claim, Holder
from stratvars.schedule import age
from stratvars.store.base import Store

_log = logging.getLogger("stratvars")

WAIT = 45.0
"""Seconds for which a start waits for an owner that lives: three leases."""
_POLL = 0.5
"""Seconds between two looks."""
_MOMENT = 0.01


@dataclass(frozen=True, slots=True)
class Terms:
    """How a start becomes the writer.

    Attributes:
        lease: seconds for which it holds the strategy without a renewal.
        wait: seconds for which it waits for an owner that lives; 0 to be refused at once.
        take_over: take the strategy from an owner that lives. That one is fenced.
        for_living: wait also for an owner that is seen to live, and not only for the end of a lease.
        only_dead: take it from nobody but an owner that is seen to be dead: the end of a lease is not enough.
        pause: waits, in seconds; returns something true when the start is to be given up.
    """

    lease: float = LEASE
    wait: float = WAIT
    take_over: bool = False
    for_living: bool = True
    only_dead: bool = False
    pause: Callable[[float], object] = time.sleep


_Answer = TypeVar("_Answer")


class Ask(Protocol):
    """Calls a verb of a store until it is answered."""

    def __call__(self, question: Callable[[], _Answer], /) -> _Answer:
        """The answer."""


@dataclass(frozen=True, slots=True)
class Held:
    """A claim, and when it was asked for, by the clock of all leases."""

    claim: Claim
    since: float


class Entrance:
    """The way of one start to its claim. Used once, by one thread.

    Args:
        store: which holds the strategy.
        table, strategy: whose writer to become.
        start_id: of this start; every question may be asked again with it.
        terms: how.
        ask: calls a verb of the store until it is answered.
    """

    def __init__(self, store: Store, table: str, strategy: str, start_id: str, *, terms: Terms, ask: Ask) -> None:
        self._store = store
        self._key = (table, strategy, Owner.current().to_text(), start_id)
        self._strategy = strategy
        self._terms = terms
        self._ask = ask
        self._begun = time.monotonic()
        self._seen: Holder | None = None
        self._seen_at = 0.0
        self._is_told = False

    def enter(self) -> Held:
        """Wait for the claim.

        Raises:
            OwnedError: the owner still lives when the time is over, or the start is to be given up.
            UndecodableError: who owns it cannot be read.
        """
        self._ask(lambda: self._store.prepare(self._key[0]))
        take_over: Holder | None = None
        while True:
            since = lease.now()
            answer = self._acquire(take_over)
            if isinstance(answer, Claim):
                return Held(answer, since)
            take_over = self._give_way(answer)

    def _acquire(self, take_over: Holder | None) -> Claim | Holder:
        return self._ask(lambda: self._store.acquire(*self._key, take_over=take_over, lease=self._terms.lease))

    def _give_way(self, holder: Holder) -> Holder | None:
        """From whom to take it now; None to ask again, after a pause. Raises when it is not to be had."""
        owner = Owner.from_text(holder.owner)
        life = life_of(self._store, holder, owner)
        self._watch(holder)
        if life is Life.DEAD:
            return replace(holder, stamp="")
        if self._terms.only_dead:
            raise OwnedError(self._refusal(owner, 0.0))
        if self._terms.take_over:
            _log.warning("%r is taken from %s, as was asked for. That one cannot save any more.", *self._whom(owner))
            return replace(holder, stamp="")
        if self._has_ended(holder):
            _log.warning("%r is taken from %s: its lease has ended, and it did not renew it.", *self._whom(owner))
            return holder
        if life is Life.ALIVE and not self._terms.for_living:
            raise OwnedError(self._refusal(owner, 0.0))
        self._wait(holder, owner)
        return None

    def _watch(self, holder: Holder) -> None:
        seen = self._seen
        if seen is None or (seen.start_id, seen.stamp) != (holder.start_id, holder.stamp):
            self._seen, self._seen_at = holder, lease.now()

    def _has_ended(self, holder: Holder) -> bool:
        return holder.left <= 0 or lease.now() - self._seen_at > holder.lease

    def _wait(self, holder: Holder, owner: Owner) -> None:
        waited = time.monotonic() - self._begun
        if waited >= self._terms.wait:
            raise OwnedError(self._refusal(owner, waited))
        if not self._is_told:
            _log.warning(
                "%r is run by %s, which renewed its lease %s ago. Waiting up to %g s for its end.",
                *self._whom(owner),
                age(holder.lease - holder.left),
                self._terms.wait,
            )
        self._is_told = True
        if self._terms.pause(min(_POLL, max(holder.left, 0.0) + _MOMENT, self._terms.wait - waited + _MOMENT)):
            raise OwnedError(f"{self._strategy!r} is not started: told to stop while it waited for its owner")

    def _whom(self, owner: Owner) -> tuple[str, str]:
        return self._strategy, f"process {owner.pid} on {owner.host}"

    def _refusal(self, owner: Owner, waited: float) -> str:
        after = f", {age(waited)} of waiting later too" if self._is_told else ""
        return (
            f"{self._strategy!r} is running already, in process {owner.pid} on {owner.host}{after}. Two copies would "
            "overwrite each other's variables and double each other's orders: stop that one, or start this one under "
            "another name. If that one is not to go on, --take-over takes the strategy from it"
        )


class Locks(Protocol):
    """Knows the locks of starts; every side of a store does."""

    def is_held(self, holder: Holder) -> bool | None:
        """See ``Store.is_held``."""


def life_of(store: Locks, holder: Holder, owner: Owner) -> Life:
    """Whether a holder still lives, as far as this process and the store can see."""
    life = look(owner)
    if life is Life.UNKNOWN and owner.machine == Owner.current().machine:
        is_held = store.is_held(holder)
        if is_held is not None:
            return Life.ALIVE if is_held else Life.DEAD
    return life
