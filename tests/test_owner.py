from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratvars.errors import UndecodableError
from stratvars.owner import FIRST_NAMESPACE, Life, Owner, look, new_start_id, start_of, was_before_reboot

SAY_WHO = "from stratvars.owner import Owner; print(Owner.current().to_text(), flush=True); "
THEN_WAIT = "import time; time.sleep(60)"
TEXTS = st.text()


@contextmanager
def child(before: str = "", after: str = THEN_WAIT) -> Iterator[tuple[subprocess.Popen[str], Owner]]:
    """A real process that says who it is and stays."""
    code = f"{before}\n{SAY_WHO}\n{after}"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, Owner.from_text(process.stdout.readline())
        finally:
            process.kill()


def until(expected: Life, owner: Owner) -> Life:
    """What is said of the owner, once the kernel has done its part."""
    end = time.monotonic() + 5
    while look(owner) is not expected and time.monotonic() < end:
        time.sleep(0.01)
    return look(owner)


def test_this_process_is_alive() -> None:
    me = Owner.current()
    assert look(me) is Life.ALIVE
    assert me.pid == os.getpid()
    assert me.started > 0
    assert me == Owner.current()


def test_a_running_child_is_alive_and_another_owner() -> None:
    with child() as (process, owner):
        assert owner.pid == process.pid
        assert look(owner) is Life.ALIVE
        assert replace(owner, pid=os.getpid(), started=Owner.current().started) == Owner.current()


def test_a_killed_and_reaped_child_is_dead() -> None:
    with child() as (process, owner):
        process.kill()
        process.wait()
        assert look(owner) is Life.DEAD


def test_a_zombie_is_dead() -> None:
    with child() as (process, owner):
        process.kill()
        assert until(Life.DEAD, owner) is Life.DEAD
        os.kill(process.pid, 0)  # it was not waited for: its pid is still taken
        assert process.wait() == -signal.SIGKILL


def test_a_stopped_child_is_alive() -> None:
    with child() as (process, owner):
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        assert look(owner) is Life.ALIVE


def test_a_process_whose_first_thread_has_ended_is_alive() -> None:
    after = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(60,)).start()"
    after += "; print('ready', flush=True); ctypes.CDLL(None).pthread_exit(None)"
    with child(after=after) as (process, owner):
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        stat = Path(f"/proc/{process.pid}/stat")
        end = time.monotonic() + 5
        while b") Z " not in stat.read_bytes() and time.monotonic() < end:
            time.sleep(0.01)
        assert b") Z " in stat.read_bytes()
        assert look(owner) is Life.ALIVE
        process.kill()
        assert until(Life.DEAD, owner) is Life.DEAD


@pytest.mark.parametrize("name", ["a) b (c", ") Z 1 2 3", "((", "x y", "\xff"])
def test_the_name_of_the_command_does_not_disturb(name: str) -> None:
    rename = f"import ctypes; ctypes.CDLL(None).prctl(15, {name.encode('latin-1')!r}, 0, 0, 0)"
    with child(before=rename) as (process, owner):
        assert name.encode("latin-1") in Path(f"/proc/{process.pid}/stat").read_bytes()
        assert look(owner) is Life.ALIVE
        process.kill()
        process.wait()
        assert look(owner) is Life.DEAD


def test_a_pid_that_is_used_again_is_another_process() -> None:
    with child() as (_, owner):
        assert look(replace(owner, started=owner.started - 1)) is Life.DEAD
        assert look(replace(owner, started=0)) is Life.UNKNOWN


def test_another_pid_namespace_or_another_machine_is_unknown() -> None:
    me = Owner.current()
    gone = replace(me, pid=2**22 + 1)
    assert look(gone) is Life.DEAD
    assert look(replace(gone, pid_namespace="1")) is Life.UNKNOWN
    assert look(replace(gone, pid_namespace="")) is Life.UNKNOWN
    assert look(replace(gone, machine="another boot", host="elsewhere")) is Life.UNKNOWN
    assert look(replace(gone, machine="another boot", machine_id="another")) is Life.UNKNOWN


def test_an_owner_from_before_a_reboot_of_this_machine_is_dead() -> None:
    me = replace(Owner.current(), machine_id="m", pid_namespace=FIRST_NAMESPACE)
    owner = replace(me, machine="an earlier boot")
    assert was_before_reboot(owner, me)
    assert not was_before_reboot(me, me)


@pytest.mark.parametrize(
    ("mine", "of_the_owner"),
    [
        ({}, {"host": "another"}),
        ({}, {"machine_id": "another"}),
        ({"machine_id": ""}, {}),
        ({"pid_namespace": "4026532000"}, {}),  # a container: its image may carry the id to every host
        ({}, {"pid_namespace": "4026532000"}),
        ({}, {"machine": "node:vm/1"}),
        ({"machine": "node:vm/1"}, {"machine": "node:vm/2"}),
    ],
)
def test_a_machine_that_only_may_be_this_one_is_not_called_rebooted(
    mine: dict[str, str], of_the_owner: dict[str, str]
) -> None:
    here = {"host": "vm", "machine": "this boot", "pid_namespace": FIRST_NAMESPACE, "machine_id": "m", **mine}
    there = {**here, "machine": "an earlier boot", **of_the_owner}
    me, owner = (Owner.from_text(json.dumps({**who, "pid": 7, "started": 1})) for who in (here, there))
    assert not was_before_reboot(owner, me)


