"""Many strategies in one process: commits per second, and how late iterations begin.

Two rates stand beside the commits. The ceiling is one statement after the other, each for 64 ready-made rows. What the
same strategies save into a store in memory tells what the interpreter leaves. It is no ceiling: a database that lets
the writer wait has it send larger groups, which cost the interpreter less, and runs were seen to pass it.

A process may keep to one core, as ``taskset`` has it. Both sides are measured so too, and a save that does is compared
with the bare upserts where these are faster.
"""

from __future__ import annotations

import asyncio
import io
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, redirect_stderr, suppress

import psycopg
from floors import PostgresFloor, postgres_floor
from frame import Row, Scale, Times, at_least, run, told
from places import database, one_core, opened
from states import five, text_of

from stratvars import Backup, Strategy, Trader, hosting
from stratvars.errors import NotSavedError
from stratvars.store.memory import MemoryStore

_GROUP = 64
_BESIDE = {"statement": "one statement for 64 rows", "memory": "the same threads into memory"}
_WAYS = {
    "threads": "a thread for each",
    "threads on one core": "a thread for each, on one core",
    "loop": "one event loop",
}
_SETTLING = 1.0
"""Seconds before anything is counted. A thousand threads that begin in one moment all wait for the interpreter's lock
then, which each asks for 200 times a second; the last of them have their turn after most of a second."""
_UPSERT = b"INSERT INTO bare VALUES (%s, %s) ON CONFLICT (strategy_id) DO UPDATE SET variables = excluded.variables"


def commits(scale: Scale) -> Iterator[Row]:
    for strategies in (64, 1000):
        yield from _commits(strategies, scale)


def _commits(strategies: int, scale: Scale) -> Iterator[Row]:
    turns = 1 if scale.is_quick else 3
    with database() as url, ExitStack() as stack:
        admin = stack.enter_context(closing(psycopg.connect(url, autocommit=True)))
        admin.execute("CREATE TABLE bare (strategy_id text PRIMARY KEY, variables text)")
        lines = [stack.enter_context(closing(psycopg.connect(url, autocommit=True))) for _ in range(64)]
        backups = _opened(stack, url, strategies)
        floor = stack.enter_context(postgres_floor(url, _GROUP))
        threads = {
            "one": [_upserts(lines[0], strategies)],
            "many": [_upserts(line, strategies) for line in lines],
            "threads": [_saves(backup) for backup in backups],
        }
        rates: defaultdict[str, list[float]] = defaultdict(list)
        for _ in range(turns):
            for name, works in threads.items():
                rates[name].append(_rate(works, scale.seconds))
                with one_core():
                    rates[f"{name} on one core"].append(_rate(works, scale.seconds))
            rates["loop"].append(asyncio.run(_rate_in_a_loop(backups, scale.seconds)))
            rates["statement"].append(_rate([_groups(floor)], scale.seconds) * _GROUP)
            rates["memory"].append(_in_memory(strategies, scale.seconds))
        [used] = admin.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stratvars'"
        ).fetchone() or (0,)
    best = {words: max(rates[name]) for name, words in _BESIDE.items()}
    work = f"{strategies:,} strategies"  # a picture has no room for more beside the yardstick
    for way, words in _WAYS.items():
        ours = statistics.median(rates[way])
        for name, yardstick, least in (("one", "over one connection", 3.5), ("many", "over 64", 1.3)):
            bare = statistics.median(rates[name])
            if way == "threads on one core":
                bare = max(bare, statistics.median(rates[f"{name} on one core"]))
            measured = f"{at_least(ours / bare, least)}; {ours:.0f} commits/s over {bare:.0f}"
            yield Row("7", f"{work}, {words}", f"bare upserts {yardstick}", f">= {least}x", measured, _told(best, bare))
    yield Row("7", f"{work}: connections", "", "2", told(used, 2, ""))


def _told(best: Mapping[str, float], yardstick: float) -> str:
    """Rates as ratios to the yardstick, the ceiling first: pictures are drawn from that."""
    return "; ".join(f"{rate / yardstick:.3g}x {words}, {rate:.0f}/s" for words, rate in best.items())


def _opened(stack: ExitStack, url: str, strategies: int) -> list[Backup]:
    return [stack.enter_context(_closing(opened(url, f"bot-{number}"))) for number in range(strategies)]


def _closing(backup: Backup) -> closing[Backup]:
    return closing(backup)


def _in_memory(strategies: int, duration: float) -> float:
    """The rate of saves into one store in memory. All are closed again: idle ones would renew leases beside the others.

    ``memory://`` would give each strategy a store and a writer of its own, which is slower than a database.
    """
    usual = hosting.open_store
    hosting.open_store = lambda _: MemoryStore(keeps_history=False)
    try:
        with ExitStack() as stack:
            backups = _opened(stack, "postgresql://nobody@127.0.0.1:1/memory", strategies)
            return _rate([_saves(backup) for backup in backups], duration)
    finally:
        hosting.open_store = usual


