"""A durable save and a restore of three states with this library and with others: the same work in the same run.

Each peer gets an environment of its own, in a folder that is kept for the next run; only this downloads anything. What
cannot be installed, or does not do the work, says so in its line. Each contender is a process; all are asked in turn.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from frame import Row, Scale, run  # noqa: E402 - found by the line above
from places import server, sqlite_folder  # noqa: E402 - as above

_STATES = {"five": "5 variables", "thousand": "1,000 variables", "megabyte": "1 MB"}
_INSTALL_TIME = 600.0
_YARDSTICK = "json"
_ROUNDS = 40
"""Of each work, for each of them; of the slowest one takes a second."""


@dataclass(frozen=True)
class Peer:
    """A contender: what is installed for it, and what it promises for a save."""

    name: str
    packages: tuple[str, ...]
    promise: str


_SERVER = "the server's commit"
_LAST_WINS = "no history; the last writer wins"
PEERS = (
    Peer("stratvars-sqlite", (), "fsync; types; history; one writer, fenced by epochs"),
    Peer("stratvars-postgres", (), "fsync; types; history; one writer, fenced by epochs"),
    Peer(_YARDSTICK, (), f"fsync; JSON's types; {_LAST_WINS}"),
    Peer("shelve", (), f"no promise for a crash while it writes; pickled types; {_LAST_WINS}"),
    Peer("sqlitedict", ("sqlitedict",), f"no fsync (synchronous=OFF); pickled types; {_LAST_WINS}"),
    Peer("langgraph-sqlite", ("langgraph-checkpoint-sqlite",), "SQLite's default, fsync; msgpack; history; no fence"),
    Peer(
        "langgraph-postgres",
        ("langgraph-checkpoint-postgres", "psycopg[binary]"),
        f"{_SERVER}; msgpack; history; no fence",
    ),
    Peer("dbos", ("dbos", "psycopg[binary]"), f"{_SERVER}; pickled types; one workflow for each save; no fence"),
    Peer("freqtrade", ("freqtrade",), f"a commit for each variable; numbers, texts and dates; {_LAST_WINS}"),
    Peer("vnpy", ("vnpy",), f"no fsync, not atomic; JSON's types; {_LAST_WINS}"),
    Peer("lumibot", ("lumibot", "psycopg2-binary"), f"{_SERVER}; JSON's types; {_LAST_WINS}"),
)


@dataclass
class Contestant:
    """A running contender, and what it took; ``failure`` when it cannot do a work."""

    peer: Peer
    process: subprocess.Popen[str]
    saves: dict[str, list[float]] = field(default_factory=dict)
    restores: dict[str, list[float]] = field(default_factory=dict)
    alike: dict[str, bool] = field(default_factory=dict)
    failure: str = ""

    def ask(self, line: str) -> str:
        """Its answer; empty once it has failed."""
        if self.failure:
            return ""
        given, taken = self.process.stdin, self.process.stdout
        if given is None or taken is None:
            return ""
        try:
            given.write(line + "\n")
            given.flush()
            answer = taken.readline().strip()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self.failure = f"it failed at {line!r}"
        return answer


def installed(peer: Peer, folder: Path) -> Path | None:
    """The Python of the peer's environment; None where it cannot be installed."""
    if not peer.packages:
        return Path(sys.executable)
    python = folder / peer.name / "bin" / "python"
    done = folder / peer.name / "done"
    if done.exists():
        return python
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *peer.packages]
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder / peer.name)], check=True, timeout=_INSTALL_TIME)  # noqa: S603
        subprocess.run(pip, check=True, timeout=_INSTALL_TIME, capture_output=True)  # noqa: S603 - names from above
    except (subprocess.SubprocessError, OSError):
        return None
    done.touch()
    return python


def compare(scale: Scale) -> Iterator[Row]:
    """A row for each peer and state; the yardstick is the atomic JSON file."""
    environments = Path(tempfile.gettempdir()) / "stratvars-peers"
    environments.mkdir(exist_ok=True)
    with server() as made, sqlite_folder() as folder, ExitStack() as stack:
        contestants, absent = [], []
        for peer in PEERS:
            python = installed(peer, environments)
            if python is None:
                absent.append(peer)
            else:
                contestants.append(_started(peer, python, folder, made.create_database()))
                stack.callback(contestants[-1].process.kill)
        for state in _STATES:
            _measure(contestants, state, scale.rounds)
    yield from _rows(contestants)
    for peer in absent:
        yield Row("", peer.name, "", peer.promise, "could not be installed")


def _started(peer: Peer, python: Path, folder: Path, url: str) -> Contestant:
    own = folder / peer.name
    own.mkdir()
    command = [str(python), str(Path(__file__).with_name("child.py")), peer.name, str(own), url]
    with (own / "said").open("w") as said:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True)  # noqa: S603
    contestant = Contestant(peer, process)
    if process.stdout is None or process.stdout.readline().strip() != "ready":
        lines = (own / "said").read_text(encoding="utf-8", errors="replace").splitlines()
        contestant.failure = f"it does not begin: {lines[-1] if lines else 'without a word'}"
    return contestant


def _measure(contestants: list[Contestant], state: str, rounds: int) -> None:
    for one in contestants:
        one.ask(f"state {state}")
    for number in range(rounds):
        for index in range(len(contestants)):
            one = contestants[(index + number) % len(contestants)]
            answer = one.ask("save")
            if answer:
                one.saves.setdefault(state, []).append(float(answer))
    for _ in range(rounds):
        for one in contestants:
            answer = one.ask("restore")
            if answer:
                took, alike = answer.split()
                one.restores.setdefault(state, []).append(float(took))
                one.alike[state] = alike == "1"


def _rows(contestants: list[Contestant]) -> Iterator[Row]:
    base = next(one for one in contestants if one.peer.name == _YARDSTICK)
    for one in contestants:
        for state, words in _STATES.items():
            yield Row("", one.peer.name, words, one.peer.promise, _told(one, base, state))


def _told(one: Contestant, base: Contestant, state: str) -> str:
    if state not in one.restores:
        return one.failure or "nothing"
    save, restore = statistics.median(one.saves[state]), statistics.median(one.restores[state])
    ratio = save / statistics.median(base.saves[state])
    kept = "" if one.alike[state] else "; values or types came back as others"
    return f"save {save * 1e3:.3g} ms, {ratio:.2g}x of the JSON file; restore {restore * 1e3:.3g} ms{kept}"


if __name__ == "__main__":
    run(__file__, compare, rounds=_ROUNDS)
