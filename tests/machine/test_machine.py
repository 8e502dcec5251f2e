"""A bot on every store against a plain model: see ``model.py``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from edited import EditedBots
from grounds import Memory, Place, Postgres, Sqlite
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from stratvars import lane

TORTURE = int(os.environ.get("STRATVARS_EXAMPLES", "2000")) // 10
HAPPENED = (
    *("acknowledged", "adopted", "closed", "crashed", "deleted", "edited", "fenced", "folded", "grown"),
    *("handed over", "lease ended", "not saved", "paused", "refused: owned", "refused: undecodable", "restored", "set"),
    *("taken over", "went on", "asked while it ran", "asked while it did not"),
    *("taken over", "thinned", "thinned out", "went on"),
)
ROUNDS = 4
"""So often a short form is played until everything has happened that can: the histories are made by chance."""
PHASES = [Phase.generate]
"""A failure is shown as it was met: each try to shorten it may wait for what does not come."""
Report = Callable[[str, object], None]


@pytest.fixture(autouse=True)
def short_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot is due after three revisions, so that a short history has several."""
    monkeypatch.setattr(lane, "_DELTAS_PER_SNAPSHOT", 3)


def play(kind: str, make: Callable[[], Place], examples: int, report: Report) -> None:
    counts: Counter[str] = Counter()
    wanted = settings(
        max_examples=examples,
        stateful_step_count=60,
        deadline=None,
        phases=PHASES,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    happened = HAPPENED if kind == "memory" else (*HAPPENED, "changed while it ran")
    for _ in range(ROUNDS):
        run_state_machine_as_test(lambda: EditedBots(make, counts), settings=wanted)  # type: ignore[arg-type]  # a factory is as good
        missing = [what for what in happened if counts[what] == 0]
        if not missing:
            break
    report("counted", f"state machine on {kind}: {dict(sorted(counts.items()))}")
    assert missing == []


@pytest.fixture
def sqlite(tmp_path: Path) -> Callable[[], Place]:
    numbers = count()
    return lambda: Sqlite(tmp_path / f"{next(numbers)}.db")


@pytest.fixture
def postgres(pg_url: str) -> Callable[[], Place]:
    numbers = count()
    return lambda: Postgres(pg_url, f"bots{next(numbers)}")


def test_whatever_happens_what_was_acknowledged_comes_back_from_memory(record_property: Report) -> None:
    play("memory", Memory, 25, record_property)


def test_whatever_happens_what_was_acknowledged_comes_back_from_sqlite(
    sqlite: Callable[[], Place], record_property: Report
) -> None:
    play("SQLite", sqlite, 15, record_property)


def test_whatever_happens_what_was_acknowledged_comes_back_from_postgresql(
    postgres: Callable[[], Place], record_property: Report
) -> None:
    play("PostgreSQL", postgres, 9, record_property)


@pytest.mark.torture
def test_whatever_happens_for_long_comes_back_from_memory(record_property: Report) -> None:
    play("memory", Memory, TORTURE, record_property)


@pytest.mark.torture
def test_whatever_happens_for_long_comes_back_from_sqlite(sqlite: Callable[[], Place], record_property: Report) -> None:
    play("SQLite", sqlite, TORTURE, record_property)


@pytest.mark.torture
def test_whatever_happens_for_long_comes_back_from_postgresql(
    postgres: Callable[[], Place], record_property: Report
) -> None:
    play("PostgreSQL", postgres, TORTURE, record_property)
