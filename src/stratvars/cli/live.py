"""The table that ``stratvars watch`` keeps on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from rich.live import Live
from rich.table import Table
from rich.text import Text

from stratvars.cli.looks import News, Seen, shown
from stratvars.cli.output import new_console
from stratvars.cli.text import escape

_FRESH: Final = "bold black on yellow"
_STATES: Final = {"running": "green", "crashed": "bold red", "lease ended": "yellow"}


class Screen:
    """Draws the strategies anew at each look; what changed since the look before is highlighted."""

    def __init__(self, *, reveal: bool) -> None:
        self._reveal = reveal
        self._console = new_console()
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, found: Mapping[str, Seen], news: Sequence[News]) -> None:
        """Draw what was found."""
        fresh = {one.now.name: {change.name for change in one.changes} for one in news}
        self._live.update(self._table(found, fresh), refresh=True)

    def _table(self, found: Mapping[str, Seen], fresh: Mapping[str, set[str]]) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        table.add_column("name", no_wrap=True, overflow="ellipsis")
        table.add_column("value", overflow="ellipsis")
        longest = self._console.width + 1
        for seen in found.values():
            title = f"{seen.state}, revision {seen.revision}, saved {seen.time.astimezone():%H:%M:%S}"
            table.add_row(Text(escape(seen.name), "bold"), Text(title, _STATES.get(seen.state, ""), no_wrap=True))
            for name, text in (seen.texts or {}).items():
                style = _FRESH if name in fresh.get(seen.name, set()) else ""
                value = escape(shown(name, text, reveal=self._reveal))[:longest]
                table.add_row(Text(f"  {escape(name)}", style), Text(value, style, no_wrap=True, overflow="ellipsis"))
        return table
