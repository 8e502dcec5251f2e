"""Seeing what the variables are at one moment, as texts, and what of it cannot be stored."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress
from operator import is_not
from typing import Any, Final, NamedTuple

from stratvars.codec.imprint import NEW, Calm, Written, calm_of, is_as_it_was, look_again, restored, write
from stratvars.revision import State
from stratvars.vars import Vars, changes_of, lock_of

_NEVER_SEEN: Final = -1


class _Taken(NamedTuple):
    """What was seen last. Never changed, and replaced in one step: Ctrl-C may be raised at any point."""

    changes: int
    names: list[str]
    values: list[Any]
    known: dict[str, Written]
    restless: dict[str, Written]
    state: State
    calm: Calm | None = None

    def __repr__(self) -> str:
        return "_Taken(...)"  # what it holds may be an API key


class Capture:
    """Takes the states of one ``Vars``; remembers texts, so that what did not change costs little.

    A value that cannot change in place is known by being the same object; the content of any other is looked at each
    time. Thread-safe: a state is taken under the lock of the ``Vars``.
    """

    def __init__(self, variables: Vars, texts: Mapping[str, str]) -> None:
        self._vars = variables
        self._lock = lock_of(variables)
        self._last = _taken({name: restored(text) for name, text in texts.items()})

    def take(self) -> State:
        """The state at this moment. Never raises for a value: one that cannot be stored is held back.

        When nothing has changed it is the object that was returned before.
        """
        with self._lock:
            last, (changes,) = self._last, changes_of(self._vars)
            if changes == last.changes:
                self._last = _looked_at(last)
                return self._last.state
            # A copy, and made after the changes were counted: a function that was registered for a class may set
            # a variable while it is being written.
            now = Vars.all(self._vars)
            if list(now) != last.names:
                last = _taken({name: last.known.get(name, NEW) for name in now})
            fresh = _write_others(last, now)
            last = last._replace(changes=changes, values=list(now.values()))
            self._last = _with(last, fresh) if fresh else last
            return self._last.state


def _looked_at(last: _Taken) -> _Taken:
    """The same objects under the same names: what has changed in place."""
    if not last.restless:
        return last
    calm = last.calm
    if calm is not None and is_as_it_was(calm):
        fresh = look_again(calm.others) if calm.others else {}
        if not fresh:
            return last
        return _with(last, fresh)._replace(calm=calm._replace(others={**calm.others, **fresh}))
    fresh = look_again(last.restless)
    seen = _with(last, fresh) if fresh else last._replace(calm=None)
    # Only where nothing had changed: what does each time would pay for it in vain.
    return seen._replace(calm=calm_of(seen.restless)) if calm is None and seen.state is last.state else seen


def _write_others(last: _Taken, now: dict[str, Any]) -> dict[str, Written]:
    """Return what is another object than before, or has changed in place."""
    others = compress(now, map(is_not, now.values(), last.values))
    fresh = {name: write(name, now[name], last.known[name]) for name in others}
    return fresh | look_again({name: one for name, one in last.restless.items() if name not in fresh})


def _taken(known: dict[str, Written]) -> _Taken:
    values = [one.value for one in known.values()]
    restless = {name: one for name, one in known.items() if one.can_change}
    return _Taken(_NEVER_SEEN, list(known), values, known, restless, _state(known))


def _with(last: _Taken, fresh: dict[str, Written]) -> _Taken:
    known = {**last.known, **fresh}
    restless = {name: one for name, one in {**last.restless, **fresh}.items() if one.can_change}
    texts = last.state.texts
    if last.state.held_back or any(one.problem is not None or name not in texts for name, one in fresh.items()):
        state = _state(known)
    else:
        # The same object where the texts are the same: the sooner it is seen that there is nothing to save.
        others = {name: one.text for name, one in fresh.items() if one.text not in {None, texts[name]}}
        state = State({**texts, **others}) if others else last.state
    return last._replace(known=known, restless=restless, state=state, calm=None)


def _state(known: dict[str, Written]) -> State:
    return State(
        {name: one.text for name, one in known.items() if one.text is not None},
        {name: one.problem for name, one in known.items() if one.problem is not None},
    )
