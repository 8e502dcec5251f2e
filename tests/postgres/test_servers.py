from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from postgres import binaries
from postgres.binaries import VARIABLE, WHEEL, Binaries, NoServersError, found_servers, newest_first
from postgres.emptying import empty
from postgres.fixtures import Fleet
from postgres.places import Port
from postgres.processes import alive
from postgres.servers import Server, ServerError

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these kernel files and this promise")
# All that tests make in a database; ids from 16384 on are given to what was not there from the start.
CONTENTS = """
SELECT 'schema', nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_'
UNION ALL SELECT 'relation', oid::regclass::text, relkind::text FROM pg_class WHERE oid >= 16384
UNION ALL SELECT 'function', oid::regprocedure::text, '' FROM pg_proc WHERE oid >= 16384
UNION ALL SELECT 'type', oid::regtype::text, '' FROM pg_type WHERE oid >= 16384
UNION ALL SELECT 'setting', '', setconfig::text FROM pg_db_role_setting
ORDER BY 1, 2, 3
"""
MESS = """
CREATE TABLE kept (a text);
CREATE SCHEMA "an Other";
CREATE TABLE "an Other".kept (a serial PRIMARY KEY);
CREATE TYPE mood AS ENUM ('calm');
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE ALL ON SCHEMA public FROM public;
ALTER ROLE postgres SET synchronous_commit = off;
ALTER ROLE postgres SET default_transaction_read_only = on
"""


