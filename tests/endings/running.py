"""Bots as child processes that end in a given way, and what they said and left in the database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

from table import ALL_STRATEGIES, ENDINGS, TAKEN_OVER, Host, Reach, Row

from either import sql
from stratvars import Backup
from stratvars.errors import RestoreError

HOSTS = Path(__file__).with_name("hosts")
COMMANDS = {
    Host.BLOCK: ("loops.py", "block"),
    Host.LOOP: ("loops.py", "loop"),
    Host.ASYNC_BLOCK: ("aloops.py", "block"),
    Host.ASYNC_LOOP: ("aloops.py", "loop"),
    Host.STRATEGY: ("-m", "stratvars", "run", "bots.py:Bot", "--max-iterations", "3"),
    Host.ASYNC_STRATEGY: ("-m", "stratvars", "run", "bots.py:AsyncBot", "--max-iterations", "3"),
}
OURS = ("DB_CONNECTION_STR", "STRATEGY_NAME", "STRATVARS_")
HOOKS = {
    *("initialize", "before_starting_trading", "on_strategy_end", "on_abrupt_closing", "on_bot_crash", "on_fenced"),
}
PREPARED = "stop"
UNREADABLE = '{"n":'


@dataclass(frozen=True)
class Fate:
    """What became of one strategy.

    Attributes:
        calls: its hooks, in order.
        saved: the reasons in its history; with a star what was taken inside of a turn.
        restored: by the next start; a sentence when there is none.
    """

    calls: str
    saved: str
    restored: dict[str, object] | str


@dataclass(frozen=True)
class Ended:
    """What became of a process."""

    fates: tuple[Fate, ...]
    code: int


def expected(row: Row, host: Host) -> Ended:
    """What the table says."""
    begin = ENDINGS[row.ending].begin.value
    calls = [call for call in f"{begin} {row.calls}".split() if host in ALL_STRATEGIES or call not in HOOKS]
    saved = f"{PREPARED} {row.saved}".strip() if row.ending == "UNRESTORABLE" else row.saved
    bot = Fate(" ".join(calls), saved, _restored(row, calls))
    if host is not Host.TRADER:
        return Ended((bot,), row.code)
    reached, its_saves = ENDINGS[row.ending].reach.value
    turns = reached.split().count("turn")
    other = Fate(reached, its_saves, _state((turns, turns), reached.split()) if its_saves else {})
    return Ended((bot, other), row.code)


def _restored(row: Row, calls: Sequence[str]) -> dict[str, object] | str:
    if row.ending == "UNRESTORABLE":
        return UNREADABLE
    if row.turns is None:
        return {}
    return {"n": 100} if row.turns == TAKEN_OVER else _state(row.turns, calls)


def _state(turns: tuple[int, int], calls: Sequence[str]) -> dict[str, object]:
    state: dict[str, object] = {name: number for name, number in zip(("n", "done"), turns, strict=True) if number > 0}
    hooks = [call for call in calls if call in HOOKS]
    return {**state, "hook": hooks[-1]} if hooks else state


class Place:
    """One database, in which every bot of a test has a name of its own.

    Args:
        url: of the database.
        folder: for what the bots say.
        is_forked: start all bots as forks of one process, and not strategies alone; see ``hosts/nursery.py``.
    """

    def __init__(self, url: str, folder: Path, *, is_forked: bool) -> None:
        self._url = url
        self._folder = folder
        self._is_forked = is_forked

    def run(self, cases: Sequence[tuple[Row, Host]], at_once: int) -> list[Ended]:
        """Start them all, some at once, and look when all have ended."""
        for row, host in cases:
            if row.ending == "UNRESTORABLE":
                self._prepare(_name(row, host))
        orders = json.dumps([self._order(row, host) for row, host in cases])
        command = [sys.executable, "nursery.py", str(at_once)]
        done = subprocess.run(command, input=orders, cwd=HOSTS, stdout=PIPE, text=True, check=True, timeout=110)
        codes, saved = json.loads(done.stdout), self._saved()
        with Backup("looks", self._url):  # keeps the connection over all the starts
            return [
                Ended(tuple(self._fate(row, host, name, saved) for name in _names(row, host)), code)
                for (row, host), code in zip(cases, codes, strict=True)
            ]

    def errors(self, row: Row, host: Host) -> str:
        """What a bot said on stderr."""
        return self._file(row, host, "errors").read_text()

    def _order(self, row: Row, host: Host) -> dict[str, object]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        environment |= {"DB_CONNECTION_STR": self._url, "STRATEGY_NAME": _name(row, host), "ENDING": row.ending}
        if host is Host.TRADER:
            environment["OTHER"] = _names(row, host)[1]
        return {
            "command": _command(row, host),
            "environment": environment,
            "output": str(self._file(row, host, "output")),
            "errors": str(self._file(row, host, "errors")),
            "is_forked": self._is_forked or host in ALL_STRATEGIES,
        }

    def _file(self, row: Row, host: Host, what: str) -> Path:
        return self._folder / f"{_name(row, host)}.{what}"

    def _prepare(self, name: str) -> None:
        with Backup(name, self._url) as backup:
            backup.vars.n = 1
        sql(self._url, f"UPDATE vars_backup SET variables = '{UNREADABLE}' WHERE strategy_id = '{name}'")

    def _saved(self) -> dict[str, list[str]]:
        """The reasons of each strategy's revisions, in order."""
        query = "SELECT strategy_id, reason, complete FROM vars_backup_history ORDER BY epoch, revision"
        saved: dict[str, list[str]] = {}
        for name, reason, complete in sql(self._url, query):
            saved.setdefault(name, []).append(reason if complete else f"{reason}*")
        return saved

    def _fate(self, row: Row, host: Host, name: str, saved: dict[str, list[str]]) -> Fate:
        said = self._file(row, host, "output").read_text().splitlines()
        calls = [call for who, _, call in (line.partition(" ") for line in said) if who == name]
        return Fate(" ".join(calls), " ".join(saved.get(name, [])), self._restored(name))

    def _restored(self, name: str) -> dict[str, object] | str:
        backup = Backup(name, self._url)
        try:
            backup.open()
        except RestoreError:
            [(text,)] = sql(self._url, f"SELECT variables FROM vars_backup WHERE strategy_id = '{name}'")
            return str(text)
        restored = backup.vars.all()
        backup.abandon()
        return restored


def _names(row: Row, host: Host) -> tuple[str, ...]:
    name = _name(row, host)
    return (name, f"{name}-other") if host is Host.TRADER else (name,)


def _name(row: Row, host: Host) -> str:
    return f"{host.name}-{row.ending}".lower()


def _command(row: Row, host: Host) -> tuple[str, ...]:
    ending = ENDINGS[row.ending]
    if host is Host.TRADER:
        return ("traders.py", "0" if ending.reach is Reach.ITSELF else "1H")
    if row.ending == "LEFT_OPEN" and host is Host.STRATEGY:
        return ("bots.py",)
    return COMMANDS[host]
