"""Processes of a server: who belongs to it, and how all of them die in one moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from postgres.waiting import eventually

DEADLINE = 10.0
DEAD = "ZXx"
STOPPED = "Tt"


@dataclass(frozen=True)
class Process:
    """A line of the process table; the state is the letter that ps shows."""

    pid: int
    parent: int
    state: str


def all_processes() -> dict[int, Process]:
    """The process table of this moment."""
    listed = listed_by_proc() if sys.platform == "linux" else listed_by_ps()
    return {process.pid: process for process in listed}


def listed_by_proc() -> list[Process]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            # A process may end while the table is read.
            with suppress(OSError):
                # The name of the program stands in brackets and may hold anything.
                state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
                found.append(Process(int(entry.name), int(parent), state))
    return found


def listed_by_ps() -> list[Process]:
    listing = subprocess.run(["ps", "-axo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    return [Process(int(pid), int(parent), state[0]) for pid, parent, state in map(str.split, listing.splitlines())]


def family_of(pid: int) -> list[int]:
    """A process and everything below it, the process first."""
    table = all_processes()
    family = [pid]
    for member in family:
        family.extend(process.pid for process in table.values() if process.parent == member)
    return family


def alive(pids: Iterable[int]) -> set[int]:
    """Which of these processes still run; a zombie does not."""
    table = all_processes()
    return {pid for pid in pids if pid in table and table[pid].state not in DEAD}


def die(pids: Iterable[int], seconds: float = DEADLINE) -> bool:
    """Whether these processes come to their end within the time."""
    return eventually(lambda: not alive(pids), seconds)


def kill_family(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL for a child of ours and everything below it, so that none of them sees another one die.

    Raises:
        TimeoutError: one of them does not die.
    """
    freeze(process)
    family = family_of(process.pid)
    for sign in (signal.SIGSTOP, signal.SIGKILL):
        # The child itself last: while it is frozen it cannot reap, so no number of its children is given away again.
        for pid in reversed(family):
            with suppress(ProcessLookupError):
                os.kill(pid, sign)
    process.wait(DEADLINE)
    if not die(family):
        raise TimeoutError(f"these processes of the server survived SIGKILL: {sorted(alive(family))}")


def freeze(process: subprocess.Popen[bytes]) -> None:
    """Stop a child of ours, and wait until it stands still: from then on it starts nobody."""
    process.send_signal(signal.SIGSTOP)
    if not eventually(lambda: process.poll() is not None or all_processes()[process.pid].state in STOPPED):
        raise TimeoutError("the server does not stand still after SIGSTOP")
