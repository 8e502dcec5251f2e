"""Where in a value something was refused, written as one would write it in Python.

The path is made while the error climbs out: each container adds its own step. So a value that can be stored
pays nothing for paths.
"""

from __future__ import annotations

from enum import Enum

LIMIT = 200
"""How many containers may stand inside each other."""

_LONGEST_QUOTE = 80
_STEPS_SHOWN = 3


class Refusal(Exception):  # noqa: N818 - it never leaves the codec; what users see ends in Error
    """A value cannot be written, or a text cannot be read. Becomes a public error at the edge of the codec."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.steps: list[str] = []

    def climb(self, step: str, container: object) -> None:  # noqa: ARG002 - TooDeep keeps the container
        """Add the step that leads from ``container`` to where the error came from."""
        self.steps.append(step)

    def leave(self, place: str) -> None:
        """Come out of a key or an element of a set: no path leads there, so the steps made so far are dropped."""
        self.problem = f"in {place}, {self.problem}"
        self.steps.clear()

    def report(self, name: str) -> tuple[str, str]:
        """Return the path, beginning with ``name``, and the problem."""
        return _join(name, self.steps[::-1]), self.problem


class TooDeep(Refusal):
    """More containers inside each other than ``LIMIT``, perhaps because one contains itself."""

    def __init__(self, innermost: object) -> None:
        super().__init__(
            f"it is nested more than {LIMIT} levels deep; store it flatter, for example as a dict of records"
        )
        self.chain = [innermost]

    def climb(self, step: str, container: object) -> None:
        """Keep the container too: the same one met twice is a cycle."""
        super().climb(step, container)
        self.chain.append(container)

    def report(self, name: str) -> tuple[str, str]:
        """Return where the cycle closes; without a cycle the first few steps of the long way down."""
        steps = self.steps[::-1]
        cycle = _first_repeated(self.chain[::-1])
        if cycle is None:
            return _join(name, steps[:_STEPS_SHOWN]), self.problem
        start, end = cycle
        origin = _join(name, steps[:start]) or "the value itself"
        return (
            _join(name, steps[:end]),
            f"this is {origin} again; a value cannot contain itself: store a key or a name in its place",
        )


def _join(name: str, steps: list[str]) -> str:
    return name + "".join(steps)


def _first_repeated(chain: list[object]) -> tuple[int, int] | None:
    seen: dict[int, int] = {}
    for place, container in enumerate(chain):
        first = seen.setdefault(id(container), place)
        if first != place:
            return first, place
    return None


def key_step(key: object) -> str:
    """Return the step to what stands under ``key`` of a dict."""
    if isinstance(key, Enum) and key._name_ is not None:
        return f"[{type(key).__name__}.{key._name_}]"
    return f"[{quoted(key)}]"


def quoted(name: object) -> str:
    """Return the repr of a key or a name, cut if it is very long."""
    try:
        shown = repr(name)
    except Exception:  # noqa: BLE001 - a user's __repr__ may fail in any way, and repr of a huge int does
        shown = f"<{type(name).__name__}>"
    return shown if len(shown) <= _LONGEST_QUOTE else f"{shown[:_LONGEST_QUOTE]}…"


def with_article(name: str) -> str:
    """Return ``a list``, ``an int``."""
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
