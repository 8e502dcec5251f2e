"""Seeing what the variables are at one moment, as texts, and what of it cannot be stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import compress
from operator import is_not
from typing import Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from stratvars.codec.imprint import NEW, Calm, Written, calm_of, is_as_it_was, look_again, restored, write
from stratvars.codec.registry import IMMUTABLE
from stratvars.codec.unshared import IS_TOLD, Search
from stratvars.codec.writing import encode, encode_plain
from stratvars.contents import changes_of, lock_of, values_of, watch, watched_by
from stratvars.errors import UnsavableError
from stratvars.revision import State
from stratvars.vars import Vars

_NEVER_SEEN: Final = -1
_NOTHING: Final = object()
_MANY: Final = 100
"""Names that were handed out, of which nobody has to know, up to which they are left."""
_Known = TypeVar("_Known")


class _Taken(Struct, frozen=True):
    """What was seen last. Never changed, and replaced in one step: Ctrl-C may be raised at any point.

    Attributes:
        changes: see ``changes_of``.
        names, values: of all variables, in their order.
        restless: those whose object may have another text the next time.
        alone: those that would be restless, and that nobody can have changed unless they were handed out since.
        state: what was returned.
        calm: what tells that none of the restless ones has changed, where that was so the last time.
    """

    changes: int
    names: list[str]
    values: list[Any]
    restless: dict[str, Written]
    alone: dict[str, Written]
    state: State
    calm: Calm | None = None

    def __repr__(self) -> str:
        return "_Taken(...)"  # what it holds may be an API key


class Capture:
    """Takes the states of one ``Vars``; remembers texts, so that what did not change costs little.

    A value that cannot change in place is known by being the same object. The content of any other is looked at each
    time, unless nobody was handed it since it was found to be reached by nobody else: see ``codec/unshared.py``.
    Thread-safe: a state is taken under the lock of the ``Vars``.
    """

    def __init__(self, variables: Vars, texts: Mapping[str, str]) -> None:
        self._vars = variables
        self._lock = lock_of(variables)
        known = {name: restored(text) for name, text in texts.items()}
        self._last = _Taken(_NEVER_SEEN, list(texts), [_NOTHING] * len(texts), known, {}, State(dict(texts)))
        self._handed_out = watch(variables) if IS_TOLD else set()
        self._search = Search(self._handed_out)
        self._is_taking = False

    def take(self) -> State:
        """The state at this moment. Never raises for a value: one that cannot be stored is held back.

        When nothing has changed it is the object that was returned before.
        """
        with self._lock:
            last = self._last
            if not (last.restless or last.alone):  # as where all is numbers and texts
                if len(self._handed_out) > _MANY and not self._is_taking:
                    self._handed_out.clear()
                self._last = last = self._next(last)
                return last.state
            is_within = self._is_taking
            try:
                self._is_taking = True
                return self._take(is_within=is_within)
            finally:
                self._is_taking = is_within

    def _take(self, *, is_within: bool) -> State:
        """``is_within``: by a signal handler, inside of another one, which goes on from what it saw before."""
        last, found = self._last, {}  # anew: a handler may have taken one before this one was known to go on
        if not last.alone.keys().isdisjoint(self._handed_out):
            # Noted before anything is removed from the set: a signal may raise at any point.
            self._last = last = _restless_again(last, self._handed_out)
        if watched_by(self._vars) is not self._handed_out:
            last = _restless_again(last, last.alone)  # what somebody was handed is told to another capture, or to none
        elif not is_within and self._search.is_due():  # a search removes names that the other one has to find
            seen = dict(zip(last.names, last.values, strict=True))
            found = self._search.found(last.restless, last.alone, values_of(self._vars), seen, last.calm)
            if self._search.is_check:
                found, last = {**last.alone, **found}, replace(_restless_again(last, last.alone), calm=None)
        last = self._next(last)
        self._last = last = _alone_from_now(last, found) if found else last
        return last.state

    def _next(self, last: _Taken) -> _Taken:
        [changes] = changes_of(self._vars)
        if changes == last.changes:
            return _looked_at(last)
        # A copy, and made after the changes were counted: a function that was registered for a class may set a variable
        # while it is being written.
        now = dict(values_of(self._vars))
        if list(now) != last.names:
            last = _renamed(last, list(now))
        return _given(last, changes, now)


def _restless_again(last: _Taken, names: Iterable[str]) -> _Taken:
    """Those of these names that were alone are to be looked at."""
    if not last.alone:
        return last
    woken = {name: last.alone[name] for name in [*names] if name in last.alone}
    if not woken:
        return last
    alone = {name: one for name, one in last.alone.items() if name not in woken}
    return replace(last, restless={**last.restless, **woken}, alone=alone, calm=None)


def _alone_from_now(last: _Taken, found: Mapping[str, Written]) -> _Taken:
    """Those that nobody else could reach before they were looked at, and in which nothing had changed then."""
    restless = last.restless
    alone = {name: one for name, one in found.items() if restless.get(name) is one}
    restless = {name: one for name, one in restless.items() if name not in alone}
    return replace(last, restless=restless, alone={**last.alone, **alone}, calm=None)


def _looked_at(last: _Taken) -> _Taken:
    """The same objects under the same names: what has changed in place."""
    if not last.restless:
        return last
    fresh, calm = _look(last)
    seen = _with(last, {}, fresh, calm) if fresh or calm is not last.calm else last
    # Only where nothing had changed: what does each time would pay for it in vain.
    if last.calm is None and seen.state is last.state:
        return replace(seen, calm=calm_of(seen.restless))
    return seen


def _given(last: _Taken, changes: int, now: dict[str, Any]) -> _Taken:
    """The same names: which of them have other objects, and what has changed in place of the rest."""
    values = list(now.values())
    others = {name: now[name] for name in compress(last.names, map(is_not, values, last.values))}
    last = _restless_again(last, others)
    restless, calm = last.restless, last.calm
    texts = encode_plain(others)
    fresh: dict[str, Written] = {}
    for name in [name for name in others if name not in texts] if len(texts) < len(others) else ():
        value = others[name]
        if type(value) in IMMUTABLE:
            try:
                texts[name] = encode(value, name)
                continue
            except UnsavableError:
                pass  # held back, as any other
        fresh[name] = write(name, value, restless.get(name, NEW))
    if not (restless or fresh):  # as where all is numbers and texts
        return _Taken(changes, last.names, values, restless, last.alone, _state(last, texts, {}), calm)
    if fresh or not restless.keys().isdisjoint(texts):
        restless = {name: one for name, one in restless.items() if name not in texts and name not in fresh}
        calm = None  # it tells of exactly those that were restless
    seen = _Taken(changes, last.names, values, restless, last.alone, last.state, calm)
    if restless:
        changed, calm = _look(seen)
        fresh |= changed
    return _with(seen, texts, fresh, calm) if texts or fresh or calm is not seen.calm else seen


def _look(last: _Taken) -> tuple[dict[str, Written], Calm | None]:
    """Which of the restless ones were written anew, and what is calm after that."""
    calm = last.calm
    if calm is None or not is_as_it_was(calm):
        return look_again(last.restless), None
    fresh = look_again(calm.others) if calm.others else {}
    return fresh, calm._replace(others={**calm.others, **fresh}) if fresh else calm


def _renamed(last: _Taken, names: list[str]) -> _Taken:
    """Other names, or another order: what is known of those that stay."""
    values, texts, held_back = dict(zip(last.names, last.values, strict=True)), last.state.texts, last.state.held_back
    return _Taken(
        last.changes,
        names,
        [values.get(name, _NOTHING) for name in names],
        _those(names, last.restless),
        _those(names, last.alone),
        State(_those(names, texts), _those(names, held_back)),
    )


def _with(last: _Taken, texts: dict[str, str], fresh: dict[str, Written], calm: Calm | None) -> _Taken:
    """What is known where some have got these texts, and others were written anew."""
    restless = last.restless
    if fresh:
        restless = {name: one for name, one in {**restless, **fresh}.items() if one.can_change}
        good = {name: one.text for name, one in fresh.items() if one.problem is None and one.text is not None}
        problems = {name: one.problem for name, one in fresh.items() if one.problem is not None}
        state = _state(last, {**texts, **good}, problems)
    else:
        state = _state(last, texts, {})
    return _Taken(last.changes, last.names, last.values, restless, last.alone, state, calm)


def _state(last: _Taken, texts: dict[str, str], problems: dict[str, str]) -> State:
    old = last.state
    if problems or old.held_back or not texts.keys() <= old.texts.keys():
        # One that was held back keeps its last good text, and is written at each look, so that all of them are here.
        return State(_those(last.names, {**old.texts, **texts}), _those(last.names, problems))
    # The same object where the texts are the same: the sooner it is seen that there is nothing to save.
    return old if texts.items() <= old.texts.items() else State({**old.texts, **texts})


def _those(names: list[str], found: Mapping[str, _Known]) -> dict[str, _Known]:
    return {name: found[name] for name in names if name in found}
