"""``stratvars diff``: what differs between two moments, down to the key, the field and the index."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import click

from stratvars.cli.completing import complete_strategy
from stratvars.cli.errors import tell
from stratvars.cli.options import CODES, WHENS, db_option, json_lines_option, read_when, reveal_option, table_option
from stratvars.errors import UndecodableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratvars.archive import Archive
    from stratvars.history import Difference
    from stratvars.moment import When

_UNSET: Final = "(not set)"
_UNREADABLE: Final = "(cannot be read)"
_EXAMPLE = f"""\b
Examples:
  stratvars diff btc-live 10m
  stratvars diff btc-live before-crash last-iteration
  stratvars diff btc-live 41 42 --json | jq .path
{WHENS}{CODES}"""


@click.command(epilog=_EXAMPLE)
@click.argument("name", shell_complete=complete_strategy)
@click.argument("old", metavar="A", callback=read_when)
@click.argument("new", metavar="[B]", required=False, callback=read_when)
@json_lines_option
@reveal_option
@db_option
@table_option
def diff(*, name: str, old: When, new: When | None, as_json: bool, reveal: bool, db: str | None, table: str) -> None:
    """Show what changed from one moment to another.

    A and B are each a WHEN; without B it is what is saved now. The index of an item is that of the list in which it
    stands.
    """
    from stratvars.archive import open_archive
    from stratvars.cli.finding import check_known
    from stratvars.history import differences

    with open_archive(db, table=table) as archive:
        check_known(name, archive)
        title, before = _state(archive, name, old)
        new_title, after = _state(archive, name, new)
        where = archive.database
    found = differences(before, after)
    tell(f"{title} -> {new_title.removeprefix(f'{name}: ')}, in {where}")
    print_differences(found, ("name", "old", "new"), as_json=as_json, reveal=reveal)
    if not found:
        tell("nothing differs")


def _state(archive: Archive, name: str, when: When | None) -> tuple[str, Mapping[str, str]]:
    """What to call the state at a moment, and the text of each variable in it."""
    from stratvars.cli.finding import check_format, current_of
    from stratvars.cli.look import title_of, title_of_past
    from stratvars.texts import split_texts

    if when is None:
        stored = current_of(name, archive)
        check_format(stored.format, repr(name))
        return title_of(stored), split_texts(stored.variables)
    past = archive.at(name, when)
    check_format(past.format, repr(name))
    return title_of_past(name, past), past.state.texts


def print_differences(
    found: Sequence[Difference],
    titles: tuple[str, str, str],
    *,
    as_json: bool,
    reveal: bool,
    absent: str = _UNSET,
) -> None:
    """Print differences of whole variables, taken apart, with what may be a password hidden.

    Args:
        found: the differences.
        titles: of the columns: the path, the old value and the new one.
        as_json: a JSON object for each, ``{"path": …, "old": …, "new": …}``; what is not set has no member.
        reveal: hide nothing.
        absent: what to show for an old value that is not there.
    """
    from stratvars.cli.masking import HIDDEN
    from stratvars.cli.nested import nested
    from stratvars.cli.output import print_changes, print_exactly

    parts = [part for whole in found for part in nested(whole)]
    if as_json:
        if parts:
            print_exactly("\n".join(_json_line(part, reveal=reveal) for part in parts))
        return
    rows = [
        (part.name, _shown(part.name, part.old, absent, reveal), _shown(part.name, part.new, _UNSET, reveal))
        for part in parts
    ]
    print_changes(titles, rows)
    if any(HIDDEN in cell for row in rows for cell in row):
        tell(f"{HIDDEN} stands for what may be a password; --reveal shows it")


def _shown(path: str, text: str | None, absent: str, reveal: bool) -> str:
    from stratvars.cli.masking import readable

    if text is None:
        return absent
    try:
        return readable(path, text, reveal=reveal)
    except UndecodableError:
        return _UNREADABLE


def _json_line(part: Difference, *, reveal: bool) -> str:
    from stratvars.cli.masking import masked
    from stratvars.texts import join_texts

    values = {"old": part.old, "new": part.new}
    safe = {side: masked(part.name, text, reveal=reveal) for side, text in values.items() if text is not None}
    return join_texts({"path": json.dumps(part.name), **safe})
