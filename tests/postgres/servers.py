"""Real PostgreSQL servers of the tests' own: made, started, stopped and killed without root and without packages.

A server keeps its port over a restart, so that the clients' URLs stay good. It runs with fsync on; killing it takes
its memory and leaves the operating system's, as a crash of the server does and a loss of power does not.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg

from postgres.binaries import Binaries, NoServersError, found_servers
from postgres.places import LOOPBACK, Account, Home, Port, account, reachable
from postgres.processes import family_of, kill_family
from postgres.waiting import eventually

__all__ = ["Account", "Binaries", "NoServersError", "Server", "ServerError", "found_servers"]

LAUNCHER = Path(__file__).with_name("launch.py")
SUPERUSER = "postgres"
START_DEADLINE = 60.0
STOP_DEADLINE = 30.0
IPC_RMID = 0
# The kernel takes the death of the thread that started a server for the death of the process, so all servers are
# started by one thread, which lives as long as the process.
STARTER = ThreadPoolExecutor(1, "server-starter")


class ServerError(RuntimeError):
    """A server did not do what it was told; the message ends with the server's own log."""


class Server:
    """One server, made at construction and not started; ``with Server(...)`` starts it and removes it at the end.

    ``url``, ``create_database`` and ``drop_database`` may be called from any thread, the others from one at a time.
    """

    def __init__(self, binaries: Binaries, *, settings: Mapping[str, str] | None = None) -> None:
        self.version = binaries.version
        self.password = secrets.token_urlsafe(12)
        self._settings = dict(settings or {})
        self._home = Home(account())
        self._port = Port()
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._bin = reachable(binaries, self._home).bin
            self._initialise()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def port(self) -> int:
        return self._port.number

    @property
    def folder(self) -> Path:
        """The server's home: its data in ``data``, its log in ``log``, its unix socket."""
        return self._home.path

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the postmaster.

        Raises:
            ServerError: the server is not running.
        """
        if self._process is None or not self.is_running:
            raise ServerError(f"PostgreSQL {self.version} is not running; start() it first")
        return self._process.pid

    def processes(self) -> list[int]:
        """The ids of all its processes, the postmaster's first."""
        return family_of(self.pid)

    def url(self, database: str = "postgres", *, user: str = SUPERUSER, password: str | None = None) -> str:
        """The address of a database; without a password with the superuser's."""
        secret = self.password if password is None else password
        return f"postgresql://{quote(user, '')}:{quote(secret, '')}@{LOOPBACK}:{self.port}/{quote(database, '')}"

    def start(self) -> None:
        """Start and wait until it answers; after a crash that includes the recovery.

        Raises:
            ServerError: it is running already, or did not get ready in time.
        """
        if self.is_running:
            raise ServerError(f"PostgreSQL {self.version} is running already")
        options = [part for name, value in self._options().items() for part in ("-c", f"{name}={value}")]
        self._process = self._launch("postgres", "-D", str(self.folder / "data"), *options)
        if not self._gets_ready(self._process):
            self.kill_hard()
            raise self._failure("did not get ready")

    def stop(self) -> None:
        """Stop fast: clients are thrown out, everything is written. Stopping twice is fine.

        Raises:
            ServerError: it did not end in time, and was killed.
        """
        self._end(signal.SIGINT)

    def kill_hard(self) -> None:
        """SIGKILL for all its processes in one moment, as when the host goes down. Killing twice is fine."""
        if self._process is not None and self.is_running:
            kill_family(self._process)

    def restart(self) -> None:
        """Stop it if it runs, and start it, on the same port."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End it and remove everything it left. May be called twice."""
        try:
            # An immediate shutdown: nobody reads any more what a fast one would write.
            self._end(signal.SIGQUIT)
        finally:
            self._remove_memory()
            self._port.close()
            self._home.close()

    def create_database(self) -> str:
        """Make an empty database; returns its URL."""
        name = f"test_{secrets.token_hex(6)}"
        self._execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database and throw out who is still connected."""
        name = url.rpartition("/")[2]
        self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _end(self, sign: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(sign)
        try:
            self._process.wait(STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            self.kill_hard()
            raise self._failure("did not stop") from None

    def _options(self) -> dict[str, str]:
        return {
            "fsync": "on",
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            # Files in its own folder: a killed server leaves none of them in /dev/shm.
            "dynamic_shared_memory_type": "mmap",
            **self._settings,
        }

    def _initialise(self) -> None:
        secret = self.folder / "password"
        secret.write_text(self.password)
        self._home.give(secret)
        process = self._launch(
            *("initdb", "-D", str(self.folder / "data"), "--no-sync", "--no-instructions", "--auth=scram-sha-256"),
            *(f"--username={SUPERUSER}", f"--pwfile={secret}", "--encoding=UTF8", "--no-locale"),
        )
        try:
            failed = process.wait(START_DEADLINE) != 0
        except subprocess.TimeoutExpired:
            kill_family(process)
            failed = True
        secret.unlink()
        if failed:
            raise self._failure("could not be initialised")

    def _launch(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one of PostgreSQL's programs as the right account; what it says is added to the log."""
        tenant = self._home.tenant
        name = "" if tenant is None else tenant.name
        wrapper = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), name]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
        with (self.folder / "log").open("ab") as log:
            return STARTER.submit(
                subprocess.Popen,
                [*wrapper, str(self._bin / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**environment, "TZ": "UTC"},
                # Ctrl-C in the terminal is for the tests, which then stop their servers.
                start_new_session=True,
            ).result()

    def _gets_ready(self, process: subprocess.Popen[bytes]) -> bool:
        eventually(lambda: process.poll() is not None or self._is_ready(process.pid), START_DEADLINE)
        return process.poll() is None and self._is_ready(process.pid)

    def _is_ready(self, pid: int) -> bool:
        lines = self._pid_file()
        # After a crash the file of the killed postmaster is still there, and says "ready".
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _pid_file(self) -> list[str]:
        try:
            return (self.folder / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _remove_memory(self) -> None:
        """Remove the shared memory segment of a killed postmaster: the kernel keeps it for ever."""
        lines = self._pid_file()
        if len(lines) > 6:
            ctypes.CDLL(None).shmctl(int(lines[6].split()[1]), IPC_RMID, None)

    def _failure(self, what: str) -> ServerError:
        return ServerError(f"PostgreSQL {self.version} ({self._bin}) {what}. Its log:\n{self.log[-4000:]}")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())
