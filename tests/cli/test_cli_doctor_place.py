"""Whether the folder of a SQLite file lasts: the doctor on mounts of many engines, and on those of this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from examined import save

from stratvars.settings import resolve
from stratvars.store.fact import Grade
from stratvars.store.opening import examine
from stratvars.store.sqlite.place import about_place, in_container, judge, judge_both, mounts
from stratvars.testing import TABLE

VOLUME = "6f3b0c1d2e" * 6 + "abcd"
DOCKER = rf"""
1023 887 0:73 / / rw,relatime master:312 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A:/B,upperdir=/C
1024 1023 0:76 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
1031 1023 0:81 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k,inode64
1032 1023 259:2 /var/lib/docker/volumes/bots/_data /data rw,relatime master:1 - ext4 /dev/nvme0n1p2 rw
1033 1023 259:2 /var/lib/docker/volumes/{VOLUME}/_data /anonymous rw,relatime master:1 - ext4 /dev/nvme0n1p2 rw
1034 1023 259:2 /home/me/bots /my\040bots rw,relatime shared:1 master:2 propagate_from:3 - ext4 /dev/nvme0n1p2 rw
1035 1023 259:2 /home/me/stratvars.db /app/stratvars.db rw,relatime - ext4 /dev/nvme0n1p2 rw
1036 1023 0:90 / /desktop rw,relatime - virtiofs virtiofs0 rw
1037 1023 0:91 / /grpc rw,relatime - fuse.grpcfuse grpcfuse rw,user_id=0,group_id=0,allow_other
"""
PODMAN = rf"""
601 540 0:54 / / rw,relatime - fuse.fuse-overlayfs fuse-overlayfs rw,user_id=0,group_id=0,default_permissions
602 601 8:3 /home/me/.local/share/containers/storage/volumes/bots/_data /data rw,relatime - xfs /dev/sda3 rw,seclabel
603 601 8:3 /home/me/.local/share/containers/storage/volumes/{VOLUME}/_data /nameless rw - xfs /dev/sda3 rw,seclabel
604 601 0:44 /containers/user.slice/hostname /etc/hostname rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=1590k,mode=700
"""
KUBERNETES = """
2801 2500 0:310 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/containerd/io.containerd.snapshotter.v1
2802 2801 259:1 /var/lib/kubelet/pods/3f0c-11/volumes/kubernetes.io~empty-dir/x /scratch rw - xfs /dev/nvme0n1p1 rw
2803 2801 0:290 / /memory rw,relatime - tmpfs tmpfs rw,size=1048576k
2804 2801 259:5 / /claim rw,relatime - ext4 /dev/nvme1n1 rw
2805 2801 0:333 / /efs rw,relatime - nfs4 127.0.0.1:/ rw,vers=4.1,addr=127.0.0.1
"""
ELSEWHERE = r"""
20 1 8:32 / / rw,relatime - ext4 /dev/sdc rw,discard,errors=remount-ro,data=ordered
21 20 0:68 / /mnt/c rw,noatime - 9p C:\134 rw,dirsync,aname=drvfs;path=C:\;uid=1000;gid=1000;symlinkroot=/mnt/
22 20 0:60 / /mnt/wsl rw,relatime shared:1 - tmpfs none rw
23 20 0:33 / /mnt/nas rw,relatime - cifs //nas/bots rw,vers=3.1.1
24 20 0:34 / /mnt/ssh rw,nosuid - fuse.sshfs me@far:/bots rw,user_id=1000
25 20 8:33 / /mnt/usb rw,relatime - fuseblk /dev/sdd1 rw
26 20 0:35 / /mnt/safe rw,relatime - fuse.gocryptfs /home/me/safe rw
27 20 8:32 /tmp/systemd-private-5d1c-bot.service-x7Yz/tmp /tmp rw,relatime - ext4 /dev/sdc rw
28 20 8:32 / /odd\011tab\012line\134slash rw - btrfs /dev/sdc rw
29 20 8:32 / /empty rw - tmpfs  rw
not a line at all
30 20 8:32 / /short
"""
LOST, GONE = "it is lost when", "removed when the service stops"


@pytest.mark.parametrize(
    ("text", "point", "said", "remedy"),
    [
        (DOCKER, "/", LOST, "mount a volume"),
        (DOCKER, "/dev/shm", LOST, "a folder on a disk"),
        (DOCKER, "/data", "", ""),
        (DOCKER, "/anonymous", "a new container gets another one, which is empty", "-v bots:/anonymous"),
        (DOCKER, "/my bots", "", ""),
        (DOCKER, "/desktop", "shared over a network or with a host", "a disk of this machine"),
        (DOCKER, "/grpc", "shared over a network or with a host", "PostgreSQL"),
        (PODMAN, "/", LOST, "mount a volume"),
        (PODMAN, "/data", "", ""),
        (PODMAN, "/nameless", "which is empty", "with a name"),
        (PODMAN, "/etc/hostname", LOST, "a folder on a disk"),
        (KUBERNETES, "/", LOST, "mount a volume"),
        (KUBERNETES, "/scratch", "lost when the pod is replaced", "PersistentVolumeClaim"),
        (KUBERNETES, "/memory", LOST, "a folder on a disk"),
        (KUBERNETES, "/claim", "", ""),
        (KUBERNETES, "/efs", "shared over a network", "PostgreSQL"),
    ],
)
def test_in_a_container_what_is_not_on_a_volume_is_a_warning(text: str, point: str, said: str, remedy: str) -> None:
    [mount] = [mount for mount in mounts(text).values() if mount.point == point]
    fact = judge(mount, is_container=True)
    assert fact.grade is (Grade.OK if said == "" else Grade.WARN)
    assert said in fact.text
    assert remedy in fact.remedy
    if said == "":
        assert "outlasts it" in fact.text


@pytest.mark.parametrize(
    ("point", "said"),
    [
        ("/", ""),
        ("/mnt/c", "shared"),
        ("/mnt/wsl", LOST),
        ("/mnt/nas", "shared"),
        ("/mnt/ssh", "shared"),
        ("/mnt/usb", ""),
        ("/mnt/safe", ""),
        ("/tmp", GONE),
    ],
)
def test_on_a_machine_of_its_own_a_disk_is_well_and_memory_and_shares_are_warnings(point: str, said: str) -> None:
    [mount] = [mount for mount in mounts(ELSEWHERE).values() if mount.point == point]
    fact = judge(mount, is_container=False)
    assert fact.grade is (Grade.OK if said == "" else Grade.WARN)
    assert said in fact.text
    assert "far" not in fact.text + fact.remedy, "a source may name a user, and who knows what else"


def test_names_are_read_as_they_are_and_lines_of_another_shape_left_out() -> None:
    found = mounts(ELSEWHERE)
    assert found[28].point == "/odd\ttab\nline\\slash"
    assert found[21].source == "C:\\"
    assert found[29].source == ""
    assert found.keys() == set(range(20, 30))
    assert len(mounts(DOCKER)) == len(DOCKER.strip().splitlines())


@pytest.mark.parametrize(
    ("line", "grade"),
    [
        ("9 1 254:0 / / rw - ext4 /dev/vda rw", Grade.OK),
        ("9 1 8:1 /var/lib/containers/storage/vfs/dir/0a1b / rw - ext4 /dev/sda1 rw", Grade.WARN),
        ("9 1 0:40 /@/var/lib/docker/btrfs/subvolumes/0a1b / rw - btrfs /dev/sda1 rw", Grade.WARN),
        ("9 1 253:4 /rootfs / rw - xfs /dev/mapper/docker-253:0-131-0a1b rw", Grade.WARN),
        ("9 1 0:40 / / rw - virtiofs kataShared rw", Grade.WARN),
        ("9 1 0:40 / / rw - 9p none rw", Grade.WARN),
    ],
)
def test_the_root_of_a_container_is_told_whatever_its_storage_is(line: str, grade: Grade) -> None:
    [mount] = mounts(line).values()
    fact = judge(mount, is_container=True)
    assert fact.grade is grade
    assert ("root of a container" in fact.text) == (grade is Grade.WARN)


def test_a_file_that_is_mounted_alone_leaves_its_log_in_the_container() -> None:
    found = {mount.point: mount for mount in mounts(DOCKER).values()}
    fact = judge_both(found["/"], found["/app/stratvars.db"], is_container=True)
    assert fact.grade is Grade.WARN
    assert "only the file is mounted at /app/stratvars.db; its log" in fact.text
    assert "in place of the file alone" in fact.remedy
    assert judge_both(found["/data"], found["/my bots"], is_container=True).grade is Grade.OK
    assert judge_both(found["/data"], found["/dev/shm"], is_container=True).grade is Grade.WARN


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        (".dockerenv", "", True),
        ("run/.containerenv", "", True),
        ("var/run/secrets/kubernetes.io/token", "", True),
        ("proc/self/cgroup", f"12:pids:/docker/{VOLUME}\n", True),
        ("proc/self/cgroup", f"1:name=systemd:/system.slice/docker-{VOLUME}.scope\n", True),
        ("proc/self/cgroup", "0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-0a.scope\n", True),
        ("proc/self/cgroup", "0::/machine.slice/libpod-0a.scope/container\n", True),
        ("proc/self/cgroup", "0::/system.slice/docker.service\n", False),
        ("proc/self/cgroup", "0::/user.slice/user-1000.slice/session-2.scope\n", False),
        ("run/systemd/container", "lxc\n", False),
        ("etc/hostname", "docker\n", False),
    ],
)
def test_a_container_that_is_replaced_is_known_by_its_marks(
    tmp_path: Path, file: str, text: str, expected: bool
) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)
    assert in_container(tmp_path, {}) is expected


def test_a_container_may_say_so_in_its_environment(tmp_path: Path) -> None:
    assert in_container(tmp_path, {"container": "podman"})
    assert in_container(tmp_path, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    assert not in_container(tmp_path, {"container": "lxc"})


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")
def test_on_this_machine_the_mount_of_a_file_is_the_one_that_the_system_names(tmp_path: Path) -> None:
    known = mounts(Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    assert len(known) == len(Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines())
    seen = {}
    for folder in (tmp_path, Path("/dev/shm"), Path("/")):
        [fact] = about_place(folder / "bots.db")
        points = [point for mount in known.values() if (point := mount.point) and Path(point).is_mount()]
        holding = max((point for point in points if folder.is_relative_to(point)), key=len)
        assert fact.text.startswith(f"{holding} (")
        seen[folder] = fact.grade
    assert seen[Path("/dev/shm")] is Grade.WARN, "it is memory on every Linux"
    (tmp_path / "link").symlink_to("/dev/shm")
    assert about_place(tmp_path / "link" / "bots.db") == about_place(Path("/dev/shm/bots.db"))


@pytest.mark.skipif(sys.platform != "linux" or not os.path.ismount("/dev/shm"), reason="only Linux tells it")
def test_the_doctor_says_so_of_a_file_in_memory() -> None:
    path = Path(f"/dev/shm/stratvars-{os.getpid()}.db")
    try:
        save(path, "bot")
        found = examine(resolve(f"sqlite:///{path}"), TABLE)
    finally:
        for file in path.parent.glob(path.name + "*"):
            file.unlink()
    [fact] = [fact for fact in found.facts if fact.name == "place"]
    assert fact.grade is Grade.WARN
    assert [stored.strategy for stored in found.strategies] == ["bot"]


def test_a_folder_that_is_not_there_says_nothing_of_its_place(tmp_path: Path) -> None:
    assert about_place(tmp_path / "nowhere" / "bots.db") == []
