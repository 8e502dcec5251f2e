"""What it costs to see a change and to write and read values, as ratios of the json module on the same values.

Machines are shared and noisy: every round measures each contender and its yardstick once, in turn, and only ratios of
medians are told. With ``--page`` the table is written into docs/performance.md too.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from stratvars import Vars
from stratvars.capture import Capture
from stratvars.codec import decode, encode
from stratvars.vars import replace_all

NEW_YORK = ZoneInfo("America/New_York")
ROUNDS = 300
WARM_UP = 3
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- bench/codec.py -->\n", "<!-- end of bench/codec.py -->\n"


@dataclass(frozen=True)
class Contest:
    """Work of ours beside a yardstick. ``prepare`` is called before each timing, outside of it."""

    work: str
    yardstick: str
    target: float
    prepare: Callable[[int], object]
    ours: Callable[[], object]
    theirs: Callable[[], object]


@dataclass(frozen=True)
class Result:
    """Medians of a contest, in seconds."""

    contest: Contest
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """What ours takes for each second of theirs."""
        return self.ours / self.theirs


def chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - it makes up prices


def scalars() -> dict[str, Any]:
    random = chance(1)
    makers = (lambda: random.uniform(1, 500), lambda: random.randrange(10**6), lambda: f"order-{random.random()}")
    return {f"v{number}": makers[number % 3]() for number in range(100)}


def mixed() -> dict[str, Any]:
    random = chance(2)

    def one(number: int) -> Any:
        match number % 5:
            case 0:
                return {"qty": random.randrange(100), "price": random.uniform(1, 500), "side": "buy", "open": True}
            case 1:
                return [random.uniform(1, 500) for _ in range(5)]
            case 2:
                return random.uniform(1, 500)
            case 3:
                return random.randrange(10**6)
            case _:
                return f"order-{random.randrange(10**9)}"

    return {f"v{number}": one(number) for number in range(1000)}


def bot(seed: int) -> dict[str, Any]:
    """The state of a bot, 19 KB of text: prices, bars, nested positions, orders, a set of ids."""
    random = chance(seed)
    start = datetime(2026, 11, 2, 14, 30, tzinfo=UTC) + timedelta(microseconds=random.randrange(10**6))

    def money() -> Decimal:
        return Decimal(random.randrange(100, 10**7)).scaleb(-2)

    def moment() -> datetime:
        return start + timedelta(seconds=random.randrange(10**6))

    def position() -> dict[str, Any]:
        legs = [
            {"strike": random.uniform(90, 110), "right": "put", "expiry": date(2026, 12, 18), "fill": money()}
            for _ in range(2)
        ]
        opened = moment().astimezone(NEW_YORK)
        return {"qty": random.randrange(1, 500), "cost": money(), "opened": opened, "stop": None, "legs": legs}

    return {
        "trade_count": random.randrange(10**6),
        "last_price": random.uniform(1, 500),
        "halted": seed % 2 == 0,
        "mode": f"live-{seed}",
        "cash": money(),
        "last_seen": moment(),
        "prices": [random.uniform(90, 110) for _ in range(270)],
        "bars": [[moment(), *(random.uniform(90, 110) for _ in range(4)), random.randrange(10**6)] for _ in range(40)],
        "positions": {f"SYM{number}": position() for number in range(16)},
        "orders": [
            {"id": f"{random.getrandbits(64):016x}", "sent": moment(), "limit": money(), "filled": random.random()}
            for _ in range(20)
        ],
        "seen": {f"{random.getrandbits(48):012x}" for _ in range(60)},
    }


class Watched:
    """Variables, and the capture that a backup of them has."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.vars = Vars(values)
        self.capture = Capture(self.vars, {})
        for _ in range(3):
            self.capture.take()


def nothing(_: int) -> None:
    """Nothing to prepare."""


def of_scalars() -> Contest:
    watched = Watched(scalars())
    values = watched.vars.all()
    return Contest(
        "100 scalar variables, nothing changed: find that out",
        "json.dumps",
        0.1,
        nothing,
        watched.capture.take,
        lambda: json.dumps(values),
    )


