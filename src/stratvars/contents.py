"""The contents of a ``Vars``, for who restores, edits or captures them: past its checks, and past its notes."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from stratvars.vars import Vars


def lay_over(target: Vars, values: Mapping[str, object]) -> None:
    """Set variables that are known to be good, in one step and unchecked.

    Whole variables are replaced. The given names come first, in their order, and the others follow: laying what was
    saved over the defaults of a start gives the order that was saved, whatever order the defaults are set in. Any
    thread may call it.
    """
    with target:
        target.__setstate__({**values, **{name: value for name, value in target.items() if name not in values}})


def edit(target: Vars, values: Mapping[str, object], unset: Collection[str] = ()) -> None:
    """Set variables that are known to be good and remove others, in one step and unchecked; the order stays.

    Any thread may call it.
    """
    with target:
        fresh = {**target.all(), **values}
        target.__setstate__({name: value for name, value in fresh.items() if name not in unset})


def lock_of(target: Vars) -> threading.RLock:
    """The lock that ``with target:`` holds, for one who must not wait for it without an end."""
    lock: threading.RLock = object.__getattribute__(target, "_Vars__lock")
    return lock


changes_of: Final[Callable[[Vars], Sequence[int]]] = operator.attrgetter("_Vars__changes")
"""A number that has risen whenever another object may stand under a name, or another name in another place.

It is the same list for ever: copy it, inside ``with target:``. What an object holds is not looked at.
"""


def watch(target: Vars) -> set[str]:
    """A set to which is added, from now on, the name of each variable whose object somebody is given.

    He may change it in place at once, or later. A name is added when the one who asked for it has the object already:
    who removes one, and then counts the references to the object, counts that one too. It ends with the next ``watch``
    of the same target: then ``watched_by`` returns another set.
    """
    handed_out: set[str] = set()
    object.__setattr__(target, "_Vars__handed_out", handed_out)
    return handed_out


watched_by: Final[Callable[[Vars], set[str]]] = operator.attrgetter("_Vars__handed_out")
"""The set that the last ``watch`` returned."""

values_of: Final[Callable[[Vars], Mapping[str, Any]]] = operator.attrgetter("_Vars__values")
"""The variables themselves, handed out to nobody: read, inside ``with target:``, and not kept."""
