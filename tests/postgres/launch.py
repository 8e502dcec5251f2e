"""Become a server's process: ``launch.py PARENT ACCOUNT PROGRAM ARGUMENT...``; it ends when PARENT ends.

A script and not a function: it runs between the start of the child and its program, as root if the tests do, and a
fork of a process with threads may run no Python of its own. Modules are loaded before the switch of the user, who may
not be allowed to read them.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1


def become(account: str) -> None:
    """Give up root for that account, for good."""
    entry = pwd.getpwnam(account)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def end_with(parent: int) -> None:
    """Ask the kernel for SIGQUIT, PostgreSQL's immediate shutdown, when the parent dies (Linux only).

    SIGKILL would leave the server's children at work until they notice.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGQUIT), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel refused PR_SET_PDEATHSIG")
    # A parent that died before the call above sends nothing any more.
    if os.getppid() != parent:
        sys.exit("the process that wanted a server is gone")


def main() -> None:
    parent, account, program, *arguments = sys.argv[1:]
    if account:
        become(account)
    # After the switch: a change of user clears the wish.
    end_with(int(parent))
    os.execv(program, [program, *arguments])


if __name__ == "__main__":
    main()
