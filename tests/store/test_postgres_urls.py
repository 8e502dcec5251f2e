"""URLs that must lead to the database they name: each one is saved through, and what is there is looked at."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from psycopg import sql

from postgres.binaries import Binaries
from postgres.places import LOOPBACK, Port
from postgres.servers import Server
from postgres.standby import Pair
from postgres.stores import CANARY, acquired, store_at
from postgres.urls import forget_environment, kept, refused, saved_through
from stratvars.errors import UnavailableError
from stratvars.settings import resolve
from stratvars.store.postgres.records import PostgresRecords
from stratvars.store.postgres.statements import ddl
from stratvars.testing import TABLE

Login = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_environment(monkeypatch, tmp_path)


@pytest.fixture
def database(pg_url: str) -> str:
    return urlsplit(pg_url).path[1:]


@pytest.fixture
def login(admin: psycopg.Connection) -> Iterator[Login]:
    """Makes roles that may create tables in the database, by name and password."""
    made: list[sql.Identifier] = []

    def make(user: str, password: str) -> None:
        role = sql.Identifier(user)
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)))
        made.append(role)
        admin.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(role))

    yield make
    for role in made:
        admin.execute(sql.SQL("DROP OWNED BY {}").format(role))
        admin.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.mark.parametrize(
    "scheme",
    [
        *("postgres", "postgresql", "PostgreSQL", "postgresql+psycopg2", "postgresql+psycopg", "postgresql+asyncpg"),
        *("postgresql+pg8000", "postgres+psycopg2cffi"),
    ],
)
def test_every_name_of_the_scheme_leads_there(
    scheme: str, pg_url: str, database: str, admin: psycopg.Connection
) -> None:
    assert saved_through(scheme + pg_url.removeprefix("postgresql")) == ("postgres", database, "stratvars")
    assert kept(admin)


PASSWORDS = [
    "a#b",
    "a b",
    "a!b$c",
    "a%b",
    "a:b",
    "a@b/c?d&e=f",
    "päss wörd €",
    "'; --",
    '\\n"',
    " ",
    "%41",
    "[x]",
    "💰",
]


@pytest.mark.parametrize("password", PASSWORDS)
def test_any_password_works_when_it_is_escaped(
    password: str, pg: Server, database: str, login: Login, admin: psycopg.Connection
) -> None:
    login("guest", password)
    assert saved_through(pg.url(database, user="guest", password=password))[0] == "guest"
    assert kept(admin)
    address = f"{LOOPBACK}:{pg.port}/{database}"
    assert saved_through(f"postgresql://guest@{address}?password={quote(password, '')}")[0] == "guest"


@pytest.mark.parametrize("password", ["a#b", "a b", "a!b$c", "a:b", "päss€", "a[b]c", "a&b=c", "a\tb", "a+b", "a;b"])
def test_a_password_works_unescaped_where_it_can_be_told_from_the_rest(
    password: str, pg: Server, database: str, login: Login
) -> None:
    login("guest", password)
    assert saved_through(f"postgresql://guest:{password}@{LOOPBACK}:{pg.port}/{database}")[0] == "guest"


@pytest.mark.parametrize("quotes", ['""', "''"])
def test_a_url_in_an_env_file_leads_there_whatever_the_password(
    quotes: str, pg: Server, database: str, login: Login, tmp_path: Path
) -> None:
    login("guest", "a$b #c ${HOME} 100% d@e")
    password = "a$b #c %24{HOME} 100%25 d%40e"
    line = f"postgresql+psycopg2://guest:{password}@{LOOPBACK}:{pg.port}/{database}".join(quotes)
    (tmp_path / ".env").write_text(f"# the bots' database\nexport DB_CONNECTION_STR={line} # as said above\n")
    found = resolve(folder=tmp_path)
    assert found.origin == f".env at {tmp_path}"
    assert saved_through(found.url.reveal())[0] == "guest"


@pytest.mark.parametrize("user", ["me@company", "a:b", "a/b", "Ünï cöde", 'say "hi"', "100%", "a?b#c"])
def test_any_user_works_and_is_named_in_what_an_administrator_runs(
    user: str, pg: Server, database: str, login: Login, admin: psycopg.Connection
) -> None:
    login(user, "secret")
    url = pg.url(database, user=user, password="secret")
    assert saved_through(url)[0] == user
    admin.execute("DROP TABLE vars_backup, vars_backup_writers, vars_backup_history")
    admin.execute(sql.SQL("REVOKE CREATE ON SCHEMA public FROM {}").format(sql.Identifier(user)))
    assert refused(url).endswith("stratvars doctor --ddl")
    admin.execute(ddl(TABLE, user).encode())
    assert saved_through(url)[0] == user


@pytest.mark.parametrize("name", ["my db", "a/b", "a@b", "a?b#c", "100%", "Ünïcode", 'say "hi"', "a:b", "A;b'c"])
def test_any_name_of_a_database_works(name: str, pg: Server, admin: psycopg.Connection) -> None:
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        assert saved_through(pg.url(name)) == ("postgres", name, "stratvars")
        with closing(psycopg.connect(pg.url(name))) as inside:
            assert kept(inside)
    finally:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_what_the_url_leaves_out_is_taken_from_the_environment(
    pg: Server, database: str, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    login("guest", "secret")
    for name, value in {
        "PGHOST": LOOPBACK,
        "PGPORT": str(pg.port),
        "PGUSER": "guest",
        "PGPASSWORD": "secret",
        "PGDATABASE": database,
        "PGAPPNAME": "my bots",
    }.items():
        monkeypatch.setenv(name, value)
    assert saved_through("postgresql://") == ("guest", database, "my bots")
    assert saved_through("postgresql:///?application_name=mine") == ("guest", database, "mine")
    assert saved_through(f"postgresql://postgres:{pg.password}@/")[0] == "postgres"
    monkeypatch.setenv("PGDATABASE", "nowhere")
    said = refused("postgresql://")
    assert f"{LOOPBACK}:{pg.port}, database 'nowhere', user 'guest'" in said


def test_without_a_database_it_is_the_one_named_after_the_user(pg: Server, login: Login) -> None:
    login("guest", "secret")
    assert "database 'guest', user 'guest' has no such database" in refused(
        f"postgresql://guest:secret@{LOOPBACK}:{pg.port}"
    )
    # Named after the superuser, and on every server.
    assert saved_into_postgres(pg) == ("postgres", "postgres", "stratvars")


def saved_into_postgres(pg: Server) -> tuple[object, ...]:
    try:
        return saved_through(f"postgresql://postgres:{quote(pg.password)}@{LOOPBACK}:{pg.port}/")
    finally:
        with closing(psycopg.connect(pg.url(), autocommit=True)) as connection:
            connection.execute("DROP TABLE IF EXISTS vars_backup, vars_backup_writers, vars_backup_history")


def test_without_a_user_it_is_the_account_that_runs_the_bot(pg: Server, database: str, login: Login) -> None:
    account = pwd.getpwuid(os.geteuid()).pw_name
    login(account, "secret")
    url = f"postgresql://{LOOPBACK}:{pg.port}/{database}"
    assert saved_through(f"{url}?password=secret") == (account, database, "stratvars")
    assert f"user {account!r} says that the password or the user name is wrong" in refused(url)


@pytest.mark.parametrize(
    "form",
    [
        "postgresql://{user}:{password}@{folder}:{port}/{database}",
        "postgresql://{user}:{password}@{folder}/{database}?port={port}",
        "postgresql://{user}:{password}@/{database}?host={folder}&port={port}",
        "postgresql+psycopg2://{user}:{password}@:{port}/{database}?host={plain}",
        "postgresql:///{database}?host={plain}&port={port}&user={user}&password={password}",
    ],
)
def test_a_unix_socket_leads_there(form: str, pg: Server, database: str, admin: psycopg.Connection) -> None:
    folder = str(pg.folder)
    where = {"folder": quote(folder, ""), "plain": folder, "port": pg.port, "database": database}
    url = form.format(user="postgres", password=quote(pg.password, ""), **where)
    assert saved_through(url) == ("postgres", database, "stratvars")
    assert kept(admin)
    lost = form.format(user="postgres", password=CANARY, **{**where, "port": pg.port + 1 if pg.port < 65_535 else 1})
    assert f"PostgreSQL at {folder}:" in refused(lost, for_good=False)


def has_ipv6() -> bool:
    with closing(socket.socket(socket.AF_INET6)) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6, not even on loopback")
def test_an_ipv6_address_leads_there(found: Binaries) -> None:
    with Server(found, settings={"listen_addresses": f"{LOOPBACK},::1"}) as server:
        database = server.create_database()
        url = server.url(urlsplit(database).path[1:]).replace(LOOPBACK, "[::1]")
        assert saved_through(url)[0] == "postgres"
        server.stop()
        assert "PostgreSQL at ::1:" in refused(url, for_good=False)


@pytest.fixture
def dead() -> Iterator[int]:
    """A port that nobody listens on, and nobody else is given."""
    with closing(Port()) as port:
        yield port.number


@pytest.mark.parametrize("form", ["{host}:{dead},{host}:{port}/{database}", "{host}:{port},{host}:{dead}/{database}"])
def test_of_several_hosts_a_dead_one_is_passed_over(
    form: str, dead: int, pg: Server, database: str, admin: psycopg.Connection
) -> None:
    account = f"postgres:{quote(pg.password, '')}"
    address = form.format(host=LOOPBACK, dead=dead, port=pg.port, database=database)
    assert saved_through(f"postgresql://{account}@{address}") == ("postgres", database, "stratvars")
    query = f"host={LOOPBACK},{LOOPBACK}&port={dead},{pg.port}"
    assert saved_through(f"postgresql://{account}@/{database}?{query}")[0] == "postgres"
    assert kept(admin)
    said = refused(f"postgresql://{account}@{LOOPBACK}:{dead},no-such-host.invalid:1/{database}", for_good=False)
    assert f"{LOOPBACK},no-such-host.invalid:{dead},1" in said


def test_of_a_standby_and_its_primary_the_primary_is_taken_wherever_it_stands(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(psycopg.connect(pair.primary_url)) as primary:
        before, _, name = pair.url.rpartition("/")
        account, _, hosts = before.rpartition("@")
        turned = f"{account}@{','.join(reversed(hosts.split(',')))}/{name}"
        for url in (pair.url, turned, f"{pair.url}?target_session_attrs=read-write"):
            assert saved_through(url)[1] == name
            assert kept(primary)
        # Also where the environment names the hosts.
        monkeypatch.setenv("PGHOST", f"{LOOPBACK},{LOOPBACK}")
        monkeypatch.setenv("PGPORT", f"{pair.standby.port},{pair.primary.port}")
        assert saved_through(f"{account}@/{name}")[1] == name


def test_who_asks_for_any_host_or_has_a_standby_alone_is_told_that_it_takes_no_writes(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved_through(pair.primary_url)
    assert pair.catches_up()
    with closing(PostgresRecords(resolve(pair.standby_url))) as records:
        assert [stored.variables for stored in records.strategies(TABLE)] == ['{"n":1}']

    def acquire(url: str) -> str:
        with closing(store_at(url)) as store, pytest.raises(UnavailableError) as raised:
            store.prepare(TABLE)
            acquired(store, "another")
        return str(raised.value)

    standby = f"PostgreSQL at {LOOPBACK}:{pair.standby.port}, "
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "any")
    for url in (pair.standby_url, f"{pair.url}?target_session_attrs=any", pair.url):
        told = acquire(url)
        assert told.startswith(standby)
        assert "is a standby" in told
