from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

import stratvars
from stratvars import settings
from stratvars.errors import UsageError
from stratvars.settings import find_folder, resolve

BOTH_FORMS = r"DB_CONNECTION_STR.*postgresql://user:password@localhost:5432/database_name or sqlite:///that/file\.db"
HERE = Path("/nowhere")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DB_CONNECTION_STR", "STRATEGY_NAME", "STRATVARS_RESUME"):
        monkeypatch.delenv(name, raising=False)


def write_env(folder: Path, text: str, encoding: str = "utf-8") -> None:
    (folder / ".env").write_text(text, encoding=encoding)


def test_the_argument_wins_over_environment_file_and_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> tuple[Path | None, str]:
        database = resolve(folder=tmp_path)
        return database.path, database.origin

    assert found() == (tmp_path / "stratvars.db", "default")
    write_env(tmp_path, 'DB_CONNECTION_STR="sqlite:///file.db"\n')
    assert found() == (tmp_path / "file.db", f".env at {tmp_path}")
    monkeypatch.setenv("DB_CONNECTION_STR", "sqlite:///environment.db")
    assert found() == (tmp_path / "environment.db", "environment DB_CONNECTION_STR")
    argument = resolve("sqlite:///argument.db", folder=tmp_path)
    assert (argument.path, argument.origin) == (tmp_path / "argument.db", "argument")