@pytest.mark.skipif(
    Owner.current().pid_namespace != FIRST_NAMESPACE or not Path("/etc/machine-id").exists(),
    reason="in a container, or on a machine without an id, a reboot cannot be told",
)
def test_look_notices_a_reboot() -> None:
    me = Owner.current()
    assert look(replace(me, machine="an earlier boot")) is Life.DEAD


def test_without_proc_the_kernel_is_asked_for_the_pid(tmp_path: Path) -> None:
    me = Owner.current(proc=tmp_path)
    assert me.pid_namespace == ""
    assert me.started == 0
    with child() as (process, _):
        owner = replace(me, pid=process.pid)
        assert look(owner, proc=tmp_path) is Life.ALIVE
        assert look(replace(owner, machine="node:elsewhere/1"), proc=tmp_path) is Life.UNKNOWN
        assert look(owner) is Life.UNKNOWN
        process.kill()
        process.wait()
        assert look(owner, proc=tmp_path) is Life.DEAD


def test_a_proc_of_another_namespace_is_not_asked(tmp_path: Path) -> None:
    boot_id = tmp_path / "sys/kernel/random/boot_id"
    boot_id.parent.mkdir(parents=True)
    boot_id.write_text(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"), encoding="ascii")
    namespace = tmp_path / "1" / "ns" / "pid"
    namespace.parent.mkdir(parents=True)
    namespace.touch()
    (tmp_path / "self").symlink_to("1")
    me = Owner.current(proc=tmp_path)
    assert me.machine == Owner.current().machine
    assert me.pid_namespace == ""
    assert look(replace(me, pid=2**22 + 1), proc=tmp_path) is Life.UNKNOWN


def test_a_process_that_proc_hides_is_not_called_dead(tmp_path: Path) -> None:
    # As with hidepid=2: /proc has nothing of other users' processes, the kernel knows them.
    hiding = tmp_path / "proc"
    hiding.mkdir()
    for name in ("sys", "self", str(os.getpid())):
        (hiding / name).symlink_to(Path("/proc/self").readlink() if name == "self" else Path("/proc", name))
    me = Owner.current(proc=hiding)
    assert me == Owner.current()
    with child() as (process, owner):
        assert look(owner, proc=hiding) is Life.UNKNOWN
        process.kill()
        process.wait()
        assert look(owner, proc=hiding) is Life.DEAD


@given(st.builds(Owner, TEXTS, TEXTS, TEXTS, st.integers(1, 2**31 - 1), st.integers(0, 2**63), TEXTS))
def test_the_text_form_is_one_line_that_reads_back(owner: Owner) -> None:
    text = owner.to_text()
    assert Owner.from_text(text) == owner
    assert text.isascii()
    assert "\n" not in text


def test_members_that_a_newer_version_added_are_passed_over() -> None:
    me = Owner.current()
    assert Owner.from_text(json.dumps({**json.loads(me.to_text()), "newer": 1})) == me


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "[]", "5", "null", '"host"', "{}", "[" * 100_000]
    + [
        json.dumps({**json.loads(Owner.current().to_text()), "pid": pid})
        for pid in (0, -1, 2**31, "1", 1.5, True, None)
    ]
    + [json.dumps({**json.loads(Owner.current().to_text()), "host": 1})],
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(UndecodableError, match="owner"):
        Owner.from_text(text)


def test_the_id_of_the_machine_itself_stays_on_the_machine() -> None:
    file = Path("/etc/machine-id")
    assert not file.exists() or file.read_text(encoding="ascii").strip() not in Owner.current().to_text()


def test_a_start_has_a_name_of_its_own_that_says_where_it_ran() -> None:
    names = {new_start_id() for _ in range(100)}
    assert len(names) == 100
    assert max(map(len, names)) < 70
    for name in names:
        place = start_of(name)
        assert place is not None
        assert place.pid == os.getpid()
        assert place.host
        assert place.host in socket.gethostname()


@pytest.mark.parametrize("host", ["a:b", "é ü", "x" * 200, "\udcff", ""])
def test_whatever_a_host_is_called_its_starts_can_be_told(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    place = start_of(new_start_id())
    assert place is not None
    assert place.pid == os.getpid()
    assert place.host.isascii()
    assert len(place.host) == min(len(host), 40)


@pytest.mark.parametrize("name", ["start-1", "", "d41d8cd98f00b204e9800998ecf8427e", "host:12", "host:x:0123456789ab"])
def test_another_name_of_a_start_tells_nothing(name: str) -> None:
    assert start_of(name) is None
