"""A fleet in a child process, what it says, what it takes of the machine, and faults in its way, by chance."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from torments import FAULTS, Scene

FLEET = Path(__file__).with_name("fleet.py")
AT_ONCE = 3
"""Faults that may last at the same time."""
_PAGE = 4096
_BACKENDS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stratvars' AND datname = current_database()"
)


@dataclass
class Fleet:
    """The child: how many strategies it says what of."""

    process: subprocess.Popen[str]
    said: Counter[str] = field(default_factory=Counter)
    acked: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    started: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    """What each start found, and the highest number that was acknowledged before it."""
    last: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            word, name, number = line.split()
            self.said[word] += 1
            if word == "acked":
                self.acked[name].append(int(number))
            elif word == "started":
                self.started[name].append((int(number), max(self.acked[name], default=0)))
            elif word == "ended":
                self.last[name] = int(number)

    def read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(self.process.stderr)

    def end(self) -> int:
        """Have it come to its end; its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(60)


@contextmanager
def fleet(url: str, many: int) -> Iterator[Fleet]:
    """A child with so many strategies; killed at the end of the block, if it still lives."""
    command = [sys.executable, str(FLEET), url, str(many)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        made = Fleet(process)
        readers = [threading.Thread(target=made.read), threading.Thread(target=made.read_errors)]
        for reader in readers:
            reader.start()
        try:
            yield made
        finally:
            process.kill()
            for reader in readers:
                reader.join()


def torment(scene: Scene, seconds: float, pace: float) -> Counter[str]:
    """Faults by chance for so long, several at once; how often each was there.

    Each lasts up to three times the pace, and each kind comes at least once.
    """
    counts: Counter[str] = Counter()
    end = time.monotonic() + seconds

    def one_after_another(first: int) -> None:
        due = FAULTS[first::AT_ONCE]
        while due or time.monotonic() < end:
            fault = due[-1] if due else random.choice(FAULTS)
            with fault(scene) as is_there:
                time.sleep(random.uniform(0.2, 3) * pace)
                counts[fault.__name__] += is_there
            if is_there:  # a server that is down just now has no row to lock
                due = due[:-1]
            time.sleep(random.uniform(0, 2) * pace)

    with ThreadPoolExecutor(AT_ONCE) as hands:
        for done in [hands.submit(one_after_another, first) for first in range(AT_ONCE)]:
            done.result()
    return counts


@dataclass(frozen=True)
class Sample:
    """What a process takes at one moment: bytes of memory, open files, and connections at the server."""

    memory: int
    handles: int
    backends: int


def sampled(url: str, pid: int) -> Sample | None:
    """None where the server cannot be asked just now. Linux only."""
    try:
        with closing(psycopg.connect(url, connect_timeout=2)) as connection:
            [(backends,)] = connection.execute(_BACKENDS.encode()).fetchall()
    except psycopg.Error:
        return None
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Sample(pages * _PAGE, len(list(Path(f"/proc/{pid}/fd").iterdir())), backends)


@contextmanager
def samples_of(url: str, pid: int, pause: float) -> Iterator[list[Sample]]:
    """Samples, taken for as long as the block lasts."""
    found: list[Sample] = []
    over = threading.Event()

    def take() -> None:
        while not over.wait(pause):
            if (sample := sampled(url, pid)) is not None:
                found.append(sample)

    with ThreadPoolExecutor(1) as hand:
        done = hand.submit(take)
        try:
            yield found
        finally:
            over.set()
        done.result()
