"""Whether a value can be reached by nobody but its holders, told by the counts of references that CPython keeps.

What nobody can reach nobody can change, and need not be looked at. A list, dict or tuple that is referred to once, by
the one it lies in, is reached through that one alone; and so is a whole tree of them through its top, however many
threads there are: it is walked from the top down, and whoever holds a part of it when the walk begins can only go on to
what lies deeper, and is met there.

Python's manual warns that a count may be higher than one expects (docs.python.org/3/library/sys.html#sys.getrefcount):
a reference too many is taken for somebody who holds the value. One too few would be an error of the interpreter or of
an extension, which frees what is still in use by that.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from gc import get_referents, is_tracked
from typing import Any, Final

from stratvars.codec.imprint import Calm, Written

IS_TOLD: Final = sys.implementation.name == "cpython" and "free-threading" not in sys.version
"""Whether this interpreter counts references, and each at once."""
_CONTAINERS: Final = frozenset({list, dict, tuple})
_EACH: Final = 8
"""Turns from one search to the next: it takes twice as long as a look."""
_CHECK: Final = 64
"""Turns from one look at all that were found to the next: what should never be, ends there."""


class Search:
    """Finds variables that nobody but their holders can reach, among those that rest. Not thread-safe; see ``IS_TOLD``.

    Args:
        handed_out: the names of those whose objects somebody was given; all are removed at a search but those in
            ``alone``, which are for the caller to find there.
    """

    __slots__ = ("_before", "_handed_out", "_shared", "_turns")

    def __init__(self, handed_out: set[str]) -> None:
        self._handed_out = handed_out
        self._turns = 0
        self._before: dict[str, int] = {}
        self._shared: dict[str, int] = {}

    def is_due(self) -> bool:
        """Count a turn; whether it is one to search in."""
        self._turns += 1
        return self._turns % _EACH == 0

    @property
    def is_check(self) -> bool:
        """Whether those that were found before are to be looked at in this turn, whatever the counts say."""
        return self._turns % _CHECK == 0

    def found(
        self,
        restless: Mapping[str, Written],
        alone: Mapping[str, Written],
        live: Mapping[str, Any],
        seen: Mapping[str, Any],
        calm: Calm | None,
    ) -> dict[str, Written]:
        """Return those of the restless that can be reached through the arguments alone.

        What was changed before this is to be looked for after it. A change that comes later is by somebody who was
        handed them out meanwhile. Who uses a variable once does so again: it is not tried for a while, nor is one that
        was tried in vain until it was handed out.

        Args:
            restless: those that are looked at, as the last look left them.
            alone: those that are not.
            live: all variables of the strategy.
            seen: the same at the last look, in a new dict of what the caller holds.
            calm: see there.
        """
        used = self._handed_out.copy()
        self._handed_out.intersection_update(alone)
        # Numbers, for the objects of which many are gone by the next search.
        before, self._before = self._before, {name: id(one) for name, one in restless.items() if one.imprint}
        rested = [name for name, number in self._before.items() if before.get(name) == number and name not in used]
        shared = {name: number for name, number in self._shared.items() if self._before.get(name) == number}
        self._shared = {name: number for name, number in shared.items() if name not in used}
        tried = [name for name in rested if name not in self._shared]
        together = set(map(id, calm.values)) if tried and calm is not None else set()
        found = {}
        for name in tried:
            one = restless[name]
            if live.get(name) is seen[name] is one.value:
                holders = 4 + (id(one.value) in together)  # ``live``, ``seen``, who made it, and ``one``
                if is_unshared([one.value], holders):
                    found[name] = one
        self._shared.update((name, self._before[name]) for name in tried if name not in found)
        return found


def is_unshared(only: list[Any], holders: int) -> bool:
    """Whether nobody but its holders can reach a value.

    It is to be one that ``imprint`` trusts, made of lists, dicts, tuples and what cannot change. One that holds a part
    of itself twice is taken for shared.

    Args:
        only: the value, alone in a new list: any name of it would be one reference more.
        holders: how many references its holders have to it, without that list.
    """
    if _counts(only) != {_ONCE - 1 + holders}:
        return False
    level = _below(only)
    while level:
        if _counts(level) != {_ONCE}:
            return False
        level = _below(level)
    return True


def _counts(values: list[Any]) -> set[int]:
    return set(map(sys.getrefcount, values))


def _below(values: list[Any]) -> list[Any]:
    """What lies in these and may change, or lead to what may: the collector does not track a tuple that cannot."""
    return [
        one
        for one in get_referents(*values)
        if type(one) in _CONTAINERS and (type(one) is not tuple or is_tracked(one))
    ]


_PROBE: Final[list[list[list[object]]]] = [[[]]]
_ONCE: Final = max(_counts(_below(_PROBE))) if IS_TOLD else 0
"""What is counted here of one that a single other one holds."""
