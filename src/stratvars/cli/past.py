"""``stratvars history``: the revisions of a strategy, and how its variables changed."""

from __future__ import annotations

import json
import math
import shutil
import sys
from typing import TYPE_CHECKING, Final

import click

from stratvars.cli.completing import complete_strategy, complete_variable
from stratvars.cli.errors import tell
from stratvars.cli.options import (
    CODES,
    WHENS,
    db_option,
    json_lines_option,
    read_when,
    reveal_option,
    table_option,
    whole_number,
)
from stratvars.errors import RefusedError, UndecodableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratvars.archive import Archive, Change
    from stratvars.edits import Signature
    from stratvars.moment import When
    from stratvars.revision import Entry

    _Signed = Mapping[int, Sequence[Signature]]

_UNSET: Final = "(not set)"
_UNREADABLE: Final = "(cannot be read)"
_FEWEST: Final = 2
_NARROWEST: Final = 10
_EXAMPLE = f"""\b
Examples:
  stratvars history btc-live
  stratvars history btc-live cash --since 2d
  stratvars history btc-live --reason crash --limit 0
  stratvars history btc-live cash --json | jq .variables.cash
{WHENS}{CODES}"""


@click.command("history", epilog=_EXAMPLE)
@click.argument("name", shell_complete=complete_strategy)
@click.argument("variables", metavar="[VARIABLE]...", nargs=-1, shell_complete=complete_variable)
@click.option("--since", metavar="WHEN", callback=read_when, help="Only what was saved from then on. Default: all.")
@click.option(
    "--limit",
    metavar="N",
    default="20",
    callback=whole_number(0),
    help="At most so many lines, the newest ones; 0 for all. Default: 20.",
)
@click.option(
    "--reason",
    metavar="WHY",
    help="Only what was saved for it: iteration, manual, stop, crash, error, edit, external or fenced.",
)
@json_lines_option
@reveal_option
@db_option
@table_option
def show_history(
    *,
    name: str,
    variables: tuple[str, ...],
    since: When | None,
    limit: int,
    reason: str | None,
    as_json: bool,
    reveal: bool,
    db: str | None,
    table: str,
) -> None:
    """Show a strategy's revisions, or how variables changed.

    The newest one comes first. With variables there is a line for each revision that changed one of them; with one
    that holds numbers, also a line of bars, from the oldest to the newest.
    """
    from stratvars.archive import open_archive
    from stratvars.cli.finding import check_known
    from stratvars.cli.output import print_exactly

    _check_reason(reason, variables)
    with open_archive(db, table=table) as archive:
        check_known(name, archive)
        found = _find(archive, name, variables, since=since, reason=reason, limit=limit + 1 if limit else None)
        where = archive.database
        rows = found[:limit] if limit else found
        signed = _signatures(archive, name, rows)
    tell(f"{name}, in {where}" if rows else f"{name}: nothing in its history fits, in {where}")
    if as_json:
        if rows:
            print_exactly("\n".join(_json_line(row, variables, signed, reveal=reveal) for row in rows))
    else:
        _print_rows(rows, variables, signed, reveal=reveal)
    if len(found) > len(rows):
        tell("older ones are left out; --limit 0 shows all")


def _check_reason(reason: str | None, variables: Sequence[str]) -> None:
    from stratvars.cli.text import close_to, either
    from stratvars.revision import Reason

    reasons = [known.value for known in Reason]
    if reason is not None and reason not in reasons:
        close = close_to(reason, reasons)
        raise UsageError(f"nothing is saved for the reason {reason!r}; did you mean {either(close or reasons)}?")
    if reason == Reason.FENCED and variables:
        raise UsageError("what was fenced was never the state, so no variable changed by it; leave the variables out")


def _find(
    archive: Archive, name: str, variables: Sequence[str], *, since: When | None, reason: str | None, limit: int | None
) -> list[Change]:
    """The revisions to be shown, newest first, with the texts of the variables that were asked for."""
    from stratvars.archive import Change

    if not variables:
        return [
            Change(entry, {}) for entry in reversed(archive.revisions(name, since=since, reason=reason, limit=limit))
        ]
    changes = archive.changes(name, *variables, since=since, reason=reason, limit=limit)
    ever = {variable for row in changes.rows for variable in row.texts}
    if not ever.issuperset(variables):
        _check_variables(archive, name, [variable for variable in variables if variable not in ever])
    return [*reversed(changes.rows)]


def _signatures(archive: Archive, name: str, rows: Sequence[Change]) -> _Signed:
    """Who asked for edits; nobody where the table of edits is not there, or may not be read as the others may."""
    try:
        return archive.signatures(name, [row.entry for row in rows])
    except RefusedError:
        tell("who asked for edits cannot be read here")
        return {}


