"""What a PostgreSQL URL asks for beside the address: encryption, parameters, password files, services."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from postgres.places import LOOPBACK
from postgres.servers import Server
from postgres.stores import CANARY, store_at
from postgres.urls import forget_environment, refused, saved_through
from stratvars.testing import TABLE


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_environment(monkeypatch, tmp_path)


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_a_server_without_encryption_is_used_where_none_is_demanded(mode: str, pg_url: str) -> None:
    assert saved_through(f"{pg_url}?sslmode={mode}")[0] == "postgres"


@pytest.mark.parametrize("query", ["sslmode=require", "ssl=true", "sslmode=require&channel_binding=prefer"])
def test_encryption_that_is_demanded_and_not_offered_is_refused_with_the_remedy(query: str, pg_url: str) -> None:
    told = refused(f"{pg_url}?{query}")
    assert "offers no encryption, and sslmode demands it; turn it on in the server, or take sslmode out of DB_" in told


@pytest.fixture
def encrypting() -> Iterator[int]:
    """The port of somebody who offers encryption, and then waits for the client to begin with it."""
    with closing(socket.create_server((LOOPBACK, 0))) as listener:
        thread = threading.Thread(target=offer_encryption, args=[listener])
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def offer_encryption(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with closing(connection):
        assert len(connection.recv(8)) == 8
        connection.sendall(b"S")
        connection.recv(1)


@pytest.mark.parametrize("file", ["sslmode=verify-full&sslrootcert=", "sslmode=require&sslkey=/none&sslcert="])
def test_a_certificate_that_cannot_be_checked_is_refused_with_the_remedy(file: str, encrypting: int) -> None:
    told = refused(f"postgresql://me:{CANARY}@{LOOPBACK}:{encrypting}/db?{file}{__file__}")
    assert "does not pass the check of certificates that sslmode demands; correct sslmode or sslrootcert in" in told
    assert CANARY not in told


def settings_by(url: str, names: Mapping[str, str]) -> tuple[dict[str, str], Mapping[str, str]]:
    """What the server, and the client, have set on a connection of ours."""
    with closing(store_at(url)) as store:
        store.prepare(TABLE)
        connection = store._session._connection
        assert connection is not None
        found = {name: connection.execute("SELECT current_setting(%s)", [name]).fetchone() for name in names}
        return {name: row[0] for name, row in found.items() if row is not None}, connection.info.get_parameters()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("application_name=my%20bot", {"application_name": "my bot"}),
        ("fallback_application_name=mine", {"application_name": "mine"}),
        (
            "options=-c%20search_path%3Dother%2Cpublic%20-c statement_timeout=4321",
            {"search_path": "other,public", "statement_timeout": "4321ms"},
        ),
        ("client_encoding=latin1", {"client_encoding": "UTF8"}),
        ("client_encoding=utf8&gssencmode=disable", {"client_encoding": "UTF8"}),
    ],
)
def test_parameters_of_the_server_are_set(query: str, expected: dict[str, str], pg_url: str) -> None:
    assert settings_by(f"{pg_url}?{query}", expected)[0] == expected


def test_parameters_of_the_client_win_over_the_environment_and_both_over_ours(
    pg_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def used(url: str) -> tuple[str, str, str]:
        _, found = settings_by(url, {})
        return found["connect_timeout"], found["keepalives_idle"], found["tcp_user_timeout"]

    assert used(pg_url) == ("5", "10", "2000")
    assert used(f"{pg_url}?connect_timeout=7&keepalives_idle=33&tcp_user_timeout=1234") == ("7", "33", "1234")
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "6")
    assert used(pg_url)[0] == "6"
    assert used(f"{pg_url}?connect_timeout=7")[0] == "7"


def test_a_password_file_is_read(pg: Server, pg_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "my passwords"
    file.write_text(f"{LOOPBACK}:{pg.port}:*:postgres:{pg.password}\n")
    file.chmod(0o600)
    bare = pg_url.replace(pg_url[pg_url.index(":", 13) : pg_url.index("@")], "")
    assert pg.password not in bare
    assert saved_through(f"{bare}?passfile={file}")[0] == "postgres"
    monkeypatch.setenv("PGPASSFILE", str(file))
    assert saved_through(bare)[0] == "postgres"
    monkeypatch.delenv("PGPASSFILE")
    assert "says that the password or the user name is wrong" in refused(f"{bare}?passfile={tmp_path}/none")


def test_a_service_is_read(pg: Server, pg_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = urlsplit(pg_url).path[1:]
    file = tmp_path / "services"
    lines = f"host={LOOPBACK}\nport={pg.port}\nuser=postgres\npassword={pg.password}\napplication_name=served"
    file.write_text(f"[mine]\n{lines}\ndbname={database}\n[dead]\n{lines}\nport=1\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    assert saved_through("postgresql://?service=mine") == ("postgres", database, "served")
    told = refused("postgresql:///?service=none")
    assert "PostgreSQL at the service none:?, database '?', user '?': the client does not take the value of" in told
    monkeypatch.setenv("PGSERVICE", "mine")
    assert saved_through("postgresql://") == ("postgres", database, "served")
    assert f"{LOOPBACK}:{pg.port}, database 'nowhere'" in refused("postgresql:///nowhere")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        (f"charset={CANARY}", "charset"),
        (f"ssl={CANARY}", "ssl"),
        (f"sslmode=prefer&pool_size={CANARY}", "pool_size"),
        (f"prepared_statement_cache_size={CANARY}&sslmode=prefer", "prepared_statement_cache_size"),
        (f"SSLMODE={CANARY}", "SSLMODE"),
        (f"ssl=true&p%6Fol={CANARY}", "pool"),
    ],
)
def test_a_parameter_that_the_client_does_not_know_is_named_without_its_value(
    query: str, name: str, pg_url: str
) -> None:
    told = refused(f"{pg_url}?{query}")
    assert f"has the parameter {name} that the client does not know; remove it" in told
    assert CANARY not in told
    assert ("sslmode=require" in told) is (name == "ssl")


def test_the_rest_of_a_password_is_not_named_as_a_parameter(pg_url: str) -> None:
    told = refused(f"{pg_url}?password=sk&{CANARY.replace('-', '_')}=")
    assert "has a parameter that the client does not know" in told
    assert "canary" not in told


@pytest.mark.parametrize(
    ("query", "name"),
    [
        *((f"{name}={CANARY}", name) for name in ("sslmode", "connect_timeout", "keepalives", "target_session_attrs")),
        *((f"{name}={CANARY}", name) for name in ("load_balance_hosts", "require_auth", "gssencmode", "port")),
        *((f"{name}={CANARY}", name) for name in ("channel_binding", "max_protocol_version")),
        ("port=99999", "port"),
        ("host=a,b&port=1,2,3", "port"),
        (f"service={CANARY}", "service"),
    ],
)
def test_a_value_that_the_client_does_not_take_is_refused_by_its_name(query: str, name: str, pg_url: str) -> None:
    told = refused(f"{pg_url}?{query}")
    assert f"the client does not take the value of {name}; correct it in DB_CONNECTION_STR" in told
    assert CANARY not in told or name in {"port", "service"}, "these two say where the database is"


@pytest.mark.parametrize("host", ["certificate.invalid", "a..b", "x" * 300, "no-such-host.invalid", "ho st"])
def test_a_host_that_cannot_be_known_is_trouble_that_names_it(host: str) -> None:
    told = refused(f"postgresql://me:{CANARY}@{host}/db", for_good=False)
    assert f"PostgreSQL at {host}:5432, database 'db', user 'me' has a host name that is not known" in told
    assert CANARY not in told
