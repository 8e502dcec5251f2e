"""What the doctor says of the size of histories and of the room they have, on both databases."""

from __future__ import annotations

import math
import os
import re
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from examined import bad, execute, facts_on, save

from postgres.stores import rows
from stratvars import Backup
from stratvars.cli.checkup import MANY, all_facts
from stratvars.cli.room import about_growth
from stratvars.retention import ALL, Retention, Size
from stratvars.settings import resolve
from stratvars.store.fact import Grade
from stratvars.store.growth import DAY, Growth, Histories, days_of_room, days_to_limit, size
from stratvars.store.opening import examine, open_records
from stratvars.store.postgres import sizes
from stratvars.store.sqlite import upkeep
from stratvars.store.sqlite.examine import LITTLE_SPACE, NEARLY_FULL, about_space
from stratvars.testing import TABLE
from stratvars.thinning import size_of

HOUR = DAY / 24
GROWING = Growth("bot", Size(1_000, 10**6), Size(1_000, 10**6), DAY)
FILL = """INSERT INTO vars_backup_history (strategy_id, epoch, revision, saved_at, reason, complete, snapshot, changed,
    removed, held_back, start_id, format) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
    SELECT CASE WHEN i % 5 = 0 THEN 'b' ELSE 'a' END, 9, i, {now}, 'iteration', 1 = 1, 1 = 0, '{{"n":123456}}', '[]',
    '{{}}', 's', 1 FROM n"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where two bots have saved and stopped."""
    is_file = request.param == "sqlite"
    where = f"sqlite:///{tmp_path}/stratvars.db" if is_file else str(request.getfixturevalue("pg_url"))
    for name, many in (("much", 5), ("little", 1)):
        with Backup(name, where) as backup:
            for number in range(many):
                backup.vars.text = "ä" * 100 * number
                backup.save()
    return where


def run(url: str, statement: str) -> None:
    if url.startswith("sqlite"):
        execute(Path(url.removeprefix("sqlite:///")), statement)
    else:
        with closing(psycopg.connect(url, autocommit=True)) as admin:
            admin.execute(statement.encode())


def histories(url: str) -> dict[str, Growth]:
    found = examine(resolve(url), TABLE).histories
    assert found is not None
    return {growth.strategy: growth for growth in found.each}


def test_a_history_is_counted_as_retention_counts_it(url: str) -> None:
    found = histories(url)
    with closing(open_records(resolve(url))) as records:
        for name in ("much", "little"):
            counted = size_of(records.revisions(TABLE, name, limit=100))
            assert found[name].kept == found[name].lately == counted
            assert counted.bytes > 100
    assert found["much"].kept.bytes > found["little"].kept.bytes + 1_000


def test_what_is_older_than_a_day_is_not_part_of_a_days_growth(url: str) -> None:
    three_days = "'{}'".format("2000-01-01 00:00:00+00:00")
    before = histories(url)["much"]
    run(url, f"UPDATE vars_backup_history SET saved_at = {three_days} WHERE strategy_id = 'much' AND revision <= 2")
    after = histories(url)["much"]
    assert after.kept == before.kept
    assert after.lately.revisions == before.lately.revisions - 2
    assert after.age > 20 * 365 * DAY
    assert after.per_day == after.lately


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_long_history_is_estimated_from_a_part_of_it(
    url: str, monkeypatch: pytest.MonkeyPatch, is_gone: bool
) -> None:
    monkeypatch.setattr(upkeep, "ROWS", 1_000)
    monkeypatch.setattr(sizes, "PAGES", 20)
    now = "strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')" if url.startswith("sqlite") else "now()"
    run(url, FILL.format(now=now))
    if is_gone:
        run(url, "DELETE FROM vars_backup_history WHERE revision % 2 = 1")
    found = examine(resolve(url), TABLE).histories
    assert found is not None
    assert found.is_sample
    assert found.taken > 400_000
    each = {growth.strategy: growth for growth in found.each}
    # Every fifth is of "b", and one of each five is looked at: by counting alone all of them would be, or none.
    whole = {"a": 1_600, "b": 400} if is_gone else {"a": 3_200, "b": 800}
    # Where pages are drawn, twenty of eighty are: this is more than four times the usual distance.
    for name, many in whole.items():
        assert 0.2 * many < each[name].kept.revisions < 2.2 * many
        assert each[name].kept.bytes == pytest.approx(each[name].kept.revisions * 112)


