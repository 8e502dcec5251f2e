from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stratvars
from stratvars import settings
from stratvars.database import Database
from stratvars.errors import UsageError
from stratvars.names import check_strategy_name, check_table_name
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


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///x.db", "/nowhere/x.db"),
        ("sqlite:///../x.db", "/x.db"),
        ("sqlite:////data/x.db", "/data/x.db"),
        ("SQLite:////data/x.db", "/data/x.db"),
        ("sqlite+pysqlite:////data/x.db", "/data/x.db"),
        ("sqlite:////my bots/x%20y.db", "/my bots/x y.db"),
        ("sqlite:////a%3Fb%2541c#d@e:f.db", "/a?b%41c#d@e:f.db"),
        ("sqlite:////b%C3%B6t.db", "/böt.db"),
        ("sqlite:////böt.db", "/böt.db"),
    ],
)
def test_a_sqlite_url_names_a_file(url: str, path: str) -> None:
    database = resolve(url, folder=HERE)
    assert (database.scheme, database.path) == ("sqlite", Path(path))
    again = resolve(database.url.reveal(), folder=Path("/elsewhere"))
    assert again == database
    assert pickle.loads(pickle.dumps(database)) == database


@given(st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1).map(lambda name: f"x{name}x"))
def test_any_file_name_survives_the_way_through_the_url(name: str) -> None:
    database = resolve("sqlite:////data/" + quote(name), folder=HERE)
    assert database.path == Path("/data", name)
    assert resolve(database.url.reveal(), folder=HERE).path == database.path
    assert resolve(str(database), folder=HERE).path == database.path


def test_memory_is_the_memory_store() -> None:
    assert (resolve("memory://").scheme, resolve("memory://").path) == ("memory", None)


UNUSABLE = """
sqlite:// sqlite:/// sqlite:///folder/ sqlite:////tmp sqlite:///. sqlite://x.db sqlite://host/x.db sqlite:x.db
sqlite:///:memory: sqlite:///x.db?mode=ro sqlite:///x%ff.db sqlite:///x%00.db
memory://x mysql://user:hunter2@host/db mongodb+srv://user:hunter2@host ://hunter2 hunter2
postgresql:user:hunter2@host postgresql://user:hun/ter2@host/db postgresql://user:hun?ter2@host/db
postgresql://user:hun@ter2@host/db postgresql://user:hun:ter2@host/db postgresql://user:hunter2
postgresql://user:hunter2/db postgresql://user:12/hunter2@host/db postgresql://user:12?hunter2=1@host/db
"""


@pytest.mark.parametrize(
    "url", [*UNUSABLE.split(), "", " \t", "host=a password=hunter2", "sqlite:///x\0.db", "sqlite:///\ud800.db"]
)
def test_what_is_no_usable_url_is_refused_with_both_forms_and_without_the_password(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="argument.*" + BOTH_FORMS) as refused:
        resolve(url, folder=Path("/tmp"))
    assert "hun" not in str(refused.value)
    assert "ter2" not in str(refused.value)
    if "\0" not in url and url.isascii():
        monkeypatch.setenv("DB_CONNECTION_STR", url)
        with pytest.raises(UsageError, match="environment DB_CONNECTION_STR.*" + BOTH_FORMS):
            resolve(folder=Path("/tmp"))


def test_a_path_in_place_of_a_url_is_refused_and_shown_as_a_url() -> None:
    with pytest.raises(UsageError, match=r"sqlite:////data/my bots\.db"):
        resolve("/data/my bots.db")
    with pytest.raises(UsageError, match="sqlite:///that/path"):
        resolve("/data")
    with pytest.raises(UsageError, match="not a string"):
        resolve(Path("x.db"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:hunter2@host:5432/db", "postgresql://user:***@host:5432/db"),
        ("postgres://user:hunter2@host/db", "postgresql://user:***@host/db"),
        ("postgresql+psycopg2://user:hunter2@host/db", "postgresql://user:***@host/db"),
        ("postgresql+psycopg://user:hunter2@host/db", "postgresql://user:***@host/db"),
        ("POSTGRESQL+asyncpg://user:hunter2@host/db", "postgresql://user:***@host/db"),
        ("postgresql://user:hunter2@a:1,b:2/db?target_session_attrs=rw", None),
        ("postgresql://user:hunter2@[::1]:5432/db", "postgresql://user:***@[::1]:5432/db"),
        ("postgresql://user:hunter2@%2Frun%2Fpg/db", "postgresql://user:***@%2Frun%2Fpg/db"),
        ("postgresql://user:@host/db", "postgresql://user:***@host/db"),
        ("postgresql://user@host/db", "postgresql://user@host/db"),
        ("postgresql:///db", "postgresql:///db"),
        ("postgresql://host/db?user=u&password=hunter2&x=1", "postgresql://host/db?user=u&password=***&x=1"),
        ("postgresql://host?p%61ssword=hunter2", "postgresql://host?p%61ssword=***"),
        ("postgresql://host/db?sslpassword=hunter2", "postgresql://host/db?sslpassword=***"),
    ],
)
def test_a_postgresql_url_is_brought_to_one_form_and_hides_its_password(url: str, shown: str | None) -> None:
    database = resolve(url)
    assert database.scheme == "postgresql"
    assert database.path is None
    assert database.url.reveal() == "postgresql://" + url.partition("://")[2]
    assert str(database) == (shown or "postgresql://user:***@a:1,b:2/db?target_session_attrs=rw")
    for text in (str(database), repr(database), f"{database.url}", repr(database.url)):
        assert "hunter2" not in text


@given(st.text(min_size=1), st.sampled_from(["{}@host/db", "{}/db", "host/db?password={}", "host?x=1&password={}"]))
def test_no_password_ever_shows_whether_the_url_is_understood_or_not(noise: str, form: str) -> None:
    secret = f"hunter{noise}2"
    for password in (secret, quote(secret, safe="")):
        text = "postgresql://" + form.format(f"user:{password}" if form.startswith("{}") else password)
        try:
            database: Database | UsageError = resolve(text)
        except UsageError as refused:
            database = refused
        assert "hunter" not in str(database) + repr(database)
    assert resolve(f"postgresql://user:{quote(secret, safe='')}@host/db").scheme == "postgresql"


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


@pytest.mark.parametrize("name", ["x", "btc live", "'", '"', "ключ", "%s", "x" * 1_000, "é" * 500, ";--", "a\nb"])
def test_a_strategy_may_have_any_visible_name(name: str) -> None:
    check_strategy_name(name)


@pytest.mark.parametrize("name", ["", " ", "\t\n", "a\0b", "a\ud800", "x" * 1_001, "é" * 501, None, 5])
def test_a_strategy_name_that_no_database_takes_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"the strategy's name.*(give|leave|decode|make|must be)"):
        check_strategy_name(name)


@pytest.mark.parametrize(
    "table", ["vars_backup", "Select", "a-b", '"', "100%", "a.b c", "x" * 55, "writers", "_history_"]
)
def test_a_table_may_have_any_name(table: str) -> None:
    check_table_name(table)


@pytest.mark.parametrize(
    "table", ["", "a\0", "\udc80", "x" * 56, "é" * 28, "T_writers", "t_HISTORY", "_edits", "sqlite_x", "SQLite_y", None]
)
def test_a_table_name_that_would_collide_or_be_cut_is_refused(table: str) -> None:
    with pytest.raises(UsageError, match="the table's name"):
        check_table_name(table)
    with pytest.raises(UsageError, match=r"56 bytes.*at most 55"):
        check_table_name("é" * 28)
