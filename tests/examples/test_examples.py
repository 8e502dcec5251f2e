"""The examples are what people copy: each runs, stops when it is told to, and goes on where it stopped."""

from __future__ import annotations

import configparser
import json
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from postgres.waiting import eventually
from stratvars import open_archive
from stratvars.errors import UsageError

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = {
    "loop.py": (["grid-loop"], "fills"),
    "asyncio_loop.py": (["ticks-asyncio"], "ticks"),
    "one_strategy.py": (["Martingale"], "profit"),
    "fifty_strategies.py": ([f"momentum-SYM{number:02}" for number in range(50)], "iterations"),
}
COMMANDS = [[sys.executable, name] for name in SCRIPTS] + [
    [sys.executable, "-m", "stratvars", "run", "one_strategy.py"],
]


def revisions(url: str, names: list[str], variable: str) -> list[int]:
    """The revision of each strategy that has kept its variable."""
    with suppress(UsageError), open_archive(url) as archive:
        found = {stored.strategy: stored for stored in archive.strategies()}
        return [
            found[name].revision for name in names if name in found and variable in json.loads(found[name].variables)
        ]
    return []


def run_until_all_have_saved(command: list[str], folder: Path, before: list[int]) -> tuple[list[int], list[str]]:
    """Run an example until each of its strategies has saved again, stop it; the revisions, and what it said."""
    names, variable = SCRIPTS[command[-1]]
    url = f"sqlite:///{folder}/stratvars.db"

    def have_all() -> bool:
        now = revisions(url, names, variable)
        return len(now) == len(names) and all(map(int.__gt__, now, before))

    bot = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert eventually(lambda: bot.poll() is not None or have_all(), 30)
        bot.send_signal(signal.SIGTERM)
        _, said = bot.communicate(timeout=20)
    finally:
        bot.kill()
    assert bot.returncode == 0, said
    return revisions(url, names, variable), said.splitlines()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[1:]))
def test_an_example_runs_until_it_is_told_to_stop_and_goes_on_where_it_stopped(
    command: list[str], tmp_path: Path
) -> None:
    for script in SCRIPTS:
        shutil.copy(EXAMPLES / script, tmp_path)
    nothing = [0] * len(SCRIPTS[command[-1]][0])
    first, said = run_until_all_have_saved(command, tmp_path, nothing)
    assert ["FIRST START" in line for line in said] == [True for _ in nothing], said
    second, said = run_until_all_have_saved(command, tmp_path, first)
    assert ["restored from revision" in line for line in said] == [True for _ in nothing], said
    assert all(map(int.__gt__, second, first))


def test_each_example_fits_on_a_screen() -> None:
    files = [file for file in EXAMPLES.iterdir() if file.is_file()]
    assert len(files) == 7
    assert {file.name: lines for file in files if (lines := len(file.read_text().splitlines())) > 40} == {}


def test_the_service_gives_time_for_the_last_save_and_is_not_restarted_when_that_is_in_vain(tmp_path: Path) -> None:
    unit = configparser.ConfigParser(strict=True, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(EXAMPLES / "bot.service")
    service = unit["Service"]
    assert service["KillSignal"] == "SIGTERM"
    assert int(service["TimeoutStopSec"]) >= 15
    assert service["RestartPreventExitStatus"].split() == ["2", "4"], "3 may be a database that comes up late"
    if (verify := shutil.which("systemd-analyze")) is not None:
        # What the unit names is not on this machine; whatever else is wrong in it is said.
        text = (EXAMPLES / "bot.service").read_text().replace("/srv/bot/.venv/bin/stratvars", "/bin/true")
        (tmp_path / "bot.service").write_text(text)
        said = subprocess.run(
            [verify, "verify", str(tmp_path / "bot.service")], check=False, capture_output=True, text=True, timeout=60
        )
        assert "bot.service" not in said.stderr, said.stderr


def test_the_image_keeps_its_database_on_a_volume_and_gets_the_signal_itself() -> None:
    lines = [line.partition(" ") for line in (EXAMPLES / "Dockerfile").read_text().splitlines() if line[:1] != "#"]
    said = {word: rest for word, _, rest in lines}
    assert json.loads(said["CMD"]) == ["stratvars", "run", said["COPY"].split()[0]]
    assert said["ENV"] == f"DB_CONNECTION_STR=sqlite:///{said['VOLUME']}/stratvars.db"
    assert (EXAMPLES / said["COPY"].split()[0]).exists()


def test_the_manifest_is_one_that_kubernetes_takes_and_never_runs_two_bots() -> None:
    manifest = yaml.safe_load((EXAMPLES / "kubernetes.yaml").read_text())
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    assert (manifest["spec"]["replicas"], manifest["spec"]["strategy"]) == (1, {"type": "Recreate"})
    pod = manifest["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] >= 15
    assert pod["containers"][0]["command"][-1] in SCRIPTS