def answer(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def contents(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(CONTENTS.encode()).fetchall()


def test_each_version_starts_and_answers(pg_server: Server, any_pg_url: str) -> None:
    assert int(str(answer(any_pg_url, "SHOW server_version_num"))) // 10_000 == pg_server.version


def test_fsync_is_on(any_pg_url: str) -> None:
    assert answer(any_pg_url, "SHOW fsync") == "on"
    assert answer(any_pg_url, "SHOW synchronous_commit") == "on"
    assert answer(any_pg_url, "SHOW full_page_writes") == "on"


def test_a_server_listens_on_loopback_alone(any_pg_url: str) -> None:
    assert answer(any_pg_url, "SHOW listen_addresses") == "127.0.0.1"


def test_what_was_committed_survives_the_death_of_all_processes(pg_server: Server, any_pg_url: str) -> None:
    with psycopg.connect(any_pg_url) as writer:
        writer.execute("CREATE TABLE kept (word text)")
        writer.execute("INSERT INTO kept VALUES ('committed')")
        writer.commit()
        writer.execute("INSERT INTO kept VALUES ('open')")
        family = pg_server.processes()
        assert len(family) > 4
        pg_server.kill_hard()
        assert alive(family) == set()
        assert not pg_server.is_running
        with pytest.raises(psycopg.OperationalError):
            writer.commit()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(any_pg_url)
    pg_server.start()
    assert answer(any_pg_url, "SELECT string_agg(word, ',') FROM kept") == "committed"
    assert "automatic recovery in progress" in pg_server.log


def test_a_restart_keeps_the_url_and_what_was_committed(pg: Server, pg_url: str) -> None:
    with psycopg.connect(pg_url) as writer:
        writer.execute("CREATE TABLE kept AS SELECT 7 AS number")
    before = pg.pid
    pg.restart()
    assert pg.pid != before
    assert answer(pg_url, "SELECT number FROM kept") == 7


@pytest.mark.parametrize("wrong", ["", "wrong", "postgres"])
def test_a_wrong_password_is_refused(pg_server: Server, wrong: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(pg_server.url(password=wrong))


def test_an_unknown_user_is_refused_and_a_new_one_let_in(pg: Server, pg_url: str) -> None:
    database = urlsplit(pg_url).path[1:]
    url = pg.url(database, user="an other", password="p@ss:/w%rd")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url)
    with psycopg.connect(pg_url, autocommit=True) as admin:
        admin.execute("CREATE ROLE \"an other\" LOGIN PASSWORD 'p@ss:/w%rd'")
        try:
            assert answer(url, "SELECT current_user::text") == "an other"
        finally:
            admin.execute('DROP ROLE "an other"')


def test_the_unix_socket_asks_for_the_password_too(pg: Server) -> None:
    address = f"host={pg.folder} port={pg.port} user=postgres"
    with psycopg.connect(address, password=pg.password) as connection:
        assert connection.execute("SELECT inet_server_addr()").fetchone() == (None,)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(address, password="wrong")


@LINUX
def test_no_process_of_a_server_runs_as_root(pg_server: Server) -> None:
    status = [Path(f"/proc/{pid}/status").read_text() for pid in pg_server.processes()]
    [users] = {re.findall(r"^Uid:(.*)$", text, re.MULTILINE)[0] for text in status}
    assert len(set(users.split())) == 1
    assert "0" not in users.split()
    if os.geteuid() == 0:
        groups = {
            group
            for text in status
            for line in re.findall(r"^G(?:id|roups):(.*)$", text, re.MULTILINE)
            for group in line.split()
        }
        assert "0" not in groups


def test_a_server_is_out_of_reach_of_the_terminals_ctrl_c(pg: Server) -> None:
    assert os.getpgid(pg.pid) != os.getpgrp()


def test_a_server_outlives_the_thread_that_started_it(pg: Server) -> None:
    pg.stop()
    starter = threading.Thread(target=pg.start)
    starter.start()
    starter.join()
    assert not pg_ends_within(pg, 0.5)
    assert answer(pg.url(), "SELECT 1") == 1


def pg_ends_within(server: Server, seconds: float) -> bool:
    assert server._process is not None
    try:
        server._process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def test_starting_a_running_server_is_an_error(pg: Server) -> None:
    with pytest.raises(ServerError, match="running already"):
        pg.start()


def test_a_server_that_is_down_has_no_pid(pg: Server) -> None:
    pg.stop()
    pg.stop()
    with pytest.raises(ServerError, match="start"):
        _ = pg.pid


def test_a_server_that_a_test_left_down_is_running_for_the_next_one(fleet: Fleet, pg: Server) -> None:
    found = Binaries(pg.version, Path())
    pg.stop()
    assert fleet.get(found) is pg
    assert answer(pg.url(), "SELECT 1") == 1


@LINUX
def test_nobody_else_is_given_the_port_of_a_server_that_is_down(pg: Server) -> None:
    pg.stop()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", pg.port))
    pg.start()


def test_ports_held_at_the_same_time_are_different() -> None:
    ports = [Port() for _ in range(50)]
    assert len({port.number for port in ports}) == 50
    for port in ports:
        port.close()


def test_a_made_database_is_empty_and_goes_although_somebody_is_connected(pg: Server) -> None:
    url = pg.create_database()
    name = urlsplit(url).path[1:]
    with closing(psycopg.connect(url)) as somebody:
        somebody.execute("CREATE TABLE kept (a text)")
        pg.drop_database(url)
    assert answer(pg.url(), f"SELECT count(*) FROM pg_database WHERE datname = '{name}'") == 0


def test_an_emptied_database_is_as_good_as_a_new_one(pg_server: Server, any_pg_url: str) -> None:
    new = contents(pg_server.create_database())
    assert contents(any_pg_url) == new
    with (
        closing(psycopg.connect(any_pg_url, autocommit=True)) as owner,
        closing(psycopg.connect(any_pg_url)) as waiting,
    ):
        for statement in MESS.split(";"):
            owner.execute(statement.encode())
        waiting.execute("SELECT * FROM kept")
        assert len(contents(any_pg_url)) > len(new) + 5
        owner.execute("SET default_transaction_read_only = off")
        owner.execute(f'ALTER DATABASE "{urlsplit(any_pg_url).path[1:]}" SET statement_timeout = 1'.encode())
        empty(any_pg_url)
        with pytest.raises(psycopg.OperationalError):
            waiting.execute("SELECT 1")
    assert contents(any_pg_url) == new


def test_the_folder_in_the_environment_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    oldest = found_servers()[-1]
    monkeypatch.setenv(VARIABLE, str(oldest.bin.parent))
    assert found_servers()[-1] == Binaries(oldest.version, oldest.bin)
    assert binaries.named_folders() == [oldest.bin]


def test_a_folder_without_a_server_in_the_environment_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(NoServersError, match=f"^{VARIABLE} must name a folder"):
        found_servers()


def test_the_newest_comes_first_and_the_first_of_a_version_counts() -> None:
    found = found_servers()
    assert [each.version for each in found] == sorted({each.version for each in found}, reverse=True)
    copies = [each.bin / "." / ".." / "bin" for each in found]
    assert newest_first([*(each.bin for each in reversed(found)), *copies]) == found


def test_the_wheels_servers_are_found_and_the_wheel_is_not_imported() -> None:
    assert {newest_first([folder])[0].version for folder in binaries.wheel_folders()} >= {16, 18}
    assert WHEEL not in sys.modules


def test_no_server_at_all_is_an_error_that_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(NoServersError, match=f"development extra .* or set {VARIABLE}"):
        newest_first([tmp_path])


def test_without_a_server_the_tests_fail_and_are_not_skipped(tmp_path: Path) -> None:
    tests = Path(__file__).parent
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:xdist", "-k", "fsync_is_on", "-rA", str(tests / "test_servers.py")],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, VARIABLE: str(tmp_path)},
        cwd=tests.parent.parent,
    )
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout + run.stderr
    assert f"NoServersError: {VARIABLE} must name a folder" in run.stdout
    assert "skipped" not in run.stdout


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(found: Binaries) -> None:
    server = Server(found, settings={"no_such_setting": "1"})
    with pytest.raises(ServerError, match=r'ready(.|\n)*unrecognized .* "no_such_setting"'):
        server.__enter__()
    assert not server.folder.exists()
