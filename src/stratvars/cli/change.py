"""``stratvars set``, ``unset`` and ``edits``: change variables from outside, whether the strategy runs or not."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from stratvars.cli.errors import tell
from stratvars.cli.options import (
    db_option,
    json_lines_option,
    no_wait_option,
    note_option,
    reveal_option,
    table_option,
    wait_option,
    whole_number,
)

if TYPE_CHECKING:
    from stratvars.edits import Asked, Change

_HOW: Final = """\b
A strategy that runs takes the change up with its next save or heartbeat, and
is given it between two iterations, or while it sleeps. Where it does not run,
the change is made at once.
\b
Exit codes:
  0  applied; with --no-wait also: kept, and waiting for the strategy
  1  refused, cancelled, or still waiting when the time was over
  2  wrong use; there is no such strategy or variable
  3  what is saved cannot be read, or the database cannot be used
"""
_SET: Final = f"""\b
Examples:
  stratvars set btc-live limit=5 armed=false
  stratvars set btc-live 'pairs:=["BTC", "ETH"]' --note "desk call"
\b
VARIABLE=VALUE is read as the type that the variable has: Decimal, datetime,
float, … A new one is a number, true, false or null where it looks so, else a
string. VARIABLE:=JSON is taken as it is, and may change the type.
{_HOW}"""
_UNSET: Final = f"""\b
Example:
  stratvars unset btc-live old_limit
{_HOW}"""
_EDITS: Final = """\b
Examples:
  stratvars edits btc-live
  stratvars edits btc-live --cancel 7
\b
Exit codes:
  0  done
  1  too late to cancel
  2  wrong use; there is no such strategy or edit
  3  the database cannot be used
