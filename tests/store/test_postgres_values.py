"""Values of variables may be API keys: no error of the database takes one along, however it is provoked.

What the server writes into its own log is not ours to govern: with its defaults the DETAIL of an error holds the row
that failed. The tests take that log for the proof that there was something to be hidden.
"""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from postgres.evidence import Evidence
from postgres.servers import Server
from postgres.stores import CANARY, acquired, rows, store_at
from stratvars import Backup
from stratvars.errors import NotSavedError, RefusedError, UnavailableError, UndecodableError
from stratvars.outcome import Saved
from stratvars.revision import Claim, Reason
from stratvars.store.postgres.statements import grants
from stratvars.store.postgres.store import PostgresStore
from stratvars.testing import TABLE, revision_of

VARIABLES = f'{{"key":"{CANARY}"}}'
SAME = f"INSERT INTO vars_backup VALUES ('id', now(), '{VARIABLES}', 'another strategy')"


def raising(how: str, table: str = "vars_backup") -> str:
    """A trigger on a table, in PL/pgSQL, that runs with each row."""
    return (
        f"CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {how}; RETURN NEW; END $$;"
        f"CREATE TRIGGER look BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION look()"
    )


def said_with(state: str) -> str:
    """A trigger that puts the row into every part of an error that it can fill."""
    parts = ", ".join(f"{part} = NEW::text" for part in ("MESSAGE", "DETAIL", "HINT", "COLUMN", "CONSTRAINT", "TABLE"))
    return raising(f"RAISE EXCEPTION USING ERRCODE = '{state}', {parts}, DATATYPE = NEW::text, SCHEMA = NEW::text")


STATES = "P0001 42501 3F000 42P01 40001 40P01 53100 08006 57014 57P01 25006 0A000 23505 28P01 26000 22P05 42703 99999"
SHOWS_ROW = {
    "unique": f"{SAME}; CREATE UNIQUE INDEX ON vars_backup (variables)",
    "exclusion": f"{SAME}; ALTER TABLE vars_backup ADD EXCLUDE USING btree (variables WITH =)",
    "check": "ALTER TABLE vars_backup ADD CHECK (length(variables) < 3)",
    "check of the history": "ALTER TABLE vars_backup_history ADD CHECK (length(changed) < 3)",
    "not null": "ALTER TABLE vars_backup ADD extra text NOT NULL",
    "foreign key": "CREATE TABLE other (v text PRIMARY KEY);"
    "ALTER TABLE vars_backup ADD FOREIGN KEY (variables) REFERENCES other",
    "integer": raising("PERFORM NEW.variables::integer"),
    "timestamp": raising("PERFORM NEW.variables::timestamptz"),
    "array": raising("PERFORM NEW.variables::integer[]"),
    "enum": "CREATE TYPE colour AS ENUM ('red');" + raising("PERFORM NEW.variables::colour"),
    "json path": raising("PERFORM jsonb_path_query(NEW.variables::jsonb, 'strict $.key.double()')"),
    "dynamic SQL": raising("EXECUTE NEW.variables"),
    "missing relation": raising("EXECUTE 'SELECT * FROM ' || quote_ident(NEW.variables)"),
    "history": raising("RAISE EXCEPTION '%', NEW", "vars_backup_history"),
    **{f"raised {state}": said_with(state) for state in STATES.split()},
}
HIDES_ROW = {
    "domain": "CREATE DOMAIN short AS text CHECK (length(VALUE) < 3);" + raising("PERFORM NEW.variables::short"),
    "too long": "ALTER TABLE vars_backup ALTER variables TYPE varchar(10)",
    "other type": "ALTER TABLE vars_backup ALTER variables TYPE integer USING 1",
    "no right": "REVOKE ALL ON vars_backup FROM guest",
    "row level security": "ALTER TABLE vars_backup ENABLE ROW LEVEL SECURITY",
    "row too big": "CREATE FUNCTION big(text) RETURNS text IMMUTABLE LANGUAGE sql AS"
    " $$ SELECT $1 || string_agg(md5($1 || i), '') FROM generate_series(1, 300) i $$;"
    "CREATE INDEX ON vars_backup (big(variables))",
    "timeout": "ALTER ROLE guest SET statement_timeout = 50;" + raising("PERFORM pg_sleep(1)"),
}


