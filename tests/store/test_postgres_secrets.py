"""Passwords: whatever goes wrong on the way to a database, no log, error, traceback or command shows one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest

import stratvars
from postgres.evidence import Evidence
from postgres.places import LOOPBACK
from postgres.proxy import Direction, Proxy
from postgres.servers import Server
from postgres.stores import rows, store_at
from postgres.urls import forget_environment
from stratvars import Backup, cli
from stratvars.errors import UnavailableError
from stratvars.testing import TABLE

PASSWORD = "pw-canary-4711"
"""Of the role `watched`, and never to be seen."""


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_environment(monkeypatch, tmp_path)


@pytest.fixture
def evidence(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Evidence:
    """All that is logged and printed during the test."""
    return Evidence(caplog, capfd)


@dataclass(frozen=True)
class Scene:
    """A server with the role `watched`, which has a right password and may create tables."""

    server: Server
    admin: psycopg.Connection
    proxy: Proxy
    database: str
    stack: ExitStack

    def url(self, *, password: str = PASSWORD, database: str = "", port: int = 0, query: str = "") -> str:
        address = f"{LOOPBACK}:{port or self.server.port}/{database or self.database}"
        return f"postgresql://watched:{quote(password, '')}@{address}{query}"


@pytest.fixture
def scene(pg: Server, pg_url: str, admin: psycopg.Connection, proxy: Proxy) -> Iterator[Scene]:
    admin.execute(f"CREATE ROLE watched LOGIN PASSWORD '{PASSWORD}'".encode())
    admin.execute("GRANT CREATE ON SCHEMA public TO watched")
    with ExitStack() as stack:
        yield Scene(pg, admin, proxy, urlsplit(pg_url).path[1:], stack)
    if not pg.is_running:
        pg.start()
    with closing(psycopg.connect(pg_url, autocommit=True)) as another:
        another.execute("DROP OWNED BY watched")
        another.execute("DROP ROLE watched")


def wrong_password(scene: Scene) -> str:
    return scene.url(password=f"{PASSWORD}-wrong")


def no_such_database(scene: Scene) -> str:
    return scene.url(database="nowhere")


def no_such_role(scene: Scene) -> str:
    return scene.url().replace("watched", "nobody-here")


def may_not_log_in(scene: Scene) -> str:
    scene.admin.execute("ALTER ROLE watched NOLOGIN")
    return scene.url()


def may_not_connect(scene: Scene) -> str:
    scene.admin.execute(f'REVOKE CONNECT ON DATABASE "{scene.database}" FROM public'.encode())
    grant = f'GRANT CONNECT ON DATABASE "{scene.database}" TO public'.encode()
    scene.stack.callback(scene.admin.execute, grant)
    return scene.url()


def no_connection_for_the_role(scene: Scene) -> str:
    scene.admin.execute("ALTER ROLE watched CONNECTION LIMIT 0")
    return scene.url()


def too_many_clients(scene: Scene) -> str:
    [(most,)] = rows(scene.admin, "SELECT current_setting('max_connections')::integer")
    assert isinstance(most, int)
    with pytest.raises(psycopg.OperationalError):
        for _ in range(most + 1):
            scene.stack.enter_context(closing(psycopg.connect(scene.url())))
    return scene.url()


def nobody_listens(scene: Scene) -> str:
    scene.proxy.refuse()
    return scene.url(port=scene.proxy.port)


def cut_in_the_greeting(scene: Scene) -> str:
    scene.proxy.cut_after_bytes(0, Direction.TO_CLIENT)
    return scene.url(port=scene.proxy.port)


def cut_in_the_login(scene: Scene) -> str:
    scene.proxy.cut_after_bytes(40, Direction.TO_CLIENT)
    return scene.url(port=scene.proxy.port)


def silence(scene: Scene) -> str:
    scene.proxy.black_hole(True)
    return scene.url(port=scene.proxy.port, query="?connect_timeout=2")


def shut_down(scene: Scene) -> str:
    scene.server.stop()
    return scene.url()


def encryption_is_demanded(scene: Scene) -> str:
    return scene.url(query="?sslmode=require")


def unknown_parameter(scene: Scene) -> str:
    return scene.url(query=f"?charset={PASSWORD}")


def bad_parameter(scene: Scene) -> str:
    return scene.url(query="?keepalives=yes")


def bad_option(scene: Scene) -> str:
    return scene.url(query=f"?options=-c%20{PASSWORD}%3D{PASSWORD}")


def unknown_host(scene: Scene) -> str:
    return f"postgresql://watched:{PASSWORD}@no-such-host.invalid,a..b/db"


def password_in_the_query(scene: Scene) -> str:
    return f"postgresql://watched@{LOOPBACK}:{scene.server.port}/{scene.database}?password={PASSWORD}-wrong"


def password_of_the_environment(scene: Scene) -> str:
    return f"postgresql://watched@{LOOPBACK}:{scene.server.port}/{scene.database}"


FAILURES: list[Callable[[Scene], str]] = [
    *(wrong_password, no_such_database, no_such_role, may_not_log_in, may_not_connect, no_connection_for_the_role),
    *(too_many_clients, nobody_listens, cut_in_the_greeting, cut_in_the_login, silence, shut_down),
    *(encryption_is_demanded, unknown_parameter, bad_parameter, bad_option, unknown_host, password_in_the_query),
    password_of_the_environment,
]


@pytest.mark.parametrize("failure", FAILURES)
def test_no_failure_to_connect_shows_the_password(
    failure: Callable[[Scene], str], scene: Scene, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", f"{PASSWORD}-of-the-environment")
    url = failure(scene)
    with closing(store_at(url)) as store, pytest.raises(UnavailableError) as raised:
        store.prepare(TABLE)
    evidence.add(raised.value)
    evidence.add_frames(raised.value)
    said = f"{evidence.text()} {vars(store._session)!r} {vars(store._session._connector)!r}"
    assert "connection attempt" in said or failure in {unknown_parameter, unknown_host}, "the driver's log is heard"
    assert "watched" in said or failure is no_such_role
    assert PASSWORD not in said
    assert str(raised.value).startswith(("PostgreSQL at", "the URL in DB_CONNECTION_STR"))


BOT = """
import logging, os, sys, traceback
for name in ("", "psycopg", "asyncio", "dotenv.main"):
    logging.getLogger(name).setLevel(logging.DEBUG)
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
if "locals" in sys.argv:
    sys.excepthook = lambda kind, error, trace: print(
        *traceback.TracebackException(kind, error, trace, capture_locals=True).format(), file=sys.stderr
    )
