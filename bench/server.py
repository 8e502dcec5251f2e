"""What one save asks of a PostgreSQL server: its processor, its log, its history; alone and in a group.

The processor's time is that of all of the server's processes, as Linux counts it; it does not depend on who else runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import psycopg
from frame import Row, Scale, run
from places import bare_postgres, server
from states import five, text_of

from postgres.servers import Server
from stratvars import settings
from stratvars.revision import Claim, Reason, Revision
from stratvars.store.opening import open_store

_GROUPS = (1, 8, 64, 500)
_TABLE = "vars_backup"


def saves(scale: Scale) -> Iterator[Row]:
    with server() as made:
        url = made.create_database()
        with bare_postgres(url) as bare, closing(psycopg.connect(url, autocommit=True)) as admin:
            many = scale.rounds * 5
            admin.execute("CHECKPOINT")
            spent = _spent(made, admin, lambda number: bare.write(text_of(five(number))), range(many))
            yield _row("a bare upsert", spent, many, "")
            for size in _GROUPS:
                yield _group(made, admin, url, size, max(many // size, 4))


def _group(made: Server, admin: psycopg.Connection, url: str, size: int, rounds: int) -> Row:
    with closing(open_store(settings.resolve(url))) as store:
        store.prepare(_TABLE)
        claims = []
        for number in range(size):
            claim = store.acquire(_TABLE, f"bot-{size}-{number}", "bench", "start")
            if not isinstance(claim, Claim):
                raise TypeError(claim)
            claims.append(claim)
        for follows in range(3):
            store.save(_batch(claims, follows))
        admin.execute("CHECKPOINT")
        store.save(_batch(claims, 3))  # after a checkpoint whole pages are logged once
        before = _history(admin)
        rest = range(4, rounds + 4)
        spent = _spent(made, admin, lambda follows: store.save(_batch(claims, follows)), rest)
        grown = (_history(admin) - before) / (size * rounds)
    work = "a save alone" if size == 1 else f"one of {size} saves in a group"
    return _row(work, spent, size * rounds, f", {grown:.0f} bytes of history")


def _batch(claims: Sequence[Claim], follows: int) -> list[Revision]:
    text = text_of(five(follows))
    return [
        Revision(
            claim=claim,
            number=follows + 1,
            follows=follows,
            reason=Reason.ITERATION,
            complete=True,
            variables=text,
            changed=text,
            removed="[]",
            held_back="{}",
            snapshot=False,
            format=1,
        )
        for claim in claims
    ]


def _row(work: str, spent: tuple[float, float], many: int, beside: str) -> Row:
    seconds, log = spent
    return Row("", work, "", "", f"{seconds / many * 1e6:.0f} us of a processor, {log / many:.0f} bytes of log{beside}")


def _spent(
    made: Server, admin: psycopg.Connection, work: Callable[[int], object], numbers: range
) -> tuple[float, float]:
    """Seconds of processors and bytes of log that the server needed for the work of all these numbers."""
    before = _busy(made), _position(admin)
    for number in numbers:
        work(number)
    return _busy(made) - before[0], _position(admin) - before[1]


def _busy(made: Server) -> float:
    times = [Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0] for pid in made.processes()]
    return sum(map(int, times)) / 1e9


def _position(admin: psycopg.Connection) -> float:
    [position] = admin.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone() or (0,)
    return float(position)


def _history(admin: psycopg.Connection) -> int:
    [size] = admin.execute(f"SELECT pg_total_relation_size('{_TABLE}_history')".encode()).fetchone() or (0,)
    return int(size)


if __name__ == "__main__":
    run(__file__, saves)
