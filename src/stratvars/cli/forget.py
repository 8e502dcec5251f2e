"""``stratvars prune NAME --variable VARIABLE``: erase a variable that should never have been saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from stratvars.cli.errors import tell
from stratvars.errors import OwnedError, UsageError

if TYPE_CHECKING:
    from stratvars.traces import Found


def forget(
    name: str, variables: Sequence[str], *, dry_run: bool, yes: bool, as_json: bool, db: str | None, table: str
) -> None:
    """Show where the variables stand, ask, and erase them from the past too."""
    from stratvars import forget as forgetting
    from stratvars import move, settings, traces
    from stratvars.cli.change import author
    from stratvars.cli.progress import progress

    database = settings.resolve(db)
    found = traces.look(database, table, name, dict.fromkeys(variables))
    _check_known(found)
    tell(f"{name}, in {database}")
    with suppress(click.exceptions.Exit):  # nobody reads stdout any more; what was asked for is done all the same
        _show(found, as_json=as_json)
    if dry_run:
        _tell_whether_it_runs(lambda: move.check_stopped(database, table, name))
        tell("nothing is erased")
        return
    move.check_stopped(database, table, name)
    what = " and ".join(found.variables)
    if not yes and not click.confirm(_question(found, what), err=True):
        tell(f"{name}: nothing was erased")
        raise click.exceptions.Exit(1)
    with progress("erasing", found.revisions + len(found.edits)) as advance:
        done = forgetting.erase(database, table, found, author(), advance)
    if done.left.is_anywhere:
        tell(f"{name}: {what} stands there again: somebody saved it meanwhile. Run the command again")
        raise click.exceptions.Exit(1)
    says = f"; revision {done.revision} says who did it" if done.revision else ""
    tell(f"{name}: {what} {'is' if len(variables) == 1 else 'are'} erased{says}")
    for note in done.notes:
        tell(note)


def _check_known(found: Found) -> None:
    from stratvars.cli.finding import no_variable

    unset = {name for asked in found.edits for name in asked.edit.change.unset}
    for trace in found.traces:
        if not trace.is_anywhere and trace.variable not in unset:
            raise UsageError(no_variable(trace.variable, found.known, found.strategy))


def _tell_whether_it_runs(check: Callable[[], None]) -> None:
    try:
        check()
    except OwnedError as error:
        tell(str(error))


def _show(found: Found, *, as_json: bool) -> None:
    from stratvars.cli.output import Column, print_exactly, print_table

    if as_json:
        lines = (
            {
                "strategy": found.strategy,
                "variable": trace.variable,
                "revisions": trace.revisions,
                "edits": trace.edits,
                "now": trace.is_now,
            }
            for trace in found.traces
        )
        print_exactly("\n".join(json.dumps(line, ensure_ascii=False) for line in lines))
    else:
        columns = [Column("variable"), Column("revisions", is_number=True), Column("edits", is_number=True)]
        rows = [
            (trace.variable, f"{trace.revisions:,}", f"{trace.edits:,}", "yes" if trace.is_now else "no")
            for trace in found.traces
        ]
        print_table([*columns, Column("current")], rows)
    if found.unreadable:
        tell(f"{found.unreadable:,} revisions cannot be read and may hold anything: their text goes as a whole")
    if found.copies:
        from stratvars.names import listed

        more = " ".join(f"--variable {name}" for name in found.copies)
        tell(f"the same text also stands, or stood, in {listed(found.copies)}: to erase that too, add {more}")


def _question(found: Found, what: str) -> str:
    many = max(trace.revisions for trace in found.traces)
    return f"Erase {what} from {found.strategy} and {many:,} of its revisions for ever?"
