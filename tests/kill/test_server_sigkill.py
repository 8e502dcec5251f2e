"""SIGKILL of the server while strategies save: after the recovery everything acknowledged is there, once and whole.

The bots are stopped before or after it, and go on after what the server has recovered was looked at. Killing
processes leaves what they had given to the operating system; what was still in the server's own memory is lost.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from pieces import is_whole

from postgres.binaries import Binaries
from postgres.processes import freeze
from postgres.servers import Server
from stratvars import Backup

CROWD = Path(__file__).with_name("crowd.py")
MANY = 4
NAMES = [f"bot-{number}" for number in range(MANY)]
STATES = "SELECT strategy_id, variables FROM vars_backup"
HISTORY = """
SELECT strategy_id, epoch, revision, substring(changed from '"number":([0-9]+)')::int
FROM vars_backup_history ORDER BY strategy_id, epoch, revision
"""


@dataclass
class Count:
    """What the kills hit, and what was found after them.

    ``unheard``: committed, and never acknowledged. ``started_over``: a bot took it that the database went back.
    """

    faults: int = 0
    in_a_save: int = 0
    acknowledged: int = 0
    unheard: int = 0
    lost: int = 0
    repeated: int = 0
    started_over: int = 0
    torn: int = 0

    def __str__(self) -> str:
        return (
            f"{self.faults} faults, {self.in_a_save} saves in flight, {self.acknowledged} acknowledged, "
            f"{self.unheard} committed unheard, {self.lost} lost, {self.repeated} repeated, "
            f"{self.started_over} started over, {self.torn} torn"
        )


@dataclass
class Said:
    """What one of the strategies has said."""

    tried: int = 0
    acked: int = 0
    acks: int = 0


@dataclass
class Crowd:
    """The process with the strategies; what it says is read when it is listened to."""

    process: subprocess.Popen[bytes]
    said: dict[str, Said] = field(default_factory=lambda: defaultdict(Said))
    rest: bytes = b""

    def listen(self, until: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not until():
            self._hear(0.05)
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                pytest.fail(f"the strategies died by themselves or hang: {self.process.communicate()[1].decode()}")

    def stop(self) -> None:
        """Stop it where it stands, and hear what it had said by then."""
        freeze(self.process)
        while self._hear(0):
            pass

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def wait_for_acks(self, more: int) -> None:
        wanted = {name: self.said[name].acks + more for name in NAMES}
        self.listen(lambda: all(self.said[name].acks >= acks for name, acks in wanted.items()))

    def _hear(self, timeout: float) -> bool:
        assert self.process.stdout is not None
        pipe = self.process.stdout.fileno()
        if not select.select([pipe], [], [], timeout)[0]:
            return False
        *lines, self.rest = (self.rest + os.read(pipe, 1 << 16)).split(b"\n")
        for line in lines:
            word, name, number = line.decode().split()
            said = self.said[name]
            if word == "try":
                said.tried = int(number)
            else:
                said.acked, said.acks = int(number), said.acks + 1
        return True


@contextmanager
def crowd_at(url: str, *words: str) -> Iterator[Crowd]:
    command = [sys.executable, str(CROWD), url, str(MANY), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield Crowd(process)
        finally:
            process.kill()


def recovered(url: str) -> tuple[dict[str, str], list[tuple[str, int, int, int]]]:
    """The states by name, and the revisions of the history with their numbers, in order."""
    with closing(psycopg.connect(url)) as connection:
        # One snapshot for both: what a save leaves between two looks would seem torn.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        try:
            return dict(connection.execute(STATES).fetchall()), connection.execute(HISTORY).fetchall()
        except psycopg.errors.UndefinedTable:  # the creation of the tables was lost too
            return {}, []


def compare(url: str, said: Mapping[str, Said], count: Count) -> int:
    """Set what is stored against what the strategies have said; returns how many states nobody had heard of."""
    states, history = recovered(url)
    unheard = 0
    for name in NAMES:
        state = json.loads(states.get(name, "{}"))
        found, mine = state.get("number", 0), said[name]
        kept = [(1, 0, 0), *(revision for strategy, *revision in history if strategy == name)]
        gaps = [revision for _, revision, _ in kept] != list(range(len(kept)))
        unheard += found > mine.acked
        count.lost += max(mine.acked - found, 0)
        count.repeated += sum(later <= earlier for (*_, earlier), (*_, later) in pairwise(kept))
        count.started_over += sum(later != earlier for (earlier, *_), (later, *_) in pairwise(kept))
        count.torn += gaps or found > mine.tried or kept[-1][-1] != found or not is_whole(state)
    return unheard


def kill_often(server: Server, url: str, kills: int, *words: str) -> Count:
    """Kill the server that many times under one life of the strategies, and at the end restore them."""
    seed = int(os.environ.get("STRATVARS_SEED", random.randrange(1_000_000)))
    chance, count = random.Random(seed), Count()
    with crowd_at(url, *words) as crowd:
        for _ in range(kills):
            crowd.wait_for_acks(chance.randint(5, 20))
            time.sleep(chance.uniform(0, 0.02))
            if count.faults % 2:  # what the server commits in its last moment is not heard any more
                crowd.stop()
            server.kill_hard()
            crowd.stop()
            server.start()
            count.faults += 1
            count.in_a_save += sum(said.tried > said.acked for said in crowd.said.values())
            count.unheard += compare(url, crowd.said, count)
            crowd.go_on()
        crowd.wait_for_acks(3)
        crowd.stop()
        # What was in flight at the last kill was sent again meanwhile.
        compare(url, crowd.said, count)
        count.acknowledged = sum(said.acks for said in crowd.said.values())
    for name in NAMES:
        with Backup(name, url) as backup:
            number, said = backup.vars.number, crowd.said[name]
            count.lost += not said.acked <= number <= said.tried
            count.torn += not is_whole(backup.vars)
    return count


def check(count: Count) -> None:
    assert (count.lost, count.repeated, count.started_over, count.torn) == (0, 0, 0, 0), count
    assert count.in_a_save >= count.faults, "too few kills fell into a save to prove anything"
    assert count.acknowledged >= 5 * MANY * count.faults


def test_six_sigkills_of_the_server_lose_nothing_that_was_acknowledged(
    pg: Server, pg_url: str, record_property: Callable[[str, object], None]
) -> None:
    count = kill_often(pg, pg_url, 6)
    record_property("counted", f"SIGKILL of PostgreSQL {pg.version} under {MANY} strategies: {count}")
    check(count)


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_fifty_sigkills_of_each_server_lose_nothing_that_was_acknowledged(
    pg_server: Server, any_pg_url: str, record_property: Callable[[str, object], None]
) -> None:
    count = kill_often(pg_server, any_pg_url, 50)
    record_property("counted", f"SIGKILL of PostgreSQL {pg_server.version} under {MANY} strategies: {count}")
    check(count)
    assert count.unheard >= 1, "no save was committed without its acknowledgement"


@pytest.fixture
def careless(found: Binaries) -> Iterator[Server]:
    """A server that acknowledges a commit long before it writes it, and a role of which that is asked."""
    settings = {"wal_writer_delay": "10s", "wal_writer_flush_after": "1GB", "wal_buffers": "64MB"}
    with Server(found, settings=settings) as server:
        with closing(psycopg.connect(server.url(), autocommit=True)) as connection:
            connection.execute("CREATE ROLE hasty LOGIN PASSWORD 'word'")
            connection.execute("ALTER ROLE hasty SET synchronous_commit = off")
            connection.execute("GRANT CREATE ON SCHEMA public TO hasty")
        yield server


@pytest.mark.parametrize("words", [(), ("unprotected",)], ids=["protected", "unprotected"])
def test_where_commits_are_not_durable_the_saves_are_and_without_their_protection_the_loss_is_seen(
    careless: Server, words: tuple[str, ...], record_property: Callable[[str, object], None]
) -> None:
    count = kill_often(careless, careless.url(user="hasty", password="word"), 2, *words)
    told = " ".join(["synchronous_commit off", *words])
    record_property("counted", f"SIGKILL of PostgreSQL {careless.version}, {told}: {count}")
    if words:
        assert count.lost >= 2, "an acknowledged commit that was never written must be missed"
    else:
        check(count)
