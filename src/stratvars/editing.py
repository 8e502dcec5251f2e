"""Giving the variables of a running strategy what somebody asks for, between two of its iterations."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from stratvars import codec
from stratvars.contents import edit as edit_variables
from stratvars.edits import Edit, Fate, Resolution
from stratvars.errors import NewerFormatError, RestoreError
from stratvars.members import read_members
from stratvars.revision import State
from stratvars.vars import Vars

_log = logging.getLogger("stratvars")

Changes = Mapping[str, tuple[Any, Any]]
"""What an edit changed: the value before and after, by name; None where a variable is not set."""


def give(variables: Vars, strategy: str, edits: Sequence[Edit]) -> tuple[Changes, tuple[Resolution, ...]]:
    """Apply the edits, in their order; what has changed, and what became of each.

    An edit with a value that cannot be read is refused as a whole. The caller holds the lock of the variables.
    """
    before = variables.all()
    resolutions = [_apply(variables, strategy, edit) for edit in edits]
    after = variables.all()
    names = [
        name for name in dict.fromkeys((*before, *after)) if before.get(name, _ABSENT) is not after.get(name, _ABSENT)
    ]
    changes = {name: (before.get(name), after.get(name)) for name in names}
    return changes, tuple(resolution for resolution in resolutions if resolution.number)


def read_state(text: str) -> State:
    """What a text that somebody wrote into the row holds.

    Raises:
        RestoreError: it cannot be restored.
    """
    return State(read_members(text)[0])


_ABSENT = object()


def _check_format(edit: Edit) -> None:
    if edit.format > codec.FORMAT:
        raise NewerFormatError(
            f"it is written in format {edit.format}, and this strategy reads up to {codec.FORMAT}; use the version of "
            "stratvars that the strategy runs with"
        )


def _apply(variables: Vars, strategy: str, edit: Edit) -> Resolution:
    change = edit.change
    try:
        _check_format(edit)
        values = {name: codec.decode(text, name) for name, text in change.texts.items()}
    except RestoreError as error:
        _log.warning("An edit of %r, by %s, is refused: %s", strategy, edit.author, error)
        return Resolution(edit.number, Fate.REFUSED, str(error))
    edit_variables(variables, values, change.unset)
    names = ", ".join([*change.texts, *change.unset]) or "nothing"
    _log.warning("%r was edited by %s: %s.", strategy, edit.author, names)
    return Resolution(edit.number, Fate.APPLIED)
