"""Several strategies of one process that save in one batch: what hinders some of them hinders none of the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace

import psycopg
import pytest

from postgres.stores import rows, store_at
from postgres.waiting import eventually
from stratvars import Backup
from stratvars.errors import FencedError, NotSavedError
from stratvars.revision import Claim, Holder
from stratvars.session import DEADLINE
from stratvars.testing import TABLE

LOCKED, REFUSED, FENCED = "b-locked", "d-refused", "f-fenced"
GOOD = ["a", "c", "e", "g"]
"""Before, between and after them, in the order in which they are sent."""
ALL = sorted([*GOOD, LOCKED, REFUSED, FENCED])
IN_VAIN = 0.3
"""Seconds for which those are waited for that cannot be saved."""
PROMPT = 1.0
"""Seconds; less than any lock is waited for, and enough for a busy machine."""
ROUNDS = 3


class LateError(AssertionError):
    """Who is not hindered was held up."""


@dataclass
class Group:
    """The strategies. ``outcomes``: what came of the last save of each, and after how many seconds."""

    backups: dict[str, Backup]
    hindered: set[str] = field(default_factory=set)
    outcomes: dict[str, tuple[type[Exception] | None, float]] = field(default_factory=dict)

    def save_together(self, number: int) -> None:
        """Save all in one batch; each has the number then."""
        sessions = [session for backup in self.backups.values() if (session := backup._session) is not None]
        threads = [threading.Thread(target=self._save, args=(name, number)) for name in self.backups]
        with sessions[0]._writer._turning:
            for thread in threads:
                thread.start()
            lanes = [session._lane for session in sessions]
            assert eventually(lambda: all(lane.has_work or lane.holder is not None for lane in lanes))
        for thread in threads:
            thread.join()

    def count_prompt(self) -> int:
        """How many of the others were saved, and at once. Raises ``LateError`` when one was not."""
        others = {name: outcome for name, outcome in self.outcomes.items() if name not in self.hindered}
        for name, (error, seconds) in others.items():
            if error is not None or seconds > PROMPT:
                raise LateError(f"{name!r} waited for {seconds:.2f} s: {error}")
        return len(others)

    def _save(self, name: str, number: int) -> None:
        backup, begun = self.backups[name], time.monotonic()
        backup.vars.n = f"unwanted {number}" if name == REFUSED and number else number
        error: type[Exception] | None = None
        try:
            backup.save(IN_VAIN if name in self.hindered else DEADLINE)
        except (FencedError, NotSavedError) as raised:
            error = type(raised)
        self.outcomes[name] = (error, time.monotonic() - begun)


@pytest.fixture
def group(pg_url: str) -> Iterator[Group]:
    with ExitStack() as stack:
        backups = {}
        for name in ALL:
            backups[name] = Backup(name, pg_url).open()
            stack.callback(backups[name].abandon)
        group = Group(backups)
        group.save_together(0)
        assert {error for error, _ in group.outcomes.values()} == {None}
        yield group


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Somebody holds the row of one."""
    with psycopg.connect(url) as other:
        other.execute("SELECT FROM vars_backup_writers WHERE strategy_id = %s FOR UPDATE", (LOCKED,))
        yield
        other.rollback()


@contextmanager
def refused(url: str) -> Iterator[None]:
    """The table does not take the text of one."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("ALTER TABLE vars_backup ADD CONSTRAINT wanted CHECK (variables NOT LIKE '%unwanted%')")
        yield
        admin.execute("ALTER TABLE vars_backup DROP CONSTRAINT wanted")


@contextmanager
def fenced(url: str) -> Iterator[None]:
    """Another start has taken one over."""
    with closing(store_at(url)) as other:
        holder = other.acquire(TABLE, FENCED, "other", "start-2")
        assert isinstance(holder, Holder)
        taken = other.acquire(TABLE, FENCED, "other", "start-2", take_over=replace(holder, stamp=""))
        assert isinstance(taken, Claim)
        yield


HINDRANCES = {LOCKED: locked, REFUSED: refused, FENCED: fenced}
ERRORS = {LOCKED: NotSavedError, REFUSED: NotSavedError, FENCED: FencedError}


@pytest.mark.parametrize(
    "hindered",
    [
        (REFUSED,),
        (FENCED,),
        (REFUSED, FENCED),
        (LOCKED,),
        (LOCKED, REFUSED, FENCED),
    ],
    ids=" ".join,
)
def test_what_hinders_some_hinders_no_neighbour(
    hindered: tuple[str, ...],
    group: Group,
    pg_url: str,
    *,
    admin: psycopg.Connection,
    record_property: Callable[[str, object], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    group.hindered = set(hindered)
    prompt = 0
    with ExitStack() as stack:
        for name in hindered:
            stack.enter_context(HINDRANCES[name](pg_url))
        for number in range(1, ROUNDS + 1):
            group.save_together(number)
            prompt += group.count_prompt()
            assert all(group.outcomes[name][0] is ERRORS[name] for name in hindered)
    saved = {str(name): str(text) for name, text in rows(admin, "SELECT strategy_id, variables FROM vars_backup")}
    record_property("counted", f"in a batch with {', '.join(hindered)}: {prompt} saves of the others, none late")
    assert all(saved[name] == f'{{"n":{ROUNDS}}}' for name in GOOD)
    assert not any(repr(name) in line for name in GOOD for line in caplog.messages), (
        "their trouble is not told of these"
    )
    assert prompt == ROUNDS * (len(ALL) - len(hindered))
    for name in group.hindered - {FENCED}:
        group.backups[name].save(5)
