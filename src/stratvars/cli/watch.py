"""``stratvars watch``: what changes, while it changes."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Final

import click

from stratvars.cli.completing import complete_strategy
from stratvars.cli.errors import tell
from stratvars.cli.looks import Looks, News, Seen, shown
from stratvars.cli.options import CODES, db_option, reveal_option, table_option
from stratvars.cli.output import print_exactly, print_lines
from stratvars.errors import UndecodableError

if TYPE_CHECKING:
    from stratvars.cli.live import Screen
    from stratvars.history import Difference

_STATE: Final = "(state)"
_TITLES: Final = ("time", "name", "revision", "variable", "old", "new")
_LEAST: Final = 0.1
_MOST: Final = 86_400
_EXAMPLE: Final = f"""\b
Examples:
  stratvars watch
  stratvars watch btc-live --interval 0.5
  stratvars watch btc-live --json | jq 'select(.path == "cash") | .new'
{CODES}"""


def _seconds(ctx: click.Context, parameter: click.Parameter, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no number of seconds", ctx, parameter) from None
    if not _LEAST <= number <= _MOST:
        raise click.BadParameter(f"{text} is not possible; give {_LEAST} to {_MOST} seconds", ctx, parameter)
    return number


@click.command(epilog=_EXAMPLE)
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete_strategy)
@click.option(
    "--interval",
    metavar="SECONDS",
    default="2",
    callback=_seconds,
    help="Time between two looks. Default: 2.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each change.")
@reveal_option
@db_option
@table_option
def watch(*, names: tuple[str, ...], interval: float, as_json: bool, reveal: bool, db: str | None, table: str) -> None:
    """Watch variables change, until Ctrl-C.

    On a terminal the variables of all strategies, or of those that are named, with what changed last highlighted.
    Through a pipe a line for each change: time, name, revision, variable, old and new value. What changes several times
    between two looks is seen as one change; every revision is in history.
    """
    from stratvars import settings

    with suppress(KeyboardInterrupt), _ended_by_sigterm():
        database = settings.resolve(db)
        looks = Looks(database, table, names)
        first = looks.first()
        tell(f"watching {len(first)} in the table {table} of {database}; Ctrl-C ends it")
        is_live = not as_json and sys.stdout is not None and sys.stdout.isatty()
        if not (is_live or as_json):
            print_lines([_TITLES])
        with (
            _screen(first, reveal=reveal) if is_live else nullcontext(_Printer(as_json=as_json, reveal=reveal)) as show
        ):
            for found, news in looks.follow(first, interval):
                show.show(found, news)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does, so that the terminal gets its cursor back."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Printer:
    """Prints each change on a line."""

    def __init__(self, *, as_json: bool, reveal: bool) -> None:
        self._as_json = as_json
        self._reveal = reveal

    def show(self, _: Mapping[str, Seen], news: Sequence[News]) -> None:
        """Print what is new."""
        for one in news:
            if self._as_json:
                print_exactly("\n".join(self._objects(one)))
            else:
                print_lines(list(self._rows(one)))

    def _rows(self, news: News) -> Iterator[tuple[str, ...]]:
        now = news.now
        first = (now.time.isoformat(), now.name, str(now.revision))
        if news.was != now.state:
            yield (*first, _STATE, news.was, now.state)
        for part in _parts(news):
            old, new = (shown(part.name, text, reveal=self._reveal) for text in (part.old, part.new))
            yield (*first, part.name, old, new)

    def _objects(self, news: News) -> Iterator[str]:
        now = news.now
        first = {"time": now.time.isoformat(), "name": now.name, "revision": now.revision}
        if news.was != now.state:
            yield _object({**first, "state": now.state, "was": news.was}, {})
        for part in _parts(news):
            texts = {"old": part.old, "new": part.new}
            there = {side: self._masked(part.name, text) for side, text in texts.items() if text is not None}
            yield _object({**first, "path": part.name}, there)

    def _masked(self, path: str, text: str) -> str:
        from stratvars.cli.masking import masked

        try:
            return masked(path, text, reveal=self._reveal)
        except UndecodableError:
            return "null"


def _object(members: Mapping[str, object], texts: Mapping[str, str]) -> str:
    from stratvars.texts import join_texts

    return join_texts({**{name: json.dumps(value) for name, value in members.items()}, **texts})


def _parts(news: News) -> Iterator[Difference]:
    from stratvars.cli.nested import nested

    for whole in news.changes:
        yield from nested(whole)


@contextmanager
def _screen(first: Mapping[str, Seen], *, reveal: bool) -> Iterator[Screen]:
    from stratvars.cli.live import Screen

    with Screen(reveal=reveal) as screen:
        screen.show(first, [])
        yield screen
