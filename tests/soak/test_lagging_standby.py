"""The primary is lost and a standby takes its place that had not received the newest revisions, all acknowledged.

Nobody can give those back but the bot, which still has the state: it writes all of it again, under a number above every
one that it ever sent. What was between stays a gap in the history.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest

from postgres.standby import Pair, execute
from postgres.waiting import eventually
from stratvars import Backup, open_archive

Report = Callable[[str, object], None]


def cut_off(pair: Pair) -> None:
    """The standby receives nothing more."""
    execute(pair.standby, "ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
    with closing(psycopg.connect(pair.standby.url(), autocommit=True)) as connection:
        query = "SELECT FROM pg_stat_wal_receiver"
        assert eventually(lambda: connection.execute(query).fetchall() == [])


def fail_over(pair: Pair) -> None:
    pair.primary.kill_hard()
    pair.standby.promote()


def saved(backup: Backup, *numbers: int) -> int:
    """The bot saves these; the number of the last revision."""
    for backup.vars.n in numbers:
        backup.save(timeout=30)
    assert backup._session is not None
    return backup._session._lane.acknowledged


def history(url: str) -> list[tuple[int, int, bool, Any]]:
    """Epoch, number, whether it is a snapshot, and what it set, of each revision."""
    query = "SELECT epoch, revision, snapshot, changed FROM vars_backup_history ORDER BY epoch, revision"
    with closing(psycopg.connect(url)) as connection:
        return [(*row, json.loads(text)) for *row, text in connection.execute(query).fetchall()]


def current(url: str) -> Any:
    with closing(psycopg.connect(url)) as connection:
        [(text,)] = connection.execute("SELECT variables FROM vars_backup").fetchall()
    return json.loads(text)


def went_back(caplog: pytest.LogCaptureFixture) -> int:
    return sum("The database went back" in record.getMessage() for record in caplog.records)


def test_revisions_that_a_promoted_standby_lacks_are_noticed_reported_and_written_again(
    pair: Pair, caplog: pytest.LogCaptureFixture, record_property: Report
) -> None:
    with Backup("bot", pair.url) as backup:
        backup.vars.legs = [1, 2]
        received = saved(backup, 1, 2, 3)
        assert pair.catches_up()
        cut_off(pair)
        sent = saved(backup, 4, 5, 6)
        fail_over(pair)
        assert current(pair.standby_url)["n"] == 3, "what was acknowledged is lost there"
        assert went_back(caplog) == 0
        again = saved(backup, 7)
        assert went_back(caplog) == 1
        rows = history(pair.standby_url)
    numbers = [number for _, number, _, _ in rows]
    assert numbers == [*range(1, received + 1), again], "a gap, and nothing twice"
    assert again > sent, "no number names two contents, wherever the lost ones may turn up"
    assert rows[-1][2:] == (True, {"legs": [1, 2], "n": 7}), "the whole state"
    assert rows[-1][0] > rows[0][0], "a start that knew the lost ones is fenced"
    with Backup("bot", pair.url) as backup:
        assert backup.vars.all() == {"legs": [1, 2], "n": 7}
    with open_archive(pair.standby_url) as archive:
        assert [entry.number for entry in archive.revisions("bot")][received - 1 : received + 1] == [received, again]
    record_property("counted", f"lagging standby: {sent - received} revisions lost there, {again} written again")


@pytest.mark.torture
def test_a_start_that_a_promoted_standby_never_heard_of_goes_on_there(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    with Backup("bot", pair.url) as backup:
        saved(backup, 1)
    assert pair.catches_up()
    cut_off(pair)
    with Backup("bot", pair.url) as backup:
        sent = saved(backup, 2, 3)
        fail_over(pair)
        again = saved(backup, 4)
    assert went_back(caplog) == 1
    assert again > sent
    assert current(pair.standby_url) == {"n": 4}


@pytest.mark.torture
def test_tables_that_a_promoted_standby_never_heard_of_are_made_there(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    cut_off(pair)
    with Backup("bot", pair.url) as backup:
        sent = saved(backup, 1, 2)
        fail_over(pair)
        again = saved(backup, 3)
    assert went_back(caplog) == 1
    assert again > sent
    assert current(pair.standby_url) == {"n": 3}
    with Backup("bot", pair.url) as backup:
        assert backup.vars.n == 3
