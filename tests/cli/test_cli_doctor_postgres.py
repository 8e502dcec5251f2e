"""``stratvars doctor`` on real servers: each grade of each fact, and the remedies carried out."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest
from commandline import Shell
from examined import bad, facts_on

from postgres.binaries import Binaries
from postgres.proxy import Direction, Proxy
from postgres.servers import Server
from postgres.standby import Pair
from postgres.stores import CANARY, acquired, nth, rows, store_at
from stratvars.settings import resolve
from stratvars.store.fact import Grade
from stratvars.store.postgres import examine as postgres
from stratvars.store.postgres.durability import notes
from stratvars.store.postgres.examine import about_client, about_version
from stratvars.store.postgres.session import Session
from stratvars.store.postgres.store import PostgresStore
from stratvars.testing import TABLE

ALL = [
    *("connection", "server", "client", "primary", "fsync", "full_page_writes", "synchronous_commit", "read_only"),
    *("timeouts", "encoding", "connections", "clock", "tables"),
]
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "12",
    "autovacuum": "off",
    "synchronous_commit": "local",  # else each commit would wait for the standby that is not there
    "synchronous_standby_names": "nobody",
    "max_wal_senders": "2",
}


@pytest.fixture(scope="module")
def careless() -> Iterator[Server]:
    """A server of this module's own, with settings that a whole server has."""
    from postgres.fixtures import FOUND

    assert isinstance(FOUND[0], Binaries)
    with Server(FOUND[0], settings=SETTINGS) as server:
        yield server


def test_a_server_as_it_is_installed_is_healthy_and_nothing_is_made(any_pg_url: str, tmp_path: Path) -> None:
    done = Shell(tmp_path).run("doctor", "--db", any_pg_url)
    _, *lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(grade, name) for grade, name, *_ in lines] == [("ok", name) for name in ALL]
    assert (done.returncode, done.stderr) == (0, "stratvars: ok 13, warn 0, fail 0\n")
    assert "will be made at the first start, in the schema public" in lines[-1][2]
    with closing(psycopg.connect(any_pg_url)) as connection:
        assert rows(connection, "SELECT FROM pg_tables WHERE schemaname = 'public'") == []


def test_a_strategy_is_a_line_with_its_revision_and_age(store: PostgresStore, pg_url: str) -> None:
    claim = acquired(store)
    store.save([nth(claim, 1)])
    facts = facts_on(pg_url)
    assert bad(facts) == {"strategy": Grade.WARN}, "'me' is no owner"
    assert "bot: revision 1, saved 0 s ago (iteration)" in facts["strategy"].text
    store.release(claim)
    assert bad(facts_on(pg_url)) == {}


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"password": CANARY}, "the password or the user name is wrong"),
        ({"user": CANARY, "password": CANARY}, "DB_CONNECTION_STR"),
        ({"database": "nowhere"}, "CREATE DATABASE"),
    ],
)
def test_a_login_that_is_refused_is_one_failure_with_the_remedy(
    pg: Server, tmp_path: Path, change: dict[str, str], remedy: str
) -> None:
    done = Shell(tmp_path).run("doctor", "--json", "--db", pg.url(**change))
    [line] = done.stdout.splitlines()
    fact = json.loads(line)
    assert (done.returncode, fact["name"], fact["grade"]) == (3, "connection", "fail")
    assert remedy in fact["remedy"]
    assert f":{CANARY}@" not in done.stdout + done.stderr
    assert pg.password not in done.stdout + done.stderr


def test_a_server_that_is_down_is_one_failure_at_once(pg: Server, pg_url: str, tmp_path: Path) -> None:
    pg.stop()
    began = time.monotonic()
    done = Shell(tmp_path).run("doctor", "--db", pg_url)
    assert time.monotonic() - began < 15, "a start asks for 30 s; the doctor does not"
    assert done.returncode == 3
    _, (grade, name, text, remedy) = [line.split("\t") for line in done.stdout.splitlines()]
    assert (grade, name) == ("fail", "connection")
    assert "(chosen by: argument)" in text
    assert "start the server" in remedy
    assert pg.password not in done.stdout + done.stderr


def test_a_connection_that_is_cut_anywhere_is_a_failure_among_the_facts(
    store: PostgresStore, proxy: Proxy, pg_url: str, record_property: Callable[[str, object], None]
) -> None:
    store.save([nth(acquired(store), 1)])
    url = proxy.url(pg_url)
    before = proxy.counts.bytes_to_client
    assert "strategy" in facts_on(url)
    whole = proxy.counts.bytes_to_client - before
    seen: Counter[str] = Counter()
    for count in range(0, whole, 97):
        proxy.cut_after_bytes(count, Direction.TO_CLIENT)
        seen.update(name for name, grade in bad(facts_on(url)).items() if grade is Grade.FAIL)
    assert seen.keys() == {"connection", "strategies"}, "what asks a second time on a connection makes a new one"
    assert 10 < seen.total() < len(range(0, whole, 97)), "one failure at most each time"
    record_property("counted", f"doctor: {seen.total()} connections cut, {dict(seen)}")


def test_a_url_that_cannot_be_read_is_one_failure_without_its_password() -> None:
    facts = facts_on(f"postgresql://me:{CANARY}@localhost/db?colour=red")
    assert bad(facts) == {"connection": Grade.FAIL}
    assert CANARY not in str(facts)


