"""Every ending of every host, in real processes, on SQLite and PostgreSQL: as the table says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from page import PAGE, page
from running import Place, expected
from table import ENDINGS, ROWS, SLOW, Host, Row

Case = tuple[Row, Host]
CASES: list[Case] = [(row, host) for row in ROWS for host in row.hosts]


BOTH = (Host.BLOCK, Host.TRADER)
"""Hosts whose endings are always played on both kinds of database; the others on PostgreSQL in the long form."""
HOSTS = [
    pytest.param(url, host, id=f"{url}-{host.name.lower()}", marks=marks)
    for url in ("sqlite", "sqlite-started", "postgres")
    for host in Host
    for marks in [() if url == "sqlite" or (url == "postgres" and host in BOTH) else pytest.mark.torture]
]


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """``sqlite-started``: each bot is an interpreter of its own, and no fork."""
    if request.param == "postgres":
        return Place(request.getfixturevalue("pg_url"), tmp_path, is_forked=True)
    return Place(f"sqlite:///{tmp_path / 'endings.db'}", tmp_path, is_forked=request.param == "sqlite")


def differences(place: Place, cases: Sequence[Case], at_once: int) -> list[str]:
    return [
        f"{row.ending} in {host.name}:\n  expected {expected(row, host)}\n  was      {ended}\n{place.errors(row, host)}"
        for (row, host), ended in zip(cases, place.run(cases, at_once), strict=True)
        if ended != expected(row, host)
    ]


@pytest.mark.parametrize(("place", "host"), HOSTS, indirect=["place"])
def test_each_ending_calls_its_hooks_saves_with_its_reasons_and_exits_with_its_code(
    place: Place, host: Host, record_property: Callable[[str, object], None]
) -> None:
    cases = [case for case in CASES if case[1] is host and case[0].ending not in SLOW]
    assert len(cases) > 10
    assert not (different := differences(place, cases, at_once=6)), "\n".join(different)


def test_an_ending_that_takes_the_time_of_a_stop_is_saved_as_it_stands(place: Place) -> None:
    cases = [case for case in CASES if case[0].ending in SLOW]
    assert len(cases) > 10
    assert not (different := differences(place, cases, at_once=len(cases))), "\n".join(different)


def test_the_page_shows_the_table_that_these_tests_prove() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `.venv/bin/python tests/endings/page.py`"


def test_the_table_has_every_ending_and_no_host_of_one_twice() -> None:
    assert {row.ending for row in ROWS} == set(ENDINGS)
    assert len(set(CASES)) == len({(row.ending, host) for row, host in CASES})
