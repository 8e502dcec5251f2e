"""What a user installs: the built wheel in a bare environment, without any tool of ours."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BOT = """
from stratvars import Strategy

class TradeCounter(Strategy):
    sleeptime = 0

    def on_trading_iteration(self):
        self.vars.trade_count = self.vars.get("trade_count", 0) + 1
"""


def run(*command: object, cwd: Path) -> str:
    ours = {"PYTHONPATH", "DB_CONNECTION_STR", "STRATEGY_NAME", "STRATVARS_RESUME"}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if name not in ours},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    [wheel] = folder.glob("*.whl")
    return wheel


def test_the_wheel_carries_its_data_and_nothing_of_the_project_around_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in ("py.typed", "demo/aapl.csv", "store/sqlite/statements.sql", "store/postgres/statements.sql"):
        assert f"stratvars/{needed}" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"stratvars"}
    assert not [name for name in names if "test_" in name]


@pytest.mark.timeout(300)
def test_the_wheel_works_in_a_bare_environment(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv", cwd=tmp_path)
    binaries = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    python = binaries / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "--quiet", "--disable-pip-version-check")
    run(*pip, "install", "--no-compile", wheel, cwd=tmp_path)
    assert "stratvars" in run(binaries / "stratvars", "--version", cwd=tmp_path)
    (tmp_path / "bot.py").write_text(BOT)
    for _ in range(2):
        run(binaries / "stratvars", "run", "bot.py", "--max-iterations", "3", cwd=tmp_path)
    assert run(python, "-m", "stratvars", "show", "TradeCounter", "--json", cwd=tmp_path) == '{"trade_count":6}\n'
    assert "TradeCounter" in run(binaries / "stratvars", "list", cwd=tmp_path)
    run(binaries / "stratvars", "demo", "--kills", "1", cwd=tmp_path)
    # A postgresql:// URL must work at once; only the suite for authors of stores needs pytest.
    run(python, "-c", "import psycopg, stratvars; stratvars.Backup, stratvars.Trader", cwd=tmp_path)
