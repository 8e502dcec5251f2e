"""What travels through the proxy: its direction, and how much of it."""

from __future__ import annotations

import operator
from dataclasses import astuple, dataclass
from enum import Enum


class Direction(Enum):
    """Which way bytes travel."""

    TO_SERVER = "to the server"
    TO_CLIENT = "to the client"


@dataclass(frozen=True)
class Counts:
    """What got through so far; the difference of two tells what happened between them.

    A round trip is a burst of bytes to the server; the next one begins after bytes to the client.
    """

    connections: int = 0
    bytes_to_server: int = 0
    bytes_to_client: int = 0
    round_trips: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*map(operator.add, astuple(self), astuple(other)))

    def __sub__(self, other: Counts) -> Counts:
        return Counts(*map(operator.sub, astuple(self), astuple(other)))
