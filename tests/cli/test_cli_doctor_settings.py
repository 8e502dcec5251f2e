"""What ``stratvars doctor`` says of the settings of a role or a database, and that its remedies help."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest
from examined import bad, facts_on

from stratvars.store.fact import Fact, Grade


def carry_out(url: str, fact: Fact) -> None:
    """Run the remedy as whom the doctor was."""
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute(fact.remedy.partition("; it counts from")[0].encode())


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("synchronous_commit", "synchronous_commit = off"),
        ("read_only", "default_transaction_read_only = on"),
        ("timeouts", "statement_timeout = '4s'"),
        ("timeouts", "transaction_timeout = '4s'"),
        ("timeouts", "idle_in_transaction_session_timeout = '100ms'"),
        ("timeouts", "idle_session_timeout = '10min'"),
    ],
)
@pytest.mark.parametrize("place", ["ROLE guest", "DATABASE {}", "ROLE guest IN DATABASE {}"])
def test_a_setting_of_the_role_or_the_database_is_a_warning_whose_remedy_helps(
    guest: str, admin: psycopg.Connection, name: str, setting: str, place: str
) -> None:
    admin.execute("GRANT CREATE ON SCHEMA public TO guest")
    where = place.format(f'"{admin.info.dbname}"')
    assert bad(facts_on(guest)) == {}
    admin.execute(f"ALTER {where} SET {setting}".encode())
    facts = facts_on(guest)
    assert bad(facts) == {name: Grade.WARN}
    assert f"{'in this database' if 'DATABASE' in place else 'for this role'}:" in facts[name].text
    carry_out(guest, facts[name])
    assert bad(facts_on(guest)) == {}
    admin.execute("ALTER ROLE guest RESET ALL")


def test_a_commit_that_is_off_says_what_it_costs_and_that_saves_are_safe(
    pg_url: str, admin: psycopg.Connection
) -> None:
    admin.execute("ALTER ROLE postgres SET synchronous_commit = off")
    text = facts_on(pg_url)["synchronous_commit"].text
    assert "a crash of the server would lose the last commits" in text
    assert "Saves of strategies are safe" in text