def test_a_standby_is_a_failure_and_a_url_of_both_finds_the_primary(pair: Pair) -> None:
    with closing(store_at(pair.primary_url)) as store:
        store.prepare(TABLE)
        claim = acquired(store)
        store.save([nth(claim, 1)])
        store.release(claim)
    assert pair.catches_up()
    facts = facts_on(pair.standby_url)
    assert bad(facts) == {"primary": Grade.FAIL}
    assert "name the primary" in facts["primary"].remedy
    assert "bot: revision 1" in facts["strategy"].text, "it can be looked at"
    facts = facts_on(pair.url)
    assert bad(facts) == {}
    assert f"127.0.0.1:{pair.primary.port}, role" in facts["connection"].text


def test_what_a_careless_server_puts_at_risk_is_said(careless: Server) -> None:
    facts = facts_on(careless.url())
    assert bad(facts) == {"fsync": Grade.FAIL, "full_page_writes": Grade.WARN, "synchronous_commit": Grade.WARN}
    assert "can lose saves that were acknowledged" in facts["fsync"].text
    assert "damages the database" in facts["full_page_writes"].text
    assert "a failover may lose it" in facts["synchronous_commit"].text


@pytest.mark.parametrize(
    ("level", "said"),
    [
        ("on", "on its disk"),
        ("remote_apply", "shows it"),
        ("remote_write", "has received it"),
        ("local", "may lose it"),
    ],
)
def test_each_level_of_commit_says_what_a_failover_does(careless: Server, level: str, said: str) -> None:
    fact = facts_on(f"{careless.url()}?options=-c%20synchronous_commit%3D{level}")["synchronous_commit"]
    assert fact.grade is (Grade.WARN if level == "local" else Grade.OK)
    assert fact.text.startswith(level)
    assert said in fact.text
    assert ("options" in fact.remedy) == (level == "local")


@pytest.mark.parametrize("level", ["on", "local", "remote_apply"])
def test_without_a_synchronous_standby_each_level_says_that_a_failover_may_lose_saves(pg_url: str, level: str) -> None:
    fact = facts_on(f"{pg_url}?options=-c%20synchronous_commit%3D{level}")["synchronous_commit"]
    assert fact.grade is Grade.OK
    assert fact.text.startswith(f"{level}: an acknowledged save survives a crash of the server; as no")


def test_the_examination_writes_nothing(careless: Server) -> None:
    url = careless.create_database()
    with closing(store_at(url)) as store:
        store.prepare(TABLE)
        store.save([nth(acquired(store), 1)])
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        query = "SELECT pg_snapshot_xmax(pg_current_snapshot())"
        before = rows(connection, query)
        assert "strategy" in facts_on(url)
        assert "tables" in facts_on(url, "others")
        assert rows(connection, query) == before, "no transaction took a number, as each that writes does"
        connection.execute("CREATE TABLE one ()")
        assert rows(connection, query) != before


def test_few_connections_left_are_a_warning(careless: Server) -> None:
    with ExitStack() as stack:
        for _ in range(7):
            stack.enter_context(closing(psycopg.connect(careless.url())))
        facts = facts_on(careless.url())
        assert facts["connections"].grade is Grade.WARN
        assert facts["connections"].text.startswith("8 of 9 in use")


def test_a_start_has_notes_for_what_is_off_and_else_none(
    pg_url: str, admin: psycopg.Connection, careless: Server
) -> None:
    def notes_on(url: str) -> list[str]:
        with closing(Session(resolve(url))) as session:
            return session.run(notes)

    assert notes_on(pg_url) == []
    admin.execute("ALTER ROLE postgres SET synchronous_commit = off")
    [note] = notes_on(pg_url)
    assert note.startswith("synchronous_commit is off for this role, which loses acknowledged commits")
    [note] = notes_on(careless.url())
    assert note.startswith("fsync is off on this server")


def test_an_encoding_other_than_utf8_is_a_failure(pg: Server, admin: psycopg.Connection) -> None:
    admin.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        facts = facts_on(pg.url("latin"))
    finally:
        admin.execute("DROP DATABASE latin")
    assert bad(facts) == {"encoding": Grade.FAIL}
    assert facts["encoding"].text.startswith("LATIN1")


@pytest.mark.parametrize(("off_by", "grade"), [(0, Grade.OK), (-0.5, Grade.OK), (90, Grade.WARN), (-90, Grade.WARN)])
def test_a_clock_that_is_off_is_a_warning_with_the_amount(pg_url: str, off_by: float, grade: Grade) -> None:
    found = postgres.examine(resolve(pg_url), TABLE, clock=lambda: time.time() + off_by)
    [fact] = [fact for fact in found.facts if fact.name == "clock"]
    assert fact.grade is grade
    if grade is Grade.WARN:
        assert ("90.0 s behind" if off_by > 0 else "90.0 s ahead of") in fact.text


def test_a_slow_answer_is_not_taken_for_a_wrong_clock(pg_url: str) -> None:
    now = time.time()
    ours = iter([now, now + 4])
    found = postgres.examine(resolve(pg_url), TABLE, clock=lambda: next(ours))
    assert {fact.grade for fact in found.facts} == {Grade.OK}


@pytest.mark.parametrize(
    ("version", "grade", "said"),
    [
        (140_011, Grade.WARN, "PostgreSQL 14.11, which is older"),
        (150_000, Grade.OK, "PostgreSQL 15.0"),
        (180_004, Grade.OK, "PostgreSQL 18.4"),
        (190_000, Grade.WARN, "PostgreSQL 19.0, which is newer"),
    ],
)
def test_a_version_that_is_not_supported_is_a_warning(version: int, grade: Grade, said: str) -> None:
    fact = about_version(version)
    assert fact.grade is grade
    assert said in fact.text


def test_an_old_client_library_is_a_warning() -> None:
    assert about_client(160_004).grade is Grade.WARN
    assert about_client(170_000).grade is Grade.OK
