"""What the child tells its parent: one line of JSON each, on the child's standard output."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal

import msgspec

from stratvars.demo.broker import Side
from stratvars.vars import Vars


class Restored(msgspec.Struct, tag=True, frozen=True):
    """The child starts to trade, with this state."""

    day: int
    last_date: date | None
    dates_checksum: int
    position: int
    cash: Decimal
    trade_count: int
    digest: str

    @classmethod
    def of(cls, state: Vars) -> Restored:
        """The state in words, and the digest of all of it."""
        return cls(
            day=state.day,
            last_date=state.last_date,
            dates_checksum=state.dates_checksum,
            position=state.position,
            cash=state.cash,
            trade_count=state.trade_count,
            digest=digest_of(state),
        )


class Saved(msgspec.Struct, tag=True, frozen=True):
    """So many days are done and saved. The child waits for a byte on its standard input before it goes on."""

    day: int
    digest: str


class Sending(msgspec.Struct, tag=True, frozen=True):
    """The child's next step is to send this order."""

    order_id: str
    side: Side


Message = Restored | Saved | Sending

_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def to_line(message: Message) -> bytes:
    """The message as one line."""
    return msgspec.json.encode(message) + b"\n"


def from_line(line: bytes) -> Message:
    """The message in the line."""
    return _decoder.decode(line)


def digest_of(state: Vars) -> str:
    """A digest of every variable, in value and type: ``repr`` tells 1 from 1.0 and from Decimal('1')."""
    text = repr(sorted(state.all().items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
