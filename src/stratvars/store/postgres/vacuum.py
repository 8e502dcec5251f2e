"""Versions of rows that were written over: how many still lie in the tables, and what keeps the server from clearing.

An update leaves the version before it behind, and whoever reads the row passes by all of them until the server has
cleared them away: at the next look at the page, or when autovacuum comes. It clears none that an open snapshot might
still see, whatever that reads. Ten thousand behind one row made a read twenty times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stratvars.schedule import age
from stratvars.store.fact import Fact, ok, warn
from stratvars.store.postgres.connect import WatchedConnection
from stratvars.store.postgres.settings import Settings, queries
from stratvars.store.postgres.statements import table_names
from stratvars.store.sqlfiles import quote

NAMES: Final = ("autovacuum", "track_counts")
MANY: Final = 10_000
"""So many more than the rows that live: autovacuum comes at a fifth of those, so it is off, behind, or held back."""
LONG: Final = 60.0
"""Seconds: a snapshot that is open for less is gone when autovacuum comes, once a minute."""
MANY_SINCE: Final = 1_000
"""Transactions begun since, where the time is not told; each may have written over many rows."""
_HOUR: Final = 3600.0
_WHO_MAY: Final = "GRANT pg_read_all_stats TO {role}"


@dataclass(frozen=True, slots=True)
class Heap:
    """What lies in a table, in a part of it, or in what holds its large texts.

    Attributes:
        table: its name as the user writes it.
        sql: its name as SQL has it.
        is_large: it holds the large texts.
        live, dead: versions of rows, as the server counts them.
        vacuumed: seconds since it was cleared, None if never.
        is_automatic: autovacuum was not turned off for it.
    """

    table: str
    sql: str
    is_large: bool
    live: int
    dead: int
    vacuumed: float | None
    is_automatic: bool

    @property
    def has_many(self) -> bool:
        """Whether clearing is overdue."""
        return self.dead > self.live + MANY

    def __str__(self) -> str:
        large = ", large texts" if self.is_large else ""
        return f"{self.table}{large}: {self.dead:,} dead beside {self.live:,}"


@dataclass(frozen=True, slots=True)
class Holder:
    """What has the oldest snapshot.

    Attributes:
        kind: session, standby, prepared or slot.
        name: of its program, transaction or slot.
        number: of its process.
        state: what it does; empty when that is not shown to this role.
        seconds: since when; None when that is not shown, or known to nobody.
        transactions: how many were begun since.
    """

    kind: str
    name: str
    number: int
    state: str
    seconds: float | None
    transactions: int

    @property
    def is_long(self) -> bool:
        """Whether autovacuum meets it again and again."""
        return self.transactions > MANY_SINCE if self.seconds is None else self.seconds > LONG


def about_dead_rows(connection: WatchedConnection, table: str, settings: Settings) -> Fact:
    """The fact on what the server has not cleared away in the tables, which are there."""
    names = table_names(table)
    wanted = {"places": list(names), "names": list(names.values())}
    found = connection.execute(queries()["dead"].encode(), wanted).fetchall()
    heaps = [Heap(table + place[1:], names[place], *rest) for place, *rest in found]
    row = connection.execute(queries()["holders"].encode(), {}).fetchone()
    holder = None if row is None else Holder(row[0], row[1] or "", row[2], row[3] or "", row[4], row[5])
    return judge(heaps, holder, settings)


def judge(heaps: Sequence[Heap], holder: Holder | None, settings: Settings) -> Fact:
    """The fact on what lies in these heaps."""
    many = sorted((heap for heap in heaps if heap.has_many), key=lambda heap: heap.dead - heap.live, reverse=True)
    cause = _cause(many[0], holder, settings) if many else None
    if cause is None:
        text = f"{sum(heap.dead for heap in heaps):,} dead versions beside {sum(heap.live for heap in heaps):,} rows"
        return ok("dead_rows", f"{text}; {_about_last(heaps)}")
    text = f"{'; '.join(map(str, many))}. Every save and every start reads past them"
    return warn("dead_rows", f"{text}: {cause[0]}", cause[1])


def _about_last(heaps: Sequence[Heap]) -> str:
    known = [heap.vacuumed for heap in heaps if heap.vacuumed is not None]
    return f"the last vacuum was {age(min(known))} ago" if known else "no vacuum was needed yet"


def _cause(worst: Heap, holder: Holder | None, settings: Settings) -> tuple[str, str] | None:
    """Why they are not cleared away, and what to do; None when it is a matter of a minute."""
    vacuum = f"VACUUM {worst.sql}"
    if holder is not None and holder.is_long:
        return _held_back(holder, settings)
    for name in NAMES:
        if settings[name] == "off":
            remedy = f"set it to on in postgresql.conf, then SELECT pg_reload_conf(); for now {vacuum}"
            return f"{name} is off {settings.where(name)}", remedy
    if not worst.is_automatic:
        option = f"{'toast.' if worst.is_large else ''}autovacuum_enabled"
        return "autovacuum is turned off for this table", f"ALTER TABLE {worst.sql} RESET ({option}); {vacuum}"
    if worst.vacuumed is not None and worst.vacuumed < _HOUR:
        return None
    why = "it was never vacuumed" if worst.vacuumed is None else f"the last vacuum was {age(worst.vacuumed)} ago"
    return why, f"{vacuum}; if it comes to this again, raise autovacuum_max_workers or autovacuum_vacuum_cost_limit"


def _held_back(holder: Holder, settings: Settings) -> tuple[str, str]:
    name = repr(holder.name)
    since = f"{holder.transactions:,} transactions ago" if holder.seconds is None else f"{age(holder.seconds)} ago"
    match holder.kind:
        case "slot":
            why = f"the replication slot {name}, {holder.state}, holds back what was written over since {since}"
            remedy = "let its standby come back, with hot_standby_feedback off if its queries are long, or SELECT "
            return why, f"{remedy}pg_drop_replication_slot({_literal(holder.name)})"
        case "prepared":
            why = f"the prepared transaction {name}, from {since}, holds back what was written over since then"
            return why, f"ROLLBACK PREPARED {_literal(holder.name)}, or COMMIT PREPARED, as whoever prepared it meant"
        case "standby":
            why = f"a query on the standby {name} holds back what was written over since {since} (hot_standby_feedback)"
            return why, "end the long query on the standby, or turn hot_standby_feedback off there"
    if holder.state == "":
        who = f"process {holder.number}, {name}, whose state and times this role may not see"
        role = _WHO_MAY.format(role=quote(settings.role))
        return f"{who}, holds back what was written over since {since}", f"{_ending(holder)}; {role} shows more of it"
    who = f"process {holder.number}, {name}, {holder.state}"
    return f"{who}, has a transaction open that began {since}, and holds back what was written since", _ending(holder)


def _ending(holder: Holder) -> str:
    return f"let it end, or SELECT pg_terminate_backend({holder.number})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
