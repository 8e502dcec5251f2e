"""Classes defined again and again under one name, as by a cell of a notebook that is run again."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from stratvars.codec import register


def make(name: str) -> Any:
    """Define a dataclass with one field, ``x``."""
    return dataclass(type(name, (), {"__annotations__": {"x": object}, "__module__": "notebook"}))


def register_enum(name: str, members: dict[str, int]) -> Any:
    """Define an Enum and register it."""
    functional: Any = enum.Enum
    return register(functional(name, members, module="notebook"))
