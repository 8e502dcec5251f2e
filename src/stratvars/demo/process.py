"""One child process: start it, listen to it, answer it, kill it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from stratvars.database import Secret
from stratvars.demo.messages import Message, from_line
from stratvars.errors import StratvarsError

SILENCE_LIMIT = 60.0
"""Seconds without a word after which a child counts as stuck; longer than a start waits for its database."""

ERROR_LINES = 12
"""How much of what a failed child wrote on stderr is shown."""


class ChildFailedError(StratvarsError):
    """The child ended by itself before its last day, or got stuck. The message ends with what it said."""


@dataclass(frozen=True, slots=True)
class Run:
    """One strategy from its first day to its last, in as many processes as it takes.

    Attributes:
        name: the strategy's name.
        db: the URL of the database.
        folder: where the run keeps the broker's ledger and the children's stderr.
        days: how many days there are to trade.
    """

    name: str
    db: Secret
    folder: Path
    days: int

    @property
    def ledger(self) -> Path:
        """The broker's books."""
        return self.folder / f"{self.name}-orders.jsonl"

    @property
    def errors(self) -> Path:
        """What the children wrote on stderr."""
        return self.folder / f"{self.name}-stderr.txt"


class Child:
    """A process that trades a run onward. End it with ``abandon``, always; one thread only."""

    def __init__(self, run: Run) -> None:
        self._run = run
        with run.errors.open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603  (this Python, a module of ours, no shell)
                # -P: a signal.py or calendar.py in the user's folder is not the module meant.
                [sys.executable, "-P", "-m", "stratvars.demo.child", run.name, str(run.ledger), str(run.days)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                # Not an argument: the list of processes must not show a password.
                env=os.environ | {"DB_CONNECTION_STR": run.db.reveal()},
                # Ctrl-C is for the parent alone, which then ends the child and tidies up.
                start_new_session=True,
            )
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)

    def messages(self) -> Iterator[Message]:
        """What the child says, until it ends.

        Raises:
            ChildFailedError: it was silent for too long.
        """
        rest = b""
        while chunk := self._read():
            *lines, rest = (rest + chunk).split(b"\n")
            yield from map(from_line, lines)

    def _read(self) -> bytes:
        pipe = self._stdout.fileno()
        ready, _, _ = select.select([pipe], [], [], SILENCE_LIMIT)
        if not ready:
            raise self._failure(f"the strategy made no progress for {SILENCE_LIMIT:.0f} seconds")
        return os.read(pipe, 65536)

    def answer(self) -> None:
        """Let the child go on with the next day. A child that just died is noticed when it is read."""
        try:
            self._stdin.write(b"\n")
        except BrokenPipeError:
            return

    def kill(self) -> None:
        """SIGKILL. What it had said can still be heard; ``finish`` waits for its end."""
        self._process.kill()

    def finish(self, *, killed: bool) -> None:
        """Wait for the end.

        Raises:
            ChildFailedError: it was not killed though it should be, did not end well by itself, or did not end.
        """
        try:
            code = self._process.wait(SILENCE_LIMIT)
        except subprocess.TimeoutExpired:
            raise self._failure(f"the strategy did not end within {SILENCE_LIMIT:.0f} seconds") from None
        if code != (-signal.SIGKILL if killed else 0):
            raise self._failure(f"the strategy ended by itself with exit code {code}")

    def abandon(self) -> None:
        """End the process whatever it does, and close the pipes; may be called when it is gone already."""
        self._process.kill()
        self._process.wait()
        self._stdin.close()
        self._stdout.close()

    def _failure(self, problem: str) -> ChildFailedError:
        said = self._run.errors.read_text("utf-8", errors="replace").splitlines()
        return ChildFailedError("\n".join([f"{problem}. It said:", *said[-ERROR_LINES:]] if said else [f"{problem}."]))
