"""One of several processes that fight for a strategy: ``fighter.py URL NAME FILE [unfenced]``, killed at the end.

It becomes the writer, saves states of its own making for a while, and gives the strategy up. Each state is named
(``who``) and follows the one before (``n``), so that the history shows on what it was built. What it did goes into the
file, with the times of a clock that all processes share: a line before a save and one after it.

On stdout it says ``holds`` when it has become the writer, ``leaves`` before it gives that up, and ``rests`` where it
holds no lock of a file until a line comes in. With ``unfenced`` the stores do not compare the epochs: what that does
must be seen by the test.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import sys
import time
import warnings

from stratvars import Backup
from stratvars.errors import FencedError, NotSavedError, OwnedError, UnavailableError
from stratvars.outcome import Outcome, Renewal
from stratvars.revision import Claim, Renewing, Revision
from stratvars.store import verdict
from stratvars.store.postgres import saving as postgres_saving
from stratvars.store.postgres import statements
from stratvars.store.postgres import store as postgres_store
from stratvars.store.sqlite import saving as sqlite_saving
from stratvars.store.sqlite import store as sqlite_store
from stratvars.store.verdict import Found

LEASE = 1.0
WAIT = 20.0
OURS = "epoch = %(epoch)s::bigint AND start_id = %(start_id)s::text AND "


def say(*words: object) -> None:
    """One unbuffered write: what was said was said, whenever the process dies."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def mark_of(who: str, number: int) -> str:
    return hashlib.sha256(f"{who}:{number}".encode()).hexdigest()


class Fighter:
    def __init__(self, url: str, name: str, file: str) -> None:
        self._url = url
        self._name = name
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._made = 0
        self._chance = random.Random()

    def note(self, what: str, **more: object) -> None:
        os.write(self._file, (json.dumps({"what": what, "at": time.monotonic(), **more}) + "\n").encode())

    def live(self) -> None:
        """One start, to its end."""
        self.note("asks")
        try:
            backup = Backup("bot", self._url, lease=LEASE, wait=WAIT).open()
        except (OwnedError, UnavailableError):
            return
        seen = backup.vars.all()
        self.note("read", who=seen.get("who", ""), n=seen.get("n", 0))
        say("holds")
        try:
            for _ in range(self._chance.randint(5, 30)):
                self._save(backup)
                self._rest(backup)
            say("leaves")
            backup.close()
        except FencedError:
            self.note("fenced")
            backup.hand_over()
        except NotSavedError:
            backup.abandon()

    def _save(self, backup: Backup) -> None:
        self._made += 1
        number, who = backup.vars.get("n", 0) + 1, f"{self._name}-{self._made}"
        backup.vars.update(n=number, who=who, mark=mark_of(who, number))
        self.note("try", who=who, n=number)
        try:
            backup.save()
        except (FencedError, NotSavedError):
            self.note("unknown", who=who)
            raise
        self.note("acked", who=who)

    def _rest(self, backup: Backup) -> None:
        """Wait; beside a file be stopped here, where nothing holds its lock: the writer's thread does nothing."""
        time.sleep(self._chance.uniform(0, 0.03))
        if self._url.startswith("sqlite"):
            session = backup._session
            assert session is not None
            with session._writer._turning:
                say("rests")
                sys.stdin.readline()


def compare_no_epochs() -> None:
    """Have both stores of this process take each writers' row for their own."""

    def judge(revision: Revision, found: Found | None) -> Outcome | None:
        return verdict.judge(revision, found and _as_if_of(revision.claim, found))

    def judge_renewal(held: Renewing, found: Found | None) -> Renewal | None:
        return verdict.judge_renewal(held, found and _as_if_of(held.claim, found))

    for store in (sqlite_store, sqlite_saving, postgres_store, postgres_saving):
        vars(store).update(judge=judge, judge_renewal=judge_renewal)
    sql = statements.statements("vars_backup")
    assert OURS in sql["save"]
    sql["save"] = sql["save"].replace(OURS, "")


def _as_if_of(claim: Claim, found: Found) -> Found:
    return found._replace(epoch=claim.epoch, start_id=claim.start_id)


def main(url: str, name: str, file: str, *words: str) -> None:
    if words == ("unfenced",):
        compare_no_epochs()
    logging.getLogger("stratvars").addHandler(logging.NullHandler())
    fighter = Fighter(url, name, file)
    while True:
        fighter.live()
        time.sleep(random.uniform(0, 0.3))  # the others are to have their turn


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(*sys.argv[1:])
