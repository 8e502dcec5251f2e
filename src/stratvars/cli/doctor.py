"""``stratvars doctor``: what is wrong with the database, before a strategy finds out."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from stratvars.cli.errors import tell
from stratvars.cli.options import db_option, table_option
from stratvars.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stratvars.database import Database
    from stratvars.store.fact import Fact

_FAILED = 3
_EXAMPLE = """\b
Examples:
  stratvars doctor --db postgresql://bot:password@localhost:5432/bots
  stratvars doctor --json | jq 'select(.grade != "ok")'
  stratvars doctor --ddl --role bot | psql postgresql://admin@localhost:5432/bots
\b
Exit codes:
  0  nothing failed; there may be warnings
  2  wrong use
  3  something failed: no strategy can run there, or what it saves is not safe
"""


@click.command(epilog=_EXAMPLE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each fact, one per line.")
@click.option(
    "--ddl",
    is_flag=True,
    help="Print the SQL with which an administrator of a PostgreSQL makes the tables, and connect to nothing.",
)
@click.option(
    "--role", metavar="ROLE", help="With --ddl: the role that is to have the rights. Default: the user in the URL."
)
@db_option
@table_option
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool, ddl: bool, role: str | None, db: str | None, table: str) -> None:
    """Examine the database, and name a remedy for what is wrong."""
    from stratvars import settings
    from stratvars.names import check_table_name

    if role is not None and not ddl:
        raise UsageError("--role goes with --ddl; as which role to examine the database, its URL says")
    if role == "":
        raise UsageError("--role is empty; give the role's name as it was created")
    if as_json and ddl:
        raise UsageError("--ddl prints SQL and --json facts; choose one of the two")
    check_table_name(table)
    database = settings.resolve(db)
    if ddl:
        _print_ddl(database, table, role)
    else:
        ctx.exit(_examine(database, table, as_json=as_json))


def _print_ddl(database: Database, table: str, role: str | None) -> None:
    from stratvars.cli.output import print_exactly
    from stratvars.store.opening import ddl

    text, role = ddl(database, table, role)
    print_exactly(text)
    if role is None:
        tell(
            "stratvars: the URL names no role, so no rights are granted; to grant them, add --role with the role that "
            "the strategies connect as"
        )


def _examine(database: Database, table: str, *, as_json: bool) -> int:
    from stratvars.cli.checkup import all_facts
    from stratvars.store.fact import Grade
    from stratvars.store.opening import examine

    facts = all_facts(examine(database, table))
    if as_json:
        _print_json(facts)
    else:
        _print_table(facts)
    grades = [fact.grade for fact in facts]
    tell(f"stratvars: ok {grades.count(Grade.OK)}, warn {grades.count(Grade.WARN)}, fail {grades.count(Grade.FAIL)}")
    return _FAILED if Grade.FAIL in grades else 0


def _print_json(facts: Sequence[Fact]) -> None:
    from stratvars.cli.output import print_exactly

    # Whatever cannot be seen is escaped by JSON itself, which is plain ASCII then.
    members = ({"name": fact.name, "grade": fact.grade, "text": fact.text, "remedy": fact.remedy} for fact in facts)
    print_exactly("\n".join(json.dumps(member) for member in members))


def _print_table(facts: Sequence[Fact]) -> None:
    from stratvars.cli.output import Column, print_table

    grade = Column("grade", styles={"ok": "green", "warn": "bold yellow", "fail": "bold red"})
    columns = [grade, Column("name"), Column("text", is_wrapped=True), Column("remedy")]
    rows: list[tuple[str, ...]] = [(fact.grade, fact.name, fact.text, fact.remedy) for fact in facts]
    if sys.stdout is not None and sys.stdout.isatty():
        # For people a remedy stands below what it is for: side by side, both columns would be narrow.
        columns.pop()
        rows = [row for fact in facts for row in _for_people(fact)]
    print_table(columns, rows)


def _for_people(fact: Fact) -> Iterator[tuple[str, ...]]:
    yield fact.grade, fact.name, fact.text
    if fact.remedy:
        yield "", "", f"→ {fact.remedy}"
