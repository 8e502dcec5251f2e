"""What the doctor says of a pooler, and that what it says of the promises behind one holds."""

from __future__ import annotations

from contextlib import ExitStack, closing

import psycopg
import pytest
from examined import bad, facts_on

from postgres.pooler import Mode, Pooler, pooler
from postgres.proxy import Proxy
from postgres.servers import Server
from postgres.standby import Pair
from postgres.stores import history, rows, store_at
from stratvars import Backup
from stratvars.errors import StratvarsError
from stratvars.revision import Holder
from stratvars.settings import resolve
from stratvars.store.fact import Fact, Grade
from stratvars.store.opening import examine
from stratvars.store.postgres import connect
from stratvars.store.postgres.pooler import names_in
from stratvars.testing import TABLE


def about(url: str) -> list[Fact]:
    return [fact for fact in examine(resolve(url), TABLE).facts if fact.name == "pooler"]


def test_without_one_nothing_is_said_and_a_network_is_none(pg_url: str, proxy: Proxy) -> None:
    assert about(pg_url) == []
    assert about(proxy.url(pg_url)) == []
    assert proxy.counts.connections > 0


def test_one_that_lends_for_a_session_is_told_and_keeps_every_promise(pg: Server, pg_url: str) -> None:
    with pooler(pg.port, Mode.SESSION) as between:
        [fact] = about(between.url(pg_url))
    assert fact.grade is Grade.OK
    assert "for as long as a process is connected: every promise holds" in fact.text


@pytest.mark.parametrize("renames", [True, False])
@pytest.mark.parametrize("size", [1, 3])
def test_one_that_lends_for_a_transaction_is_told_with_whether_it_knows_prepared_statements(
    pg: Server, pg_url: str, admin: psycopg.Connection, renames: bool, size: int
) -> None:
    with pooler(pg.port, Mode.TRANSACTION, size=size, renames=renames) as between:
        url = between.url(pg_url)
        facts = facts_on(url)
        assert bad(facts) == ({} if renames else {"pooler": Grade.WARN})
        [fact] = about(url)
        with closing(psycopg.connect(url, autocommit=True)) as next_client:
            left = rows(next_client, "SELECT name FROM pg_prepared_statements WHERE name LIKE '\\_pg3%'")
    assert "for a transaction: every promise holds" in fact.text
    assert ("max_prepared_statements" in fact.remedy) == (not renames)
    assert left == [], "what the doctor tried stays with nobody"
    assert rows(admin, "SELECT FROM pg_tables WHERE schemaname = 'public'") == []


def test_one_that_lends_its_connections_in_turns_is_told_by_that(pg: Server, pg_url: str) -> None:
    with pooler(pg.port, Mode.TRANSACTION, size=5, in_turns=True) as between, ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(closing(psycopg.connect(between.url(pg_url))))
        [fact] = about(between.url(pg_url))
    assert "for a transaction" in fact.text


@pytest.mark.torture
def test_one_in_front_of_a_standby_is_told_as_any_other(pair: Pair) -> None:
    with pooler(pair.standby.port, Mode.TRANSACTION) as between:
        [fact] = about(between.url(pair.standby_url))
    assert "for a transaction" in fact.text


def test_one_in_which_another_client_left_a_prepared_statement_is_told_all_the_same(pg: Server, pg_url: str) -> None:
    with pooler(pg.port, Mode.TRANSACTION, size=1) as between:
        with closing(psycopg.connect(between.url(pg_url), autocommit=True)) as other:
            other.execute("SELECT 1", prepare=True)
        [fact] = about(between.url(pg_url))
    assert fact.grade is Grade.WARN
    assert "does not know prepared statements" in fact.text


def test_one_that_lends_for_a_statement_is_a_failure_and_no_strategy_starts_there(pg: Server, pg_url: str) -> None:
    with pooler(pg.port, Mode.STATEMENT) as between:
        [fact] = about(between.url(pg_url))
        assert fact.grade is Grade.FAIL
        assert "no strategy can start" in fact.text
        with pytest.raises(StratvarsError):
            Backup("bot", between.url(pg_url), start_timeout=0).open()


def test_one_with_no_connection_left_is_a_warning(pg: Server, pg_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "SILENCE", 0.3)
    monkeypatch.setattr(connect, "CANCEL", 0.1)
    with pooler(pg.port, Mode.SESSION, size=1) as between:
        [fact] = about(between.url(pg_url))
    assert fact.grade is Grade.WARN
    assert "gave a second client no connection" in fact.text
    assert "default_pool_size" in fact.remedy


def test_options_that_do_not_arrive_are_a_warning(pg: Server, pg_url: str) -> None:
    options = "?options=-c%20search_path%3Dbots%20--work-mem%3D5MB"
    for drops in (True, False):
        with pooler(pg.port, Mode.SESSION, drops_options=drops) as between:
            found = [
                fact.text.partition("drops ")[2].partition(" ")[0] for fact in about(between.url(pg_url) + options)
            ]
        assert found == (["", "search_path", "work_mem"] if drops else [""])


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ("", []),
        ("-c search_path=bots", ["search_path"]),
        ("-csearch_path=bots -c work_mem=1MB", ["search_path", "work_mem"]),
        ("--search-path=bots", ["search_path"]),
        ("-c app.name='a b=c' -c Jit=off", ["app.name", "jit"]),
        ("-c 'broken", []),
    ],
)
def test_the_settings_that_options_name_are_read_as_the_server_reads_them(options: str, names: list[str]) -> None:
    assert names_in(options) == names


def interleave(between: Pooler, url: str) -> int:
    """Two strategies save in turns; how often a connection was lent for it."""
    with Backup("a", between.url(url)) as a, Backup("b", between.url(url)) as b:
        before = between.lends
        for number in range(20):
            for backup in (a, b):
                backup.vars.n = number
                backup.save()
        return between.lends - before


@pytest.mark.parametrize("renames", [True, False])
def test_strategies_behind_one_that_lends_for_a_transaction_keep_every_revision_and_one_writer(
    pg: Server, pg_url: str, admin: psycopg.Connection, renames: bool
) -> None:
    with pooler(pg.port, Mode.TRANSACTION, size=1, renames=renames) as between:
        assert interleave(between, pg_url) >= 40, "each save is lent one"
        for name in ("a", "b"):
            with Backup(name, between.url(pg_url)) as again:
                assert again.vars.n == 19
                with closing(store_at(between.url(pg_url))) as second:
                    assert isinstance(second.acquire(TABLE, name, "me", "start-2"), Holder), "it is kept out"
    changed = "SELECT changed FROM vars_backup_history WHERE strategy_id = 'a' AND reason = 'manual' ORDER BY revision"
    assert [text for (text,) in rows(admin, changed)] == [f'{{"n":{number}}}' for number in range(20)]
    assert len(history(admin)) >= 42
