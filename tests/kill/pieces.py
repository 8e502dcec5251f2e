"""The state that the killed bots keep: 8 KB in forty variables under one checksum, all of it made from one number."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from stratvars import Vars

PIECES = 40
TRAIL = 10


def piece(number: int, index: int) -> str:
    return hashlib.sha512(f"{number}:{index}".encode()).hexdigest() + "." * 60


def checksum(values: list[str]) -> str:
    return hashlib.sha256("".join(values).encode()).hexdigest()


def fill(variables: Vars, number: int) -> None:
    """Make it the state of that number, the one after the number before."""
    variables.number = number
    for index in range(PIECES):
        variables[f"piece_{index}"] = piece(number, index)
    variables.checksum = checksum([piece(number, index) for index in range(PIECES)])
    variables.setdefault("trail", []).append(number)
    del variables.trail[:-TRAIL]


def is_whole(variables: Mapping[str, Any]) -> bool:
    """Whether it is the state of one number, and not a mix of two."""
    number = variables.get("number", 0)
    pieces = [variables.get(f"piece_{index}", "") for index in range(PIECES)]
    return number == 0 or (
        pieces == [piece(number, index) for index in range(PIECES)]
        and variables["checksum"] == checksum(pieces)
        and variables["trail"] == list(range(max(1, number - TRAIL + 1), number + 1))
    )
