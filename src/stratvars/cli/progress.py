"""A bar on the terminal for what takes longer than a second; nothing at all anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

_SOON: Final = 1.0
"""Seconds before a bar is shown."""


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yields what is to be called with each step done; ``total`` is None when it is not known how many there are."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    with ExitStack() as stack:
        yield _Bar(what, total, stack).advance


class _Bar:
    def __init__(self, what: str, total: int | None, stack: ExitStack) -> None:
        self._what = what
        self._total = total
        self._stack = stack
        self._begun = time.monotonic()
        self._done = 0
        self._show: Callable[[int], None] | None = None

    def advance(self, steps: int) -> None:
        self._done += steps
        if self._show is None and time.monotonic() - self._begun > _SOON:
            self._show = self._begin()
        if self._show is not None:
            self._show(self._done)

    def _begin(self) -> Callable[[int], None]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        bar = self._stack.enter_context(Progress(*columns, console=Console(file=sys.stderr), transient=True))
        task = bar.add_task(self._what, total=self._total)
        return lambda done: bar.update(task, completed=done)