def of_mixed() -> Contest:
    watched = Watched(mixed())
    values = watched.vars.all()

    def change(number: int) -> None:
        values[f"v{number % 200 * 5}"]["qty"] += 1

    return Contest(
        "1,000 mixed variables, one changed in place: find it, encode it",
        "json.dumps",
        0.25,
        change,
        watched.capture.take,
        lambda: json.dumps(values),
    )


def of_bot() -> Contest:
    states = bot(0), bot(1)
    watched = Watched(states[0])

    def change(number: int) -> None:
        replace_all(watched.vars, states[(number + 1) % 2])

    return Contest(
        f"{len(json.dumps(states[0], default=str)) / 1000:.0f} KB of mixed state, all changed: encode it",
        "json.dumps(default=str)",
        1.0,
        change,
        watched.capture.take,
        lambda: json.dumps(watched.vars.all(), default=str),
    )


def of_reading() -> Contest:
    texts = {name: encode(value, name) for name, value in bot(0).items()}
    lossy = json.dumps(bot(0), default=str)

    def read() -> dict[str, object]:
        return {name: decode(text, name) for name, text in texts.items()}

    return Contest("the same state: decode it", "json.loads", 3.0, nothing, read, lambda: json.loads(lossy))


def of_floats(*, is_changing: bool) -> Contest:
    random = chance(3)
    prices = [random.uniform(1, 500) for _ in range(55_000)]
    watched = Watched({"prices": prices})

    def change(number: int) -> None:
        prices[number * 7919 % len(prices)] += 1.0

    return Contest(
        f"a list of 55,000 floats, {'one changed in place' if is_changing else 'unchanged'}",
        "json.dumps",
        0.2 if is_changing else 0.04,
        change if is_changing else nothing,
        watched.capture.take,
        lambda: json.dumps(prices),
    )


def of_start(work: str, target: float, *command: str) -> Contest:
    return Contest(
        work,
        'python -c "import sqlite3, json"',
        target,
        nothing,
        lambda: run(*command),
        lambda: run("-c", "import sqlite3, json"),
    )


def run(*command: str) -> None:
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own starts


def contests() -> Iterator[Contest]:
    yield of_scalars()
    yield of_mixed()
    yield of_bot()
    yield of_reading()
    yield of_floats(is_changing=False)
    yield of_floats(is_changing=True)
    yield of_start("import stratvars", 2.5, "-c", "import stratvars")
    yield of_start("stratvars --help", 6.0, "-m", "stratvars", "--help")


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(contest: Contest) -> Result:
    ours, theirs = [], []
    gc.collect()
    for number in range(ROUNDS + WARM_UP):
        contest.prepare(number)
        theirs.append(seconds(contest.theirs))
        ours.append(seconds(contest.ours))
    return Result(contest, statistics.median(ours[WARM_UP:]), statistics.median(theirs[WARM_UP:]))


def section(results: list[Result]) -> str:
    where = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    lines = [
        f"`python bench/codec.py --page`, {datetime.now(UTC):%Y-%m-%d}, {where}, medians of {ROUNDS} rounds.",
        "",
        "| work | yardstick | target | measured |",
        "|---|---|---|---|",
    ]
    for result in results:
        contest = result.contest
        lines.append(f"| {contest.work} | `{contest.yardstick}` | {contest.target:g}x | {result.ratio:.2g}x |")
    return "\n".join(lines) + "\n"


def write(text: str) -> None:
    """Put the section in the place of the old one."""
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(before + BEGIN + text + END + rest.partition(END)[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="write the table into docs/performance.md")
    is_for_page = parser.parse_args().page
    results = []
    for contest in contests():
        result = measure(contest)
        results.append(result)
        told = f"{result.ours * 1e6:10.1f} us {result.ratio:7.3f}x   target {contest.target:g}x of {contest.yardstick}"
        print(f"{contest.work:66} {told}", flush=True)
    if is_for_page:
        write(section(results))


if __name__ == "__main__":
    main()
