"""How large the histories on a PostgreSQL are: counted where small, else estimated from some of their pages."""

from __future__ import annotations

from typing import Final

from stratvars.store.growth import Histories, growth_from
from stratvars.store.postgres.connect import WatchedConnection
from stratvars.store.postgres.settings import queries
from stratvars.store.postgres.statements import table_names
from stratvars.thinning import ROW

PAGES: Final = 4_000
"""Read at most, some 100,000 revisions; a server that has to read more for one statement would seem to be silent."""


def histories(connection: WatchedConnection, table: str) -> Histories:
    """What is kept of each strategy; the table is there."""
    sql, name = queries(table), table_names(table)["T_history"]
    taken, pages = connection.execute(sql["history_size"].encode(), {"name": name}).fetchone() or (0, 0)
    share = min(1.0, PAGES / max(1, pages))
    found = connection.execute(sql["growth"].encode(), {"row": ROW, "percent": 100 * share}).fetchall()
    return Histories(tuple(growth_from(row, 1 / share) for row in found), taken, is_sample=share < 1)
