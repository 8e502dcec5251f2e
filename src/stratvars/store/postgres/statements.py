"""The statements with the table names filled in, as the driver takes them and as an administrator reads them.

A table name with exactly one dot and something on both sides of it is ``schema.table``. The driver takes a percent
sign for the start of a parameter, so one in a name is doubled for it; every statement is sent with parameters.
"""

from __future__ import annotations

import re
from functools import cache

from stratvars.store import sqlfiles

_PACKAGE = __package__ or ""
_NAME = re.compile(r'"(T|T_writers|T_history|T_edits|T_shots|T_marks|schema|role)"')


@cache
def statements(table: str, file: str = "statements.sql") -> dict[str, str]:
    """The statements of a file by name, as the driver takes them."""
    names = {key: name.replace("%", "%%") for key, name in _relations(table).items()}
    return {key: _fill(text, names) for key, text in _templates(file).items()}


def table_names(table: str) -> dict[str, str]:
    """The quoted name of the user's table and of those beside it, by placeholder."""
    schema = schema_of(table)
    prefix = "" if schema is None else f"{sqlfiles.quote(schema)}."
    return {key: prefix + name for key, name in sqlfiles.table_names(_base(table)).items()}


def schema_of(table: str) -> str | None:
    """The schema that the table's name says; None when the search path decides."""
    schema, _, name = table.partition(".")
    return schema if schema and name and "." not in name else None


def ddl(table: str, role: str | None = None) -> str:
    """What an administrator runs so that a role without the right to create can use the table; it may be run again.

    With ``role``, the rights that it needs are part of it.
    """
    wanted = ["create_table", "store_table", "create_writers", "create_history", "store_history"]
    wanted += ["index_snapshots", "index_marks", "create_edits"]
    if schema_of(table) is not None:
        wanted.insert(0, "create_schema")
    return _join(wanted, _names(table)) + ("" if role is None else "\n" + grants(table, role))


def grants(table: str, role: str) -> str:
    """The rights that a role needs on tables that are there."""
    wanted = ["grant_table", "grant_writers", "grant_history", "grant_edits"]
    if schema_of(table) is not None:
        wanted.insert(0, "grant_schema")
    return _join(wanted, {**_names(table), "role": sqlfiles.quote(role)})


def _base(table: str) -> str:
    """The table's name without its schema."""
    return table if schema_of(table) is None else table.partition(".")[2]


def _relations(table: str) -> dict[str, str]:
    # An index is created without a schema: it comes into that of its table.
    return table_names(table) | sqlfiles.index_names(_base(table))


def _names(table: str) -> dict[str, str]:
    return {**_relations(table), "schema": sqlfiles.quote(schema_of(table) or "")}


def _join(wanted: list[str], names: dict[str, str]) -> str:
    templates = _templates("statements.sql")
    return "\n".join(_fill(templates[key], names) + ";" for key in wanted)


@cache
def _templates(file: str) -> dict[str, str]:
    # Loaded for a table called T, whose quoted names are then the places to fill.
    return sqlfiles.statements(_PACKAGE, "T", file)


def _fill(text: str, names: dict[str, str]) -> str:
    # One pass: a table whose own name looks like a place must not be filled a second time.
    return _NAME.sub(lambda match: names.get(match[1], match[0]), text)
