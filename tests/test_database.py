"""What a URL is understood to mean, and how it is shown."""

from __future__ import annotations

import pickle
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratvars.database import Database
from stratvars.errors import UsageError
from stratvars.settings import resolve

BOTH_FORMS = r"DB_CONNECTION_STR.*postgresql://user:password@localhost:5432/database_name or sqlite:///that/file\.db"
HERE = Path("/nowhere")


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
postgresql://user:hun@ter2@host/db postgresql://user:hunter2
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
        ("postgresql://user:hun:ter2@host/db", "postgresql://user:***@host/db"),
        ("postgresql://user@host/db", "postgresql://user@host/db"),
        ("postgresql:///db", "postgresql:///db"),
        ("postgresql://host/db?user=u&password=hunter2&x=1", "postgresql://host/db?user=u&password=***&***"),
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


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
    st.sampled_from(["{}@host/db", "{}/db", "host/db?password={}", "host?x=1&password={}"]),
)
def test_no_password_ever_shows_whether_the_url_is_understood_or_not(noise: str, form: str) -> None:
    secret = f"hunter{noise}tail2"
    for password in (secret, quote(secret, safe="")):
        text = "postgresql://" + form.format(f"user:{password}" if form.startswith("{}") else password)
        try:
            database: Database | UsageError = resolve(text)
        except UsageError as refused:
            database = refused
        said = str(database) + repr(database)
        assert "hunter" not in said
        # user:hunter@tail2/db has a host called tail2.
        assert "tail2" not in said or (form == "{}/db" and "@" in noise)
    assert resolve(f"postgresql://user:{quote(secret, safe='')}@host/db").scheme == "postgresql"