from stratvars import Strategy

class Bot(Strategy):
    name = "bot"
    sleeptime = 0

    def on_trading_iteration(self):
        self.vars.n = 1
        if "BUG" in os.environ:
            raise RuntimeError("a bug in the strategy")

if __name__ == "__main__":
    Bot().run(max_iterations=1)
"""


def run(folder: Path, url: str, *words: str, bug: bool = False) -> tuple[int, str]:
    """A child process with the URL, if there is one, in its environment: how it ended, and all that it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DB_", "PG", "STRAT"))}
    environment |= {"STRATVARS_START_TIMEOUT": "0", "PYTHONPATH": str(Path(stratvars.__file__).parents[1])}
    if bug:
        environment["BUG"] = "1"
    if url:
        environment["DB_CONNECTION_STR"] = url
    (folder / "bot.py").write_text(BOT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def unclear(scene: Scene) -> str:
    return f"postgresql://watched:{PASSWORD}@{PASSWORD}@{LOOPBACK}/db"


@pytest.mark.parametrize("words", [["bot.py"], ["bot.py", "locals"], ["-m", "stratvars", "run", "bot.py"]])
@pytest.mark.parametrize("failure", [wrong_password, nobody_listens, unclear])
def test_a_bot_that_does_not_start_shows_no_password(
    words: list[str], failure: Callable[[Scene], str], scene: Scene, tmp_path: Path
) -> None:
    code, said = run(tmp_path, failure(scene), *words)
    assert code == (1 if words[0] == "bot.py" else 2 if failure is unclear else 3)
    assert ("Traceback" in said) is (words[0] == "bot.py")
    assert "DB_CONNECTION_STR" in said
    assert "DEBUG:psycopg:" in said or failure is unclear
    assert PASSWORD not in said


@pytest.mark.parametrize("words", [["bot.py"], ["bot.py", "locals"], ["-m", "stratvars", "run", "bot.py"]])
def test_a_bot_that_crashes_shows_no_password(words: list[str], scene: Scene, tmp_path: Path) -> None:
    url = scene.url(query=f"?password={PASSWORD}")
    (tmp_path / ".env").write_text(f'DB_CONNECTION_STR="{url}"\n')
    code, said = run(tmp_path, "", *words, bug=True)
    assert code == 1
    assert "a bug in the strategy" in said
    assert "FIRST START of 'bot' in postgresql://watched:***@" in said
    assert PASSWORD not in said


@pytest.mark.parametrize(("failure", "by_option"), [(wrong_password, True), (unclear, False)])
def test_no_command_shows_a_password(
    failure: Callable[[Scene], str], by_option: bool, scene: Scene, tmp_path: Path
) -> None:
    url = failure(scene)
    words = [["show", "bot"], *([name] for name in cli._COMMANDS if name not in {"show", "demo", "run"})]
    for each in words:
        origin, option = ("sqlite:///x.db", ["--db", url]) if by_option else (url, [])
        code, said = run(tmp_path, origin, "-m", "stratvars", *each, *option)
        assert (code != 0, PASSWORD in said) == (True, False), each


@pytest.mark.parametrize(
    "words",
    [
        *(["list", "{}"], ["show", "bot", "{}"], ["show", "bot", "--table", "{}"], ["{}"], ["run", "{}"]),
        *(["run", "bot.py:{}"], ["run", "bot.py", "{}"], ["run", "bot.py", "--max-iterations", "{}"]),
        ["run", "bot.py", "--sleeptime", "{}"],
    ],
)
def test_a_url_in_the_wrong_place_is_not_repeated_with_its_password(words: list[str], tmp_path: Path) -> None:
    url = f"postgresql://watched:{PASSWORD}@{LOOPBACK}:1/db?sslpassword={PASSWORD}"
    code, said = run(tmp_path, "sqlite:///x.db", "-m", "stratvars", *(word.format(url) for word in words))
    assert code == 2
    assert said != ""
    assert PASSWORD not in said


def test_a_running_backup_shows_no_password(scene: Scene, evidence: Evidence) -> None:
    with Backup("bot", scene.url()) as backup:
        backup.vars.n = 1
        backup.save()
        said = f"{backup!r} {backup.database!r} {vars(backup)!r}"
        for each in list(vars(backup).values()):
            said += f"{each!r} {getattr(each, '__dict__', '')!r}"
    assert json.loads(rows(scene.admin, "SELECT variables FROM vars_backup")[0][0]) == {"n": 1}  # type: ignore[arg-type]
    said += evidence.text()
    assert "watched" in said
    assert PASSWORD not in said
