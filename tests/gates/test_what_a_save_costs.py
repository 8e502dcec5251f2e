"""What a save costs in things that no machine changes: statements, round trips, bytes, transactions, calls, modules.

A figure here may be lowered freely. To raise one is a decision: it says what each bot pays for it at each save.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
import pytest

from postgres.proxy import Counts, Proxy
from stratvars import Backup
from stratvars.codec import jsontext
from stratvars.outcome import Saved
from stratvars.revision import Reason
from stratvars.store.postgres.store import PostgresStore
from stratvars.store.sqlite.store import SqliteStore

MANY = 50
WARM = 20
"""Saves until the driver has prepared the statement, and the server has written whole pages."""


def five(number: int) -> dict[str, Any]:
    """Five small variables, all others for each number, and all texts of the same length."""
    number += 1000
    return {"count": number, "price": number + 0.25, "side": f"long-{number}", "stop": number - 0.5, "id": f"{number}"}


def keep(backup: Backup, reason: Reason = Reason.ITERATION) -> None:
    backup.keep(reason, complete=True)


def save_many(backup: Backup, begin: int, many: int, reason: Reason = Reason.ITERATION) -> None:
    for number in range(begin, begin + many):
        backup.vars.update(five(number))
        keep(backup, reason)


def statements_of(backup: Backup, work: Callable[[], object]) -> list[str]:
    """What SQLite was asked for meanwhile, by the first word."""
    store = backup._use()._writer.store
    assert isinstance(store, SqliteStore)
    connection = store._connection
    assert connection is not None
    seen: list[str] = []
    connection.set_trace_callback(seen.append)
    work()
    connection.set_trace_callback(None)
    return [statement.split()[0] for statement in seen]


def test_a_save_on_sqlite_is_six_statements_and_an_unchanged_iteration_none(tmp_path: Path) -> None:
    with Backup("bot", f"sqlite:///{tmp_path}/v.db") as backup:
        save_many(backup, 0, WARM)
        backup.vars.update(five(WARM))
        asked = statements_of(backup, lambda: keep(backup))
        assert asked == ["BEGIN", "PRAGMA", "UPDATE", "UPDATE", "INSERT", "COMMIT"]
        assert statements_of(backup, lambda: keep(backup)) == []


@pytest.mark.parametrize(("reason", "pages"), [(Reason.ITERATION, 4.2), (Reason.MANUAL, 4.2), (Reason.ERROR, 5.2)])
def test_a_save_on_sqlite_writes_so_many_pages(tmp_path: Path, reason: Reason, pages: float) -> None:
    """The state, the writers' row, the history and its key; what is rare stands in the index of marks too."""
    log = tmp_path / "v.db-wal"
    with Backup("bot", f"sqlite:///{tmp_path}/v.db") as backup:
        save_many(backup, 0, WARM)
        before = log.stat().st_size
        save_many(backup, WARM, MANY, reason)
        written = (log.stat().st_size - before) / (4096 + 24) / MANY
    assert 3 < written <= pages


@contextmanager
def through(proxy: Proxy, url: str) -> Iterator[Backup]:
    with Backup("bot", proxy.url(url)) as backup:
        save_many(backup, 0, WARM)
        yield backup


def spent(proxy: Proxy, work: Callable[[], object]) -> Counts:
    before = proxy.counts
    work()
    return proxy.counts - before


def test_a_save_on_postgresql_is_one_round_trip_of_few_bytes(pg_url: str, proxy: Proxy) -> None:
    with through(proxy, pg_url) as backup:
        counts = spent(proxy, lambda: save_many(backup, WARM, MANY))
        assert counts.connections == 0
        assert counts.round_trips == MANY
        assert 300 < counts.bytes_to_server / MANY <= 430
        assert counts.bytes_to_client / MANY <= 110
        assert spent(proxy, lambda: keep(backup)) == Counts()


@pytest.mark.parametrize("reason", [Reason.ITERATION, Reason.MANUAL])
def test_a_save_on_postgresql_is_one_transaction_and_little_of_the_servers_log(
    pg_url: str, admin: psycopg.Connection, reason: Reason
) -> None:
    with Backup("bot", pg_url) as backup:
        admin.execute("CHECKPOINT")
        save_many(backup, 0, WARM)
        before = transactions(admin)
        save_many(backup, WARM, MANY, reason)
        assert transactions(admin) - before == MANY
        # The server's own work is logged beside it now and then.
        logs = [logged(admin, partial(save_many, backup, number * MANY, MANY, reason)) for number in (3, 4, 5)]
        assert 300 < min(logs) <= 750


