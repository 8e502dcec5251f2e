"""The statements with the table names filled in, as the driver takes them and as an administrator reads them.

A table name with exactly one dot and something on both sides of it is ``schema.table``. The driver takes a percent
sign for the start of a parameter, so one in a name is doubled for it; every statement is sent with parameters.
"""

from __future__ import annotations

import re
from functools import cache

from stratvars.store import sqlfiles

_PACKAGE = __package__ or ""
_NAME = re.compile(r'"(T|T_writers|T_history|role)"')


@cache
def statements(table: str) -> dict[str, str]:
    """The statements of ``statements.sql`` by name, as the driver takes them."""
    names = {key: name.replace("%", "%%") for key, name in table_names(table).items()}
    return {key: _fill(text, names) for key, text in _templates().items()}


def table_names(table: str) -> dict[str, str]:
    """The quoted name of the user's table and of the two beside it, by placeholder."""
    schema, dot, name = table.partition(".")
    is_qualified = bool(schema and dot and name) and "." not in name
    prefix, base = (f"{sqlfiles.quote(schema)}.", name) if is_qualified else ("", table)
    return {key: prefix + sqlfiles.quote(base + key[1:]) for key in ("T", "T_writers", "T_history")}


def ddl(table: str, role: str | None = None) -> str:
    """What an administrator runs so that a role without the right to create can use the table.

    With ``role``, the rights that it needs are part of it.
    """
    names = table_names(table)
    wanted = ["create_table", "store_table", "create_writers", "create_history", "store_history"]
    if role is not None:
        names["role"] = sqlfiles.quote(role)
    return _join(wanted, names) + ("" if role is None else "\n" + grants(table, role))


def grants(table: str, role: str) -> str:
    """The rights that a role needs on tables that are there."""
    names = {**table_names(table), "role": sqlfiles.quote(role)}
    return _join(["grant_table", "grant_writers", "grant_history"], names)


def _join(wanted: list[str], names: dict[str, str]) -> str:
    templates = _templates()
    return "\n".join(_fill(templates[key], names) + ";" for key in wanted)


@cache
def _templates() -> dict[str, str]:
    # Loaded for a table called T, whose quoted names are then the places to fill.
    return sqlfiles.statements(_PACKAGE, "T")


def _fill(text: str, names: dict[str, str]) -> str:
    # One pass: a table whose own name looks like a place must not be filled a second time.
    return _NAME.sub(lambda match: names.get(match[1], match[0]), text)
