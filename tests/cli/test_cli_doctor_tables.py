"""What ``stratvars doctor`` says of tables on a PostgreSQL: missing, closed, of another shape, without a row."""

from __future__ import annotations

import shlex
from contextlib import closing

import psycopg
import pytest
from examined import bad, facts_on

from postgres.stores import acquired, nth, store_at
from stratvars.store.fact import Grade
from stratvars.store.postgres.store import PostgresStore
from stratvars.testing import TABLE


def test_tables_that_are_missing_and_may_not_be_made_are_a_failure(guest: str) -> None:
    facts = facts_on(guest)
    assert bad(facts) == {"tables": Grade.FAIL}
    assert "may not create them in the schema public" in facts["tables"].text
    assert facts["tables"].remedy.endswith("stratvars doctor --ddl")
    remedy = facts_on(guest, "my 'table")["tables"].remedy
    assert shlex.split(remedy.partition(": ")[2])[-2:] == ["--table", "my 'table"]


def test_a_schema_that_is_not_there_or_not_open_is_a_failure(guest: str, admin: psycopg.Connection) -> None:
    assert "nor is a schema nowhere" in facts_on(guest, "nowhere.t")["tables"].text
    admin.execute("CREATE SCHEMA closed")
    assert facts_on(guest, "closed.t")["tables"].grade is Grade.FAIL
    admin.execute("REVOKE USAGE ON SCHEMA public FROM public")
    assert "nor is a schema of the search_path" in facts_on(guest)["tables"].text


@pytest.mark.parametrize("table", [TABLE, "own.t", "100%"])
def test_tables_without_rights_on_them_are_a_failure(
    pg_url: str, guest: str, admin: psycopg.Connection, table: str
) -> None:
    admin.execute("CREATE SCHEMA own")
    admin.execute("GRANT USAGE ON SCHEMA own TO guest")
    with closing(store_at(pg_url)) as store:
        store.prepare(table)
    facts = facts_on(guest, table)
    assert bad(facts) == {"tables": Grade.FAIL}
    assert "'guest' lacks rights" in facts["tables"].text
    assert bad(facts_on(pg_url, table)) == {}


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("CREATE TABLE mine (id text)", "is not one that stratvars made"),
        (
            (
                "CREATE TABLE mine (LIKE vars_backup); CREATE TABLE mine_writers (); CREATE TABLE mine_history (); "
                "CREATE TABLE mine_edits ()"
            ),
            "is not one",
        ),
        ("ALTER TABLE vars_backup_writers RENAME TO mine_writers", "mine is gone"),
    ],
)
def test_tables_that_cannot_be_used_are_a_failure(
    store: PostgresStore, pg_url: str, admin: psycopg.Connection, statement: str, said: str
) -> None:
    admin.execute(statement.encode())
    facts = facts_on(pg_url, "mine")
    assert bad(facts) == {"tables": Grade.FAIL}
    assert said in facts["tables"].text


def test_a_row_that_is_gone_is_a_failure(store: PostgresStore, pg_url: str, admin: psycopg.Connection) -> None:
    store.save([nth(acquired(store), 1)])
    admin.execute("DELETE FROM vars_backup")
    facts = facts_on(pg_url)
    assert bad(facts) == {"strategy": Grade.FAIL}
    assert facts["strategy"].text.startswith("bot: its row is gone")


def test_a_role_that_may_only_look_sees_the_strategies(
    store: PostgresStore, guest: str, admin: psycopg.Connection
) -> None:
    store.save([nth(acquired(store), 1)])
    admin.execute("GRANT SELECT ON vars_backup, vars_backup_writers, vars_backup_history TO guest")
    facts = facts_on(guest)
    assert facts["tables"].grade is Grade.FAIL
    assert "bot: revision 1" in facts["strategy"].text
