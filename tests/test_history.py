"""Looking back: what was kept folds to exactly the state that was saved, whatever was done to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postgres.stores import store_at
from stratvars import lane as lanes
from stratvars.errors import UndecodableError
from stratvars.history import Difference, differences, fold
from stratvars.lane import Lane, Offer
from stratvars.outcome import Saved
from stratvars.revision import Claim, Kept, Landmark, Reason, State
from stratvars.settings import resolve
from stratvars.store.base import Records, Store
from stratvars.store.memory import MemoryStore
from stratvars.store.postgres.records import PostgresRecords
from stratvars.store.sqlite.records import SqliteRecords
from stratvars.store.sqlite.store import SqliteStore
from stratvars.testing import TABLE
from stratvars.texts import split_texts

Sides = tuple[Store, Records]


def sqlite_sides(place: Path) -> Sides:
    store = SqliteStore(place / "stratvars.db")
    store.prepare(TABLE)
    return store, SqliteRecords(place / "stratvars.db")


def memory_sides() -> Sides:
    store = MemoryStore()
    store.prepare(TABLE)
    return store, store


# What one backup does to the variables before it is taken: sets, unsets, empties, puts at the end.
CHANGES = st.one_of(
    st.tuples(
        st.just("set"), st.sampled_from(["x", "y", "ключ", 'a "b"', ""]), st.sampled_from(["1", "[1, 2]", '"é"'])
    ),
    st.tuples(st.just("unset"), st.sampled_from(["x", "y", "ключ", 'a "b"']), st.just("")),
    st.tuples(st.sampled_from(["clear", "to the end"]), st.just(""), st.just("")),
)
BACKUPS = st.tuples(
    st.lists(CHANGES, max_size=4),
    st.sampled_from([Reason.ITERATION, Reason.ITERATION, Reason.MANUAL, Reason.ERROR, Reason.CRASH]),
    st.booleans(),
    st.sampled_from([{}, {}, {"x": "x[0]: it is a 'function'"}]),
)
HISTORIES = st.lists(st.one_of(BACKUPS, BACKUPS, BACKUPS, st.just(None)), min_size=8, max_size=30)
"""None is a restart."""


@dataclass
class Bot:
    """A strategy whose states go through a real lane into a store, and what was saved under each number."""

    store: Store
    name: str
    texts: dict[str, str] = field(default_factory=dict)
    saved: dict[int, tuple[list[tuple[str, str]], dict[str, str], bool]] = field(default_factory=dict)
    reasons: dict[int, Reason] = field(default_factory=dict)
    starts: int = 0

    def start(self) -> None:
        self.starts += 1
        claim = self.store.acquire(TABLE, self.name, "me", f"start-{self.starts}")
        assert isinstance(claim, Claim)
        stored = self.store.load(claim)
        self.texts = {} if stored is None else split_texts(stored.variables)
        self.lane = Lane(claim, State(self.texts, {} if stored is None else stored.held_back), 1)

    def restart(self) -> None:
        self.store.release(self.lane.claim)
        self.start()

    def back_up(
        self, changes: list[tuple[str, str, str]], reason: Reason, complete: bool, held: dict[str, str]
    ) -> None:
        for change, name, text in changes:
            self.change(change, name, text)
        self.lane.offer(Offer(State(dict(self.texts), held), reason, complete, final=reason is Reason.CRASH))
        revision = self.lane.next()
        if revision is not None:
            assert self.store.save([revision]) == [Saved(revision.number)]
            self.lane.settle(revision)
            self.saved[revision.number] = list(self.texts.items()), held, complete and not held
            self.reasons[revision.number] = reason

    def change(self, change: str, name: str, text: str) -> None:
        if change == "set":
            self.texts[name] = text
        elif change == "unset":
            self.texts.pop(name, None)
        elif change == "clear":
            self.texts.clear()
        elif self.texts:
            first = next(iter(self.texts))
            self.texts[first] = self.texts.pop(first)

    @property
    def completed(self) -> int:
        return max((number for number, (_, _, complete) in self.saved.items() if complete), default=0)

    @property
    def crashes(self) -> int:
        return sum(self.reasons[number] is Reason.CRASH for number in self.saved if number > self.completed)


def check_current(records: Records, bot: Bot) -> bool:
    """The newest state is what its history folds to, and its crashes are counted; whether it is one."""
    stored = records.current(TABLE, bot.name)
    if stored is None:
        return False
    assert fold(records.history(TABLE, bot.name, stored.revision)).state.to_json() == stored.variables
    is_crash = stored.reason == Reason.CRASH
    assert (stored.crashes, stored.completed) == ((bot.crashes, bot.completed) if is_crash else (0, 0))
    return is_crash


ROUNDS = 4
"""So often at most, until everything has happened: what a history has in it is left to chance."""


def check_histories(store: Store, records: Records, examples: int, wanted: Sequence[str]) -> Counter[str]:
    """Random histories, each of a strategy of its own: every state comes back. How often what was in them."""
    counts: Counter[str] = Counter()

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(HISTORIES)
    def check(history: list[Any]) -> None:
        counts["histories"] += 1
        bot = Bot(store, f"bot-{counts['histories']}")
        bot.start()
        for backup in history:
            bot.restart() if backup is None else bot.back_up(*backup)
            counts.update(crashes=check_current(records, bot))
        for number, (items, held_back, complete) in bot.saved.items():
            kept = records.history(TABLE, bot.name, number)
            past = fold(kept)
            assert list(past.state.texts.items()) == items
            assert (dict(past.state.held_back), past.kept.complete) == (held_back, complete)
            assert (past.kept.number, past.kept.reason) == (number, bot.reasons[number])
            counts.update(revisions=1, longer=len(kept) > 1, unset=kept[-1].removed != "[]")
        last = records.history(TABLE, bot.name, Landmark.LAST_ITERATION)
        assert (last[-1].number if last else 0) == bot.completed

    for _ in range(ROUNDS):
        check()
        if min(counts[what] for what in wanted) > 3:
            break
    else:
        pytest.fail(f"too little has happened: {counts}")
    return counts


@pytest.fixture(autouse=True, scope="module")
def short_chains() -> Iterator[None]:
    """A snapshot is due after three revisions, so that histories of some twenty have several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "_DELTAS_PER_SNAPSHOT", 3)
        yield


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_the_state_as_of_every_revision_is_what_was_saved_then(
    kind: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    store, records = sqlite_sides(tmp_path) if kind == "sqlite" else memory_sides()
    with closing(store), closing(records):
        counts = check_histories(store, records, 100, ("revisions", "longer", "unset", "crashes"))
    record_property("counted", f"{kind}: {dict(counts)}")


def test_the_state_as_of_every_revision_is_what_was_saved_then_in_postgresql(
    pg_url: str, record_property: Callable[[str, object], None]
) -> None:
    with closing(store_at(pg_url)) as store, closing(PostgresRecords(resolve(pg_url))) as records:
        store.prepare(TABLE)
        counts = check_histories(store, records, 15, ("revisions", "longer", "crashes"))
    record_property("counted", f"postgresql: {dict(counts)}")


SNAPSHOT = Kept(7, "iteration", 0.0, True, True, '{"a": 1.50}', "[]", "{}", 1)
DELTA = replace(SNAPSHOT, number=8, snapshot=False, changed='{"b":2}', removed='["a"]')


def test_a_fold_keeps_texts_byte_for_byte_and_says_which_version_can_read_them() -> None:
    assert dict(fold([SNAPSHOT]).state.texts) == {"a": "1.50"}
    past = fold([replace(SNAPSHOT, format=3), DELTA])
    assert (dict(past.state.texts), past.format, past.kept.number) == ({"b": "2"}, 3, 8)


@pytest.mark.parametrize(
    "chain",
    [
        [DELTA],
        [SNAPSHOT, SNAPSHOT],
        [replace(SNAPSHOT, changed="{broken, sk-canary")],
        [SNAPSHOT, replace(DELTA, changed="[]")],
        [SNAPSHOT, replace(DELTA, removed="{}")],
        [SNAPSHOT, replace(DELTA, removed="a")],
        [SNAPSHOT, replace(DELTA, held_back="[]")],
    ],
)
def test_a_history_that_is_broken_is_never_folded_to_a_guess(chain: list[Kept]) -> None:
    with pytest.raises(UndecodableError, match=f"revision {chain[-1].number} cannot be read") as told:
        fold(chain)
    assert "canary" not in str(told.value)


def test_differences_come_in_the_order_of_the_state_to_reach_then_what_is_unset() -> None:
    old, new = {"gone": "1", "same": "2", "b": "3"}, {"new": "4", "b": "5", "same": "2"}
    assert differences(old, new) == (
        Difference("new", None, "4"),
        Difference("b", "3", "5"),
        Difference("gone", "1", None),
    )
    assert differences(old, dict(reversed(old.items()))) == ()
