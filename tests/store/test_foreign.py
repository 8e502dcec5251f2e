"""What another hand writes into the row of the current state is never replaced unseen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest
from msgspec.structs import replace

from either import sql
from postgres.stores import store_at, waits
from postgres.waiting import eventually
from stratvars.outcome import Foreign, Outcome, Saved
from stratvars.revision import Claim, Revision
from stratvars.settings import resolve
from stratvars.store.base import Store
from stratvars.store.opening import open_store
from stratvars.testing import TABLE, revision_of
from stratvars.texts import digest_of

BY_HAND = """UPDATE vars_backup SET variables = '{"x": 99}' WHERE strategy_id = 'bot'"""


@pytest.fixture
def store(any_url: str) -> Iterator[Store]:
    with closing(open_store(resolve(any_url))) as store:
        store.prepare(TABLE)
        yield store


def claimed(store: Store, name: str = "bot") -> Claim:
    claim = store.acquire(TABLE, name, "me", "start-1")
    assert isinstance(claim, Claim)
    return claim


def beside(store: Store, *names: str) -> Callable[[Revision, int], Outcome]:
    """Saves of one alone, or in one batch with others; what became of the one."""
    claims = [claimed(store, name) for name in names]

    def save(revision: Revision, round_: int) -> Outcome:
        others = [revision_of(claim, {"n": str(round_)}, follows=round_) for claim in claims]
        [outcome, *rest] = store.save([revision, *others])
        assert rest == [Saved(round_ + 1)] * len(claims)
        return outcome

    return save


@pytest.mark.parametrize("others", [(), ("a", "z")], ids=["alone", "in a batch"])
def test_a_save_beside_a_change_by_hand_writes_nothing_and_shows_it(
    store: Store, any_url: str, others: tuple[str, ...]
) -> None:
    save = beside(store, *others)
    claim = claimed(store)
    assert save(revision_of(claim, {"x": "1"}), 0) == Saved(1)
    sql(any_url, BY_HAND)
    late = revision_of(claim, {"x": "2"}, follows=1)
    assert save(late, 1) == Foreign('{"x": 99}')
    assert sql(any_url, "SELECT variables FROM vars_backup WHERE strategy_id = 'bot'") == [('{"x": 99}',)]
    assert sql(any_url, "SELECT count(*) FROM vars_backup_history WHERE strategy_id = 'bot'") == [(1,)]
    adopted = replace(revision_of(claim, {"x": "2"}, number=3, follows=1), variables='{"x": 99}', changed='{"x": 99}')
    assert save(adopted, 2) == Saved(3), "with the very text it is taken"
    assert save(revision_of(claim, {"x": "3"}, number=4, follows=3), 3) == Saved(4)
    assert sql(any_url, "SELECT variables FROM vars_backup WHERE strategy_id = 'bot'") == [('{"x":3}',)]


@pytest.mark.parametrize("others", [(), ("a", "z")], ids=["alone", "in a batch"])
def test_what_may_be_replaced_is_named_by_its_digest(store: Store, any_url: str, others: tuple[str, ...]) -> None:
    save = beside(store, *others)
    claim = claimed(store)
    assert save(revision_of(claim, {"x": "1"}), 0) == Saved(1)
    sql(any_url, BY_HAND)
    revision = revision_of(claim, {"x": "2"}, follows=1)
    assert save(replace(revision, over=digest_of('{"x": 98}')), 1) == Foreign('{"x": 99}')
    assert save(replace(revision, over=digest_of('{"x": 99}')), 2) == Saved(2)


@pytest.mark.parametrize("others", [(), ("a", "z")], ids=["alone", "in a batch"])
def test_a_row_that_was_removed_is_made_again_and_told(store: Store, any_url: str, others: tuple[str, ...]) -> None:
    save = beside(store, *others)
    claim = claimed(store)
    assert save(revision_of(claim, {"x": "1"}), 0) == Saved(1)
    sql(any_url, "DELETE FROM vars_backup WHERE strategy_id = 'bot'")
    assert save(revision_of(claim, {"x": "2"}, follows=1), 1) == Saved(2, was_missing=True)
    assert save(revision_of(claim, {"x": "3"}, follows=2), 2) == Saved(3)
    assert sql(any_url, "SELECT variables FROM vars_backup WHERE strategy_id = 'bot'") == [('{"x":3}',)]


def test_a_row_that_was_written_again_as_it_was_is_no_change(store: Store, any_url: str) -> None:
    claim = claimed(store)
    assert store.save([revision_of(claim, {"x": "1"})]) == [Saved(1)]
    sql(any_url, "UPDATE vars_backup SET variables = variables")  # as a dump that is put back does
    assert store.save([revision_of(claim, {"x": "2"}, follows=1)]) == [Saved(2)]


def test_the_saves_of_others_are_no_change(store: Store, any_url: str) -> None:
    with closing(open_store(resolve(any_url))) as second:
        second.prepare(TABLE)
        mine, theirs = claimed(store), claimed(second, "other")
        for number in range(1, 9):
            assert store.save([revision_of(mine, {"x": str(number)}, follows=number - 1)]) == [Saved(number)]
            assert second.save([revision_of(theirs, {"x": str(number)}, follows=number - 1)]) == [Saved(number)]


def test_a_change_that_is_just_being_committed_is_waited_for_and_seen(pg_url: str, admin: psycopg.Connection) -> None:
    with closing(store_at(pg_url)) as store, psycopg.connect(pg_url) as other:
        store.prepare(TABLE)
        claim = claimed(store)
        for number in range(1, 9):  # from the sixth on it is prepared, later the server keeps one plan
            assert store.save([revision_of(claim, {"x": str(number)}, follows=number - 1)]) == [Saved(number)]
        other.execute(BY_HAND)
        outcome: list[Outcome] = []
        thread = threading.Thread(
            target=lambda: outcome.extend(store.save([revision_of(claim, {"x": "0"}, follows=8)]))
        )
        thread.start()
        assert eventually(lambda: waits(admin))
        other.commit()
        thread.join()
    assert outcome == [Foreign('{"x": 99}')]
