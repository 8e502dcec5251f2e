"""``stratvars list`` and ``stratvars show``: look at what is saved, while the bots run or when none does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import click

from stratvars.cli.completing import complete_strategy, complete_variable
from stratvars.cli.errors import tell
from stratvars.cli.options import CODES, WHENS, db_option, json_lines_option, read_when, reveal_option, table_option
from stratvars.cli.output import Column, print_exactly, print_table
from stratvars.errors import UndecodableError, UsageError

if TYPE_CHECKING:
    from stratvars.archive import Archive
    from stratvars.history import Past
    from stratvars.moment import When
    from stratvars.revision import Stored
    from stratvars.standing import Overview

_KILO = 1000
_LEAST = 16
"""So many characters of a name are shown on the narrowest terminal."""
_LIST_EXAMPLE = f"""\b
Examples:
  stratvars list --db sqlite:///bots.db
  stratvars list --json | jq 'select(.state != "running") | .name'
{CODES}"""
_SHOW_EXAMPLE = f"""\b
Examples:
  stratvars show btc-live
  stratvars show btc-live cash positions --at 10m
  stratvars show btc-live --json | jq .position
{WHENS}{CODES}"""

_LIST = (
    Column("name", least=_LEAST),
    Column("state", styles={"running": "green", "crashed": "bold red", "lease ended": "yellow"}),
    Column("revision", is_number=True),
    Column("saved"),
    Column("why"),
    Column("variables", is_number=True),
    Column("size", is_number=True),
    Column("kept", is_number=True),
    Column("owner", is_cut=True),
)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A state to be shown, the current one or one of the past; of each variable, where it can be split into them."""

    title: str
    variables: str = field(repr=False)
    texts: Callable[[], Mapping[str, str]] = field(repr=False)
    held_back: Mapping[str, str]
    format: int


@click.command("list", epilog=_LIST_EXAMPLE)
@json_lines_option
@db_option
@table_option
def list_strategies(*, as_json: bool, db: str | None, table: str) -> None:
    """List every strategy with saved variables, one per line.

    The state is running, stopped, crashed or lease ended. A process that was killed is seen to be dead from its own
    machine, and as lease ended from others. Size is that of the variables, kept counts the revisions in the history.
    """
    from stratvars.archive import open_archive
    from stratvars.cli.finding import nothing_saved

    with open_archive(db, table=table) as archive:
        found = archive.overview()
        if not found:
            raise UsageError(nothing_saved(archive))
    if as_json:
        print_exactly("\n".join(json.dumps(_member(one)) for one in found))
    else:
        print_table(_LIST, [_row(one) for one in found])
    tell(f"{len(found)} in the table {table} of {archive.database}")


@click.command("show", epilog=_SHOW_EXAMPLE)
@click.argument("name", shell_complete=complete_strategy)
@click.argument("variables", metavar="[VARIABLE]...", nargs=-1, shell_complete=complete_variable)
@click.option("--at", "when", metavar="WHEN", callback=read_when, help="Show what was saved then. Default: now.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the stored JSON object exactly as it is, passwords and all."
)
@reveal_option
@db_option
@table_option
def show_variables(
    *,
    name: str,
    variables: tuple[str, ...],
    when: When | None,
    as_json: bool,
    reveal: bool,
    db: str | None,
    table: str,
) -> None:
    """Show the saved variables of one strategy.

    All of them, or those that are named.
    """
    from stratvars.archive import open_archive
    from stratvars.cli.finding import check_format, chosen
    from stratvars.texts import join_texts

    with open_archive(db, table=table) as archive:
        seen = _look(archive, name, when)
    named = chosen(seen.texts(), variables, name) if variables else None  # before a line that a wrong name would follow
    tell(f"{seen.title}, in {archive.database}")
    if as_json:
        print_exactly(seen.variables if named is None else join_texts(named))
        return
    check_format(seen.format, repr(name))
    if named is None:
        _print_variables(seen.texts(), seen.held_back, reveal=reveal)
    else:
        _print_variables(named, _only(seen.held_back, named), reveal=reveal)


