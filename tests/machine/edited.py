"""The machine with more that can happen: somebody changes variables from outside, while the bot runs or not."""

from __future__ import annotations

import json
from contextlib import closing

from grounds import NAME
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from model import Bots, Entry

from stratvars import codec
from stratvars.edits import Change, Edit, Fate
from stratvars.texts import join_texts, split_texts


class EditedBots(Bots):
    """See the module."""

    @property
    def running(self) -> Entry | None:
        """The owner, where it can answer and its start is over."""
        owner = self.owner
        return None if owner is None or owner.process.is_still or self.by_hand is not None else owner

    def _ask(self, value: int) -> int:
        with closing(self.place.store()) as store:
            store.prepare(self.place.table)
            number = store.ask(
                self.place.table, NAME, Edit(Change({"asked": json.dumps(value)}), codec.FORMAT, "somebody")
            )
        assert number is not None
        return number

    def _drive(self, entry: Entry) -> None:
        """A save that has something to say; what it brings is given to the variables by the next one."""
        self._change(entry)
        entry.process.backup.save(timeout=10)

    @precondition(lambda self: self.running is not None and self.running.process.revision > 0)
    @rule()
    def ask_while_it_runs(self) -> None:
        entry = self.running
        assert entry is not None
        self.edits += 1
        wanted = self.edits
        number = self._ask(wanted)
        self._drive(entry)
        assert "asked" not in entry.values or entry.process.backup.vars.asked != wanted, "brought, not made yet"
        self._drive(entry)
        entry.values["asked"] = wanted
        self._acknowledged(entry)
        [told] = self.place.records.edits(self.place.table, NAME, limit=1, number=number)
        assert (told.fate, told.revision) == (Fate.APPLIED, entry.process.revision)
        self.counts["asked while it ran"] += 1

    @precondition(lambda self: self.owner is None and self.stored and self.by_hand is None)
    @rule(still=st.booleans())
    def ask_while_it_does_not(self, still: bool) -> None:
        """The next start has it, and one that dies at once has lost nothing of it."""
        self.edits += 1
        wanted = self.edits
        number = self._ask(wanted)
        values = dict(self.stored)
        values["asked"] = wanted
        before, self.stored = self.stored, list(values.items())
        self._enter(take_over=False, still=still)
        entry = self.living[-1]
        entry.kept = before
        if still:
            self.stored = before
            entry.process.die()
            self.living.remove(entry)
            self.place.bury()
            self.stored = list(values.items())
            self._enter(take_over=False, still=False)
            entry = self.living[-1]
        entry.process.backup.save(timeout=10)
        self._acknowledged(entry)
        [told] = self.place.records.edits(self.place.table, NAME, limit=1, number=number)
        assert told.fate == Fate.APPLIED
        self.counts["asked while it did not"] += 1

    @precondition(lambda self: self.running is not None and self.place.url != "memory://")
    @precondition(lambda self: self.place.text() is not None)
    @rule()
    def change_the_row_while_it_runs(self) -> None:
        entry = self.running
        text = self.place.text()
        assert entry is not None
        assert text is not None
        self.edits += 1
        wanted = self.edits
        written = " " + join_texts(split_texts(text) | {"hand": json.dumps(wanted)})
        self.place.write(written)
        self._drive(entry)
        self._check_adopted(written)
        in_row = self.place.text()
        assert in_row is not None
        assert json.loads(in_row)["hand"] == wanted, "at once, whatever the variables say"
        self._drive(entry)
        entry.values["hand"] = wanted
        self._acknowledged(entry)
        self.counts["changed while it ran"] += 1
