"""Who am I, and does that owner still live.

A process id alone proves nothing: it is used again, and two containers both have a process 1. An owner is
therefore a process of one boot of one machine, in one pid namespace, with the moment it was started. Calling
a living bot dead lets two bots trade at once, so DEAD is said only where it is certain; a doubt is UNKNOWN.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
from dataclasses import asdict, dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Final, Self

from stratvars.errors import UndecodableError

PROC: Final = Path("/proc")
FIRST_NAMESPACE: Final = "4026531836"
"""The number that Linux gives to the pid namespace of the machine itself, outside of every container."""
_WITHOUT_BOOT: Final = "node:"


class Life(Enum):
    """What can be said of an owner from here."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Owner:
    """One process, told from every other one. Text form: one line of JSON.

    Attributes:
        host: the host's name, for messages.
        machine: this boot of the machine; where no boot id can be read, the name and address of the host.
        pid_namespace: the pid namespace; empty when unknown.
        pid: the process id inside of it.
        started: start time in clock ticks since the boot; 0 when unknown.
        machine_id: a digest of what the machine keeps over all boots; empty when unknown.
    """

    host: str
    machine: str
    pid_namespace: str
    pid: int
    started: int
    machine_id: str = ""

    @classmethod
    def current(cls, *, proc: Path = PROC) -> Self:
        """The calling process. A child made by fork has to ask again."""
        pid = os.getpid()
        host = socket.gethostname()
        process = _read_process(proc, pid)
        return cls(
            host=host,
            machine=_boot_id(proc) or _node(host),
            pid_namespace=_pid_namespace(proc, pid),
            pid=pid,
            started=process.started if process is not None else 0,
            machine_id=_machine_id(),
        )

    def to_text(self) -> str:
        """One line of ASCII that ``from_text`` reads."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what ``to_text`` wrote; members that this version does not know are passed over.

        Raises:
            UndecodableError: the text is something else.
        """
        try:
            found = json.loads(text)
            known = {field.name: found[field.name] for field in fields(cls) if field.name in found}
            owner = cls(**known)
        except (ValueError, TypeError, RecursionError) as error:
            raise UndecodableError("owner", _NOT_AN_OWNER) from error
        if not owner._is_well_formed():
            raise UndecodableError("owner", _NOT_AN_OWNER)
        return owner

    def _is_well_formed(self) -> bool:
        texts = (self.host, self.machine, self.pid_namespace, self.machine_id)
        numbers = (self.pid, self.started)
        return (
            all(isinstance(text, str) for text in texts)
            and all(type(number) is int and number >= 0 for number in numbers)
            and 0 < self.pid < 2**31
        )


_START: Final = re.compile(r"(?P<host>[!-~]*):(?P<pid>[0-9]{1,10}):[0-9a-f]{12}")
_LONGEST_HOST: Final = 40


@dataclass(frozen=True, slots=True)
class Place:
    """Where a start ran: the host's name, cut where it is long, and the process id."""

    host: str
    pid: int


def new_start_id() -> str:
    """A name for one start that no other has. It stands beside every revision, and says where that start ran."""
    host = socket.gethostname().encode("ascii", "replace").decode().replace(" ", "_")[:_LONGEST_HOST]
    return f"{host}:{os.getpid()}:{os.urandom(6).hex()}"


def start_of(start_id: str) -> Place | None:
    """Where the start of that name ran; None where the name does not tell."""
    found = _START.fullmatch(start_id)
    return None if found is None else Place(found["host"], int(found["pid"]))


_NOT_AN_OWNER: Final = "this is no owner that stratvars wrote; look who runs the strategy, then take it over by hand"


def look(owner: Owner, *, proc: Path = PROC) -> Life:
    """Whether that process still lives, as far as this one can see. May be called from any thread."""
    me = Owner.current(proc=proc)
    if owner.machine != me.machine:
        return Life.DEAD if was_before_reboot(owner, me) else Life.UNKNOWN
    if owner.pid_namespace != me.pid_namespace:
        return Life.UNKNOWN
    if me.pid_namespace != "":
        return _look_in_proc(owner, proc)
    if me.machine.startswith(_WITHOUT_BOOT):
        return _look_by_signal(owner.pid)
    return Life.UNKNOWN


def was_before_reboot(owner: Owner, me: Owner) -> bool:
    """Whether the owner ran in an earlier boot of the machine that ``me`` runs on.

    Images of containers carry one machine id to many hosts, where another boot is another machine, alive. So
    this is said only of processes outside of every container.
    """
    return (
        owner.machine_id == me.machine_id != ""
        and owner.host == me.host
        and owner.pid_namespace == me.pid_namespace == FIRST_NAMESPACE
        and not owner.machine.startswith(_WITHOUT_BOOT)
        and not me.machine.startswith(_WITHOUT_BOOT)
        and owner.machine != me.machine
    )


@dataclass(frozen=True, slots=True)
class _Process:
    state: str
    threads: int
    started: int

    @property
    def has_ended(self) -> bool:
        # The first thread of a process may be a zombie while others still run, or are still being killed.
        return self.state in "Xx" or (self.state == "Z" and self.threads <= 1)


def _look_in_proc(owner: Owner, proc: Path) -> Life:
    try:
        process = _read_process(proc, owner.pid)
    except OSError:
        return Life.UNKNOWN
    if process is None:
        # A /proc mounted with hidepid hides the processes of other users; the kernel itself still knows them.
        return Life.DEAD if _look_by_signal(owner.pid) is Life.DEAD else Life.UNKNOWN
    if process.has_ended:
        return Life.DEAD
    if owner.started == 0:
        return Life.UNKNOWN
    return Life.ALIVE if process.started == owner.started else Life.DEAD


def _look_by_signal(pid: int) -> Life:
    if os.name != "posix":
        # Elsewhere os.kill ends the process instead of asking for it.
        return Life.UNKNOWN
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return Life.DEAD
    except PermissionError:
        return Life.ALIVE  # it exists, under another user
    return Life.ALIVE


def _read_process(proc: Path, pid: int) -> _Process | None:
    """What /proc says of a process, None when it does not know it; ``OSError`` when it does not tell."""
    try:
        stat = (proc / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name stands in parentheses and may itself hold blanks and parentheses.
    state, *rest = stat.rpartition(b")")[2].split()
    return _Process(state=state.decode(), threads=int(rest[16]), started=int(rest[18]))


def _pid_namespace(proc: Path, pid: int) -> str:
    try:
        # A /proc mounted for another namespace numbers the processes differently: do not ask it.
        if (proc / "self").readlink() != Path(str(pid)):
            return ""
        return str((proc / "self" / "ns" / "pid").stat().st_ino)
    except OSError:
        return ""


def _boot_id(proc: Path) -> str:
    return _read_line(proc / "sys" / "kernel" / "random" / "boot_id")


def _machine_id() -> str:
    found = _read_line(Path("/etc/machine-id"))
    if found in {"", "uninitialized"}:
        return ""
    # Cloned virtual machines often share the id, not the addresses of their network devices.
    devices = sorted(_read_line(path) for path in Path("/sys/class/net").glob("*/address") if _is_hardware(path))
    # The id is meant to stay on the machine, and an owner is stored in a database: only a digest leaves.
    known = "\n".join([found, *devices]).encode()
    return hashlib.blake2b(known, digest_size=16, person=b"stratvars").hexdigest()


def _is_hardware(address: Path) -> bool:
    return (address.parent / "device").exists()


def _read_line(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _node(host: str) -> str:
    from uuid import getnode  # only where there is no boot id; it may start a program

    return f"{_WITHOUT_BOOT}{host}/{getnode():x}"
