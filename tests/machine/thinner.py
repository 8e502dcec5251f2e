"""The steps of the machine in which somebody thins the history: what is not among the gone stays what it was."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import Any

from drawn import Items
from grounds import NAME, Place
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from stratvars import codec
from stratvars.history import fold
from stratvars.retention import ALL, Retention, Size
from stratvars.revision import Landmark
from stratvars.thinning import Step, place_of

RETENTIONS = [ALL, Retention(0, 0, 0), Retention(0, 86_400, 0)]


class Thinned(RuleBasedStateMachine):
    """What a machine needs for it: a place, what happened, and what every acknowledged revision held."""

    place: Place
    counts: Counter[str]
    revisions: dict[int, Items]

    @precondition(lambda self: self.revisions != {})
    @rule(retention=st.sampled_from(RETENTIONS), over=st.sampled_from([0, 1, 2, 5]))
    def thin(self, retention: Retention, over: int) -> None:
        """From another process, while the bot runs or stands still or is dead."""
        last = self._last_completed()
        # Their numbers may be those of others, in a later epoch.
        fenced = self.place.records.revisions(self.place.table, NAME, limit=10_000, reason="fenced")
        with closing(self.place.store()) as store:
            store.prepare(self.place.table)
            plan = store.thin(self.place.table, NAME, Step(retention, over=Size(over, 0)))
        assert plan.after is None
        for _, number in {*plan.gone} - {*map(place_of, fenced)}:
            self.counts["thinned out"] += self.revisions.pop(number, None) is not None
        assert self._last_completed() == last
        for number in self.revisions:
            self.check_kept(number)
        self.counts["thinned"] += 1

    def _last_completed(self) -> int:
        found = self.place.records.history(self.place.table, NAME, Landmark.LAST_ITERATION)
        return found[-1].number if found else 0

    def check_kept(self, number: int) -> None:
        """The state as of a revision is the model's."""
        past = fold(self.place.records.history(self.place.table, NAME, number))
        assert same(decoded(past.state.texts), self.revisions[number])
        self.counts["folded"] += 1


def same(one: Items, other: Items) -> bool:
    """Equal, in the same order and of the same types."""
    return repr(one) == repr(other)


def decoded(texts: Any) -> Items:
    return [(name, codec.decode(text, name)) for name, text in texts.items()]