def test_a_history_in_parts_is_counted_whole(pg_url: str, admin: psycopg.Connection) -> None:
    with Backup("bot", pg_url) as backup:
        backup.vars.n = 1
    admin.execute("ALTER TABLE vars_backup_history RENAME TO old")
    admin.execute("CREATE TABLE vars_backup_history (LIKE old INCLUDING ALL) PARTITION BY HASH (strategy_id)")
    admin.execute("CREATE TABLE part PARTITION OF vars_backup_history FOR VALUES WITH (MODULUS 1, REMAINDER 0)")
    admin.execute("INSERT INTO vars_backup_history SELECT * FROM old")
    [(taken,)] = rows(admin, "SELECT pg_total_relation_size('part') + pg_total_relation_size('vars_backup_history')")
    found = examine(resolve(pg_url), TABLE).histories
    assert found is not None
    assert found.taken == taken
    assert [growth.kept.revisions for growth in found.each] == [1]


def test_a_history_says_how_large_it_is_and_a_server_not_how_much_room_it_has(url: str) -> None:
    total, much, little = [fact for fact in all_facts(examine(resolve(url), TABLE)) if fact.name == "growth"]
    assert {fact.grade for fact in (total, much, little)} == {Grade.OK}
    assert " revisions of 2 strategies take " in total.text
    assert ("there is room" if url.startswith("sqlite") else "not told to its clients") in total.text
    assert much.text.startswith("much: ")
    assert "a day; its limit of" in little.text


@pytest.mark.parametrize(
    ("age", "factor"), [(DAY, 1), (9 * DAY, 1), (6 * HOUR, 4), (600.0, 144), (3.0, 144), (0.0, 144)]
)
def test_a_day_of_a_younger_history_is_more_of_the_same_but_not_of_a_moment(age: float, factor: float) -> None:
    assert replace(GROWING, age=age).per_day == GROWING.lately * factor


@pytest.mark.parametrize(
    ("growth", "retention", "expected"),
    [
        (GROWING, Retention(), (6.0, "7 days")),
        (GROWING, ALL, (math.inf, "inf revisions")),
        (GROWING, Retention(everything=math.inf), (99.0, "100,000 revisions")),
        (GROWING, Retention(everything=math.inf, most=Size(math.inf, 5e6)), (4.0, "5.0 MB")),
        (replace(GROWING, kept=Size(95_000, 10**6)), Retention(), (0.0, "100,000 revisions")),
        (replace(GROWING, age=8 * DAY), Retention(), (0.0, "7 days")),
        (replace(GROWING, lately=Size()), Retention(everything=math.inf), (math.inf, "100,000 revisions")),
    ],
)
def test_the_first_limit_that_a_history_meets_counts(
    growth: Growth, retention: Retention, expected: tuple[float, str]
) -> None:
    assert days_to_limit(growth, retention) == expected


@pytest.mark.parametrize(
    ("free", "growing", "days"),
    [
        (100, [], math.inf),
        (100, [(0, math.inf)], math.inf),
        (100, [(10, math.inf)], 10),
        (100, [(10, 10)], math.inf),
        (99, [(10, 10)], 9.9),
        (100, [(10, 5), (5, math.inf)], 10),
        (100, [(10, 5), (5, 10)], math.inf),
        (100, [(10, 5), (10, 3), (10, math.inf), (7, 0)], 3.5),
    ],
)
def test_room_lasts_until_what_still_grows_has_filled_it(
    free: float, growing: list[tuple[float, float]], days: float
) -> None:
    left, since = days_of_room(free, growing), 0.0
    if math.isfinite(left):  # what has grown by then is what was free
        since = sum(daily * min(limit, left) for daily, limit in growing)
        assert since == pytest.approx(free)
    assert left == pytest.approx(days)


@pytest.mark.parametrize(("days", "grade"), [(29.9, Grade.WARN), (30.1, Grade.OK)])
def test_room_for_less_than_a_month_is_a_warning(days: float, grade: Grade) -> None:
    found = Histories((GROWING,), 10**6, is_sample=False, free=int(days * 10**6))
    fact = about_growth(found, ALL)[0]
    assert fact.grade is grade
    assert f"So the disk is full in {int(days)} days" in fact.text
    assert about_growth(found, Retention())[0].text.endswith("they take 6.0 MB more; there is room")


