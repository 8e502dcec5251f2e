"""One bot that is started again and again as ``stratvars run``, on one database."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from either import sql
from postgres.waiting import eventually

BOT = """
import os
from stratvars import Strategy

class Bot(Strategy):
    sleeptime = os.environ.get("SLEEPTIME", "1H")

    def on_trading_iteration(self):
        self.vars.n = self.vars.get("n", 0) + 1
        print("iteration", self.vars.n, flush=True)

    def on_strategy_end(self):
        print("on_strategy_end", flush=True)

    def on_abrupt_closing(self):
        print("on_abrupt_closing", flush=True)

    def on_bot_crash(self, error):
        print("on_bot_crash", flush=True)

    def on_fenced(self):
        print("on_fenced", flush=True)
"""
OURS = ("DB_CONNECTION_STR", "STRATEGY_NAME", "STRATVARS_", "SLEEPTIME")


@dataclass
class Run:
    """One start: its process, and the lines it said."""

    process: subprocess.Popen[str]
    out: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        streams = ((self.process.stdout, self.out), (self.process.stderr, self.errors))
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in streams]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: Any, lines: list[str]) -> None:
        with stream:
            lines.extend(line.strip() for line in stream)

    def says(self, text: str, timeout: float = 20) -> None:
        """Wait for a line with the text in it, on either stream."""
        found = eventually(lambda: any(text in line for line in (*self.out, *self.errors)), timeout)
        assert found, f"{text!r} was not said: {self.out} {self.errors}"

    def iterates(self) -> int:
        """Wait for an iteration; its number."""
        assert eventually(lambda: bool(self.out)), self.errors
        return int(self.out[-1].removeprefix("iteration "))

    def ends(self, timeout: float = 20) -> int:
        """Wait for the end of the process and of what it said."""
        code = self.process.wait(timeout)
        for reader in self._readers:
            reader.join(timeout)
        return code

    def send(self, signum: int) -> None:
        self.process.send_signal(signum)


@dataclass
class Base:
    """A database and the folder of the bot."""

    url: str
    folder: Path

    @contextmanager
    def start(self, *arguments: str, **environment: str) -> Iterator[Run]:
        """``stratvars run bot.py`` with the arguments; killed at the end of the block, if it lives."""
        script = self.folder / "bot.py"
        script.write_text(BOT, encoding="utf-8")
        known = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        run = Run(
            subprocess.Popen(
                [sys.executable, "-m", "stratvars", "run", str(script), *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=known | {"DB_CONNECTION_STR": self.url} | environment,
                cwd=self.folder,
            )
        )
        try:
            yield run
        finally:
            if run.process.poll() is None:
                run.process.send_signal(signal.SIGKILL)
            run.ends()

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """One statement that both kinds of database understand."""
        return sql(self.url, statement)

    @property
    def history(self) -> list[tuple[int, str, Any]]:
        """Epoch, reason and what was set, of each revision."""
        found = self.execute("SELECT epoch, reason, changed FROM vars_backup_history ORDER BY epoch, revision")
        return [(epoch, reason, json.loads(changed)) for epoch, reason, changed in found]

    @property
    def variables(self) -> Any:
        [(text,)] = self.execute("SELECT variables FROM vars_backup")
        return json.loads(text)

    def wait_for(self, number: int) -> None:
        """Until an iteration is durable: the line it said was earlier."""
        assert eventually(lambda: self._number() >= number)

    def _number(self) -> int:
        try:
            found = self.execute("SELECT variables FROM vars_backup")
        except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):
            return 0
        return max((json.loads(text)["n"] for (text,) in found), default=0)

    def alter_owner(self, **members: object) -> None:
        """Have the owner in the writers' row be another one."""
        [(text,)] = self.execute("SELECT owner FROM vars_backup_writers")
        owner = json.dumps(json.loads(text) | members, separators=(",", ":"))
        self.execute(f"UPDATE vars_backup_writers SET owner = '{owner}'")

    def set_lease_end(self, seconds: float) -> None:
        """Have the lease end in so many seconds by the database's clock."""
        if self.url.startswith("sqlite"):
            moment = f"strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', '{seconds:+} seconds')"
        else:
            moment = f"clock_timestamp() + interval '{seconds} seconds'"
        self.execute(f"UPDATE vars_backup_writers SET lease_until = {moment}")
