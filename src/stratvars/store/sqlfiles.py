"""SQL lives in .sql files beside the code that sends it; this module reads them and quotes the table names.

A file holds statements, each after a line ``-- :name  what it does``. ``{T}``, ``{T_writers}``, ``{T_history}`` and
``{T_edits}`` stand for the quoted names of the user's table and of those beside it, ``{T_shots}`` and ``{T_marks}`` for
those of indexes, ``{name}`` for an earlier statement. Values are never put into the text; they are bound by the driver.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

PLACES = ("T", "T_writers", "T_history", "T_edits")
"""The tables by placeholder: the user's, and those beside it."""
_HEADER = re.compile(r"^-- :(\w+).*\n", re.MULTILINE)


@cache
def statements(package: str, table: str, file: str = "statements.sql") -> dict[str, str]:
    """The statements of a file of ``package`` by name, for the given table.

    The table's name must have passed ``settings.check_table_name``. Thread-safe; read once per table.
    """
    text = files(package).joinpath(file).read_text(encoding="utf-8")
    parts = _HEADER.split(text)
    names = table_names(table) | index_names(table)
    filled: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        filled[name] = _fill(body.strip(), names | filled)
    return filled


def table_names(table: str) -> dict[str, str]:
    """The quoted name for each placeholder."""
    return {placeholder: quote(table + placeholder[1:]) for placeholder in PLACES}


def index_names(table: str) -> dict[str, str]:
    """The quoted name for each placeholder of an index; an index stands in the schema of its table."""
    return {placeholder: quote(table + placeholder[1:]) for placeholder in ("T_shots", "T_marks")}


def quote(name: str) -> str:
    """The name as an SQL identifier, so that capitals, blanks, dashes, quotes and reserved words are kept."""
    return '"' + name.replace('"', '""') + '"'


def _fill(body: str, names: dict[str, str]) -> str:
    # One pass: a table whose own name holds braces must not be filled a second time.
    return re.sub(r"\{(\w+)\}", lambda match: names[match[1]], body)
