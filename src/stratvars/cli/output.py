"""Data on stdout: a table for people on a terminal, tab-separated lines with a header for programs.

A pipe gets every character of every value: nothing is wrapped, cut or coloured there.
"""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import click

from stratvars.cli.text import escape
from stratvars.errors import StratvarsError

if TYPE_CHECKING:
    from rich.console import Console

_GAP: Final = 2
"""Blanks between two columns on a terminal."""
_BEFORE: Final = 10
"""How many characters a terminal shows of two long values before the first one in which they differ."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        title: its name.
        is_number: stands at the right on a terminal.
        is_cut: gives way when the terminal is too narrow.
        least: where it is longer, it has half of what those leave that do not give way, but never less than this.
        is_wrapped: takes as many lines as it needs there.
        styles: how a cell with this text is printed there, as rich writes it.
    """

    title: str
    is_number: bool = False
    is_cut: bool = False
    least: int = 0
    is_wrapped: bool = False
    styles: Mapping[str, str] = field(default_factory=dict)


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of any text, escaped."""
    cells = [[escape(cell) for cell in row] for row in rows]
    with _stdout():
        if sys.stdout.isatty():
            _print_for_people(columns, cells)
        else:
            _print_for_programs(columns, cells)


def print_changes(titles: tuple[str, str, str], changes: Sequence[tuple[str, str, str]]) -> None:
    """Print what changed, and from what to what: on a terminal a line each, ``name: old -> new``, cut to its width."""
    if sys.stdout is None or not sys.stdout.isatty():
        print_table([Column(title) for title in titles], changes)
        return
    from rich.text import Text

    with _stdout():
        console = new_console()
        for change in changes:
            name, old, new = map(escape, change)
            room = console.width - len(name) - len(":  -> ")
            old, new = _fitting(old, new, room)
            line = Text.assemble(f"{name}: ", (old, "red"), " -> ", (new, "green"))
            console.print(line, no_wrap=True, overflow="ellipsis")


def _fitting(old: str, new: str, room: int) -> tuple[str, str]:
    """Both texts cut to the room they have together, from shortly before where they begin to differ."""
    if len(old) + len(new) <= room:
        return old, new
    same = next((index for index, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), 0)
    start = max(0, same - _BEFORE)
    if start:
        old, new = f"…{old[start:]}", f"…{new[start:]}"
    half = max(1, room // 2)
    left = max(half, room - len(new))
    return _cut(old, left), _cut(new, max(half, room - len(_cut(old, left))))


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"


def print_exactly(text: str) -> None:
    """Print the text in UTF-8, whatever the terminal or the pipe is set to, and a newline."""
    with _stdout():
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode(errors="surrogateescape") + b"\n")


def print_lines(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of any text as a program reads them: a line each, its cells escaped and divided by tabs."""
    with _stdout():
        sys.stdout.writelines("\t".join(map(escape, row)) + "\n" for row in rows)


def is_unread() -> bool:
    """Whether stdout is a pipe that nobody reads any more; noticed without writing to it."""
    if sys.stdout is None or sys.platform == "win32":
        return False
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


@contextmanager
def _stdout() -> Iterator[None]:
    """Write to stdout. A reader that has seen enough (``| head -1``) ends the command without a word."""
    if sys.stdout is None:
        raise StratvarsError("stdout is closed, and what was asked for goes there")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 still shows every name
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        problem = unwritten(error)
        if isinstance(error, BrokenPipeError):
            raise click.exceptions.Exit(0) from None
        raise problem from error


def unwritten(error: OSError) -> StratvarsError:
    """What to say of a stdout that cannot be written; nothing more goes there."""
    # What is left in the buffer would be tried again, and fail aloud, when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return StratvarsError(f"stdout cannot be written: {error.strerror}")


def _print_for_programs(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    lines = [[column.title for column in columns], *rows]
    sys.stdout.writelines("\t".join(line) + "\n" for line in lines)


def _print_for_people(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    console = new_console()
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    room = console.width - sum(
        max(map(len, [column.title, *cells])) + _GAP
        for column, *cells in zip(columns, *rows, strict=True)
        if not (column.is_cut or column.is_wrapped or column.least)
    )
    for column in columns:
        # Only a column that may wrap is narrowed; its cells then cut themselves, for they do not wrap.
        table.add_column(
            column.title,
            justify="right" if column.is_number else "left",
            max_width=max(column.least, room // 2 - _GAP) if column.least else None,
            no_wrap=not (column.is_cut or column.is_wrapped),
            overflow="fold" if column.is_wrapped else "ellipsis",
        )
    longest = console.width + 1  # a value of a megabyte is cut before it is measured

    def styled(column: Column, cell: str) -> Text:
        if column.is_wrapped:
            return Text(cell, overflow="fold")
        return Text(cell[:longest], column.styles.get(cell, ""), no_wrap=True, overflow="ellipsis")

    for row in rows:
        table.add_row(*(styled(column, cell) for column, cell in zip(columns, row, strict=True)))
    console.print(table)


def new_console() -> Console:
    """What draws on the terminal that stdout is."""
    from rich.console import Console

    # Without a colour system no escape codes at all are written.
    is_plain = os.environ.get("NO_COLOR", "") != ""
    return Console(
        file=sys.stdout, color_system=None if is_plain else "auto", highlight=False, markup=False, emoji=False
    )
