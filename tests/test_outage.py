"""A PostgreSQL that goes away under a running loop, and comes back."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg
import pytest

from postgres.servers import Server
from postgres.waiting import eventually
from stratvars import Backup
from stratvars.session import DEADLINE
from stratvars.errors import NotSavedError
from stratvars.revision import Reason


def stored(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT variables FROM vars_backup").fetchall()


@pytest.mark.parametrize("end", [Server.stop, Server.kill_hard], ids=["stopped", "killed"])
def test_a_server_that_goes_stops_no_iteration_and_gets_the_newest_state_when_it_is_back(
    pg: Server, pg_url: str, end: Callable[[Server], None], caplog: pytest.LogCaptureFixture
) -> None:
    waits = []
    with Backup("bot", pg_url) as backup:
        backup.vars.n = 0
        backup.save()
        end(pg)
        for number in range(1, 30):
            backup.vars.n = number
            before = time.monotonic()
            backup.keep(Reason.ITERATION, complete=True)
            waits.append(time.monotonic() - before)
        with pytest.raises(NotSavedError):
            backup.save(timeout=0.1)
        pg.start()
        eventually(lambda: stored(pg_url) == [('{"n":29}',)])
        backup.save()
        history = "SELECT changed FROM vars_backup_history ORDER BY revision"
        with psycopg.connect(pg_url) as connection:
            kept = [changed for (changed,) in connection.execute(history)]
    assert max(waits) < DEADLINE + 1
    assert sum(waits) < DEADLINE + 2, "in trouble that is known, no further iteration waits"
    assert (kept[0], kept[-1]) == ('{"n":0}', '{"n":29}')
    assert len(kept) <= 3, "one was in flight, the newest waited behind it"
    messages = [record.getMessage() for record in caplog.records]
    assert ["cannot be saved" in messages[0], "saved again" in messages[-1], len(messages)] == [True, True, 2]
