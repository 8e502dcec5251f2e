"""``stratvars watch``: through a pipe, on a terminal, beside a database that goes away, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import queue
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest
from commandline import Shell
from prefork import COMMAND

from postgres.proxy import Proxy
from rewinding import Place, postgresql_place, sqlite_place
from stratvars import Backup


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        with sqlite_place(tmp_path) as place:
            yield place
    else:
        with postgresql_place(request.getfixturevalue("pg_url")) as place:
            yield place


@dataclass
class Watched:
    """A command that watches, and the lines that it says."""

    child: subprocess.Popen[str]
    out: queue.Queue[str] = field(default_factory=queue.Queue)
    err: queue.Queue[str] = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        pairs = ((self.child.stdout, self.out), (self.child.stderr, self.err))
        self.threads = [threading.Thread(target=self._read, args=pair) for pair in pairs]
        for thread in self.threads:
            thread.start()

    def _read(self, stream: IO[str], into: queue.Queue[str]) -> None:
        with stream:
            for line in stream:
                into.put(line.rstrip("\n"))

    def line(self) -> list[str]:
        return self.out.get(timeout=20).split("\t")

    def said(self) -> str:
        return self.err.get(timeout=20)

    def end(self, number: int = signal.SIGINT) -> int:
        self.child.send_signal(number)
        code = self.child.wait(timeout=20)
        self.close()
        return code

    def close(self) -> None:
        self.child.kill()
        self.child.wait()
        for thread in self.threads:
            thread.join()


@contextmanager
def watching(shell: Shell, url: str, *arguments: str, more: Mapping[str, str] | None = None) -> Iterator[Watched]:
    words = [COMMAND, "watch", "--db", url, "--interval", "0.1", *arguments]
    environment = {**shell._environment(), **(more or {})}
    child = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=shell.folder, env=environment
    )
    watched = Watched(child)
    try:
        assert "Ctrl-C ends it" in watched.said()
        yield watched
    finally:
        watched.close()


def test_through_a_pipe_each_change_is_a_line(shell: Shell, place: Place) -> None:
    place.live({"cash": 5, "api_key": "hunter1", "legs": {"SPY": [1, 2]}})
    with watching(shell, place.url) as watched:
        assert watched.line() == ["time", "name", "revision", "variable", "old", "new"]
        with Backup("bot", place.url) as backup:
            assert watched.line()[1:] == ["bot", "2", "(state)", "stopped", "running"]
            backup.vars.update(cash=6, api_key="hunter2", new="a\tb")
            backup.vars.legs["SPY"][1] = 7
            backup.save()
            lines = [watched.line() for _ in range(4)]
            del backup.vars.new
            backup.save()
            assert watched.line()[1:] == ["bot", "4", "new", "'a\\tb'", "(not set)"]
        assert [line[1:] for line in lines] == [
            ["bot", "3", "cash", "5", "6"],
            ["bot", "3", "api_key", "********", "********"],
            ["bot", "3", "legs['SPY'][1]", "2", "7"],
            ["bot", "3", "new", "(not set)", "'a\\tb'"],
        ]
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\S+\+00:00", line[0]) for line in lines)
        assert watched.line()[3:] == ["(state)", "running", "stopped"]
        assert watched.end() == 0
        assert watched.err.empty()


def test_as_json_each_change_is_an_object_with_the_stored_values(shell: Shell, place: Place) -> None:
    place.live({"n": 1, "spot": (1, None), "key": "hunter1"})
    with watching(shell, place.url, "--json") as watched:
        place.live({"n": 1.5, "spot": (1, 2), "key": "hunter2"}, crash=True)
        found: list[dict[str, Any]] = []
        while sum("path" in one for one in found) < 3:
            found.append(json.loads("\t".join(watched.line())))
    changes = {one["path"]: one for one in found if "path" in one}
    state = next(one for one in found if "state" in one)
    assert (changes["n"]["old"], changes["n"]["new"], changes["n"]["name"]) == (1, 1.5, "bot")
    assert (changes["spot[1]"]["old"], changes["spot[1]"]["new"]) == (None, 2)
    assert (changes["key"]["old"], changes["key"]["new"]) == ("********", "********")
    assert (state["was"], state["state"] in {"crashed", "running"}) == ("stopped", True)


def test_what_appears_goes_or_cannot_be_read_is_told(shell: Shell, place: Place) -> None:
    place.live({"n": 1})
    place.live({"n": 1}, name="other")
    with watching(shell, place.url) as watched:
        watched.line()
        place.live({"m": 1}, name="new")
        told = [watched.line()[1:] for _ in range(2)]
        assert [line[0] for line in told] == ["new", "new"]
        assert told[0][2:4] == ["(state)", "gone"]
        assert told[1][2:] == ["m", "(not set)", "1"]
        while not watched.out.empty():
            watched.line()
        place.execute("DELETE FROM vars_backup WHERE strategy_id = 'other'")
        assert line_of(watched, "other") == ["other", "2", "(state)", "stopped", "gone"]
        place.execute("UPDATE vars_backup SET variables = '{broken' WHERE strategy_id = 'bot'")
        place.live({"n": 2}, name="new")
        assert line_of(watched, "new")[0] == "new", "it goes on beside a text that nobody can read"


def change_of(watched: Watched, variable: str) -> list[str]:
    while (line := watched.line())[3] != variable:
        pass
    return line[4:]


def line_of(watched: Watched, name: str) -> list[str]:
    while (line := watched.line())[1] != name:
        pass
    return line[1:]


def test_only_those_that_are_named_are_watched(shell: Shell, place: Place) -> None:
    for name in ("a", "b"):
        place.live({"n": 1}, name=name)
    with watching(shell, place.url, "b", "--reveal") as watched:
        watched.line()
        place.live({"n": 2}, name="a")
        place.live({"n": 3}, name="b")
        assert watched.line()[1] == "b"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_peace(shell: Shell, place: Place, number: int) -> None:
    place.live({"n": 1})
    with watching(shell, place.url) as watched:
        assert watched.end(number) == 0
        assert watched.err.empty()


def test_a_reader_that_has_seen_enough_ends_it_even_when_nothing_changes(shell: Shell, place: Place) -> None:
    place.live({"n": 1})
    line = f"set -o pipefail; {shlex.quote(COMMAND)} watch --db {shlex.quote(place.url)} --interval 0.1 | head -1"
    done = shell.call("bash", "-c", line)
    assert (done.returncode, done.stdout) == (0, "time\tname\trevision\tvariable\told\tnew\n")
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_goes_away_and_comes_back_is_told_once_each_and_watched_on(tmp_path: Path, shell: Shell) -> None:
    with sqlite_place(tmp_path) as place:
        place.live({"n": 1})
        with watching(shell, place.url) as watched:
            watched.line()
            file, away = tmp_path / "stratvars.db", tmp_path / "away.db"
            place.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            file.rename(away)
            said = watched.said()
            assert "the database cannot be read now: there is no database at" in said
            assert said.endswith("Looking on")
            threading.Event().wait(0.5)
            away.rename(file)
            assert watched.said() == f"{place.url} can be read again"
            place.live({"n": 2})
            assert change_of(watched, "n") == ["1", "2"]
            assert watched.end() == 0
            assert watched.err.empty()


def test_a_server_that_goes_away_and_comes_back_is_told_once_each_and_watched_on(
    shell: Shell, pg_url: str, proxy: Proxy
) -> None:
    with postgresql_place(pg_url) as place:
        place.live({"n": 1})
        with watching(shell, proxy.url(pg_url)) as watched:
            watched.line()
            proxy.refuse()
            proxy.cut()
            said = watched.said()
            assert "the database cannot be read now: PostgreSQL at" in said
            threading.Event().wait(0.5)
            proxy.accept()
            assert watched.said().endswith(" can be read again")
            place.live({"n": 2})
            assert change_of(watched, "n") == ["1", "2"]
            proxy.cut()  # a connection that was lost while nothing was asked is made anew without a word
            place.live({"n": 3})
            assert line_of(watched, "bot")[0] == "bot"
            assert watched.end() == 0


def test_on_a_terminal_it_draws_a_table_highlights_what_changed_and_gives_the_cursor_back(
    shell: Shell, place: Place
) -> None:
    place.live({"cash": 5, "token": "hunter1", "long": "x" * 500})
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [COMMAND, "watch", "--db", place.url, "--interval", "0.1"],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env={**shell._environment(), "TERM": "xterm-256color", "COLUMNS": "60", "LINES": "20"},
    )
    os.close(theirs)
    seen = until(ours, "cash")
    place.live({"cash": 6, "token": "hunter2", "long": "x" * 500})
    seen += until(ours, "\x1b[1;30;43m6")
    child.send_signal(signal.SIGINT)
    seen += until(ours, None)
    assert child.wait(timeout=20) == 0
    os.close(ours)
    assert "hunter" not in seen
    assert "********" in seen
    assert "x…" in seen
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h") == 1, "hidden, and shown again at the end"


def until(terminal: int, wanted: str | None) -> str:
    """What a terminal shows up to a text, or to its end."""
    seen = b""
    while wanted is None or wanted.encode() not in seen:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # how Linux says that nobody holds the other end any more
            break
        seen += piece
    return seen.decode(errors="replace")


WRONG = [
    (["bto"], "nothing is saved under the name bto; did you mean bot?"),
    (["bot", "bto"], "nothing is saved under the name bto"),
    (["--interval", "2S"], "'2S' is no number of seconds"),
    (["--interval", "0"], "0 is not possible; give 0.1 to 86400 seconds"),
    (["--interval", "nan"], "nan is not possible"),
    (["--table", "mine"], "nothing is saved in the table mine"),
    (["--db", "sqlite:///no.db"], "there is no database at"),
    (["--db", "memory://"], "nothing to look at from here"),
]


def test_what_a_new_user_may_type_wrong_is_answered(shell: Shell) -> None:
    with sqlite_place(shell.folder) as place:
        place.live({"n": 1})
    for arguments, said in WRONG:
        assert said in shell.refused("watch", *arguments)