"""


@dataclass(frozen=True, slots=True)
class _How:
    """What both commands are told."""

    name: str
    note: str
    wait: float
    no_wait: bool
    as_json: bool
    reveal: bool
    db: str | None
    table: str


_OPTIONS: Final = (
    note_option,
    wait_option,
    no_wait_option,
    click.option("--json", "as_json", is_flag=True, help="Print what became of it as one JSON object."),
    reveal_option,
    db_option,
    table_option,
)


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("set", epilog=_SET)
@click.argument("name")
@click.argument("assignments", nargs=-1, required=True, metavar="VARIABLE=VALUE...")
@_with_options
def set_variables(*, assignments: tuple[str, ...], **how: Any) -> None:
    """Set variables of a strategy, also of one that runs."""
    from stratvars.cli.assignments import texts_of
    from stratvars.edits import Change

    told = _How(**how)
    before = _current(told.db, told.table, told.name)
    _request(told, before, Change(texts_of(assignments, before, told.name)))


@click.command("unset", epilog=_UNSET)
@click.argument("name")
@click.argument("variables", nargs=-1, required=True, metavar="VARIABLE...")
@_with_options
def unset_variables(*, variables: tuple[str, ...], **how: Any) -> None:
    """Remove variables of a strategy, also of one that runs."""
    from stratvars.cli.finding import chosen
    from stratvars.edits import Change

    told = _How(**how)
    before = _current(told.db, told.table, told.name)
    _request(told, before, Change(unset=tuple(chosen(before, variables, told.name))))


@click.command("edits", epilog=_EDITS)
@click.argument("name")
@click.option("--cancel", "number", metavar="ID", callback=whole_number(1), help="Take an edit back that still waits.")
@click.option(
    "--limit", metavar="N", default="20", callback=whole_number(1), help="How many, newest first. Default: 20."
)
@json_lines_option
@db_option
@table_option
def list_edits(
    *,
    name: str,
    number: int | None,
    limit: int,
    as_json: bool,
    db: str | None,
    table: str,
) -> None:
    """List what was asked to be changed, and what became of it."""
    from stratvars import request, settings
    from stratvars.archive import open_archive
    from stratvars.edits import Fate

    if number is not None:
        _current(db, table, name)
        asked = request.cancel(settings.resolve(db), table, name, number)
        too_late = "" if asked.fate == Fate.CANCELLED else "too late: "
        tell(f"{name}: {too_late}{fate_of(asked, name)}")
        if too_late:
            raise click.exceptions.Exit(1)
        return
    with open_archive(db, table=table) as archive:
        tell(f"database: {archive.database}")
        found = archive.edits(name, limit=limit)
        if not found:
            from stratvars.cli.finding import check_known

            check_known(name, archive)
    _print_edits(found, as_json=as_json)


def _current(db: str | None, table: str, name: str) -> dict[str, str]:
    """The variables of a strategy as they are, each as its text."""
    from stratvars.archive import open_archive
    from stratvars.cli.finding import check_format, current_of, texts_in

    with open_archive(db, table=table) as archive:
        tell(f"database: {archive.database}")
        stored = current_of(name, archive)
        check_format(stored.format, name)
        return texts_in(stored, archive)


def author() -> str:
    """Who asks, as far as this machine can tell."""
    try:
        return f"{getpass.getuser()} on {socket.gethostname()}"
    except (KeyError, OSError):  # a user without a name, as in some containers
        return f"somebody on {socket.gethostname()}"


def _request(how: _How, before: Mapping[str, str], change: Change) -> None:
    from stratvars import codec, request, settings
    from stratvars.cli.diff import print_differences
    from stratvars.edits import Edit
    from stratvars.history import differences

    if not how.as_json:
        found = differences(before, change.on(before))
        print_differences(found, ("name", "now", "then"), as_json=False, reveal=how.reveal)
    wait = 0.0 if how.no_wait else how.wait
    edit = Edit(change, codec.FORMAT, author(), how.note)
    asked = request.request(settings.resolve(how.db), how.table, how.name, edit, wait=wait)
    if how.as_json:
        _print_edits([asked], as_json=True)
    else:
        tell(f"{how.name}: {fate_of(asked, how.name)}")
    if not is_done(asked, waited=wait > 0):
        raise click.exceptions.Exit(1)


def is_done(asked: Asked, *, waited: bool) -> bool:
    """Whether what was asked for has come about, or was to be left waiting."""
    from stratvars.edits import Fate

    return asked.fate == Fate.APPLIED or (asked.fate == Fate.OPEN and not waited)


def fate_of(asked: Asked, strategy: str) -> str:
    """The sentence that says what became of an edit."""
    from stratvars.names import command

    number = asked.edit.number
    sentences = {
        "": f"edit {number} still waits for the strategy: it is made between two iterations, or at the next start. "
        f"Look with: {command('edits', strategy)}",
        "applied": f"edit {number} is applied, with revision {asked.revision}",
        "refused": f"edit {number} was refused by the strategy: {asked.said}",
        "cancelled": f"edit {number} is cancelled",
    }
    text = sentences.get(asked.fate, f"edit {number} is {asked.fate}")
    if asked.fate == "" and asked.taken_by:
        text = f"edit {number} was taken up by the strategy, which is about to make it; it cannot be cancelled any more"
    return text


def _print_edits(found: list[Asked], *, as_json: bool) -> None:
    import json

    from stratvars.cli.output import Column, print_exactly, print_table
    from stratvars.schedule import age

    if as_json:
        for asked in found:
            print_exactly(json.dumps(_as_object(asked), ensure_ascii=False))
        return
    titles = ("edit", "age", "fate", "revision", "by", "sets", "unsets", "note")
    columns = [
        Column(title, is_number=title in {"edit", "age", "revision"}, is_cut=title == "note") for title in titles
    ]
    rows = [
        (
            str(asked.edit.number),
            age(asked.age),
            asked.fate or ("taken up" if asked.taken_by else "waiting"),
            str(asked.revision or ""),
            asked.edit.author,
            ", ".join(asked.edit.change.texts),
            ", ".join(asked.edit.change.unset),
            asked.said or asked.edit.note,
        )
        for asked in found
    ]
    print_table(columns, rows)


def _as_object(asked: Asked) -> dict[str, object]:
    edit = asked.edit
    return {
        "edit": edit.number,
        "asked_at": asked.asked_at.isoformat(),
        "age": round(asked.age, 3),
        "fate": asked.fate or "waiting",
        "said": asked.said,
        "revision": asked.revision,
        "by": edit.author,
        "note": edit.note,
        "sets": list(edit.change.texts),
        "unsets": list(edit.change.unset),
    }
