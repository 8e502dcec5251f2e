"""What the shell completes beyond commands and options: strategies and their variables, from the database.

Whoever presses a key does not wait for a database: what it has not said within a second is left out, and so is every
error.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Final

import click
from click.shell_completion import CompletionItem

from stratvars.errors import StratvarsError

_PATIENCE: Final = 1.0


def complete_strategy(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of strategies, but for those that stand there already."""
    given = ctx.params.get(parameter.name or "") or ()
    found = _in_time(lambda: _strategies(ctx))
    return [CompletionItem(name) for name in found if name.startswith(incomplete) and name not in given]


def complete_strategy_or_file(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The same, and files."""
    return [*complete_strategy(ctx, parameter, incomplete), CompletionItem(incomplete, type="file")]


def complete_variable(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The variables of the strategy that is named before."""
    given = ctx.params.get(parameter.name or "") or ()
    found = _in_time(lambda: _variables(ctx))
    return [CompletionItem(name) for name in found if name.startswith(incomplete) and name not in given]


def _in_time(ask: Callable[[], list[str]]) -> list[str]:
    answer: list[str] = []

    def run() -> None:
        with suppress(StratvarsError, OSError):
            answer.extend(ask())

    # A daemon: a server that does not answer does not hold up the end of the process.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    return [] if thread.is_alive() else answer


def _strategies(ctx: click.Context) -> list[str]:
    from stratvars import settings
    from stratvars.store.opening import open_source

    with closing(open_source(settings.resolve(ctx.params.get("db")), _table(ctx))) as source:
        return source.names()


def _variables(ctx: click.Context) -> list[str]:
    from stratvars.archive import open_archive
    from stratvars.texts import split_texts

    with open_archive(ctx.params.get("db"), table=_table(ctx)) as archive:
        stored = archive.current(ctx.params.get("name") or "")
        return [] if stored is None else list(split_texts(stored.variables))


def _table(ctx: click.Context) -> str:
    table: str = ctx.params.get("table") or "vars_backup"
    return table
