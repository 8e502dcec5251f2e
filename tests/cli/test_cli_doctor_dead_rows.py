"""What the doctor says of versions of rows that nobody clears away, and of what holds the server back from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import psycopg
import pytest
from examined import bad, facts_on

from postgres.standby import Pair
from postgres.stores import acquired, nth, rows, store_at
from postgres.waiting import eventually
from stratvars.store.fact import Fact, Grade
from stratvars.store.postgres import vacuum
from stratvars.store.postgres.settings import Settings, queries
from stratvars.store.postgres.statements import table_names
from stratvars.store.postgres.store import PostgresStore
from stratvars.store.postgres.vacuum import MANY, MANY_SINCE, Heap, Holder, judge
from stratvars.testing import TABLE

SETTINGS = Settings("bot", "bots", dict.fromkeys(vacuum.NAMES, ("on", "default")))
MUCH = Heap("mine_writers", '"mine_writers"', False, 5, MANY + 6, None, True)
EARLY = replace(MUCH, vacuumed=30.0)


@pytest.fixture
def empty(store: PostgresStore, pg_url: str, admin: psycopg.Connection) -> str:
    """Tables of which one is left alone by autovacuum."""
    store.save([nth(acquired(store), 1)])
    admin.execute("ALTER TABLE vars_backup_edits SET (autovacuum_enabled = off)")
    return pg_url


@pytest.fixture
def full(empty: str, admin: psycopg.Connection) -> str:
    """The same, a bare heap of dead rows by now."""
    fill(admin)
    return empty


def fill(admin: psycopg.Connection) -> None:
    admin.execute(
        f"""INSERT INTO vars_backup_edits (strategy_id, token, asked_at, author, note, change, format, taken_by, fate,
            said, revision) SELECT 'x', 't' || i, now(), '', '', '', 1, 0, 'cancelled', '', 0
            FROM generate_series(1, {MANY + 100}) i"""
    )
    admin.execute("DELETE FROM vars_backup_edits")
    flush(admin)


def flush(admin: psycopg.Connection) -> None:
    """Counts are told a second after a transaction at the earliest, unless they are asked for."""
    admin.execute("SELECT pg_stat_force_next_flush()")
    admin.execute("SELECT 1")


def dead_rows(url: str) -> Fact:
    return facts_on(url)["dead_rows"]


@contextmanager
def snapshot(url: str, application: str) -> Iterator[int]:
    """Somebody looks and does not come to an end; the process that the server has for it."""
    with closing(psycopg.connect(url, application_name=application)) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT 1")
        yield other.info.backend_pid


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot is held to be an old one at once."""
    monkeypatch.setattr(vacuum, "LONG", 0.0)


def test_tables_as_they_come_are_well(store: PostgresStore, pg_url: str) -> None:
    claim = acquired(store)
    store.save([nth(claim, 1)])
    store.release(claim)
    facts = facts_on(pg_url)
    assert bad(facts) == {}
    assert "dead versions beside" in facts["dead_rows"].text


def test_many_dead_rows_without_autovacuum_are_a_warning_whose_remedy_helps(
    full: str, admin: psycopg.Connection, patience: None
) -> None:
    fact = dead_rows(full)
    assert fact.grade is Grade.WARN
    assert f"vars_backup_edits: {MANY + 100:,} dead beside 0." in fact.text
    assert "turned off for this table" in fact.text, "and not held back by the doctor's own look"
    for statement in fact.remedy.split("; "):
        admin.execute(statement.encode())
    flush(admin)
    assert dead_rows(full).grade is Grade.OK
    assert rows(admin, "SELECT FROM pg_class WHERE relname = 'vars_backup_edits' AND reloptions IS NOT NULL") == []


def test_an_open_snapshot_is_named_with_its_process_and_ending_it_helps(
    empty: str, admin: psycopg.Connection, patience: None
) -> None:
    with snapshot(empty, "a notebook") as process:
        fill(admin)
        admin.execute("VACUUM vars_backup_edits")
        fact = dead_rows(empty)
        assert f"{MANY + 100:,} dead beside 0" in fact.text, "to vacuum alone does not help"
        assert f"process {process}, 'a notebook', idle in transaction, has a transaction open" in fact.text
        admin.execute(fact.remedy.partition("or ")[2].encode())
        assert eventually(lambda: rows(admin, f"SELECT FROM pg_stat_activity WHERE pid = {process}") == [])
    admin.execute("VACUUM vars_backup_edits")
    assert dead_rows(empty).grade is Grade.OK


@pytest.mark.torture
def test_a_query_on_a_standby_is_named_where_the_primary_heeds_it(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        closing(psycopg.connect(pair.primary_url, autocommit=True)) as admin,
        closing(psycopg.connect(pair.standby_url, autocommit=True)) as standby,
        closing(store_at(pair.primary_url)) as store,
    ):
        store.prepare(TABLE)
        for setting in ("hot_standby_feedback = on", "wal_receiver_status_interval = '1s'"):
            standby.execute(f"ALTER SYSTEM SET {setting}".encode())
        standby.execute("SELECT pg_reload_conf()")
        assert pair.catches_up()
        with snapshot(pair.standby_url, "reader"):
            heeded = "SELECT FROM pg_stat_activity WHERE backend_type = 'walsender' AND backend_xmin IS NOT NULL"
            assert eventually(lambda: rows(admin, heeded) != [])
            admin.execute("ALTER TABLE vars_backup_edits SET (autovacuum_enabled = off)")
            fill(admin)
            monkeypatch.setattr(vacuum, "MANY_SINCE", 1)  # when the standby's query began is not told
            fact = dead_rows(pair.primary_url)
    assert "a query on the standby" in fact.text
    assert "hot_standby_feedback" in fact.remedy


