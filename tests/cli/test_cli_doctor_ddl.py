"""``stratvars doctor --ddl``: what an administrator runs, run with psql, and a strategy of the role after it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import psycopg.sql
import pytest
from commandline import Shell

from postgres.binaries import Binaries
from postgres.servers import Server
from postgres.stores import rows
from stratvars.store.postgres.statements import ddl, grants

BOT = """
    from stratvars import Strategy

    class Bot(Strategy):
        sleeptime = 0

        def on_trading_iteration(self):
            self.vars.n = self.vars.get("n", 0) + 1
"""
ODD_ROLE = "o'd \"role;-- %s"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    shell.write("bot.py", BOT)
    return shell


@pytest.fixture
def odd(pg: Server, pg_url: str, admin: psycopg.Connection) -> Iterator[str]:
    """The URL of a role with an odd name, which may not create."""
    name = psycopg.sql.Identifier(ODD_ROLE)
    admin.execute("REVOKE CREATE ON SCHEMA public FROM public")
    admin.execute(psycopg.sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'secret-word'").format(name))
    yield pg.url(pg_url.rpartition("/")[2], user=ODD_ROLE, password="secret-word")
    admin.execute(psycopg.sql.SQL("DROP OWNED BY {}").format(name))
    admin.execute(psycopg.sql.SQL("DROP ROLE {}").format(name))


def printed(shell: Shell, *arguments: str) -> str:
    done = shell.run("doctor", "--ddl", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def run_by_an_administrator(found: Binaries, url: str, text: str) -> None:
    """As ``stratvars doctor --ddl | psql`` does, in one transaction that the first error ends."""
    psql = [str(found.bin / "psql"), "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", url]
    done = subprocess.run(psql, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, "ERROR" in done.stderr) == (0, False), done.stderr


@pytest.mark.parametrize("table", ["vars_backup", 'new schema.odd "table"; -- :x 100% \\'])
def test_a_role_that_may_not_create_runs_a_strategy_once_an_administrator_ran_it(
    shell: Shell, found: Binaries, pg_url: str, odd: str, table: str
) -> None:
    where = ("--db", odd, "--table", table)
    run = ("run", "bot.py", "--max-iterations", "2", *where)
    assert shell.run(*run).returncode == 3
    assert shell.run("doctor", *where).returncode == 3
    text = printed(shell, *where)
    for _ in range(2):  # again for the next role, or in doubt
        run_by_an_administrator(found, pg_url, text)
    assert [shell.run(*run).returncode for _ in range(2)] == [0, 0]
    done = shell.run("doctor", *where)
    assert done.returncode == 0
    assert done.stderr.endswith(", warn 0, fail 0\n")
    assert '"n":4' in shell.run("show", "Bot", "--json", *where).stdout


def test_the_statements_alone_are_printed_and_nothing_is_connected(shell: Shell) -> None:
    text = printed(shell, "--db", "postgresql://bot:secret@no-such-host.invalid/db")
    assert text == ddl("vars_backup", "bot") + "\n"
    assert text.endswith(grants("vars_backup", "bot") + "\n")
    assert "secret" not in text


def test_the_role_may_be_named_and_goes_before_the_one_in_the_url(shell: Shell) -> None:
    for url in ("postgresql://bot@h/db", "postgresql://h/db"):
        text = printed(shell, "--db", url, "--role", "Other", "--table", "s.t")
        assert text == ddl("s.t", "Other") + "\n"
        assert 'GRANT USAGE ON SCHEMA "s" TO "Other";' in text
    assert 'TO "me";' in printed(shell, "--db", "postgresql://h/db?user=me")


@pytest.mark.parametrize(("role", "said"), [("", "as it was created"), ("\udcff", "is no text")])
def test_a_role_that_cannot_be_one_is_refused(shell: Shell, role: str, said: str) -> None:
    assert said in shell.refused("doctor", "--ddl", "--db", "postgresql://h/db", "--role", role)


def test_without_a_role_the_rights_are_left_out_and_a_line_says_how_to_add_them(shell: Shell) -> None:
    done = shell.run("doctor", "--ddl", "--db", "postgresql://h/db")
    assert done.returncode == 0
    assert "CREATE TABLE" in done.stdout
    assert "GRANT" not in done.stdout
    [line] = done.stderr.splitlines()
    assert "--role" in line


def test_tables_that_an_administrator_made_belong_to_them_and_the_role_may_do_no_more_than_it_needs(
    shell: Shell, found: Binaries, pg_url: str, guest: str, admin: psycopg.Connection
) -> None:
    run_by_an_administrator(found, pg_url, printed(shell, "--db", guest))
    assert rows(admin, "SELECT DISTINCT tableowner::text FROM pg_tables WHERE schemaname = 'public'") == [("postgres",)]
    query = (
        "SELECT table_name::text, string_agg(privilege_type, ' ' ORDER BY privilege_type) "
        "FROM information_schema.role_table_grants WHERE grantee = 'guest' GROUP BY 1 ORDER BY 1"
    )
    assert rows(admin, query) == [
        ("vars_backup", "INSERT SELECT UPDATE"),
        ("vars_backup_edits", "INSERT SELECT UPDATE"),
        ("vars_backup_history", "DELETE INSERT SELECT UPDATE"),
        ("vars_backup_writers", "DELETE INSERT SELECT UPDATE"),
    ]


@pytest.mark.parametrize("url", ["sqlite:///x.db", "memory://"])
def test_where_no_administrator_is_needed_the_sentence_says_so(shell: Shell, url: str) -> None:
    said = shell.refused("doctor", "--ddl", "--db", url)
    assert "needs no administrator" in said
    assert not (shell.folder / "x.db").exists()
    assert "(chosen by: default)" in shell.refused("doctor", "--ddl")
