"""``stratvars rewind``: take a strategy back to an earlier moment, whether it runs or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from stratvars.cli.completing import complete_strategy
from stratvars.cli.errors import can_be_asked, tell
from stratvars.cli.options import (
    WHENS,
    db_option,
    json_lines_option,
    no_wait_option,
    note_option,
    read_when,
    reveal_option,
    table_option,
    wait_option,
)
from stratvars.errors import UsageError

if TYPE_CHECKING:
    from stratvars.edit import Rewind
    from stratvars.moment import When
    from stratvars.owner import Owner

_UNREADABLE: Final = "(cannot be read)"
_EXAMPLE: Final = f"""\b
Examples:
  stratvars rewind btc-live --to last-iteration
  stratvars rewind btc-live --to before-crash --yes
  stratvars rewind btc-live --to 10m --dry-run
{WHENS}\b
Exit codes:
  0  it went back, or there was nothing to change
  1  you said no, somebody else saved meanwhile, or the strategy refused it or
     did not answer in time
  2  wrong use; there is no such strategy or moment
  3  what is saved cannot be read, or the database cannot be used
  4  the strategy was started meanwhile, or runs where it cannot be looked at
"""


@click.command(epilog=_EXAMPLE)
@click.argument("name", shell_complete=complete_strategy)
@click.option(
    "--to",
    "moment",
    metavar="WHEN",
    required=True,
    callback=read_when,
    help="The moment to go back to.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@note_option
@wait_option
@no_wait_option
@json_lines_option
@reveal_option
@db_option
@table_option
@click.pass_context
def rewind(
    ctx: click.Context,
    *,
    name: str,
    moment: When,
    yes: bool,
    dry_run: bool,
    note: str,
    wait: float,
    no_wait: bool,
    as_json: bool,
    reveal: bool,
    db: str | None,
    table: str,
) -> None:
    """Take a strategy back to an earlier moment.

    A strategy that runs is given the variables of that moment between two iterations. Going back is a new revision:
    nothing is erased, and it can be taken back.
    """
    from stratvars import edit, request, settings
    from stratvars.cli.change import author, fate_of, is_done

    if not (yes or dry_run or can_be_asked()):
        raise UsageError("there is no terminal to ask on; add --yes to go back, or --dry-run to see what would change")
    database = settings.resolve(db)
    plan = edit.plan_rewind(database, table, name, moment)
    runs = edit.is_running(plan)
    doubt = None if dry_run or runs else edit.check_stopped(plan)
    if plan.changes_nothing:
        same = f"the variables are those of revision {plan.then.kept.number}, in {plan.database}"
        tell(f"{name}: nothing to change, {same}")
        return
    _show(plan, as_json=as_json, reveal=reveal)
    if dry_run:
        return
    if not yes and not click.confirm(_question(plan, doubt), err=True):
        tell(f"{name}: nothing was changed")
        ctx.exit(1)
    if runs:
        asked = request.request(
            database, table, name, edit.as_edit(plan, author(), note), wait=0.0 if no_wait else wait
        )
        tell(f"{name}: {fate_of(asked, name)}")
        ctx.exit(0 if is_done(asked, waited=wait > 0 and not no_wait) else 1)
    number = edit.carry_out(plan, edit.signature(plan, author(), note))
    tell(f"{name}: went back to revision {plan.then.kept.number}, saved as revision {number}{_way_back(plan)}")


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


def _show(plan: Rewind, *, as_json: bool, reveal: bool) -> None:
    from stratvars.cli.diff import print_differences
    from stratvars.history import differences

    tell(f"{_header(plan)}, in {plan.database}")
    titles = ("name", "now", "then")
    if plan.differences is None:
        tell(f"{_UNREADABLE} stands for what is saved now, which is not one JSON object")
        found = differences({}, plan.then.state.texts)
        print_differences(found, titles, as_json=as_json, reveal=reveal, absent=_UNREADABLE)
    else:
        print_differences(plan.differences, titles, as_json=as_json, reveal=reveal)
    if plan.reorders:
        tell(
            "the order of the variables changes, too" if plan.differences else "only the order of the variables changes"
        )


def _header(plan: Rewind) -> str:
    from stratvars.schedule import age

    then = plan.then.kept
    back = f"revision {then.number}, saved {age(then.age)} ago ({then.reason})"
    now = plan.now
    if now is None:
        return f"{plan.strategy}: from a row that is gone back to {back}"
    by_hand = ", changed by hand since" if now.foreign else ""
    return f"{plan.strategy}: from revision {now.revision}, saved {age(now.age)} ago ({now.reason}{by_hand}), to {back}"