def test_a_transaction_that_wrote_and_looks_at_nothing_holds_back_too(
    full: str, admin: psycopg.Connection, patience: None
) -> None:
    with closing(psycopg.connect(full, application_name="writer")) as other:
        other.execute("CREATE TABLE unseen ()")
        assert rows(admin, f"SELECT backend_xmin FROM pg_stat_activity WHERE pid = {other.info.backend_pid}") == [
            (None,)
        ]
        admin.execute("SELECT pg_current_xact_id()")
        assert f"process {other.info.backend_pid}, 'writer'" in dead_rows(full).text
        [(*_, transactions)] = rows(admin, queries()["holders"])
        assert isinstance(transactions, int)
        assert transactions >= 2


def test_a_role_that_may_not_see_others_is_told_whose_and_how_to_see_more(
    full: str, guest: str, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ending in ("", "_writers", "_history", "_edits"):
        admin.execute(f"GRANT ALL ON vars_backup{ending} TO guest".encode())
    with snapshot(full, "a notebook") as process:
        assert "turned off" in dead_rows(guest).text, "it is young: few transactions were begun since"
        monkeypatch.setattr(vacuum, "MANY_SINCE", 2)
        for _ in range(3):
            admin.execute("SELECT pg_current_xact_id()")
        fact = dead_rows(guest)
        assert f"process {process}, 'a notebook', whose state and times this role may not see" in fact.text
        assert "3 transactions ago" in fact.text
        monkeypatch.setattr(vacuum, "LONG", 0.0)
        admin.execute(fact.remedy.partition("; ")[2].partition(" shows")[0].encode())
        assert "idle in transaction" in dead_rows(guest).text


def test_a_slot_that_nobody_uses_is_named_with_the_way_to_drop_it() -> None:
    held = Holder("slot", "it's mine", 0, "not in use", None, MANY_SINCE + 1)
    fact = judge([MUCH], held, SETTINGS)
    assert 'the replication slot "it\'s mine", not in use' in fact.text
    assert fact.remedy.endswith("SELECT pg_drop_replication_slot('it''s mine')")
    assert judge([EARLY], replace(held, transactions=MANY_SINCE), SETTINGS).grade is Grade.OK


@pytest.mark.parametrize(
    ("kind", "said", "remedy"),
    [
        ("prepared", "the prepared transaction 'held'", "ROLLBACK PREPARED 'held'"),
        ("standby", "a query on the standby 'held'", "hot_standby_feedback"),
        ("session", "process 7, 'held', active", "pg_terminate_backend(7)"),
    ],
)
def test_whatever_holds_back_is_named_with_its_age(kind: str, said: str, remedy: str) -> None:
    fact = judge([MUCH], Holder(kind, "held", 7, "active", 7300.0, 3), SETTINGS)
    assert fact.grade is Grade.WARN
    assert said in fact.text
    assert "2 h ago" in fact.text
    assert remedy in fact.remedy


@pytest.mark.parametrize(
    ("heap", "grade", "said"),
    [
        (replace(MUCH, dead=MANY + 5), Grade.OK, "10,005 dead versions beside 5 rows"),
        (MUCH, Grade.WARN, "it was never vacuumed"),
        (EARLY, Grade.OK, "the last vacuum was 30 s ago"),
        (replace(MUCH, vacuumed=7_300.0), Grade.WARN, "the last vacuum was 2 h ago"),
        (replace(MUCH, is_large=True), Grade.WARN, "mine_writers, large texts: 10,006 dead beside 5"),
    ],
)
def test_many_are_a_warning_unless_autovacuum_is_about_to_come(heap: Heap, grade: Grade, said: str) -> None:
    fact = judge([heap], None, SETTINGS)
    assert fact.grade is grade
    assert said in fact.text
    if grade is Grade.WARN:
        assert 'VACUUM "mine_writers"' in fact.remedy
    assert judge([heap], Holder("session", "x", 1, "active", 59.0, 10**6), SETTINGS).grade is grade, "it is young"


def test_a_server_without_autovacuum_or_counts_says_so() -> None:
    for name in vacuum.NAMES:
        off = replace(SETTINGS, found={**SETTINGS.found, name: ("off", "configuration file")})
        fact = judge([EARLY], None, off)
        assert f"{name} is off on this server" in fact.text
        assert "postgresql.conf" in fact.remedy


def test_parts_of_a_history_and_large_texts_are_counted(store: PostgresStore, admin: psycopg.Connection) -> None:
    admin.execute("ALTER TABLE vars_backup_history RENAME TO old")
    admin.execute("CREATE TABLE vars_backup_history (LIKE old INCLUDING ALL) PARTITION BY HASH (strategy_id)")
    for part in range(2):
        admin.execute(
            f"CREATE TABLE part_{part} PARTITION OF vars_backup_history FOR VALUES WITH (MODULUS 2, REMAINDER {part})"
        )
    admin.execute("ALTER TABLE part_0 SET (toast.autovacuum_enabled = off)")
    names = table_names(TABLE)
    query = queries()["dead"].encode()
    found = admin.execute(query, {"places": list(names), "names": list(names.values())}).fetchall()
    counted = [(place, is_large, automatic) for place, is_large, _, _, _, automatic in found]
    assert sorted(counted).count(("T_history", True, False)) == 1
    assert sorted(counted).count(("T_history", False, True)) == 3, "the whole, and two parts"
    assert {place for place, *_ in counted} == names.keys()
