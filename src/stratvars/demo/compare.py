"""Set the killed run against the one left alone, line by line."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from stratvars.demo.broker import Order
from stratvars.demo.play import Played


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the comparison.

    Attributes:
        label: what it is about.
        alone: the value in the run that was left alone.
        killed: the value in the killed run.
        wanted: what both must be, where more than equality is asked.
    """

    label: str
    alone: str
    killed: str
    wanted: str | None = None

    @property
    def right(self) -> bool:
        """Whether the values are the same, and what they should be."""
        return self.alone == self.killed and self.wanted in (None, self.alone)


def compare(alone: Played, killed: Played, dates_checksum: int) -> list[Line]:
    """Everything in which the two runs could differ.

    Args:
        alone: the run that was left alone.
        killed: the run that was killed.
        dates_checksum: the checksum of the dates when each day is counted once, in order.
    """
    states = {saved.day: saved.digest for saved in alone.saved}
    wanted = _WANTED | {"orders expected": f"{alone.end.trade_count:,}"}
    ours = _figures(alone, states, dates_checksum) | _figures_of_orders(alone, alone)
    theirs = _figures(killed, states, dates_checksum) | _figures_of_orders(killed, alone)
    return [Line(label, ours[label], theirs[label], wanted.get(label)) for label in ours]


_WANTED = {
    "each day once, in order": "yes",
    "days in another state": "0",
    "saved days lost": "0",
    "orders sent twice": "0",
    "orders never sent": "0",
}


def _figures(run: Played, states: Mapping[int, str], dates_checksum: int) -> dict[str, str]:
    end = run.end
    restored = [*(restart.restored for restart in run.restarts), end]
    reported = [(saved.day, saved.digest) for saved in run.saved] + [(back.day, back.digest) for back in restored]
    different = {day for day, digest in reported if digest != states.get(day)}
    lost = sum(max(0, restart.day - restart.restored.day) for restart in run.restarts)
    return {
        "position": f"{end.position:,}",
        "cash": f"{end.cash:,f}",
        "trade count": f"{end.trade_count:,}",
        "days seen": f"{end.day:,}",
        "last day": f"{end.last_date}",
        "all variables (digest)": end.digest,
        "each day once, in order": "yes" if end.dates_checksum == dates_checksum else "no",
        "days in another state": f"{len(different):,}",
        "saved days lost": f"{lost:,}",
    }


def _figures_of_orders(run: Played, alone: Played) -> dict[str, str]:
    sent = [order.order_id for order in run.orders]
    expected = {order.order_id for order in alone.orders}
    return {
        "orders expected": f"{len(expected):,}",
        "orders sent": f"{len(sent):,}",
        "orders sent twice": f"{len(sent) - len(set(sent)):,}",
        "orders never sent": f"{len(expected - set(sent)):,}",
        "all orders (digest)": _digest_of_orders(run),
    }


def _digest_of_orders(run: Played) -> str:
    """A digest of the orders in the broker's books: what was bought and sold, how much, at which price."""
    distinct: dict[str, Order] = {order.order_id: order for order in run.orders}
    return hashlib.sha256(repr(list(distinct.values())).encode()).hexdigest()[:16]
