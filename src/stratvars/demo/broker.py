"""A pretended broker: what is sent to it stands in a file, one line per order, whatever happens to the sender.

The file plays the part of the broker's own books, which a bot cannot roll back. It takes the same order twice
without complaint, because that is the mistake the demonstration counts.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec


class Side(StrEnum):
    """What an order does."""

    BUY = "buy"
    SELL = "sell"


@dataclass(frozen=True, slots=True)
class Order:
    """One order, filled in full at its price the moment it is sent."""

    order_id: str
    side: Side
    quantity: int
    price: Decimal


class Broker:
    """The books in one file. One process at a time, one thread; close it, or use it in a ``with`` block."""

    def __init__(self, ledger: Path) -> None:
        self._orders = _complete_orders(ledger)
        self._ids = {order.order_id for order in self._orders}
        self._file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        _sync_folder(ledger.parent)

    def send(self, order_id: str, side: Side, quantity: int, price: Decimal) -> None:
        """Give an order; it is on the disk when this returns."""
        order = Order(order_id, side, quantity, price)
        # One write: a kill leaves all of the line or none of it, but for a rare tear, which opening cuts off.
        os.write(self._file, msgspec.json.encode(order) + b"\n")
        os.fsync(self._file)
        self._orders.append(order)
        self._ids.add(order_id)

    def has(self, order_id: str) -> bool:
        """Whether an order with this id was ever sent."""
        return order_id in self._ids

    def orders(self) -> list[Order]:
        """Everything that was sent, in order, an order sent twice standing there twice."""
        return list(self._orders)

    def close(self) -> None:
        """Close the file; nothing can be sent afterwards."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _complete_orders(ledger: Path) -> list[Order]:
    """The orders whose lines are complete. A torn last line was never an order: it is cut off the file."""
    if not ledger.exists():
        return []
    text = ledger.read_bytes()
    complete = text.rfind(b"\n") + 1
    if complete < len(text):
        os.truncate(ledger, complete)
    return [msgspec.json.decode(line, type=Order) for line in text[:complete].splitlines()]


def _sync_folder(folder: Path) -> None:
    """Make the file's name durable: the first order would be lost with it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
