"""The frame of all benchmarks: interleaved rounds, medians and 99th percentiles, ratios, one table for each script.

Machines are shared and noisy: every round measures each contender once, in turn and each time in another order, so
that what disturbs one disturbs all; only figures of one run are compared. What ``fsync`` and a thread's wake-up take
at that moment stands beside them, for on a slow disk all contenders look alike.

Where a target cannot be met by anybody, a *floor* shows it: the least that any code could do which keeps the same
promises, measured in the same run. Where more is better it is a ceiling, and stands in the same column.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
ROUNDS = 300
QUICK_ROUNDS = 20
_MILLISECOND = 1e-3
_FLOOR = "floor"
_HEAD = ("#", "work", "yardstick", "target", _FLOOR, "measured")
_PATIENCE = 60.0


@dataclass(frozen=True)
class Scale:
    """How thorough a run is; ``seconds`` for work that is counted and not timed."""

    rounds: int
    warm_up: int
    seconds: float
    is_quick: bool

    @classmethod
    def of(cls, rounds: int, *, is_quick: bool) -> Scale:
        """Quick to try a benchmark in seconds, whole for figures that are told."""
        return cls(min(rounds, QUICK_ROUNDS), 5, 1.0, True) if is_quick else cls(rounds, 50, 5.0, False)


@dataclass(frozen=True)
class Times:
    """What one contender took, in seconds, round by round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)

    @property
    def p99(self) -> float:
        """What one of a hundred exceeds."""
        return statistics.quantiles(self.seconds, n=100)[98] if len(self.seconds) > 1 else self.seconds[0]


@dataclass(frozen=True)
class Row:
    """A line of a table; the number is that of the target, the floor as ``floor_of`` tells it or empty."""

    number: str
    work: str
    yardstick: str
    target: str
    measured: str
    floor: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """In the order of the table's columns."""
        return (self.number, self.work, self.yardstick, self.target, self.floor, self.measured)


Bench = Callable[[Scale], Iterable[Row]]


def nothing(_: int) -> None:
    """Nothing to prepare."""


def seconds(work: Callable[[], object]) -> float:
    """What the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def race(
    contenders: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warm_up: int = 3,
    prepare: Callable[[int], object] = nothing,
    pause: float = 0.0,
) -> dict[str, Times]:
    """Measure each contender once a round, ``pause`` seconds after the one before.

    ``prepare`` is called before each timing, with a number that no other timing has: odd and even by turns for each
    contender, so that a state which alternates alternates for all of them.
    """
    names = list(contenders)
    places = {name: place for place, name in enumerate(names, 1)}
    taken: dict[str, list[float]] = {name: [] for name in names}
    gc.collect()
    for number in range(rounds + warm_up):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            prepare(number * (len(names) | 1) + places[name])
            if number >= warm_up and pause:
                time.sleep(pause)
            took = seconds(contenders[name])
            if number >= warm_up:
                taken[name].append(took)
    return {name: Times(tuple(times)) for name, times in taken.items()}


def told(value: float, limit: float, unit: str = "x") -> str:
    """A measured value, and that it misses its target where it does."""
    return f"{value:.3g}{unit}" + (" (missed)" if value > limit else "")


def at_least(value: float, limit: float, unit: str = "x") -> str:
    """The same where more is better."""
    return f"{value:.3g}{unit}" + (" (missed)" if value < limit else "")


def compared(
    number: str,
    work: str,
    yardstick: str,
    limit: float,
    times: tuple[Times, Times],
    *,
    floor: str = "",
    beside: str = "",
) -> Row:
    """Our times and the yardstick's as a row: the ratio of the medians, and that of the 99th percentiles."""
    ours, theirs = times
    measured = f"{told(ours.median / theirs.median, limit)}, p99 {ours.p99 / theirs.p99:.3g}x"
    measured += f", {_time(ours.median)} over {_time(theirs.median)}" + (f"; {beside}" if beside else "")
    return Row(number, work, yardstick, f"{limit:g}x", measured, floor)


