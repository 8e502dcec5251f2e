"""One run of a bot through one trouble, and what must be true of it whatever the trouble is.

The run is written as a generator that yields once per iteration, so that a loop with ``Backup`` and a real ``Strategy``
play the same one: the time between a yield and its return is the time for which the backup held the strategy up.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import psycopg
import pytest

from postgres.stores import CANARY
from postgres.waiting import eventually
from stratvars import Backup, Strategy, Vars, session
from stratvars.errors import NotSavedError

LANDS = 8.0
"""Seconds in which the newest state must be there after the trouble: one connect, one pause, and a busy machine."""
NO_WAIT = 1.0
"""Seconds; less than any deadline here: an iteration that is held up for less did not wait for it."""
LEAST = 3
"""Iterations in a trouble, however short it is."""


@dataclass
class Course:
    """See the module.

    Attributes:
        url: where it is looked at what landed.
        during: the trouble.
        says: what the log says of it; None when nothing.
        lasts: for how long the strategy goes on in it, in seconds.
        known: seconds after which no further iteration waits; None when it heals by itself and nobody is held up.
        pace: seconds that an iteration takes.
    """

    url: str
    during: AbstractContextManager[object]
    says: str | None
    _: KW_ONLY
    lasts: float
    known: float | None
    pace: float = 0.01
    number: int = 0
    acknowledged: list[int] = field(default_factory=list)
    held: list[tuple[float, float]] = field(default_factory=list)
    """When an iteration ended, from the begin of the trouble, and for how long its backup held the strategy up."""
    crashes: list[BaseException] = field(default_factory=list)

    def play(self, variables: Vars, save: Callable[[], None]) -> Iterator[None]:
        """The iterations; to be taken to the end."""
        variables.key = CANARY
        variables.book = list(range(2000))  # more than a page holds
        for _ in range(6):  # from the sixth save on the statement is prepared
            self._next(variables)
            save()
            self.acknowledged.append(self.number)
            yield
        with self.during:
            began = time.monotonic()
            while time.monotonic() - began < self.lasts or len(self.held) < LEAST:
                self._next(variables)
                time.sleep(self.pace)
                ended = time.monotonic()
                yield
                self.held.append((ended - began, time.monotonic() - ended))
            if self.known is not None:
                with pytest.raises(NotSavedError):
                    save()
        assert eventually(lambda: stored(self.url) == self.number, LANDS), "the newest state lands by itself"
        self._next(variables)
        save()
        self.acknowledged.append(self.number)
        yield

    def _next(self, variables: Vars) -> None:
        self.number += 1
        variables.n = self.number

    def judge(self, records: list[logging.LogRecord], told: str) -> None:
        """What must be true after it; ``told``: all that was logged, at any level."""
        self._judge_time()
        self._judge_log(records)
        assert CANARY not in told
        assert self.crashes == []
        kept = history(self.url)
        assert kept == sorted(set(kept)), "no revision is repeated, none is older than the one before"
        assert set(self.acknowledged) <= set(kept), "what was acknowledged is there"
        assert (kept[-1], stored(self.url)) == (self.number, self.number)
        if self.known is not None:
            assert len(kept) <= len(self.acknowledged) + 2, "one was in flight, the newest waited behind it"

    def _judge_time(self) -> None:
        assert max(held for _, held in self.held) < session.DEADLINE + 1
        waits = [held for _, held in self.held if held > NO_WAIT]
        if self.known is None:
            assert waits == [], "nobody is held up by what heals at once"
        else:
            assert waits, "the trouble was in the way"
            late = [held for ended, held in self.held if ended > self.known and held > NO_WAIT]
            assert late == [], "in trouble that is known no further iteration waits"

    def _judge_log(self, records: list[logging.LogRecord]) -> None:
        lines = [(record.name, record.levelname, record.getMessage()) for record in records]
        if self.says is None:
            assert lines == []
        else:
            assert [(name, level) for name, level, _ in lines] == [("stratvars", "WARNING")] * 2, lines
            begin, end = (line for _, _, line in lines)
            assert self.says in begin
            assert "cannot be saved" in begin
            assert "is saved again" in end


def play_with_backup(course: Course, url: str) -> None:
    """A loop of the user's own."""
    with Backup("bot", url) as backup:
        play = course.play(backup.vars, lambda: backup.save(timeout=0.3))
        for _ in backup.every(0):
            if next(play, play) is play:
                break


class Bot(Strategy):
    """Plays a course in its iterations."""

    name = "bot"
    sleeptime: str | float = 0

    def __init__(self, course: Course, url: str) -> None:
        super().__init__(db_connection_str=url)
        self._course = course
        self._play = course.play(self.vars, self.backup_variables_to_db)

    def on_trading_iteration(self) -> None:
        if next(self._play, self) is self:
            raise SystemExit

    def on_bot_crash(self, error: BaseException) -> None:
        self._course.crashes.append(error)


def play_with_strategy(course: Course, url: str) -> None:
    """A strategy."""
    with suppress(SystemExit):
        Bot(course, url).run()


def stored(url: str) -> object:
    """The number in the current state."""
    with psycopg.connect(url) as connection:
        [(variables,)] = connection.execute("SELECT variables FROM vars_backup WHERE strategy_id = 'bot'").fetchall()
    return json.loads(variables)["n"]


def history(url: str) -> list[Any]:
    """The numbers in the order of the revisions; the last revision of a run may have nothing new."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT changed FROM vars_backup_history ORDER BY epoch, revision").fetchall()
    changes = [json.loads(changed) for (changed,) in rows]
    return [change["n"] for change in changes if "n" in change]