def test_the_nearest_env_file_above_is_read_and_the_environment_is_not_changed(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    write_env(tmp_path, "DB_CONNECTION_STR=sqlite:///far.db\nSTRATEGY_NAME=far\n")
    before = dict(os.environ)
    assert resolve(folder=folder).path == folder / "far.db"
    write_env(tmp_path / "a", "\ufeffDB_CONNECTION_STR=sqlite:///near.db\r\nEMPTY\r\n")
    assert resolve(folder=folder).path == folder / "near.db"
    assert settings.strategy_name(None, "Class", folder=folder) == "Class"
    assert dict(os.environ) == before


STARTED = """
from stratvars import Backup
with Backup("bot"):
    pass
"""


@pytest.mark.parametrize(
    ("environment", "line", "is_said"),
    [
        ("DB_CONNECTION_STRING", "", "default; DB_CONNECTION_STRING in the environment is not read: the name is "),
        ("", "DB_CONN_STR", "default; DB_CONN_STR in the .env at {folder} is not read: the name is "),
        ("", "db_connection_str", "default; db_connection_str in the .env at {folder} is not read: the name is "),
        ("DB_CONNECT_TIMEOUT", "WEB_CONN", "default)"),
        ("", "", "default)"),
    ],
)
def test_a_start_on_the_default_says_which_misspelt_name_it_did_not_read(
    environment: str, line: str, is_said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bot.py").write_text(STARTED)
    if line:
        write_env(tmp_path, f"{line}=sqlite:///meant.db")
    if environment:
        monkeypatch.setenv(environment, "sqlite:///meant.db")
    done = subprocess.run([sys.executable, "bot.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"stratvars.db ({is_said.format(folder=tmp_path)}" in done.stderr
    monkeypatch.setenv("DB_CONNECTION_STR", "sqlite:///meant.db")
    done = subprocess.run([sys.executable, "bot.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "meant.db (environment DB_CONNECTION_STR)" in done.stderr


@pytest.mark.parametrize("line", ["DB_CONNECTION_STR=", "DB_CONNECTION_STR", "DB_CONNECTION_STR='  '"])
def test_an_empty_setting_is_refused_and_not_replaced_by_the_default(line: str, tmp_path: Path) -> None:
    write_env(tmp_path, line)
    with pytest.raises(UsageError, match=re.escape(f".env at {tmp_path}") + ".*empty.*" + BOTH_FORMS):
        resolve(folder=tmp_path)


def test_an_env_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"DB_CONNECTION_STR=hunter2\xff")
    with pytest.raises(UsageError, match="not UTF-8") as refused:
        resolve(folder=tmp_path)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("value", ['"sqlite:///x.db"', "'sqlite:///x.db'", "  sqlite:///x.db\n", "sqlite:///x.db"])
def test_quotes_and_blanks_around_the_value_are_stripped(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_CONNECTION_STR", value)
    assert resolve(folder=HERE).path == HERE / "x.db"


def run(*arguments: str, cwd: Path, stdin: str | None = None) -> str:
    environment = {**os.environ, "PYTHONPATH": str(Path(stratvars.__file__).parents[1])}
    answer = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, input=stdin, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


def test_the_default_stands_beside_the_started_script_else_in_the_current_folder(tmp_path: Path) -> None:
    code = "from stratvars.settings import resolve; print(resolve().path)"
    script = tmp_path / "my bot" / "bot.py"
    script.parent.mkdir()
    script.write_text(code, encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert run(str(script), cwd=elsewhere) == str(script.parent / "stratvars.db")
    assert run("../my bot/bot.py", cwd=elsewhere) == str(script.parent / "stratvars.db")
    assert run("-m", "bot", cwd=script.parent) == str(script.parent / "stratvars.db")
    assert run("-c", code, cwd=elsewhere) == str(elsewhere / "stratvars.db")
    assert run("-", cwd=elsewhere, stdin=code) == str(elsewhere / "stratvars.db")
    run("-m", "zipapp", str(script.parent), "-m", "bot:resolve", "-o", str(tmp_path / "app.pyz"), cwd=elsewhere)
    assert run(str(tmp_path / "app.pyz"), cwd=elsewhere) == str(tmp_path / "stratvars.db")


@pytest.mark.parametrize(
    "file",
    [
        Path(stratvars.__file__).parent / "__main__.py",
        Path(sysconfig.get_path("scripts")) / "mybot",
        Path("/home/user/.local/bin/stratvars"),
        Path(sysconfig.get_path("stdlib")) / "cProfile.py",
        Path(sysconfig.get_path("purelib")) / "pytest" / "__main__.py",
        None,
    ],
)
def test_an_installed_program_and_a_notebook_use_the_current_folder(
    file: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = ModuleType("__main__")
    if file is not None:
        main.__file__ = str(file)
    monkeypatch.chdir(tmp_path)
    assert find_folder(main) == find_folder(None) == tmp_path


@pytest.mark.parametrize("number", [-1, 0, 0.5, 86_401, float("nan")])
def test_a_lease_that_cannot_be_is_refused_and_none_is_told_to_be_0(number: float, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"lease is .*; give it ") as refused:
        settings.lease(number, folder=tmp_path)
    assert " 0 " not in str(refused.value).partition("; ")[2]


def test_the_env_reader_is_imported_only_when_there_is_a_file(tmp_path: Path) -> None:
    code = "import sys; from stratvars.settings import resolve; resolve(); print('dotenv' in sys.modules)"
    assert run("-c", code, cwd=tmp_path) == "False"
    write_env(tmp_path, "X=1")
    assert run("-c", code, cwd=tmp_path) == "True"


def test_a_strategy_is_called_by_argument_environment_or_class(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert settings.strategy_name(None, "Class", folder=HERE) == "Class"
    write_env(tmp_path, "STRATEGY_NAME='from file'")
    assert settings.strategy_name(None, "Class", folder=tmp_path) == "from file"
    monkeypatch.setenv("STRATEGY_NAME", '"btc live"')
    assert settings.strategy_name(None, "Class", folder=tmp_path) == "btc live"
    assert settings.strategy_name(" mine'", "Class", folder=tmp_path) == " mine'"
    monkeypatch.setenv("STRATEGY_NAME", "")
    with pytest.raises(UsageError, match="STRATEGY_NAME"):
        settings.strategy_name(None, "Class", folder=tmp_path)


@pytest.mark.parametrize(("on", "off"), [("1", "0"), ("Yes", "no"), ("on", "OFF"), ("TRUE", "false"), ("1", "")])
def test_resuming_is_wanted_by_argument_or_setting(
    on: str, off: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert settings.resume_wanted(None, folder=tmp_path) is False
    write_env(tmp_path, f"STRATVARS_RESUME={on}")
    assert settings.resume_wanted(None, folder=tmp_path) is True
    monkeypatch.setenv("STRATVARS_RESUME", off)
    assert settings.resume_wanted(None, folder=tmp_path) is False
    assert settings.resume_wanted(True, folder=tmp_path) is True
    monkeypatch.setenv("STRATVARS_RESUME", "maybe")
    with pytest.raises(UsageError, match=r"STRATVARS_RESUME \(environment STRATVARS_RESUME\) is 'maybe'; set it to 1"):
        settings.resume_wanted(None, folder=tmp_path)
    assert settings.resume_wanted(False, folder=tmp_path) is False