def _check_variables(archive: Archive, name: str, variables: Sequence[str]) -> None:
    """Refuse a variable that is nowhere: one that did not change in the time asked for is no mistake."""
    from stratvars.cli.finding import no_variable

    known = dict.fromkeys(archive.changes(name).variables)
    for variable in variables:
        if variable not in known:
            raise UsageError(no_variable(variable, known, f"the history of {name}"))


def _json_line(row: Change, variables: Sequence[str], signed: _Signed, *, reveal: bool) -> str:
    from stratvars.cli.masking import masked
    from stratvars.owner import start_of
    from stratvars.texts import join_texts

    entry = row.entry
    where = start_of(entry.start_id)
    members: dict[str, object] = {
        "revision": entry.number,
        "saved_at": entry.saved_at.isoformat(),
        "age": round(entry.age, 3),
        "reason": entry.reason,
        "complete": entry.complete,
        "bytes": entry.size,
        "held_back": dict(entry.held_back),
        "epoch": entry.epoch,
        "start": None if where is None else {"host": where.host, "pid": where.pid},
        "edits": [
            {"edit": signature.edit, "by": signature.author, "note": signature.note}
            for signature in signed.get(entry.number, ())
        ],
    }
    texts = {name: json.dumps(member) for name, member in members.items()}
    if variables:
        safe = {name: masked(name, row.texts[name], reveal=reveal) for name in variables if name in row.texts}
        texts["variables"] = join_texts(safe)
    return join_texts(texts)


def _print_rows(rows: Sequence[Change], variables: Sequence[str], signed: _Signed, *, reveal: bool) -> None:
    from stratvars.cli.masking import HIDDEN
    from stratvars.cli.output import Column, print_table

    titles = [Column("revision", is_number=True), Column("saved"), Column("why")]
    cells: list[tuple[str, ...]] = [_cells(row.entry) for row in rows]
    values = [[_shown(name, row.texts.get(name), reveal=reveal) for name in variables] for row in rows]
    if variables:
        titles += (Column(name, is_cut=True) for name in variables)
    else:
        titles += (Column("completed"), Column("size", is_number=True))
        values = [[*_more_cells(row.entry)] for row in rows]
    cells = [(*cell, *shown) for cell, shown in zip(cells, values, strict=True)]
    if signed or not (variables or _is_for_people()):  # a program finds the same columns every time
        titles += (Column("by"), Column("note", is_cut=True))
        cells = [(*cell, *_signature_cells(row.entry, signed)) for cell, row in zip(cells, rows, strict=True)]
    print_table(titles, cells)
    if not variables:
        return
    if any(HIDDEN in shown for line in values for shown in line):
        tell(f"{HIDDEN} stands for what may be a password; --reveal shows it")
    elif len(variables) == 1:
        _draw(variables[0], [row.texts[variables[0]] for row in reversed(rows) if variables[0] in row.texts])


def _cells(entry: Entry) -> tuple[str, str, str]:
    time = entry.saved_at.astimezone()
    held_back = f", held back: {', '.join(entry.held_back)}" if entry.held_back else ""
    return (
        str(entry.number),
        f"{time:%Y-%m-%d %H:%M:%S}" if _is_for_people() else time.isoformat(),
        entry.reason + held_back,
    )


def _is_for_people() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _signature_cells(entry: Entry, signed: _Signed) -> tuple[str, str]:
    """Who asked for what a revision holds, and why; each once, where it holds several edits."""
    signatures = signed.get(entry.number, ())
    authors = dict.fromkeys(signature.author for signature in signatures)
    notes = dict.fromkeys(signature.note for signature in signatures if signature.note)
    return ", ".join(authors), "; ".join(notes)


def _more_cells(entry: Entry) -> tuple[str, str]:
    from stratvars.cli.look import size

    return "yes" if entry.complete else "no", size(entry.size)


def _shown(name: str, text: str | None, *, reveal: bool) -> str:
    from stratvars.cli.masking import readable

    try:
        return _UNSET if text is None else readable(name, text, reveal=reveal)
    except UndecodableError:
        return _UNREADABLE


def _draw(name: str, texts: Sequence[str]) -> None:
    """One line of bars, when there are numbers to draw and a terminal or a file that can show them."""
    from stratvars.cli.sparkline import BARS, sparkline

    numbers = [number for text in texts if (number := _number(text)) is not None]
    if len(numbers) < _FEWEST or not _can_show(BARS):
        return
    first = f"{name}: {min(numbers):g} to {max(numbers):g} "
    width = shutil.get_terminal_size().columns - len(first) - 1
    tell(first + sparkline(numbers, max(width, _NARROWEST)))


def _number(text: str) -> float | None:
    from stratvars import codec
    from stratvars.archive import as_float

    try:
        number = as_float(codec.decode(text))
    except UndecodableError:
        return None
    return number if number is not None and math.isfinite(number) else None


def _can_show(text: str) -> bool:
    try:
        text.encode(getattr(sys.stderr, "encoding", None) or "ascii")
    except UnicodeError:
        return False
    return True