def floor_of(floor: Times, yardstick: Times, *, beside: str = "") -> str:
    """What a floor took, as a ratio to the yardstick, which comes first: pictures are drawn from it."""
    return f"{floor.median / yardstick.median:.3g}x, {_time(floor.median)}" + (f"; {beside}" if beside else "")


def _time(value: float) -> str:
    return f"{value * 1e6:.3g} us" if value < _MILLISECOND else f"{value * 1e3:.3g} ms"


def fsync_time(rounds: int = 200) -> float:
    """The median time of an fsync of 8 KB, as a commit needs at least one."""
    with tempfile.TemporaryFile() as file:
        file.write(bytes(8192))
        times = race({"": lambda: _flush(file.fileno())}, rounds=rounds)
    return times[""].median


def _flush(file: int) -> None:
    os.pwrite(file, os.urandom(8192), 0)
    os.fsync(file)


def wake_up_time(rounds: int = 500) -> float:
    """The median time until a waiting thread has answered another: a call and a return between two threads."""
    with other_thread() as hand_over:
        return race({"": lambda: hand_over(lambda: None)}, rounds=rounds)[""].median


@contextmanager
def other_thread() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Has another thread do a work, and waits for it: as long as one likes, whatever the work hangs in."""
    asked: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
    answered: SimpleQueue[Exception | None] = SimpleQueue()

    def answer() -> None:
        while (work := asked.get()) is not None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - raised again, by the thread that waits
                answered.put(error)
            else:
                answered.put(None)

    def hand_over(work: Callable[[], object]) -> None:
        asked.put(work)
        error = answered.get(timeout=_PATIENCE)
        if error is not None:
            raise error

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield hand_over
    finally:
        asked.put(None)
        thread.join()


def run(file: str, *benches: Bench, rounds: int = ROUNDS) -> None:
    """Run what a script measures, print its table, and with ``--page`` put it into docs/performance.md."""
    name = Path(file).resolve().relative_to(PAGE.parents[1]).as_posix()
    parser = argparse.ArgumentParser(description=(sys.modules["__main__"].__doc__ or "").partition("\n")[0])
    parser.add_argument("--page", action="store_true", help=f"write the table into {PAGE.name}")
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that all of it runs")
    parser.add_argument("--only", metavar="TEXT", default="", help="only what has this in its function's name")
    options = parser.parse_args()
    if options.page and (options.quick or options.only):
        parser.error("the page gets whole runs only")
    scale = Scale.of(rounds, is_quick=options.quick)
    rows = []
    for bench in benches:
        if options.only in bench.__name__:
            for row in bench(scale):
                rows.append(row)
                print(" | ".join(row.cells), flush=True)
    text = "\n".join([_caption(name, scale), "", *table(rows)]) + "\n"
    print(text)
    if options.page:
        write(name, text)


def table(rows: Sequence[Row]) -> list[str]:
    """The rows as lines of Markdown; without the floors where none was measured."""
    shown = [index for index, name in enumerate(_HEAD) if name != _FLOOR or any(row.floor for row in rows)]
    lines = [_HEAD, tuple("---" for _ in _HEAD), *(row.cells for row in rows)]
    return ["| " + " | ".join(cells[index] for index in shown) + " |" for cells in lines]


def write(name: str, text: str) -> None:
    """Put a script's section into the page, in the place of the old one."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, rest = PAGE.read_text(encoding="utf-8").split(begin)
    PAGE.write_text(before + begin + text + end + rest.partition(end)[2], encoding="utf-8")


def _caption(name: str, scale: Scale) -> str:
    where = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    waits = f"an fsync took {_time(fsync_time())}, a call and a return between two threads {_time(wake_up_time())}"
    return (
        f"`python {name} --page`, {datetime.now(UTC):%Y-%m-%d}, {where}, medians of {scale.rounds} rounds. "
        f"At that moment {waits}."
    )
