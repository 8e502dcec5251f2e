"""``stratvars rename`` and ``stratvars drop``: another name for a strategy that does not run, and an end to it."""

from __future__ import annotations

import json
import re
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from stratvars.cli.completing import complete_strategy
from stratvars.cli.errors import can_be_asked, tell
from stratvars.cli.options import OWNED_CODES, db_option, table_option
from stratvars.cli.output import print_exactly
from stratvars.errors import UsageError

if TYPE_CHECKING:
    from stratvars.database import Database
    from stratvars.store.moving import Whole

_RENAME_EXAMPLE: Final = f"""\b
Example:
  stratvars rename btc-live btc-2026
{OWNED_CODES}"""
_DROP_EXAMPLE: Final = f"""\b
Examples:
  stratvars drop btc-test
  stratvars drop btc-test --export backups/btc-test.jsonl --yes
{OWNED_CODES}"""
_LONGEST_STEM: Final = 100
_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")


@click.command(epilog=_RENAME_EXAMPLE)
@click.argument("old", metavar="NAME", shell_complete=complete_strategy)
@click.argument("new", metavar="NEWNAME")
@_json_option
@db_option
@table_option
def rename(*, old: str, new: str, as_json: bool, db: str | None, table: str) -> None:
    """Give a strategy that does not run another name.

    Its history goes along. Start it under the new name from then on: under the old one it starts from nothing.
    """
    from stratvars import move, settings

    database = settings.resolve(db)
    moved = move.rename(database, table, old, new)
    if as_json:
        print_exactly(json.dumps({"old": old, "new": new, "revision": moved.revision, "revisions": moved.revisions}))
    tell(f"{old}: is {new} now, with {moved.revisions} revisions, in {database}")


@click.command(epilog=_DROP_EXAMPLE)
@click.argument("name", shell_complete=complete_strategy)
@click.option(
    "--export",
    "file",
    metavar="FILE",
    help="File to export it to first. Default: NAME.jsonl, else NAME-2.jsonl.",
)
@click.option("--no-export", is_flag=True, help="Keep no copy of it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_json_option
@db_option
@table_option
@click.pass_context
def drop(
    ctx: click.Context,
    *,
    name: str,
    file: str | None,
    no_export: bool,
    yes: bool,
    as_json: bool,
    db: str | None,
    table: str,
) -> None:
    """Remove a strategy that does not run, with all its history.

    It asks for the name, and exports it first: nothing else brings it back.
    """
    from stratvars import move, settings

    if no_export and file is not None:
        raise UsageError("--export and --no-export contradict each other; give one of the two")
    if not (yes or can_be_asked()):
        raise UsageError("there is no terminal to ask on; add --yes to drop it")
    database = settings.resolve(db)
    found = move.look(database, table, name)
    move.check_stopped(database, table, name)
    copy = None if no_export else file or _free_file(name)
    tell(_what_is_lost(database, table, found, copy))
    if not yes and not _is_sure(name):
        tell(f"{name}: nothing was dropped")
        ctx.exit(1)
    if copy is not None:
        _export(database, table, name, copy)
    moved = move.drop(database, table, name, only=found)
    if as_json:
        print_exactly(json.dumps({"name": name, "revision": moved.revision, "revisions": moved.revisions}))
    tell(f"{name}: dropped, with {moved.revisions} revisions, from {database}")


def _is_sure(name: str) -> bool:
    typed: str = click.prompt("To drop it, type its name", err=True, default="", show_default=False)
    return typed == name


def _free_file(name: str) -> str:
    """A file in the current folder that is not there yet, called as the strategy is where a file may be."""
    stem = re.sub(r"[^\w.-]", "_", name)[:_LONGEST_STEM].lstrip(".-") or "strategy"
    names = (f"{stem}.jsonl" if number == 1 else f"{stem}-{number}.jsonl" for number in count(1))
    return next(file for file in names if not Path(file).exists())


def _what_is_lost(database: Database, table: str, found: Whole, copy: str | None) -> str:
    from stratvars.move import history_of

    name = found.strategy
    many, oldest = history_of(database, table, name)
    history = "" if oldest is None else f" and {many} revisions, the oldest of {oldest.astimezone():%Y-%m-%d %H:%M},"
    kept = "; no copy is kept" if copy is None else f"; first they are exported to {copy}"
    return f"{name}: its variables{history} are to be lost, in {database}{kept}"


def _export(database: Database, table: str, name: str, file: str) -> None:
    from stratvars.cli.move import tell_what_waits, write_export
    from stratvars.exporting import Exporting

    with closing(Exporting(database, table, [name], everything=True)) as exporting:
        write_export(file, exporting)
    tell_what_waits(exporting.moved)
