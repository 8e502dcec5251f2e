"""Play one run: start the child, kill it when its time has come, start it again, until the last day is done.

An end that was not asked for ends the run; it is never answered by another start.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from stratvars.demo.broker import Broker, Order
from stratvars.demo.messages import Message, Restored, Saved, Sending
from stratvars.demo.process import Child, ChildFailedError, Run
from stratvars.demo.strikes import Strike

FIRST_GUESS = 0.001
"""Seconds that a day takes, before one was seen."""


@dataclass(slots=True)
class Life:
    """What one child said between its start and its end."""

    restored: Restored | None = None
    saved: list[Saved] = field(default_factory=list)
    sending: Sending | None = None
    killed: bool = False

    @property
    def day(self) -> int | None:
        """How many days it said were saved; None when it did not come so far."""
        return self.saved[-1].day if self.saved else None

    def hear(self, message: Message) -> None:
        """Remember the message.

        Raises:
            ChildFailedError: the days do not follow one another.
        """
        match message:
            case Restored():
                self.restored = message
            case Sending():
                self.sending = message
            case Saved():
                if self.day is not None and message.day != self.day + 1:
                    raise ChildFailedError(f"day {message.day} was saved after day {self.day}.")
                self.sending = None
                self.saved.append(message)


@dataclass(frozen=True, slots=True)
class Restart:
    """One kill, and what the next process came back with.

    Attributes:
        day: how many days were done and saved at the kill.
        sending: the order that was on its way.
        restored: the state the next process started to trade with.
    """

    day: int
    sending: Sending | None
    restored: Restored


@dataclass(frozen=True, slots=True)
class Played:
    """A run from the first day to the last.

    Attributes:
        end: the state that one more start read back from the database at the end.
        restarts: the kills, in order.
        saved: every state that was reported as saved, in order; a day stands there again after a kill.
        orders: what the broker has in its books.
    """

    end: Restored
    restarts: Sequence[Restart]
    saved: Sequence[Saved]
    orders: Sequence[Order]


class Audience(Protocol):
    """Who is shown the run while it is played."""

    def on_day(self, day: int) -> None:
        """So many days are done."""

    def on_restart(self, restart: Restart) -> None:
        """The next child is back."""


def play(run: Run, strikes: Sequence[Strike], audience: Audience) -> Played:
    """Play the run, killing the child at each of the strikes.

    The number of processes is bounded: one per strike, one to finish, one to read back the end.

    Raises:
        ChildFailedError: a child ended by itself before its time, or got stuck.
    """
    player = _Player(run, audience)
    for strike in strikes:
        player.live(strike)
    player.live(None)
    end = player.live(None)
    with Broker(run.ledger) as broker:
        return Played(end, player.restarts, player.saved, broker.orders())


class _Player:
    """One life after the other, and what is kept of them."""

    def __init__(self, run: Run, audience: Audience) -> None:
        self.restarts: list[Restart] = []
        self.saved: list[Saved] = []
        self._run = run
        self._audience = audience
        self._before = Life()

    def live(self, strike: Strike | None) -> Restored:
        """One child, up to the strike or else to the last day. Returns the state it started with."""
        child = Child(self._run)
        life = Life()
        try:
            self._follow(child, life, strike)
        finally:
            child.abandon()
        self.saved.extend(life.saved)
        self._before = life
        as_meant = life.day == self._run.days if strike is None else life.killed
        if life.restored is None or not as_meant:
            raise ChildFailedError("the strategy ended before its last day.")
        return life.restored

    def _follow(self, child: Child, life: Life, strike: Strike | None) -> None:
        answered = time.monotonic()
        day_took = FIRST_GUESS
        # After the kill too: what the child had said by then is still in the pipe.
        for message in child.messages():
            if isinstance(message, Saved) and not life.killed:
                day_took = FIRST_GUESS if life.day is None else time.monotonic() - answered
                child.answer()
                answered = time.monotonic()
            life.hear(message)
            if strike is not None and not life.killed and _falls(strike, life, message):
                # By the last day's length: so kills fall anywhere in an iteration and its save on every disk.
                time.sleep(strike.moment * day_took)
                child.kill()
                life.killed = True
            self._show(message)
        child.finish(killed=life.killed)

    def _show(self, message: Message) -> None:
        match message:
            case Saved(day=day):
                self._audience.on_day(day)
            case Restored() if self._before.killed and self._before.day is not None:
                restart = Restart(self._before.day, self._before.sending, message)
                self.restarts.append(restart)
                self._audience.on_restart(restart)


def _falls(strike: Strike, life: Life, message: Message) -> bool:
    """Whether the strike falls on this message."""
    if life.day is None:  # not before the child has said what it restored, for every restore is compared
        return False
    if isinstance(message, Saved):
        return life.day >= strike.last_day
    return strike.at_order and life.day >= strike.day
