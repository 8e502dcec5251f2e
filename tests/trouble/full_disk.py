"""A server that has no room left for its files, without rights and without a disk of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from scenes import Scene

from postgres.servers import Server

_ROOM = 16 * 1024 * 1024
"""A segment of the write-ahead log, which must stay writable: without it the server stops."""
_LIMIT = """
import os, resource, sys
user, group, size, *pids = map(int, sys.argv[1:])
if user != os.getuid():
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)
for pid in pids:
    try:
        most = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most if size < 0 else size, most))
    except ProcessLookupError:
        pass
"""


@contextmanager
def full(scene: Scene) -> Iterator[None]:
    """No file of the server may grow past a size, so that it cannot add a page to the texts of the table.

    The server meets the error where it meets that of a full disk, by another number (EFBIG for ENOSPC).
    """
    ballast = f"repeat('x', {_ROOM * 5 // 4})"
    scene.do(
        f"INSERT INTO vars_backup VALUES ('ballast', now(), {ballast}, 'ballast')",
        # What the vacuum frees could be written again.
        "ALTER TABLE vars_backup SET (autovacuum_enabled = off, toast.autovacuum_enabled = off)",
    )
    limit_files(scene.pg, _ROOM)
    try:
        yield
    finally:
        limit_files(scene.pg, -1)


def limit_files(pg: Server, size: int) -> None:
    """Let no process of the server write past ``size`` bytes of a file; -1 for no limit."""
    tenant = pg._home.tenant
    # From the account of the server: another one, root without all its rights too, may not change its limits.
    account = (os.getuid(), os.getgid()) if tenant is None else (tenant.uid, tenant.gid)
    arguments = map(str, (*account, size, *pg.processes()))
    subprocess.run([sys.executable, "-I", "-S", "-c", _LIMIT, *arguments], check=True)
