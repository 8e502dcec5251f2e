"""Eight processes fight for one strategy and are stopped for longer than its lease: what they save is one chain."""

from __future__ import annotations

import math
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from chain import Chain, Count, acts_in, chain_of, judge
from fighter import LEASE

from either import sql
from stratvars import Backup

FIGHTER = Path(__file__).with_name("fighter.py")
Process = subprocess.Popen[bytes]
Told = Callable[[str], None]
MANY = 8
AT_ONCE = 3
"""Processes that stand still at most: the others must be enough to take over."""
GRACE = 0.5
"""Seconds for one that goes on to do what it must not do."""
HISTORY = "SELECT epoch, revision, changed FROM vars_backup_history WHERE reason <> 'fenced' ORDER BY epoch, revision"


@dataclass
class Fight:
    """The processes. ``holder``: who said last that it has become the writer."""

    url: str
    folder: Path
    processes: list[Process] = field(default_factory=list)
    holder: Process | None = None
    stopped: dict[Process, float] = field(default_factory=dict)
    """Until when each stands still, by the monotonic clock."""
    overtaken: set[Process] = field(default_factory=set)
    """Who stands still, and another one has become the writer."""
    came_late: int = 0
    """How often such a one went on."""
    pauses: int = 0
    next_pause: float = 0.0
    chance: random.Random = field(default_factory=random.Random)

    def start(self, many: int, *words: str) -> None:
        for number in range(many):
            command = [sys.executable, str(FIGHTER), self.url, f"f{number}", str(self.folder / f"f{number}"), *words]
            self.processes.append(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            )

    def go_on(self, seconds: float, came_late: float = math.inf) -> None:
        """Let them fight, and stop one after the other, until so many came late or the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.came_late < came_late:
            resting = self._listen()
            self._let_go()
            # Who holds the lock of a file keeps everybody out, however long it stands still: it is stopped at rest.
            targets = resting if self._is_sqlite else [self.holder]
            for process in targets:
                if process is not None and process is self.holder and self._may_stop(process):
                    self._stop(process)
            for process in resting:
                if process not in self.stopped:
                    _wake(process)

    def _let_go(self) -> None:
        for process in [process for process, until in self.stopped.items() if until <= time.monotonic()]:
            del self.stopped[process]
            self.came_late += process in self.overtaken
            self.overtaken.discard(process)
            process.send_signal(signal.SIGCONT)
            _wake(process)

    def _may_stop(self, process: Process) -> bool:
        is_free = process not in self.stopped and len(self.stopped) < AT_ONCE
        return is_free and time.monotonic() >= self.next_pause

    @property
    def _is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    def _stop(self, process: Process) -> None:
        process.send_signal(signal.SIGSTOP)
        now = time.monotonic()
        self.stopped[process] = now + self.chance.uniform(1.2, 2.5) * LEASE
        self.next_pause = now + self.chance.uniform(0.2, 1) * LEASE
        self.pauses += 1

    def _listen(self) -> list[Process]:
        """Hear who holds the strategy; returns who rests and waits for a word."""
        pipes = {process.stdout: process for process in self.processes if process.stdout is not None}
        resting = []
        for pipe in select.select(list(pipes), [], [], 0.005)[0]:
            process = pipes[pipe]
            words = os.read(pipe.fileno(), 1 << 16).split()
            if not words:
                pytest.fail(f"a process died by itself: {process.communicate()[1].decode()}")
            for word in words:
                self._hear(process, word)
            if words[-1] == b"rests":
                resting.append(process)
        return resting

    def _hear(self, process: Process, word: bytes) -> None:
        if word == b"holds":
            if self.holder is not None and self.holder in self.stopped:
                self.overtaken.add(self.holder)
            self.next_pause = max(self.next_pause, time.monotonic() + self.chance.uniform(0, 0.3))
            self.holder = process
        elif word == b"leaves" and process is self.holder:
            self.holder = None

    def kill(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.communicate()

    def judged(self) -> tuple[Count, Chain]:
        """What came of it so far."""
        count, acts = Count(pauses=self.pauses), []
        for file in sorted(self.folder.glob("f*")):
            mine, fenced = acts_in(file.read_text().splitlines())
            acts += mine
            count.fenced += fenced
        chain = chain_of(sql(self.url, HISTORY))
        judge(chain, acts, count)
        return count, chain

    def result(self) -> Count:
        """What came of it, after the end of all."""
        count, chain = self.judged()
        with Backup("bot", self.url, lease=LEASE) as backup:
            count.lost += backup.vars.all() != chain.last
        return count


def _wake(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.flush()


@contextmanager
def fight_at(url: str, folder: Path, many: int, *words: str) -> Iterator[Fight]:
    fight = Fight(url, folder)
    try:
        fight.start(many, *words)
        yield fight
    finally:
        fight.kill()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'db'}" if request.param == "sqlite" else str(request.getfixturevalue("pg_url"))


@pytest.fixture
def told(record_property: Callable[[str, object], None]) -> Told:
    return lambda line: record_property("counted", line)


def fight(url: str, folder: Path, seconds: float, came_late: float) -> Count:
    with fight_at(url, folder, MANY) as fight:
        fight.go_on(seconds, came_late)
        fight.go_on(GRACE)
    return fight.result()


def check(count: Count) -> None:
    assert (count.lost, count.repeated, count.torn, count.out_of_order) == (0, 0, 0, 0)
    assert count.fenced >= 1, "somebody was taken over while it stood still, and learned it"
    assert count.epochs > count.fenced
    assert count.acknowledged >= 3


def test_what_processes_save_that_stand_still_past_their_leases_is_one_chain(
    url: str, tmp_path: Path, told: Told
) -> None:
    count = fight(url, tmp_path, 60, 2)
    told(f"{MANY} processes fight on {url.partition(':')[0]}: {count}")
    check(count)


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_what_processes_save_in_five_minutes_is_one_chain(url: str, tmp_path: Path, told: Told) -> None:
    count = fight(url, tmp_path, 300, math.inf)
    told(f"{MANY} processes fight on {url.partition(':')[0]} for 300 s: {count}")
    check(count)
    assert count.fenced >= 30


def test_where_a_store_compares_no_epochs_the_fork_of_the_chain_is_seen(url: str, tmp_path: Path, told: Told) -> None:
    with fight_at(url, tmp_path, 3, "unfenced") as fight:
        # One that is stopped when it has just done its last save does no wrong when it goes on.
        for late in range(1, 10):
            fight.go_on(30, late)
            fight.go_on(GRACE)
            if fight.judged()[0].wrong > 0:
                break
    count = fight.result()
    told(f"3 processes that nothing fences, on {url.partition(':')[0]}: {count}")
    assert count.wrong > 0
