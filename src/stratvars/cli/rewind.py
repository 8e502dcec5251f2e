"""``stratvars rewind``: take a strategy that does not run back to an earlier moment."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from stratvars.cli.errors import tell
from stratvars.cli.options import db_option, table_option
from stratvars.errors import UndecodableError, UsageError

if TYPE_CHECKING:
    from stratvars.edit import Rewind
    from stratvars.history import Difference
    from stratvars.owner import Owner
    from stratvars.revision import Moment

_UNSET: Final = "(not set)"
_UNREADABLE: Final = "(cannot be read)"
_BEFORE: Final = 10
"""How many characters a terminal shows of two values before the first one in which they differ."""
_EXAMPLE: Final = """\b
Examples:
  stratvars rewind btc-live --to last-iteration
  stratvars rewind btc-live --to 41 --dry-run
\b
Exit codes:
  0  it went back, or there was nothing to change
  1  you said no, or somebody else saved meanwhile
  2  wrong use; there is no such strategy or moment
  3  what is saved cannot be read, or the database cannot be used
  4  the strategy runs
"""


def _read_moment(ctx: click.Context, parameter: click.Parameter, text: str) -> Moment:
    from stratvars.revision import Landmark

    if text in set(Landmark):
        return Landmark(text)
    try:
        return int(text)
    except ValueError:
        landmarks = ", ".join(Landmark)
        problem = f"{text!r} is no moment; name {landmarks} or the number of a revision"
        raise click.BadParameter(problem, ctx, parameter) from None


@click.command(epilog=_EXAMPLE)
@click.argument("name")
@click.option(
    "--to",
    "moment",
    metavar="WHEN",
    required=True,
    callback=_read_moment,
    help="last-iteration, for the end of the last completed iteration, or the number of a revision.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing; the strategy may run.")
@db_option
@table_option
@click.pass_context
def rewind(
    ctx: click.Context, *, name: str, moment: Moment, yes: bool, dry_run: bool, db: str | None, table: str
) -> None:
    """Take the variables of a strategy back to an earlier moment.

    The strategy must not run. Going back is a new revision: nothing is erased, and it can be taken back.
    """
    from stratvars import edit, settings

    if not (yes or dry_run or _can_be_asked()):
        raise UsageError("there is no terminal to ask on; add --yes to go back, or --dry-run to see what would change")
    plan = edit.plan_rewind(settings.resolve(db), table, name, moment)
    doubt = None if dry_run else edit.check_stopped(plan)
    if plan.changes_nothing:
        tell(f"{name}: nothing to change, the variables are those of revision {plan.then.kept.number}")
        return
    _show(plan)
    if dry_run:
        return
    if not yes and not click.confirm(_question(plan, doubt), err=True):
        tell(f"{name}: nothing was changed")
        ctx.exit(1)
    number = edit.carry_out(plan)
    tell(f"{name}: went back to revision {plan.then.kept.number}, saved as revision {number}{_way_back(plan)}")


def _can_be_asked() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _question(plan: Rewind, doubt: Owner | None) -> str:
    question = f"Go back to revision {plan.then.kept.number}?"
    if doubt is None:
        return question
    return (
        f"It was last run by process {doubt.pid} on {doubt.host}, which cannot be looked at from here. If that still "
        f"runs, it cannot save any more. {question}"
    )


def _way_back(plan: Rewind) -> str:
    if plan.now is None:
        return ""
    number = plan.now.revision + plan.now.foreign  # what was changed by hand is kept as a revision of its own
    return f"; to take that back: --to {number}"


def _show(plan: Rewind) -> None:
    from stratvars.cli.masking import HIDDEN
    from stratvars.cli.output import Column, print_table
    from stratvars.history import differences

    tell(_header(plan))
    if plan.differences is None:
        tell(f"{_UNREADABLE} stands for what is saved now, which is not one JSON object")
    changes = differences({}, plan.then.state.texts) if plan.differences is None else plan.differences
    absent = _UNREADABLE if plan.differences is None else _UNSET
    rows = [_row(change, absent) for change in changes]
    if sys.stdout is not None and sys.stdout.isatty():
        rows = [(name, *_from_the_difference(old, new)) for name, old, new in rows]
    print_table((Column("name"), Column("now", is_cut=True), Column("then", is_cut=True)), rows)
    if any(HIDDEN in cell for row in rows for cell in row):
        tell(f"{HIDDEN} stands for what may be a password")
    if plan.reorders:
        tell("the order of the variables changes, too" if rows else "only the order of the variables changes")


def _header(plan: Rewind) -> str:
    from stratvars.schedule import age

    then = plan.then.kept
    back = f"revision {then.number}, saved {age(then.age)} ago ({then.reason})"
    now = plan.now
    if now is None:
        return f"{plan.strategy}: from a row that is gone back to {back}"
    by_hand = ", changed by hand since" if now.foreign else ""
    return f"{plan.strategy}: from revision {now.revision}, saved {age(now.age)} ago ({now.reason}{by_hand}), to {back}"


def _row(change: Difference, absent: str) -> tuple[str, str, str]:
    return change.name, _shown(change.name, change.old, absent), _shown(change.name, change.new, _UNSET)


def _shown(name: str, text: str | None, absent: str) -> str:
    from stratvars.cli.masking import readable

    if text is None:
        return absent
    try:
        return readable(name, text, reveal=False)
    except UndecodableError:
        return _UNREADABLE


def _from_the_difference(old: str, new: str) -> tuple[str, str]:
    """Both values from shortly before the first difference: cut to a terminal's width they might look the same."""
    same = next((index for index, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), 0)
    start = same - _BEFORE
    return (old, new) if start <= 0 else (f"…{old[start:]}", f"…{new[start:]}")
