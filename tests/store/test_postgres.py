"""What is true of the PostgreSQL store alone: rights, names, locks, lost connections, and what an error may say."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from postgres.proxy import Proxy
from postgres.servers import Server
from postgres.waiting import eventually
from stratvars.errors import RefusedError, UnavailableError
from stratvars.revision import Claim, Holder, Revision, Saved, WentBack
from stratvars.settings import resolve
from stratvars.store.base import Store
from stratvars.store.postgres import connect
from stratvars.store.postgres.records import PostgresRecords
from stratvars.store.postgres.statements import ddl, table_names
from stratvars.store.postgres.store import PostgresStore
from stratvars.testing import TABLE, StoreContract, revision_of

CANARY = "sk-canary-4711"


def store_at(url: str) -> PostgresStore:
    return PostgresStore(resolve(url))


class TestPostgresStore(StoreContract):
    @pytest.fixture(autouse=True)
    def server(self, any_pg_url: str) -> None:
        self.url = any_pg_url

    def open(self, place: Path) -> Store:
        return store_at(self.url)


@pytest.fixture
def store(pg_url: str) -> Iterator[PostgresStore]:
    with closing(store_at(pg_url)) as store:
        store.prepare(TABLE)
        yield store


@pytest.fixture
def admin(pg_url: str) -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(pg_url, autocommit=True)) as connection:
        yield connection


@pytest.fixture
def guest(pg: Server, pg_url: str, admin: psycopg.Connection) -> Iterator[str]:
    """The URL of a role without any right of its own."""
    admin.execute("REVOKE CREATE ON SCHEMA public FROM public")
    admin.execute("CREATE ROLE guest LOGIN PASSWORD 'secret-word'")
    yield pg.url(urlsplit(pg_url).path[1:], user="guest", password="secret-word")
    admin.execute("DROP OWNED BY guest")
    admin.execute("DROP ROLE guest")


def acquired(store: Store, strategy: str = "bot", table: str = TABLE) -> Claim:
    claim = store.acquire(table, strategy, "me", "start-1")
    assert isinstance(claim, Claim)
    return claim


def nth(claim: Claim, number: int, text: str | None = None) -> Revision:
    return revision_of(claim, {"n": text or str(number)}, follows=number - 1)


def rows(connection: psycopg.Connection, query: str) -> list[tuple[object, ...]]:
    return connection.execute(query.encode()).fetchall()


def history(admin: psycopg.Connection) -> list[object]:
    return [number for (number,) in rows(admin, "SELECT revision FROM vars_backup_history ORDER BY epoch, revision")]


def said(error: BaseException | None) -> str:
    """Everything that a traceback of the error could show."""
    text = ""
    while error is not None:
        text += f"{error!s} {error!r} "
        error = error.__cause__ or error.__context__
    return text


def test_the_contracts_table_has_its_four_columns(store: PostgresStore, admin: psycopg.Connection) -> None:
    store.save([revision_of(acquired(store), {"trade_count": "5", "last_price": "102.5"})])
    columns = rows(
        admin,
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns "
        "WHERE table_name = 'vars_backup' ORDER BY ordinal_position",
    )
    assert columns == [
        ("id", "text", "NO"),
        ("last_updated", "timestamp with time zone", "NO"),
        ("variables", "text", "NO"),
        ("strategy_id", "text", "NO"),
    ]
    constraints = rows(
        admin, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'vars_backup'::regclass"
    )
    assert {("PRIMARY KEY (id)",), ("UNIQUE (strategy_id)",)} <= set(constraints)
    external = rows(admin, "SELECT attname FROM pg_attribute WHERE attstorage = 'e' AND attrelid >= 16384 ORDER BY 1")
    assert {("variables",), ("changed",)} <= set(external)
    stored = rows(admin, "SELECT strategy_id, variables, length(id) FROM vars_backup")
    assert stored == [("bot", '{"trade_count":5,"last_price":102.5}', 36)]


ODD = ["MyTable", "vars-backup", "select", "it's", 'say "hi"', "100%", "%s", "%(id)s", "{T}", '"T"', " ", "таблица"]


@pytest.mark.parametrize("table", [*ODD, "x" * 55, "a.b.c", ".x", "x."])
def test_any_name_works_for_a_table(pg_url: str, admin: psycopg.Connection, table: str) -> None:
    with closing(store_at(pg_url)) as store, closing(PostgresRecords(resolve(pg_url))) as records:
        assert records.strategies(table) == []
        store.prepare(table)
        claim = acquired(store, table=table)
        for number in range(1, 9):  # enough for the driver to prepare the statement
            assert store.save([nth(claim, number)]) == [Saved(number)]
        assert store.load(claim) is not None
        assert store.names(table) == ["bot"]
        assert [stored.variables for stored in records.strategies(table)] == ['{"n":8}']
    made = {name for (name,) in rows(admin, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert made == {table, f"{table}_writers", f"{table}_history"}


def test_a_name_with_one_dot_is_a_table_in_a_schema(pg_url: str, admin: psycopg.Connection) -> None:
    with closing(store_at(pg_url)) as store:
        with pytest.raises(RefusedError, match="CREATE SCHEMA"):
            store.prepare("My bots.state")
        admin.execute('CREATE SCHEMA "My bots"')
        store.prepare("My bots.state")
        assert store.save([nth(acquired(store, table="My bots.state"), 1)]) == [Saved(1)]
    assert rows(admin, 'SELECT variables FROM "My bots".state') == [('{"n":1}',)]


def test_a_role_that_may_not_create_is_told_what_an_administrator_runs(guest: str, admin: psycopg.Connection) -> None:
    with closing(store_at(guest)) as store:
        with pytest.raises(RefusedError) as told:
            store.prepare("100%")
        assert ddl("100%", "guest") in str(told.value)
        admin.execute(ddl("100%").encode())
        with pytest.raises(RefusedError, match="GRANT SELECT, INSERT, UPDATE ON"):
            store.prepare("100%")
        for line in ddl("100%", "guest").splitlines():
            if line.startswith("GRANT"):
                admin.execute(line.encode())
        store.prepare("100%")
        claim = acquired(store, table="100%")
        assert store.save([nth(claim, 1)]) == [Saved(1)]
        store.release(claim)


def test_a_role_that_may_only_read_sees_the_states(store: PostgresStore, guest: str, admin: psycopg.Connection) -> None:
    store.save([nth(acquired(store), 1)])
    with closing(PostgresRecords(resolve(guest))) as records:
        with pytest.raises(RefusedError, match="permission denied for table vars_backup"):
            records.strategies(TABLE)
        admin.execute("GRANT SELECT ON vars_backup, vars_backup_writers TO guest")
        [stored] = records.strategies(TABLE)
        assert (stored.variables, stored.foreign, stored.revision) == ('{"n":1}', False, 1)
        assert records.current(TABLE, "bot") is not None
        assert records.current(TABLE, "nobody") is None


@pytest.mark.parametrize(
    "shape",
    [
        "id text, variables text",
        "id text PRIMARY KEY, last_updated timestamptz, variables jsonb, strategy_id text UNIQUE",
        "id text PRIMARY KEY, last_updated timestamptz, variables text, strategy_id text",
        "id text PRIMARY KEY, last_updated timestamptz, variables text, strategy_id text UNIQUE, mine int NOT NULL",
        "id text PRIMARY KEY, last_updated timestamp, variables text, strategy_id text UNIQUE",
    ],
)
def test_a_table_of_another_shape_is_left_as_it_is(pg_url: str, admin: psycopg.Connection, shape: str) -> None:
    admin.execute(f"CREATE TABLE vars_backup ({shape})".encode())
    with closing(store_at(pg_url)) as store, pytest.raises(RefusedError, match="backup_table_name"):
        store.prepare(TABLE)
    assert rows(admin, "SELECT * FROM vars_backup") == []


@pytest.mark.parametrize(
    ("change", "kind", "remedy"),
    [
        ({"password": CANARY}, RefusedError, "password .* DB_CONNECTION_STR"),
        ({"user": "nobody", "password": CANARY}, RefusedError, "DB_CONNECTION_STR"),
        ({"database": "nowhere"}, RefusedError, "CREATE DATABASE"),
    ],
)
def test_a_login_that_is_refused_names_the_remedy_and_no_password(
    pg: Server, change: dict[str, str], kind: type[Exception], remedy: str
) -> None:
    with closing(store_at(pg.url(**change))) as store, pytest.raises(kind, match=remedy) as raised:
        store.prepare(TABLE)
    assert CANARY not in said(raised.value)
    assert pg.password not in said(raised.value)
    assert raised.value.__context__ is None


@pytest.mark.parametrize("host", ["no-such-host.invalid", "127.0.0.1:1"])
def test_a_host_that_is_not_there_is_trouble(host: str) -> None:
    url = f"postgresql://me:{CANARY}@{host}/db"
    with closing(store_at(url)) as store, pytest.raises(UnavailableError, match="DB_CONNECTION_STR") as raised:
        store.prepare(TABLE)
    assert type(raised.value) is UnavailableError
    assert CANARY not in said(raised.value)


def test_a_url_that_the_client_does_not_know_is_refused_without_its_password() -> None:
    with closing(store_at(f"postgresql://me:{CANARY}@h/db?colour=red")) as store:
        with pytest.raises(RefusedError, match="parameter") as raised:
            store.prepare(TABLE)
        assert CANARY not in said(raised.value)


def watch_commit(store: PostgresStore, admin: psycopg.Connection, claim: Claim) -> object:
    """The synchronous_commit of a save, looked at by a trigger inside of it."""
    admin.execute("CREATE TABLE seen (level text)")
    admin.execute(
        "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN INSERT INTO seen VALUES (current_setting(''synchronous_commit'')); RETURN NULL; END'"
    )
    admin.execute("CREATE TRIGGER look AFTER INSERT ON vars_backup_history FOR EACH ROW EXECUTE FUNCTION look()")
    assert store.save([nth(claim, 1)]) == [Saved(1)]
    return rows(admin, "SELECT level FROM seen")


@pytest.mark.parametrize(("default", "used"), [("off", "on"), ("local", "local"), ("remote_apply", "remote_apply")])
def test_a_commit_that_would_not_be_durable_is_made_so_and_a_stronger_one_kept(
    pg_url: str, admin: psycopg.Connection, default: str, used: str
) -> None:
    admin.execute(f"ALTER ROLE postgres SET synchronous_commit = {default}".encode())
    with closing(store_at(pg_url)) as store:
        store.prepare(TABLE)
        assert watch_commit(store, admin, acquired(store)) == [(used,)]
        connection = store._session._connection
        assert connection is not None
        assert connection.execute("SHOW synchronous_commit").fetchone() == (default,), "and only inside of the save"


@pytest.mark.parametrize("before", [0, 20])  # from the sixth on it is prepared, later the server keeps one plan
def test_a_row_that_somebody_locks_is_trouble_after_a_second(
    store: PostgresStore, pg_url: str, admin: psycopg.Connection, before: int
) -> None:
    claim = acquired(store)
    for number in range(1, before + 1):
        store.save([nth(claim, number)])
    with psycopg.connect(pg_url) as other:
        other.execute("SELECT FROM vars_backup_writers FOR UPDATE")
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="lock"):
            store.save([nth(claim, before + 1)])
        assert 0.8 < time.monotonic() - started < 3
    assert store.save([nth(claim, before + 1)]) == [Saved(before + 1)]


def waits(admin: psycopg.Connection, many: int = 1) -> bool:
    return len(rows(admin, "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'")) == many


@pytest.mark.parametrize("ghost", [1, 2])
def test_a_save_that_waits_for_its_own_ghost_is_saved_once(
    store: PostgresStore, pg_url: str, admin: psycopg.Connection, ghost: int
) -> None:
    # The ghost: the same save, sent before the connection was lost, whose commit is just landing.
    from stratvars.store.postgres.store import _save_one

    claim = acquired(store)
    assert store.save([nth(claim, 1)]) == [Saved(1)]
    outcome: list[object] = []
    with connect.WatchedConnection.connect(pg_url) as other:
        assert _save_one(other, nth(claim, 2)) == Saved(2)
        mine = nth(claim, 1 + ghost)
        thread = threading.Thread(target=lambda: outcome.extend(store.save([mine])))
        thread.start()
        assert eventually(lambda: waits(admin))
        other.commit()
        thread.join()
    assert outcome == [Saved(1 + ghost)], "it saw the row as the ghost left it, not as it was before the wait"
    assert history(admin) == [*range(1, 2 + ghost)]
    assert rows(admin, "SELECT variables FROM vars_backup") == [(f'{{"n":{1 + ghost}}}',)]


def test_two_first_starts_at_once_never_both_get_the_strategy(pg_url: str, store: PostgresStore) -> None:
    answers: list[object] = []
    barrier = threading.Barrier(8)

    def start(number: int) -> None:
        with closing(store_at(pg_url)) as mine:
            mine.prepare(TABLE)
            barrier.wait()
            answers.append(mine.acquire(TABLE, "bot", f"owner-{number}", f"start-{number}"))

    threads = [threading.Thread(target=start, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert sum(isinstance(answer, Claim) for answer in answers) == 1


def test_of_two_that_wait_to_take_over_from_the_same_dead_one_takes_over(
    store: PostgresStore, pg_url: str, admin: psycopg.Connection
) -> None:
    dead = acquired(store)
    answers: list[object] = []

    def take(number: int) -> None:
        with closing(store_at(pg_url)) as mine:
            mine.prepare(TABLE)
            holder = Holder(dead.epoch, dead.owner)
            answers.append(mine.acquire(TABLE, "bot", f"owner-{number}", f"taker-{number}", take_over=holder))

    threads = [threading.Thread(target=take, args=(number,)) for number in range(2)]
    with psycopg.connect(pg_url) as other:
        other.execute("SELECT FROM vars_backup_writers FOR UPDATE")
        for thread in threads:
            thread.start()
        assert eventually(lambda: waits(admin, 2), 0.9)
    for thread in threads:
        thread.join()
    assert sorted(type(answer).__name__ for answer in answers) == ["Claim", "Holder"]


def test_a_role_without_a_free_connection_is_trouble_that_may_end(guest: str, admin: psycopg.Connection) -> None:
    admin.execute("ALTER ROLE guest CONNECTION LIMIT 0")
    with closing(store_at(guest)) as store, pytest.raises(UnavailableError, match="no connection left") as raised:
        store.prepare(TABLE)
    assert type(raised.value) is UnavailableError


def test_a_server_that_is_down_is_trouble_and_is_used_again_when_it_is_back(
    pg: Server, store: PostgresStore, admin: psycopg.Connection
) -> None:
    claim = acquired(store)
    assert store.save([nth(claim, 1)]) == [Saved(1)]
    pg.kill_hard()
    for _ in range(2):
        with pytest.raises(UnavailableError) as raised:
            store.save([nth(claim, 2)])
        assert type(raised.value) is UnavailableError
    pg.start()
    assert store.save([nth(claim, 2)]) == [Saved(2)]


def test_batches_that_name_the_same_strategies_in_another_order_do_not_wait_for_each_other(
    store: PostgresStore, pg_url: str
) -> None:
    first, second = acquired(store, "a"), acquired(store, "b")
    troubles: list[Exception] = []

    def save(order: list[Claim]) -> None:
        with closing(store_at(pg_url)) as mine:
            for number in range(1, 60):
                try:
                    mine.save([nth(claim, number) for claim in order])
                except UnavailableError as error:
                    troubles.append(error)

    threads = [threading.Thread(target=save, args=(order,)) for order in ([first, second], [second, first])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    stored = store.load(first)
    assert stored is not None
    assert stored.revision == 59


def test_a_connection_ended_by_the_server_costs_one_save_at_most(
    store: PostgresStore, admin: psycopg.Connection
) -> None:
    claim = acquired(store)
    assert store.save([nth(claim, 1)]) == [Saved(1)]
    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stratvars'")
    with pytest.raises(UnavailableError):
        store.save([nth(claim, 2)])
    assert store.save([nth(claim, 2)]) == [Saved(2)]
    assert history(admin) == [1, 2]


def test_a_silent_network_is_given_up_and_used_again_when_it_is_back(
    pg_url: str, proxy: Proxy, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "SILENCE", 1.0)
    with closing(store_at(proxy.url(pg_url))) as store:
        store.prepare(TABLE)
        claim = acquired(store)
        proxy.black_hole(True)
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="silent"):
            store.save([nth(claim, 1, f'"{CANARY}"')])
        assert time.monotonic() - started < 4
        proxy.black_hole(False)
        assert store.save([nth(claim, 1, f'"{CANARY}"')]) == [Saved(1)]
    assert history(admin) == [1]


def test_a_save_is_one_round_trip(pg_url: str, proxy: Proxy) -> None:
    with closing(store_at(proxy.url(pg_url))) as store:
        store.prepare(TABLE)
        claim = acquired(store)
        for number in range(1, 10):
            before = proxy.counts
            assert store.save([nth(claim, number)]) == [Saved(number)]
            # The sixth is the first that is prepared: the driver asks once more for that.
            assert (proxy.counts - before).round_trips <= (2 if number == 6 else 1)


def test_a_role_that_reads_by_default_can_still_save(pg_url: str, admin: psycopg.Connection) -> None:
    admin.execute("ALTER ROLE postgres SET default_transaction_read_only = on")
    with closing(store_at(pg_url)) as store:
        store.prepare(TABLE)
        claim = acquired(store)
        assert [store.save([nth(claim, number)]) for number in (1, 2)] == [[Saved(1)], [Saved(2)]]


def test_a_role_that_is_repeatable_read_by_default_can_still_save_beside_another(
    pg_url: str, admin: psycopg.Connection
) -> None:
    admin.execute("ALTER ROLE postgres SET default_transaction_isolation = 'repeatable read'")
    with closing(store_at(pg_url)) as store, psycopg.connect(pg_url) as other:
        store.prepare(TABLE)
        claim = acquired(store)
        other.execute("UPDATE vars_backup_writers SET reason = 'beat'")
        outcome: list[object] = []
        thread = threading.Thread(target=lambda: outcome.extend(store.save([nth(claim, 1)])))
        thread.start()
        assert eventually(lambda: waits(admin))
        other.commit()
        thread.join()
        assert outcome == [Saved(1)]


def test_tables_dropped_under_a_running_bot_are_made_anew_and_noticed(
    store: PostgresStore, admin: psycopg.Connection
) -> None:
    claim = acquired(store)
    store.save([nth(claim, 1)])
    admin.execute("DROP TABLE vars_backup, vars_backup_writers, vars_backup_history")
    assert store.save([nth(claim, 2)]) == [WentBack(0, 0)]
    again = store.acquire(TABLE, "bot", "me", "start-1", above=(1, 2))
    assert isinstance(again, Claim)
    assert store.save([revision_of(again, {"n": "2"})]) == [Saved(3)]


def test_statements_lost_by_a_pooler_are_sent_without_being_prepared(store: PostgresStore) -> None:
    claim = acquired(store)
    for number in range(1, 8):
        store.save([nth(claim, number)])
    connection = store._session._connection
    assert connection is not None
    connection.pgconn.exec_(b"DEALLOCATE ALL")
    assert store.save([nth(claim, 8)]) == [Saved(8)]
    again = store._session._connection
    assert again is not None
    assert again.prepare_threshold is None


START = """
import sys
from stratvars.settings import resolve
from stratvars.store.postgres.store import PostgresStore
from stratvars.testing import TABLE, revision_of
store = PostgresStore(resolve(sys.argv[1]))
store._session._open()
print("ready", flush=True)
sys.stdin.readline()
store.prepare(TABLE)
claim = store.acquire(TABLE, sys.argv[2], "me", sys.argv[2])
print(store.save([revision_of(claim, {"x": "1"})]))
"""


def test_many_processes_start_at_once_on_an_empty_database(pg_url: str, admin: psycopg.Connection) -> None:
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", START, pg_url, f"bot-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in range(16)
    ]
    for start in starts:
        assert start.stdout is not None
        assert start.stdout.readline() == "ready\n"
    for start in starts:
        assert start.stdin is not None
        start.stdin.write("go\n")
        start.stdin.flush()
    assert {start.communicate(timeout=60)[0] for start in starts} == {"[Saved(number=1)]\n"}
    assert rows(admin, "SELECT count(*) FROM vars_backup") == [(16,)]


@pytest.mark.parametrize(
    "trouble",
    [
        "ALTER TABLE vars_backup ADD CHECK (length(variables) < 3)",
        "ALTER TABLE vars_backup_history ADD CHECK (length(changed) < 3)",
        "ALTER TABLE vars_backup ALTER variables TYPE varchar(10)",
        "ALTER TABLE vars_backup ALTER variables TYPE integer USING 1",
        "REVOKE ALL ON vars_backup FROM guest",
    ],
)
def test_no_error_shows_the_value_of_a_variable(
    store: PostgresStore, guest: str, admin: psycopg.Connection, trouble: str
) -> None:
    for line in ddl(TABLE, "guest").splitlines():
        if line.startswith("GRANT"):
            admin.execute(line.encode())
    with closing(store_at(guest)) as mine:
        mine.prepare(TABLE)
        claim = acquired(mine)
        admin.execute(trouble.encode())
        with pytest.raises(UnavailableError) as raised:
            mine.save([revision_of(claim, {"key": f'"{CANARY}"'})])
    assert CANARY not in said(raised.value)
    assert raised.value.__context__ is None


def test_names_of_tables_are_quoted_and_taken_apart_at_one_dot() -> None:
    assert table_names("a.b")["T_writers"] == '"a"."b_writers"'
    assert table_names("a.b.c")["T"] == '"a.b.c"'
    assert table_names('x"y')["T"] == '"x""y"'