def test_only_the_largest_are_named_and_what_is_estimated_is_rounded() -> None:
    many = tuple(replace(GROWING, strategy=f"bot-{n}", lately=Size(1, n), kept=Size(123_456, 9)) for n in range(1_000))
    facts = about_growth(Histories(many, 10**6, is_sample=True, free=10**12), Retention())
    assert [fact.text.partition(":")[0] for fact in facts[1:]] == ["bot-999", "bot-998", "bot-997"]
    assert facts[0].text.startswith("about 123,000,000 revisions of 1,000 strategies take 1.0 MB")
    assert "about 123,000 revisions" in facts[1].text
    assert "beyond its limit of 100,000 revisions; stratvars prune" in facts[1].text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (999, "999 bytes"),
        (0, "0 bytes"),
        (45_056, "45 kB"),
        (1.5e6, "1.5 MB"),
        (256e6, "256 MB"),
        (7e9, "7.0 GB"),
        (3e12, "3.0 TB"),
    ],
)
def test_bytes_are_said_in_the_unit_that_fits(count: float, text: str) -> None:
    assert size(count) == text


def test_a_disk_that_is_nearly_full_is_a_failure() -> None:
    assert about_space(NEARLY_FULL).grade is Grade.WARN
    assert about_space(NEARLY_FULL - 1).grade is Grade.FAIL
    assert NEARLY_FULL < LITTLE_SPACE


def test_a_retention_that_cannot_be_read_is_a_failure_with_its_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "stratvars.db", "bot")
    monkeypatch.setenv("STRATVARS_RETENTION", "a while")
    facts = facts_on(f"sqlite:///{tmp_path}/stratvars.db")
    assert bad(facts) == {"retention": Grade.FAIL}
    assert "'a while'" in facts["retention"].text
    assert "growth" in facts


def test_many_strategies_that_are_well_are_one_line_and_each_other_has_its_own(tmp_path: Path) -> None:
    path = tmp_path / "stratvars.db"
    for number in range(MANY + 2):
        save(path, f"bot-{number}")
    execute(path, "UPDATE vars_backup SET variables = '{}' WHERE strategy_id = 'bot-3'")
    with Backup("bot-5", f"sqlite:///{path}"):
        found = [fact for fact in all_facts(examine(resolve(f"sqlite:///{path}"), TABLE)) if fact.name == "strategy"]
    assert [fact.grade for fact in found] == [Grade.WARN, Grade.OK]
    assert found[0].text.startswith("bot-3: ")
    assert f"{MANY + 1} strategies are well, 1 of them running" in found[1].text
    execute(path, "UPDATE vars_backup SET variables = '{}' WHERE strategy_id = 'bot-4'")
    found = [fact for fact in all_facts(examine(resolve(f"sqlite:///{path}"), TABLE)) if fact.name == "strategy"]
    assert len(found) == MANY + 2


def test_room_that_was_left_in_the_file_is_told_and_the_remedy_gives_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stratvars.db"
    with Backup("bot", f"sqlite:///{path}") as backup:
        backup.vars.text = "x" * 400_000
        backup.save()
        backup.vars.text = ""
    execute(path, "UPDATE vars_backup_history SET changed = '{}'")
    fact = facts_on(f"sqlite:///{path}")["content"]
    assert fact.grade is Grade.OK, "it is not worth a word"
    told = re.search(r"; (\d+) kB of (\d+) kB is free", fact.text)
    assert told is not None
    assert int(told[2]) > int(told[1]) > 400
    monkeypatch.setattr(upkeep, "MUCH_FREE", 100_000)
    fact = facts_on(f"sqlite:///{path}")["content"]
    assert fact.grade is Grade.WARN
    assert fact.remedy.endswith(f"sqlite3 {path} VACUUM")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("VACUUM")
    monkeypatch.setattr(upkeep, "MUCH_FREE", 0)
    assert facts_on(f"sqlite:///{path}")["content"].grade is Grade.OK, "what is full is not to be given back"
    with Backup("bot", f"sqlite:///{path}") as backup:
        assert backup.vars.text == ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who reads")
def test_a_long_log_names_who_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stratvars.db"
    with Backup("bot", f"sqlite:///{path}") as backup, closing(sqlite3.connect(path, isolation_level=None)) as reader:
        backup.vars.n = 1
        backup.save()
        assert upkeep.readers(path) == []
        assert facts_on(f"sqlite:///{path}")["journal"].grade is Grade.OK
        monkeypatch.setattr(upkeep, "LARGE_LOG", 1_000)
        assert "lsof" in facts_on(f"sqlite:///{path}")["journal"].remedy
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM vars_backup").fetchone()
        assert upkeep.readers(path) == [os.getpid()]
        fact = facts_on(f"sqlite:///{path}")["journal"]
        assert fact.grade is Grade.WARN
        assert f"process {os.getpid()} reads" in fact.text
        reader.execute("COMMIT")
    assert facts_on(f"sqlite:///{path}")["journal"].grade is Grade.OK, "the log went with the last bot"