@pytest.fixture
def evidence(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Evidence:
    """All that is logged and printed during the test."""
    return Evidence(caplog, capfd)


@pytest.fixture
def claim(store: PostgresStore, guest: str, admin: psycopg.Connection) -> Claim:
    """What a guest may save: rights are checked, and policies obeyed, for one who owns nothing."""
    admin.execute(grants(TABLE, "guest").encode())
    return acquired(store)


def fail(url: str, claim: Claim, evidence: Evidence) -> None:
    with closing(store_at(url)) as store:
        for _ in range(2):  # the second time on a new connection, or on one that has seen the error
            with pytest.raises(UnavailableError) as raised:
                store.save([revision_of(claim, {"key": f'"{CANARY}"'})])
            assert raised.value.__context__ is None
            evidence.add(raised.value)


@pytest.fixture
def trouble(request: pytest.FixtureRequest, claim: Claim, admin: psycopg.Connection) -> str:
    """What an administrator did after the bot started."""
    statement: str = request.param
    admin.execute(statement.encode())
    return statement


@pytest.mark.parametrize("trouble", SHOWS_ROW.values(), ids=SHOWS_ROW, indirect=True)
def test_no_refusal_by_the_database_shows_the_row_that_it_names(
    trouble: str, pg: Server, guest: str, claim: Claim, evidence: Evidence
) -> None:
    before = len(pg.log)
    fail(guest, claim, evidence)
    assert CANARY in pg.log[before:], "there was something to be hidden"
    said = evidence.text()
    assert said.count("PostgreSQL at") > 1
    assert CANARY not in said


@pytest.mark.parametrize("trouble", HIDES_ROW.values(), ids=HIDES_ROW, indirect=True)
def test_no_refusal_that_does_not_name_the_row_shows_it_either(
    trouble: str, guest: str, claim: Claim, evidence: Evidence
) -> None:
    fail(guest, claim, evidence)
    assert CANARY not in evidence.text()


def test_what_the_server_says_beside_a_save_is_not_passed_on(
    pg: Server, guest: str, claim: Claim, admin: psycopg.Connection, evidence: Evidence
) -> None:
    levels = ("WARNING", "NOTICE", "INFO", "LOG", "DEBUG")
    how = "; ".join(f"RAISE {level} '%', NEW USING DETAIL = NEW::text" for level in levels)
    admin.execute(raising(how).encode())
    admin.execute("ALTER ROLE guest SET client_min_messages = debug5")
    before = len(pg.log)
    with closing(store_at(guest)) as store:
        assert store.save([revision_of(claim, {"key": f'"{CANARY}"'})]) == [Saved(1)]
    assert CANARY in pg.log[before:]
    assert CANARY not in evidence.text()


def test_a_backup_in_trouble_logs_no_value_and_goes_on_when_the_trouble_is_over(
    pg_url: str, admin: psycopg.Connection, evidence: Evidence
) -> None:
    with Backup("bot", pg_url) as backup:
        backup.save()
        admin.execute(said_with("42501").encode())
        backup.vars.key = CANARY
        backup.keep(Reason.ITERATION, complete=True)
        with pytest.raises(NotSavedError) as raised:
            backup.save(timeout=0.2)
        evidence.add(raised.value)
        admin.execute("DROP TRIGGER look ON vars_backup")
        backup.save(timeout=5)
    assert rows(admin, "SELECT variables FROM vars_backup") == [(VARIABLES,)]
    said = evidence.text()
    assert "'bot' cannot be saved: PostgreSQL at" in said
    assert "'bot' is saved again" in said
    assert CANARY not in said


TAGS = "decimal datetime date time timedelta tuple set dict int float enum dataclass numpy"
DAMAGED = {
    "cut": '{"good":1,"positions":{"SPY":["CANARY',
    "cut in the middle": '{"key":"CANARY","positions":{"SPY":"CANARY"',
    "no JSON": "CANARY",
    "no object": '["CANARY"]',
    "a string": '"CANARY"',
    "two objects": '{"key":"CANARY"}{"key":"CANARY"}',
    "single quotes": "{'key':'CANARY'}",
    "bare word": '{"key":CANARY}',
    "half a character": '{"key":"CANARY\\ud800"}',
    "bad escape": '{"key":"CANARY\\q"}',
    "control character": '{"key":"CANARY\n"}',
    **{f"bad {tag}": f'{{"good":1,"positions":{{"SPY":[1,{{"${tag}":"CANARY"}}]}}}}' for tag in TAGS.split()},
    "no tag": '{"positions":{"SPY":[1,{"$x":"CANARY"}]}}',
    "tag and more": '{"positions":{"SPY":[1,{"$tuple":["CANARY"],"y":"CANARY"}]}}',
    "too deep": '{"positions":' + '["CANARY",' * 2_000 + "1" + "]" * 2_000 + "}",
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_row_that_cannot_be_read_is_refused_with_the_place_and_without_the_value(
    damage: str, pg_url: str, admin: psycopg.Connection, evidence: Evidence
) -> None:
    with Backup("bot", pg_url) as backup:
        backup.vars.n = 1
    text = DAMAGED[damage].replace("CANARY", CANARY)
    admin.execute("UPDATE vars_backup SET variables = %s", [text])
    with pytest.raises(UndecodableError) as raised:
        Backup("bot", pg_url).open()
    evidence.add(raised.value)
    assert CANARY not in evidence.text()
    assert "positions['SPY'][1]" in str(raised.value) or "good" not in text or damage == "cut"
    assert rows(admin, "SELECT variables FROM vars_backup") == [(text,)]


def test_a_character_that_the_database_cannot_store_is_refused_without_the_value(
    pg: Server, admin: psycopg.Connection, evidence: Evidence
) -> None:
    admin.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
    try:
        with closing(store_at(pg.url("latin"))) as store:
            store.prepare(TABLE)
            claim = acquired(store)
            with pytest.raises(RefusedError, match="cannot store a character; create the database with ENC") as raised:
                store.save([revision_of(claim, {"key": f'"{CANARY}\u20ac"'})])
            evidence.add(raised.value)
    finally:
        admin.execute("DROP DATABASE latin WITH (FORCE)")
    assert CANARY not in evidence.text()
