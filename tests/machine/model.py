"""Everything that can happen to a bot, in any order, beside a plain model of what must be durable.

Steps of several processes of one bot are played on one store. The model is a list of variables and what every
acknowledged revision held. A process that was taken over learns it by its next save, and changes nothing any more.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from actor import Process
from drawn import BAD, GOOD, NAMES, PLAIN, VALUES, Items
from grounds import NAME, Place
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from thinner import Thinned, decoded, same

from postgres.waiting import eventually
from stratvars.errors import FencedError, NotSavedError, OwnedError, UndecodableError
from stratvars.revision import Landmark
from stratvars.texts import split_texts


@dataclass(eq=False)
class Entry:
    """A process that lives, what its variables are, and what they were when that was acknowledged last."""

    process: Process
    values: dict[str, Any]
    kept: Items
    is_fenced: bool = False


class Bots(Thinned):
    """See the module.

    Args:
        make: the place of this example.
        counts: what happened, over all examples.
    """

    def __init__(self, make: Callable[[], Place], counts: Counter[str]) -> None:
        super().__init__()
        self.place = make()
        self.counts = counts
        self.living: list[Entry] = []
        self.stored: Items = []
        self.revisions: dict[int, Items] = {}
        self.by_hand: str | None = None
        self.is_broken = False
        self.edits = 0

    @property
    def owner(self) -> Entry | None:
        return next((entry for entry in self.living if not entry.is_fenced), None)

    def fitting(self, *, still: bool | None = None, fenced: bool | None = None) -> list[Entry]:
        """Those that live, all where nothing is asked."""
        standing = [entry for entry in self.living if still in {None, entry.process.is_still}]
        return [entry for entry in standing if fenced in {None, entry.is_fenced}]

    def pick(self, data: st.DataObject, *, still: bool | None = None, fenced: bool | None = None) -> Entry:
        """One of them, by chance."""
        found = self.fitting(still=still, fenced=fenced)
        return found[data.draw(st.integers(0, len(found) - 1))]

    @precondition(lambda self: len(self.living) < 3)
    @rule(still=st.booleans())
    def restart(self, still: bool) -> None:
        """Where nobody runs it; else by force, when the owner stands still by the end of its lease."""
        owner = self.owner
        if owner is not None and owner.process.is_still:
            self.place.end_lease()
            self.counts["lease ended"] += 1
        self._enter(take_over=owner is not None and not owner.process.is_still, still=still)

    @precondition(lambda self: self.owner is not None)
    @rule()
    def start_beside(self) -> None:
        """Somebody lives whose lease goes on: refused at once."""
        with pytest.raises(OwnedError):
            Process(self.place)
        self.counts["refused: owned"] += 1

    def _enter(self, *, take_over: bool, still: bool) -> None:
        owner = self.owner
        if owner is not None:
            owner.is_fenced = True
            self.counts["taken over"] += 1
        if self.is_broken:
            with pytest.raises(UndecodableError):
                Process(self.place, take_over=take_over)
            self.counts["refused: undecodable"] += 1
            return
        process = Process(self.place, take_over=take_over, still=still)
        assert same(list(process.backup.vars.items()), self.stored), "what was acknowledged came back"
        self.living.append(Entry(process, copy.deepcopy(dict(self.stored)), self.stored))
        self.counts["starts"] += 1
        self.counts["restored"] += bool(self.stored)
        if self.by_hand is not None and not still:
            if self.place.url == "memory://":  # where no lease is renewed nothing is sent before the first save
                process.backup.save()
            assert eventually(lambda: process.revision > process.session._claim.revision, 3), "it is adopted"
            self._acknowledged(self.living[-1])

    @precondition(lambda self: self.fitting())
    @rule(data=st.data(), name=NAMES, value=VALUES)
    def set(self, data: st.DataObject, name: str, value: Any) -> None:
        entry = self.pick(data)
        entry.process.backup.vars[name] = copy.deepcopy(value)
        entry.values[name] = value
        self.counts["set"] += 1

    @precondition(lambda self: self.fitting())
    @rule(data=st.data(), name=NAMES, value=PLAIN)
    def grow(self, data: st.DataObject, name: str, value: Any) -> None:
        """A list is changed in place."""
        entry = self.pick(data)
        if not isinstance(entry.values.get(name), list):
            entry.process.backup.vars[name], entry.values[name] = [], []
        entry.process.backup.vars[name].append(value)
        entry.values[name].append(value)
        self.counts["grown"] += 1

    @precondition(lambda self: self.fitting())
    @rule(data=st.data(), name=NAMES)
    def delete(self, data: st.DataObject, name: str) -> None:
        entry = self.pick(data)
        if name in entry.values:
            del entry.process.backup.vars[name]
            del entry.values[name]
            self.counts["deleted"] += 1

    @precondition(lambda self: self.fitting())
    @rule(data=st.data())
    def save(self, data: st.DataObject) -> None:
        entry = self.pick(data)
        self._save(entry)

    def _save(self, entry: Entry) -> None:
        if entry.process.is_still:
            self._save_in_vain(entry)
        elif entry.is_fenced:
            self._change(entry)  # who has nothing to say is not told
            with pytest.raises(FencedError):
                entry.process.backup.save(timeout=10)
            self.counts["fenced"] += 1
        else:
            entry.process.backup.save(timeout=10)
            self._acknowledged(entry)

    def _save_in_vain(self, entry: Entry) -> None:
        try:
            entry.process.backup.save(timeout=0.001)
        except NotSavedError:
            self.counts["not saved"] += 1
        except FencedError:
            assert entry.is_fenced, "it was told before it stood still"
        else:
            assert same(list(entry.values.items()), entry.kept), "only what is there already is durable now"

    def _change(self, entry: Entry) -> None:
        self.edits += 1
        entry.values["news"] = entry.process.backup.vars.news = self.edits

    def _acknowledged(self, entry: Entry) -> None:
        """What the process holds is durable now, and all that was promised before it."""
        self.stored = entry.kept = copy.deepcopy(list(entry.values.items()))
        self._keep(entry.process.revision)

    def _keep(self, number: int) -> None:
        if number > 0:  # no revision is made of nothing
            self.revisions[number] = self.stored
        self.counts["acknowledged"] += 1
        if self.by_hand is not None:
            self._check_adopted(self.by_hand)
            self.by_hand = None

    def _check_adopted(self, text: str) -> None:
        """What another hand left stands in the history byte for byte."""
        [entry] = self.place.records.revisions(self.place.table, NAME, limit=1, reason="external")
        kept = self.place.records.history(self.place.table, NAME, entry.number)
        assert kept[-1].changed == text
        self.counts["adopted"] += 1

    @precondition(lambda self: self.fitting(still=False))
    @rule(data=st.data())
    def pause(self, data: st.DataObject) -> None:
        entry = self.pick(data, still=False)
        entry.process.stand_still()
        self.counts["paused"] += 1

    @precondition(lambda self: self.fitting(still=True))
    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        entry = self.pick(data, still=True)
        entry.process.go_on()
        self._save(entry)
        self.counts["went on"] += 1

    @precondition(lambda self: self.fitting())
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        entry = self.pick(data)
        self._end(entry)
        entry.process.die()
        self.counts["crashed"] += 1
        if not entry.is_fenced:
            self.place.bury()

    @precondition(lambda self: self.fitting(still=False))
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        entry = self.pick(data, still=False)
        self._end(entry)
        session = entry.process.session
        if entry.is_fenced:
            with pytest.raises(FencedError):
                entry.process.backup.close()
        else:
            entry.process.backup.close()
            self.stored = list(entry.values.items())
            self._keep(session._lane.acknowledged)
        self.counts["closed"] += 1

    @precondition(lambda self: self.fitting(still=False, fenced=True))
    @rule(data=st.data())
    def hand_over(self, data: st.DataObject) -> None:
        """What a fenced one had not saved goes beside the history, and nowhere else."""
        entry = self.pick(data, still=False, fenced=True)
        self._save(entry)
        self._end(entry)
        before = self.place.all_reasons().count("fenced")
        entry.process.backup.hand_over()
        assert self.place.all_reasons().count("fenced") == before + 1
        self.counts["handed over"] += 1

    def _end(self, entry: Entry) -> None:
        self.living.remove(entry)

    # In memory a strategy and the row about its writers are one: nothing of it is there before the first save.
    @precondition(lambda self: self.owner is None and (self.by_hand is None or self.is_broken))
    @precondition(lambda self: self.place.url != "memory://" or self.revisions != {})
    @rule(template=st.sampled_from([*GOOD, *BAD]))
    def edit_by_hand(self, template: str) -> None:
        self.edits += 1
        text = template % self.edits if "%" in template else template
        self.place.write(text)
        self.by_hand = text
        self.is_broken = template in BAD
        self.counts["edited"] += 1
        if not self.is_broken:
            self.stored = [*GOOD[template], ("edit", self.edits)]

    @invariant()
    def the_row_is_what_was_acknowledged_last_or_another_hand_left(self) -> None:
        text = self.place.text()
        if self.by_hand is not None:
            assert text == self.by_hand, "until it is adopted it stays as it is"
        elif self.stored or text is not None:
            assert text is not None
            assert same(decoded(split_texts(text)), self.stored)

    def teardown(self) -> None:
        """Every acknowledged state can be had from the history."""
        for entry in self.living:
            entry.process.die()
        for number in self.revisions:
            self.check_kept(number)
        last = self.place.records.history(self.place.table, NAME, Landmark.LAST_ITERATION)
        assert not last or last[-1].number <= max(self.revisions, default=0)
        self.place.close()
