"""However a revision is sent, alone, in a group, or where the rows are known, the same is written, byte for byte."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from postgres.stores import acquired, nth, rows
from stratvars.outcome import Saved
from stratvars.revision import Reason, Revision
from stratvars.store.postgres.store import PostgresStore
from stratvars.testing import revision_of
from stratvars.texts import as_json, join_texts

ODD = ['a"b\\c', "{1,2}", "NULL", "\\u0000", "'; DROP", "\u2028\t\n\r", "\U0001f600", "null", "\x7f\x01", "%(x)s"]
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
MANY = 3
WRITTEN = """
SELECT w.strategy_id, t.variables, w.epoch, w.revision, w.start_id, w.lease, w.digest, w.reason, w.complete,
    w.held_back, w.format, h.reason, h.complete, h.snapshot, h.changed, h.removed, h.held_back, h.start_id, h.format
FROM vars_backup_writers w JOIN vars_backup t USING (strategy_id)
JOIN vars_backup_history h ON h.strategy_id = w.strategy_id AND h.revision = w.revision ORDER BY w.strategy_id
"""


def in_a_group(store: PostgresStore, batch: list[Revision]) -> None:
    assert store.save(batch) == [Saved(2)] * MANY


def alone(store: PostgresStore, batch: list[Revision]) -> None:
    for revision in batch:
        store._places.clear()
        assert store.save([revision]) == [Saved(2)]


def where_it_is_known(store: PostgresStore, batch: list[Revision]) -> None:
    assert len(store._places) == MANY
    for revision in batch:
        assert store.save([revision]) == [Saved(2)]


WAYS: tuple[Callable[[PostgresStore, list[Revision]], None], ...] = (in_a_group, alone, where_it_is_known)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS | st.sampled_from(ODD), min_size=5, max_size=5), st.booleans(), st.sampled_from(Reason))
def test_whichever_way_a_revision_is_sent_the_same_is_written(
    store: PostgresStore, admin: psycopg.Connection, words: list[str], flag: bool, reason: Reason
) -> None:
    name, word, *others = words
    written = []
    for send in WAYS:
        admin.execute("TRUNCATE vars_backup, vars_backup_writers, vars_backup_history")
        store._places.clear()
        claims = [acquired(store, f"{name}{number}") for number in range(MANY)]
        for claim in claims:
            assert store.save([nth(claim, 1)]) == [Saved(1)]
        batch = [
            replace(
                revision_of(claim, {word: as_json(word), name: str(number)}, follows=1, reason=reason, complete=flag),
                changed=join_texts({name: as_json(others)}),
                removed=as_json([word]),
                held_back=as_json({name: word}),
                snapshot=not flag,
            )
            for number, claim in enumerate(claims)
        ]
        send(store, batch)
        written.append(rows(admin, WRITTEN))
    assert written[0] == written[1] == written[2]
    assert len(written[0]) == MANY


def test_a_pooler_that_forgets_what_was_prepared_costs_the_own_thread_one_save(store: PostgresStore) -> None:
    claim = acquired(store)

    def save(number: int) -> bool:
        """Whether the own thread's way did it."""
        revision = revision_of(claim, {"x": str(number)}, follows=number - 1)
        if store.save_within(revision, time.monotonic() + 5) == Saved(number):
            return True
        assert store.save([revision]) == [Saved(number)]
        return False

    assert [save(number) for number in range(1, 7)][-1]
    store._session.run(lambda connection: connection.execute("DEALLOCATE ALL", prepare=False).close())
    assert [save(number) for number in range(7, 12)] == [False, True, True, True, True]
