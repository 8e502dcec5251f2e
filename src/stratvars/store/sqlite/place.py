"""Whether the place of a file lasts, and whether its locks hold there, as Linux tells of the file system it is on.

What a container writes beside its volumes ends with the container, and what is in memory with the machine. A bot
starts from nothing after that, and no error tells so. On other systems nothing is said.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stratvars.store.fact import Fact, ok, warn

_MEMORY: Final = {"tmpfs", "ramfs", "devtmpfs"}
_LAYERS: Final = {"overlay", "aufs", "fuse.fuse-overlayfs", "fuse.unionfs-fuse"}
_SHARES: Final = {"9p", "afs", "ceph", "cifs", "drvfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"}
_SHARES_OF_HOSTS: Final = {"prl_fs", "vboxsf", "vmhgfs", "virtiofs"}
_LOCAL_PROGRAMS: Final = {"fuse.gocryptfs", "fuse.encfs", "fuse.bindfs", "fuse.mergerfs", "fuse.ntfs-3g"}
"""Programs that keep files on a disk of this machine; any other may keep them anywhere."""
_TEMPORARY: Final = (
    (
        re.compile(r"/volumes/kubernetes\.io~empty-dir/"),
        "is an emptyDir of a pod: it is lost when the pod is replaced",
        "mount a PersistentVolumeClaim there",
    ),
    (
        re.compile(r"/volumes/[0-9a-f]{64}/_data(?:/|$)"),
        "is a volume without a name: a new container gets another one, which is empty",
        "mount a volume with a name there (-v bots:{point})",
    ),
    (
        re.compile(r"/systemd-private-[^/]+/"),
        "is the private /tmp of a service: it is removed when the service stops",
        "name a folder outside of /tmp (StateDirectory= in the unit makes one)",
    ),
)
"""By the folder of its host that is mounted: what becomes of it, and what to do."""
_VOLUME: Final = "mount a volume at the folder of the file, or name a PostgreSQL in DB_CONNECTION_STR"
_MARKS: Final = (".dockerenv", "run/.containerenv", "var/run/secrets/kubernetes.io", "run/secrets/kubernetes.io")
_CGROUP: Final = re.compile(
    r"/(?:docker|kubepods|libpod|crio|ecs)\b(?!\.service)|docker-[0-9a-f]{12}|cri-containerd|libpod-"
)
_LINE: Final = re.compile(r"(\d+) \d+ \S+ (\S+) (\S+) \S+ (?:\S+ )*?- (\S+) (\S*)")
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of ``/proc/self/mountinfo``; see ``man 5 proc_pid_mountinfo``.

    Attributes:
        number: by which an open file names it.
        root: the folder of the file system that is mounted; "/" is all of it.
        point: where.
        kind: of the file system.
        source: the device, as far as the file system has one.
    """

    number: int
    root: str
    point: str
    kind: str
    source: str


def mounts(text: str) -> dict[int, Mount]:
    """What ``/proc/self/mountinfo`` says, by number; lines that cannot be read are left out."""
    # Not splitlines(): a name may hold one of the rarer line ends, and only "\n" is escaped.
    found = [mount for line in text.split("\n") if (mount := _mount(line)) is not None]
    return {mount.number: mount for mount in found}


def _mount(line: str) -> Mount | None:
    found = _LINE.match(line)
    if found is None:
        return None
    number, root, point, kind, source = found.groups()
    return Mount(int(number), _unescaped(root), _unescaped(point), kind, _unescaped(source))


def _unescaped(field: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), field)


def about_place(path: Path) -> list[Fact]:
    """The fact on the place of a database file, its links followed, which need not be there yet.

    None where the system tells nothing.
    """
    if sys.platform != "linux":
        return []
    try:
        known = mounts(Path("/proc/self/mountinfo").read_bytes().decode(errors="surrogateescape"))
        folder = known[_mount_of(path.parent)]
        file = known[_mount_of(path)] if path.exists() else folder
    except (OSError, KeyError):
        return []
    is_container = in_container(Path("/"), os.environ)
    return [judge_both(folder, file, is_container=is_container)]


def _mount_of(path: Path) -> int:
    """The number of the mount that a path leads to, through links and mounts over mounts; KeyError: it is not told."""
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        told = Path(f"/proc/self/fdinfo/{handle}").read_text(encoding="ascii")
    finally:
        os.close(handle)
    return int(dict(line.split(":", 1) for line in told.splitlines() if ":" in line)["mnt_id"])


def in_container(root: Path, environment: Mapping[str, str]) -> bool:
    """Whether the process is in a container that is replaced rather than repaired; ``root`` is the system's.

    Containers that are kept as machines are (LXC, systemd-nspawn) do not count.
    """
    if environment.get("container") in {"docker", "podman", "oci"} or "KUBERNETES_SERVICE_HOST" in environment:
        return True
    if any(os.path.lexists(root / mark) for mark in _MARKS):
        return True
    try:
        return _CGROUP.search((root / "proc/self/cgroup").read_text(encoding="latin-1")) is not None
    except OSError:
        return False


def judge_both(folder: Mount, file: Mount, *, is_container: bool) -> Fact:
    """The fact on a file that is on one mount, in a folder that is on another or the same."""
    found = judge(folder, is_container=is_container)
    if file.number == folder.number:
        return found
    if found.remedy == "":
        return judge(file, is_container=is_container)
    text = f"only the file is mounted at {file.point}; its log, which holds the newest saves, stands beside it"
    return warn(
        "place",
        f"{text}: {found.text}",
        f"mount the folder {folder.point} in place of the file alone, or name a PostgreSQL in DB_CONNECTION_STR",
    )


def judge(mount: Mount, *, is_container: bool) -> Fact:
    """The fact on what stands on a mount."""
    where = f"{mount.point} ({mount.kind})"
    if mount.kind in _MEMORY:
        remedy = f"name a folder on a disk; in a container, {_VOLUME}"
        return warn(
            "place", f"{where} is in memory: it is lost when the machine restarts, and with its container", remedy
        )
    if mount.kind in _LAYERS:
        text = "is the layer that a container writes to, or a live system: it is lost when that is replaced"
        return warn("place", f"{where} {text}", _VOLUME)
    for pattern, text, remedy in _TEMPORARY:
        if pattern.search(mount.root + "/"):
            return warn("place", f"{where} {text}", remedy.format(point=mount.point))
    if _is_shared(mount.kind):
        if mount.point == "/" and is_container:
            return warn("place", f"{where} is the root of a container: it is lost when that is replaced", _VOLUME)
        text = "is shared over a network or with a host: locks and the log of SQLite hold within one machine at most"
        return warn("place", f"{where} {text}", "name a folder on a disk of this machine, or a PostgreSQL")
    return _judge_disk(mount, where, is_container=is_container)


def _is_shared(kind: str) -> bool:
    is_program = kind == "fuse" or kind.startswith("fuse.")
    return kind in _SHARES | _SHARES_OF_HOSTS or (is_program and kind not in _LOCAL_PROGRAMS)


def _judge_disk(mount: Mount, where: str, *, is_container: bool) -> Fact:
    if not is_container:
        return ok("place", f"{where}, on {mount.source}")
    if mount.point != "/":
        return ok("place", f"{where} is mounted into this container and outlasts it")
    if mount.root != "/":  # a folder of the host's disk, as the storage drivers vfs, btrfs and devicemapper make one
        return warn("place", f"{where} is the root of a container: it is lost when that is replaced", _VOLUME)
    return ok("place", f"{where} is the root of this container, on {mount.source} alone: it lasts as long as that disk")