def _look(archive: Archive, name: str, when: When | None) -> _Seen:
    from stratvars.cli.finding import check_known, current_of, texts_in

    if when is None:
        stored = current_of(name, archive)
        texts = partial(texts_in, stored, archive)
        return _Seen(title_of(stored), stored.variables, texts, stored.held_back, stored.format)
    check_known(name, archive)
    past = archive.at(name, when)
    state = past.state
    return _Seen(title_of_past(name, past), state.to_json(), lambda: state.texts, state.held_back, past.format)


def _only(members: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    return {name: members[name] for name in names if name in members}


def _print_variables(texts: Mapping[str, str], problems: Mapping[str, str], *, reveal: bool) -> None:
    from stratvars.cli.masking import HIDDEN, readable

    rows, unreadable = [], []
    for name, text in texts.items():
        try:
            rows.append((name, readable(name, text, reveal=reveal)))
        except UndecodableError as error:
            unreadable.append(UndecodableError(name + error.path, error.problem))
    print_table((Column("name", least=_LEAST), Column("value", is_cut=True)), rows)
    if any(HIDDEN in value for _, value in rows):
        tell(f"{HIDDEN} stands for what may be a password; --reveal shows it")
    for held_back, problem in problems.items():
        tell(_about_held_back(held_back, problem, is_there=held_back in texts))
    _raise_first(unreadable)


def _about_held_back(name: str, problem: str, *, is_there: bool) -> str:
    older = "the value above is older" if is_there else "it has no saved value"
    return f"{name} is held back, {older}: {problem}"


def _raise_first(errors: list[UndecodableError]) -> None:
    for error in errors[1:]:
        tell(f"stratvars: {error}")
    if errors:
        raise errors[0]


def title_of(stored: Stored) -> str:
    """The strategy and its current revision, for the line above what is shown of it."""
    return f"{stored.strategy}: revision {stored.revision}, saved {_when(stored)} ({_why(stored)})"


def title_of_past(name: str, past: Past) -> str:
    """The same of a revision of the past."""
    from stratvars.schedule import age

    return f"{name}: revision {past.kept.number}, saved {age(past.kept.age)} ago ({past.kept.reason})"


def _row(one: Overview) -> tuple[str, ...]:
    stored = one.stored
    count = _count(stored)
    return (
        stored.strategy,
        one.standing.value,
        str(stored.revision),
        _when(stored),
        _why(stored),
        "?" if count is None else str(count),
        size(_bytes(stored)),
        f"{one.kept}+" if one.kept == _counted() else str(one.kept),
        "" if one.owner is None else f"pid {one.owner.pid} on {one.owner.host}",
    )


def _member(one: Overview) -> dict[str, object]:
    stored, owner = one.stored, one.owner
    return {
        "name": stored.strategy,
        "state": one.standing.value,
        "revision": stored.revision,
        "saved_at": stored.saved_at.isoformat(),
        "age": round(stored.age, 3),
        "reason": stored.reason,
        "changed_by_hand": stored.foreign,
        "variables": _count(stored),
        "bytes": _bytes(stored),
        "kept": one.kept,
        "kept_is_least": one.kept == _counted(),
        "owner": None if owner is None else {"host": owner.host, "pid": owner.pid},
        "lease_left": None if one.lease_left is None else round(one.lease_left, 3),
    }


def _counted() -> int:
    from stratvars.store.tenure import KEPT

    return KEPT


def _when(stored: Stored) -> str:
    from stratvars.schedule import age

    return f"{age(stored.age)} ago"


def _why(stored: Stored) -> str:
    if stored.reason == "":
        return "written by hand"
    return f"{stored.reason}, changed by hand since" if stored.foreign else stored.reason


def _count(stored: Stored) -> int | None:
    from stratvars.texts import split_texts

    try:
        return len(split_texts(stored.variables))
    except UndecodableError:
        return None


def _bytes(stored: Stored) -> int:
    return len(stored.variables.encode(errors="surrogateescape"))


def size(count: int) -> str:
    """So many bytes, for a table."""
    if count < _KILO:
        return f"{count} B"
    if count < _KILO**2:
        return f"{count / _KILO:.1f} kB"
    return f"{count / _KILO**2:.1f} MB"
