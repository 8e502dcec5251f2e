"""A bot with 1 KB of variables behind a network that can fail, and a note at the server of who wrote each revision.

The note is made by a trigger, in the transaction of the save: it tells whether a revision was committed by the
backend whose connection was cut, or by the one that was asked again.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from postgres.proxy import Direction, Proxy
from postgres.stores import rows, waits
from postgres.waiting import eventually
from stratvars import Backup

NOTES = """
CREATE TABLE noted (revision bigint, backend int);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN INSERT INTO noted VALUES (NEW.revision, pg_backend_pid()); RETURN NEW; END$$;
CREATE TRIGGER note BEFORE INSERT ON vars_backup_history FOR EACH ROW EXECUTE FUNCTION note()
"""
NEWEST = "SELECT backend FROM noted WHERE revision = (SELECT max(revision) FROM noted)"


@dataclass
class Count:
    """What the cuts hit, and what was found after them."""

    faults: int = 0
    beside: int = 0
    """The save was over before so many bytes had passed."""
    not_committed: int = 0
    committed: int = 0
    committed_late: int = 0
    acknowledged: int = 0
    lost: int = 0
    repeated: int = 0
    torn: int = 0

    def __str__(self) -> str:
        return (
            f"{self.faults} cuts ({self.not_committed} not committed, {self.committed} committed, "
            f"{self.committed_late} committed late), {self.acknowledged} acknowledged, {self.lost} lost, "
            f"{self.repeated} repeated, {self.torn} torn"
        )


def state_of(number: object) -> dict[str, object]:
    """The state of that number, of 1 KB."""
    return {"number": number, "text": (hashlib.sha512(f"{number}".encode()).hexdigest() * 8)[:1000]}


@dataclass
class Wire:
    """One bot; ``proxy`` is the only way from it to its server."""

    backup: Backup
    proxy: Proxy
    admin: psycopg.Connection
    count: Count = field(default_factory=Count)
    number: int = 0

    def save(self) -> None:
        self.number += 1
        self.backup.vars.update(state_of(self.number))
        self.backup.save()
        self.count.acknowledged += 1

    def warm_up(self, saves: int) -> int:
        """Save on the connection that is then cut; returns which backend serves it."""
        for _ in range(saves):
            self.save()
        return self._writers()[0]

    def size(self, direction: Direction) -> int:
        """The bytes of a save in a direction, on a connection that was warmed up."""
        before = self.proxy.counts
        self.save()
        passed = self.proxy.counts - before
        return passed.bytes_to_server if direction is Direction.TO_SERVER else passed.bytes_to_client

    def cut_at(self, place: int, direction: Direction, warmth: int) -> None:
        """Cut the connection after so many bytes of a save."""
        first, before = self.warm_up(warmth), self.proxy.counts.connections
        self.proxy.cut_after_bytes(place, direction)
        self.save()
        self.proxy.cut()  # where it took fewer bytes, the cut is not to fall later
        self.count.faults += 1
        if self.proxy.counts.connections == before:
            self.count.beside += 1
        elif self._look() == [first]:
            self.count.committed += 1
        else:
            self.count.not_committed += 1

    def cut_while_held(self, holder: psycopg.Connection, waiting: int) -> None:
        """Cut the connection while the save waits for a row; let it go on when so many saves wait for it."""
        first = self.warm_up(1)
        thread = threading.Thread(target=self.save)
        with holder.transaction():
            holder.execute("SELECT FROM vars_backup_writers FOR UPDATE")
            thread.start()
            assert eventually(lambda: waits(self.admin))
            self.proxy.cut()
            assert eventually(lambda: waits(self.admin, waiting))
            assert self._revisions()[-1] == self.number - 1, "it is not committed before the cut"
        thread.join()
        self.count.faults += 1
        self.count.committed_late += self._look() == [first]

    def _look(self) -> list[int]:
        """Count what is wrong; returns the backends that wrote the newest revision."""
        revisions, writers = self._revisions(), self._writers()
        self.count.lost += revisions[-1] < self.number
        self.count.repeated += len(writers) > 1 or revisions[-1] > self.number
        return writers

    def _writers(self) -> list[int]:
        return [int(str(backend)) for (backend,) in rows(self.admin, NEWEST)]

    def _revisions(self) -> list[int]:
        query = "SELECT revision FROM vars_backup_history ORDER BY epoch DESC, revision DESC LIMIT 1"
        return [int(str(revision)) for (revision,) in rows(self.admin, query)]


@contextmanager
def wire_at(url: str, proxy: Proxy, admin: psycopg.Connection) -> Iterator[Wire]:
    """Open it; at the end everything that it acknowledged must be in the history and be restored, once."""
    with Backup("bot", proxy.url(url)) as backup:
        admin.execute(NOTES.encode())
        wire = Wire(backup, proxy, admin)
        wire.save()
        yield wire
    count = wire.count
    kept = rows(admin, "SELECT revision, changed FROM vars_backup_history ORDER BY epoch, revision")
    revisions = [revision for revision, _ in kept]
    count.lost += len(set(range(1, wire.number + 1)) - set(revisions))
    # The last one has nothing new, and is written all the same.
    count.repeated += revisions != list(range(1, wire.number + 2))
    count.torn += sum(json.loads(str(changed)) != state_of(number) for number, changed in kept[:-1])
    with Backup("bot", url) as backup:
        count.lost += backup.vars.get("number") != wire.number
        count.torn += backup.vars.all() != state_of(wire.number)
