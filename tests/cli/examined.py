"""What the doctor finds, for tests: each fact by its name, and a database changed by hand."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from stratvars import Backup
from stratvars.cli.checkup import all_facts
from stratvars.settings import resolve
from stratvars.store.fact import Fact, Grade
from stratvars.store.opening import examine
from stratvars.testing import TABLE


def facts_on(url: str, table: str = TABLE) -> dict[str, Fact]:
    """What the doctor finds, by name; of several facts with one name the last.

    Where the tests' folder stands is left out: on some machines /tmp is in memory, or the layer of a container.
    """
    facts = [fact for fact in all_facts(examine(resolve(url), table)) if fact.name != "place"]
    assert all((fact.remedy == "") == (fact.grade is Grade.OK) for fact in facts), "a remedy for all that is bad"
    return {fact.name: fact for fact in facts}


def bad(facts: dict[str, Fact]) -> dict[str, Grade]:
    return {name: fact.grade for name, fact in facts.items() if fact.grade is not Grade.OK}


def save(path: Path, name: str) -> None:
    """A bot saves a variable there, and stops."""
    with Backup(name, f"sqlite:///{path}") as backup:
        backup.vars.n = 1


def execute(path: Path, statement: str, *parameters: object) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, parameters)