def _groups(floor: PostgresFloor) -> Callable[[int], object]:
    """Saves of ready-made rows: each text is another one than that before."""
    texts = [[text_of(five(number * 10 + turn)) for number in range(_GROUP)] for turn in range(2)]
    return lambda number: floor.save_all(texts[number % 2])


def _upserts(connection: psycopg.Connection, names: int) -> Callable[[int], object]:
    return lambda number: connection.execute(_UPSERT, (f"bot-{number % names}", text_of(five(number))), prepare=True)


def _saves(backup: Backup) -> Callable[[int], object]:
    def save(number: int) -> None:
        backup.vars.update(five(number))
        backup.save(timeout=30)

    return save


def _rate(works: Sequence[Callable[[int], object]], duration: float) -> float:
    """How often per second all of them together are done, each in a thread of its own, once these have settled down."""
    counts = [0] * len(works)
    begin, end = threading.Barrier(len(works) + 1), threading.Event()

    def repeat(index: int) -> None:
        begin.wait()
        while not end.is_set():
            works[index](counts[index] * len(works) + index)
            counts[index] += 1

    threads = [threading.Thread(target=repeat, args=(index,)) for index in range(len(works))]
    for thread in threads:
        thread.start()
    begin.wait()
    time.sleep(_SETTLING)
    before, started = sum(counts), time.perf_counter()
    time.sleep(duration)
    done, took = sum(counts) - before, time.perf_counter() - started
    end.set()
    for thread in threads:
        thread.join()
    return done / took


async def _rate_in_a_loop(backups: Sequence[Backup], duration: float) -> float:
    """The same of coroutines in one event loop."""
    counts = [0] * len(backups)
    is_over = False

    async def repeat(index: int) -> None:
        backup = backups[index]
        while not is_over:
            backup.vars.update(five(counts[index] * len(backups) + index))
            await backup.asave(timeout=30)
            counts[index] += 1

    async with asyncio.TaskGroup() as tasks:
        for index in range(len(backups)):
            tasks.create_task(repeat(index))
        await asyncio.sleep(_SETTLING)
        before, started = sum(counts), time.perf_counter()
        await asyncio.sleep(duration)
        done, took = sum(counts) - before, time.perf_counter() - started
        is_over = True
    return done / took


class Ticking(Strategy):
    """Notes when its iterations begin."""

    sleeptime = "1S"

    def initialize(self) -> None:  # noqa: D102 - see the base class
        self.begun: list[float] = []
        self.vars.update(five(0))

    def on_trading_iteration(self) -> None:  # noqa: D102 - see the base class
        self.begun.append(time.monotonic())
        self.vars.update(five(len(self.begun)))


def lateness(scale: Scale) -> Iterator[Row]:
    """Lateness is counted from each strategy's own grid of seconds, which stands where it began earliest."""
    many, turns = (50, 4) if scale.is_quick else (1000, 60)
    with database() as url:
        off, _ = _run_together(many, turns, None)
        on, missed = _run_together(many, turns, url)
    limit = max(1.5 * off.p99, 0.1)
    measured = f"p99 {told(on.p99 * 1e3, limit * 1e3, ' ms')}, median {on.median * 1e3:.3g} ms"
    measured += f"; off: p99 {off.p99 * 1e3:.3g} ms; {missed} saves missed"
    work = f"{many:,} strategies, sleeptime 1S, {turns} s: how late an iteration begins"
    yield Row("8", work, "the same with saving off", "1.5x, or 100 ms", measured)


def _run_together(many: int, turns: int, url: str | None) -> tuple[Times, int]:
    trader = Trader()
    strategies = [
        Ticking(name=f"bot-{number}", db_connection_str=url, is_backtesting=url is None) for number in range(many)
    ]
    for strategy in strategies:
        trader.add_strategy(strategy)
    # Their lines at the start and in the log would be thousands.
    with redirect_stderr(io.StringIO()), suppress(NotSavedError):  # what is missing is counted below
        trader.run_all(max_iterations=turns)
    missed = 0
    if url is not None:
        with closing(psycopg.connect(url)) as connection:
            query = "SELECT strategy_id, variables::json->>'trade_count' FROM vars_backup"
            saved: dict[str, str] = dict(connection.execute(query).fetchall())
            query = "SELECT count(*) FROM vars_backup_history WHERE reason = 'iteration'"
            [kept] = connection.execute(query).fetchone() or (0,)
        missed = many * turns - kept
        with suppress(KeyError):
            missed += sum(int(saved[one.name]) != len(one.begun) for one in strategies)
    return Times(tuple(late for one in strategies for late in _late(one.begun))), missed


def _late(begun: Sequence[float]) -> list[float]:
    first = min(moment - index for index, moment in enumerate(begun))
    return [moment - index - first for index, moment in enumerate(begun)]


if __name__ == "__main__":
    run(__file__, commits, lateness)