@pytest.mark.parametrize("last", ["stop", "crash"])
def test_a_start_on_postgresql_is_a_write_and_a_select_and_an_end_two_writes(
    pg_url: str, admin: psycopg.Connection, proxy: Proxy, last: str
) -> None:
    with Backup("other", proxy.url(pg_url)):  # keeps the connection
        with suppress(ZeroDivisionError), through(proxy, pg_url):
            if last == "crash":
                raise ZeroDivisionError
        assert admin.execute("SELECT reason FROM vars_backup_writers WHERE strategy_id = 'bot'").fetchone() == (last,)
        before = proxy.counts
        with Backup("bot", proxy.url(pg_url)) as backup:
            assert (proxy.counts - before).round_trips == 2
            before = proxy.counts
            backup.vars.update(five(1))
        assert (proxy.counts - before).round_trips == 2


def transactions(admin: psycopg.Connection) -> int:
    [number] = admin.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint").fetchone() or (0,)
    return int(number)


def logged(admin: psycopg.Connection, work: Callable[[], object]) -> float:
    query = "SELECT pg_current_wal_insert_lsn() - '0/0'"
    [before] = admin.execute(query).fetchone() or (0,)
    work()
    [after] = admin.execute(query).fetchone() or (0,)
    return float(after - before) / MANY


def test_many_strategies_of_a_process_share_one_connection(pg_url: str, proxy: Proxy) -> None:
    with ExitStack() as stack:
        backups = [
            stack.enter_context(closing(Backup(f"bot-{number}", proxy.url(pg_url)).open())) for number in range(9)
        ]
        for backup in backups:
            save_many(backup, 0, 2)
        assert proxy.counts.connections == 1
        store = backups[0]._use()._writer.store
        assert isinstance(store, PostgresStore)


def encoded(work: Callable[[], object]) -> int:
    """How many values were made text meanwhile, in this thread."""
    calls = 0

    def look(_: FrameType, event: str, called: object) -> None:
        nonlocal calls
        calls += event == "c_call" and called is jsontext.write

    sys.setprofile(look)
    work()
    sys.setprofile(None)
    return calls


def test_what_has_not_changed_is_not_made_text_again() -> None:
    with Backup("bot", "memory://") as backup:
        for number in range(25):
            values = {"number": number, "text": str(number), "prices": [1.5, 2.5], "position": {"qty": number}}
            backup.vars.update({f"{name}_{number}": value for name, value in values.items()})
        assert encoded(lambda: keep(backup)) == 100
        assert encoded(lambda: keep(backup)) == 50, "what can change in place is known from its second look on"
        assert encoded(lambda: keep(backup)) == 0
        backup.vars.position_7["qty"] = 99
        assert encoded(lambda: keep(backup)) == 1
        backup.vars.number_3 = 99
        assert encoded(lambda: keep(backup)) == 1


@pytest.mark.parametrize(
    ("program", "packages", "many"),
    [
        ("import stratvars", {"stratvars"}, 1),
        ("from stratvars.cli import main; sys.argv = ['stratvars', '--help']; main()", {"stratvars", "click"}, 24),
    ],
    ids=["import", "help"],
)
def test_so_many_modules_are_loaded(program: str, packages: set[str], many: int) -> None:
    # Debian's interpreter loads a sitecustomize of its own before anything else.
    code = "import sys\nold = {*sys.modules}\ntry:\n  exec(sys.argv.pop())\nexcept SystemExit: pass\n"
    code += "print('loaded', *(sys.modules.keys() - old))"
    done = subprocess.run([sys.executable, "-I", "-c", code, f"{program}"], capture_output=True, text=True, check=True)
    loaded = done.stdout.rpartition("loaded ")[2].split()
    ours = [name for name in loaded if name.partition(".")[0] == "stratvars"]
    others = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names
    assert packages <= others
    assert {name for name in others if not name.startswith("_")} == packages
    assert len(ours) <= many, ours


def test_the_records_of_a_save_are_nothing_to_the_garbage_collector() -> None:
    """Of a thousand strategies that save at once the collector would walk through all that is on its way."""
    with Backup("bot", "memory://") as backup:
        backup.vars.update(five(1))
        lane = backup._use()._lane
        with backup._use()._writer._turning:
            left = backup._use().leave(Reason.MANUAL, complete=True)
            revision = lane.next()
            assert revision is not None
            records = [left, lane._kept, lane._kept.state, lane._in_flight, revision, Saved(revision.number)]
    assert [type(one).__name__ for one in records if gc.is_tracked(one)] == []
