"""What the demonstration shows: the bar and one line per kill on stderr, the table on stdout.

Where stderr is not a terminal there is no bar, only the lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from stratvars.demo.broker import Side
from stratvars.demo.compare import Line
from stratvars.demo.play import Restart
from stratvars.demo.prices import Price


class Screen:
    """Shows one demonstration of so many days. One thread."""

    def __init__(self, prices: Sequence[Price]) -> None:
        self._prices = prices
        # Lines are never folded: who reads them through a pipe may look for a whole one.
        self._talk = Console(stderr=True, highlight=False, soft_wrap=True)
        self._paper = Console(highlight=False)

    def say(self, text: str) -> None:
        """One line of talk."""
        self._talk.print(text, markup=False)

    @contextmanager
    def run(self, title: str, kills: int) -> Iterator[Bar]:
        """The bar of one run, moving until the block ends."""
        columns = [
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("days"),
        ]
        if kills > 0:
            columns.append(TextColumn("{task.fields[restores]}/{task.fields[kills]} kills survived"))
        with Progress(
            *columns, TimeElapsedColumn(), console=self._talk, expand=True, disable=not self._talk.is_terminal
        ) as progress:
            task = progress.add_task(title, total=len(self._prices), kills=kills, restores=0)
            yield Bar(progress, task, self._prices)
        if not self._talk.is_terminal:
            self.say(f"{title}: {len(self._prices):,} days.")

    def table(self, lines: Sequence[Line], kills: int) -> None:
        """The comparison."""
        table = Table("", "left alone", f"killed {times(kills)}", "")
        for line in lines:
            verdict = "[green]identical[/]" if line.right else "[bold red]DIFFERENT[/]"
            table.add_row(line.label, line.alone, line.killed, verdict)
        self._paper.print(table)

    def conclude(self, text: str) -> None:
        """The last line."""
        self._paper.print(text, markup=False, soft_wrap=True)


def times(count: int) -> str:
    """``once``, or how many times."""
    return "once" if count == 1 else f"{count:,} times"


class Bar:
    """The bar of one run, and the lines above it."""

    def __init__(self, progress: Progress, task: TaskID, prices: Sequence[Price]) -> None:
        self._progress = progress
        self._task = task
        self._prices = prices
        self._restores = 0

    def on_day(self, day: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=day)

    def on_restart(self, restart: Restart) -> None:
        """Say when the strategy was killed and what it came back with."""
        self._restores += 1
        self._progress.update(self._task, restores=self._restores)
        self._progress.console.print(_describe(self._restores, restart, self._prices), markup=False)


_DOING = {Side.BUY: ", buying", Side.SELL: ", selling"}


def _describe(number: int, restart: Restart, prices: Sequence[Price]) -> str:
    # The day it was busy with, the one after those that were done; after the last day there is none.
    busy_with = prices[min(restart.day, len(prices) - 1)].date
    order = "" if restart.sending is None else _DOING[restart.sending.side]
    back = restart.restored
    return (
        f"{number:>2}. killed {busy_with}{order}; back: day {back.day:,}, "
        f"position {back.position:,}, cash {back.cash:,.2f}"
    )
