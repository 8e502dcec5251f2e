from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from stratvars import demo
from stratvars.demo.prices import load_prices
from stratvars.demo.screen import Screen
from stratvars.demo.stage import play_both
from stratvars.errors import RefusedError, UsageError
from stratvars.settings import resolve
from stratvars.store.opening import open_records

CALL = "import sys; from stratvars.demo import run; sys.exit(run({seed}, {kills}, {db!r}))"


def run_demo(seed: int | None, kills: int, db: str | None, folder: Path) -> subprocess.CompletedProcess[str]:
    call = CALL.format(seed=seed, kills=kills, db=db)
    return subprocess.run([sys.executable, "-P", "-c", call], capture_output=True, text=True, check=False, cwd=folder)


def test_the_demonstration_kills_as_often_as_asked_and_ends_identical(tmp_path: Path) -> None:
    misleading = tmp_path / "signal.py"
    misleading.write_text("raise RuntimeError('the wrong module')\n")
    shown = run_demo(11, 3, None, tmp_path)

    assert shown.returncode == 0, shown.stderr + shown.stdout
    assert "--seed 11 --kills 3 " in shown.stderr
    assert len(re.findall(r"\d\. killed 20\d\d-\d\d-\d\d.*; back: day ", shown.stderr)) == 3
    assert shown.stdout.count("identical") == 14
    assert "DIFFERENT" not in shown.stdout
    assert re.search(r"days seen +│ 3,270 +│ 3,270 ", shown.stdout)
    assert "Killed 3 times" in shown.stdout
    assert list(tmp_path.iterdir()) == [misleading]


def test_in_a_database_of_yours_both_states_stay_under_the_names_that_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = load_prices()[:60]
    file = tmp_path / "mine.db"
    play_both(Screen(prices), prices, tmp_path, seed=1, kills=1, database=resolve(f"sqlite:///{file}"))

    records = open_records(resolve(f"sqlite:///{file}"))
    names = [stored.strategy for stored in records.strategies(demo.TABLE)]
    records.close()
    assert len(names) == 2
    assert f"Its states are saved as {names[0]} and {names[1]} in sqlite:///{file}" in capsys.readouterr().err


@pytest.mark.parametrize("kills", [-1, 3271])
def test_a_number_of_kills_that_cannot_be_is_refused(kills: int) -> None:
    with pytest.raises(UsageError, match=rf"killed {kills} times; choose .* 0 to its 3270 days"):
        demo.run(1, kills, None)


@pytest.mark.parametrize(("db", "words"), [("memory://", "ends with the process"), ("what://", "database URL")])
def test_a_database_that_cannot_survive_a_kill_is_refused(db: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        demo.run(1, 1, db)


def test_a_database_that_cannot_be_used_is_refused_before_anything_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "notes.db"
    file.write_text("shopping list: milk, eggs, and a hundred other things\n" * 40)

    with pytest.raises(RefusedError, match=r"notes\.db"):
        demo.run(None, 1, f"sqlite:///{file}")
    assert capsys.readouterr() == ("", "")
    assert file.read_text().startswith("shopping list")


def test_importing_the_demonstration_loads_nothing_heavy() -> None:
    code = "import sys; before = set(sys.modules); import stratvars.demo; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert [name for name in loaded if name.startswith(("rich", "msgspec", "sqlite3", "stratvars."))] == [
        "stratvars.demo"
    ]
