"""``stratvars prune``: remove old revisions from histories, at once; or a variable from all of a strategy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import click

from stratvars.cli.errors import can_be_asked, tell
from stratvars.cli.forget import forget
from stratvars.cli.options import OWNED_CODES, db_option, table_option
from stratvars.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratvars.prune import Pruned
    from stratvars.retention import Size

_EXAMPLE: Final = f"""\b
Examples:
  stratvars prune btc-live --dry-run
  stratvars prune btc-live --keep 30d
  stratvars prune --all --yes
  stratvars prune --all --keep "everything=1d hourly=30d daily=52w revisions=20000" --yes
  stratvars prune btc-live --variable api_key
{OWNED_CODES}"""


@click.command(epilog=_EXAMPLE)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="Every strategy in the table.")
@click.option(
    "--keep",
    metavar="HOW",
    help="What to keep: all, 30d for every revision of so long, or parts such as everything=7d hourly=90d daily=all "
    "revisions=100000 size=256MB, which are the defaults. Default: STRATVARS_RETENTION, else these.",
)
@click.option(
    "--variable",
    "variables",
    metavar="VARIABLE",
    multiple=True,
    help="Erase this variable of one strategy, which must not run, also from every revision and edit. For what should "
    "never have been saved. May be given several times.",
)
@click.option("--dry-run", is_flag=True, help="Show what would go, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each strategy, one per line.")
@db_option
@table_option
@click.pass_context
def prune(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    is_all: bool,
    keep: str | None,
    variables: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    as_json: bool,
    db: str | None,
    table: str,
) -> None:
    """Remove old revisions of strategies, or erase a variable.

    A strategy that runs does this by itself, as its setting "retention" says. One that does not run is pruned by nobody
    else. The strategies may run meanwhile. The state as of every revision that stays is what it was; the newest one,
    the last completed iteration, and those before a crash stay. What is removed cannot be brought back.

    With --variable no revision goes: a variable goes out of all of them, and out of the edits. It shows where the
    variable stands, asks, and then says what is out of its reach. Killed in between, it is run again.
    """
    if variables:
        name = _check_erasing(names, variables[0], is_all=is_all, keep=keep)
        _check_can_be_asked(yes=yes or dry_run)
        forget(name, variables, dry_run=dry_run, yes=yes, as_json=as_json, db=db, table=table)
        return
    from stratvars import settings
    from stratvars.prune import look
    from stratvars.prune import prune as prune_one
    from stratvars.retention import parse

    if bool(names) == is_all:
        raise UsageError("name the strategies to prune, or give --all for every one in the table")
    retention = settings.retention(None) if keep is None else parse(keep, "--keep")
    _check_can_be_asked(yes=yes or dry_run)
    database = settings.resolve(db)
    found = [look(database, table, name, retention) for name in _known(names, db, table)]
    tell(f"{'would go' if dry_run else 'to go'}, in {database}")
    _show(found, as_json=as_json)
    wanted = [one.strategy for one in found if one.removed.revisions]
    if dry_run or not wanted:
        tell("nothing is removed" if dry_run else "there is nothing to remove")
        return
    if not yes and not click.confirm("Remove these revisions?", err=True):
        tell("nothing was removed")
        ctx.exit(1)
    for name in wanted:
        done = prune_one(database, table, name, retention)
        tell(f"{name}: {done.removed.revisions:,.0f} of {done.had.revisions:,.0f} revisions removed")


def _check_erasing(names: Sequence[str], variable: str, *, is_all: bool, keep: str | None) -> str:
    """The one strategy to erase a variable from."""
    if is_all or len(names) != 1:
        raise UsageError(f"name one strategy to erase from: stratvars prune btc-live --variable {variable}")
    if keep is not None:
        raise UsageError(
            "--keep removes old revisions, --variable a variable from all of them: run one after the other"
        )
    return names[0]


def _known(names: Sequence[str], db: str | None, table: str) -> list[str]:
    from stratvars.archive import open_archive
    from stratvars.cli.finding import check_known

    with open_archive(db, table=table) as archive:
        if not names:
            return [stored.strategy for stored in archive.strategies()]
        for name in names:
            check_known(name, archive)
        return [*dict.fromkeys(names)]


def _check_can_be_asked(*, yes: bool) -> None:
    if not (yes or can_be_asked()):
        raise UsageError("there is no terminal to ask on; add --yes to prune, or --dry-run to see what would go")


def _show(found: Sequence[Pruned], *, as_json: bool) -> None:
    from stratvars.cli.output import Column, print_exactly, print_table

    if as_json:
        lines = ({"strategy": one.strategy, "has": _plain(one.had), "goes": _plain(one.removed)} for one in found)
        print_exactly("\n".join(json.dumps(line) for line in lines))
        return
    columns = [Column("name"), *(Column(title, is_number=True) for title in ("revisions", "size", "go", "of size"))]
    print_table(columns, [(one.strategy, *_cells(one.had), *_cells(one.removed)) for one in found])


def _plain(size: Size) -> dict[str, int]:
    return {"revisions": round(size.revisions), "bytes": round(size.bytes)}


def _cells(amount: Size) -> tuple[str, str]:
    from stratvars.cli.look import size

    return f"{amount.revisions:,.0f}", size(round(amount.bytes))
