"""PostgreSQL URLs with the mistakes that people make, and the ``.env`` files that they stand in."""

from __future__ import annotations

import dataclasses
import pickle
import re
import traceback
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

import stratvars
from stratvars.database import Secret, without_passwords
from stratvars.errors import UsageError
from stratvars.settings import resolve
from stratvars.store.postgres.connect import Connector

HUNTER = "hunter2"
PACKAGE = Path(stratvars.__file__).parent


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DB_CONNECTION_STR", raising=False)


def shown_by_us(error: BaseException) -> str:
    """What is seen of an error by a tool that shows the variables of each frame, as far as the frames are ours."""
    assert (error.__cause__, error.__context__) == (None, None)
    seen = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in seen.stack if Path(frame.filename).is_relative_to(PACKAGE)]
    assert len(ours) > 0
    return "".join(seen.format_exception_only()) + str([frame.locals for frame in ours])


def understood(url: str) -> dict[str, object]:
    """What the driver makes of the URL."""
    return dict(conninfo_to_dict(resolve(url).url.reveal()))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *((f"a{sign}b", f"a{sign}b") for sign in "#!$&'()*+,;=~^|\\<>{}[]\"` :"),
        ("a  b", "a  b"),
        ("a\tb\nc", "a\tb\nc"),
        ("päss€💰", "päss€💰"),
        ("a\u00a0b\u2028c", "a\u00a0b\u2028c"),
        ("%C3%A4%20%25%40%2F%3F%3A%23", "ä %@/?:#"),
        ("==", "=="),
    ],
)
def test_a_password_with_signs_that_nobody_escaped_is_taken_as_it_is(written: str, meant: str) -> None:
    assert understood(f"postgresql://user:{written}@host/db") == {
        "user": "user",
        "password": meant,
        "host": "host",
        "dbname": "db",
    }
    assert str(resolve(f"postgresql://user:{written}@host/db")) == "postgresql://user:***@host/db"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (f"postgresql://user:{HUNTER}%@host/db", "a % that stands for itself is written %25"),
        (f"postgresql://user:{HUNTER}%zz@host/db", "a % that stands for itself is written %25"),
        (f"postgresql://user:{HUNTER}%E9@host/db", "its percent-escapes are not UTF-8"),
        (f"postgresql://user:{HUNTER}%00@host/db", "it holds %00"),
        (f"postgresql://user:{HUNTER}@{HUNTER}@host/db", "write @ as %40"),
        (f"postgresql://user:{HUNTER}/{HUNTER}@host/db", "/ as %2F"),
        (f"postgresql://user:{HUNTER}?{HUNTER}@host/db", "? as %3F"),
        (f"postgresql://user:{HUNTER}@host:port/db", "a port is a number"),
        (f"postgresql://user:{HUNTER}@[::1/db", "its parts cannot be told apart"),
        (f"postgresql://user:{HUNTER}@host/db?password=a&{HUNTER}", "is not name=value; a & in a value is written %26"),
        (f"postgresql://host/db?password={HUNTER}&password={HUNTER}", "two parameters of one name"),
        (
            f"postgresql://user:{HUNTER}@/db?host=h1:1&host=h2:2",
            "two parameters host; several hosts are written host1:5432,host2:5432/database_name",
        ),
        (f"host=host user=user password={HUNTER}", "it is not a URL"),
        (f"user:{HUNTER}@host/db", "it is not a URL"),
        (f"jdbc:postgresql://user:{HUNTER}@host/db", "it does not begin with postgresql://"),
    ],
)
def test_a_mistake_in_a_url_is_named_and_the_password_is_not(url: str, problem: str) -> None:
    with pytest.raises(UsageError, match=re.escape(problem)) as refused:
        resolve(url)
    assert HUNTER not in shown_by_us(refused.value)


def test_an_equals_sign_in_the_value_of_a_parameter_needs_no_escape() -> None:
    found = understood("postgresql://host/db?options=-csearch_path=a -cx.y=1&password=abc==&&application_name=")
    assert found["options"] == "-csearch_path=a -cx.y=1"
    assert found["password"] == "abc=="
    assert found["application_name"] == ""


def test_only_parameters_that_are_known_to_be_harmless_show_their_values() -> None:
    shown = str(resolve("postgresql://host/db?sslmode=require&options=hunter2&sslkey=hunter2&charset=hunter2"))
    assert shown == "postgresql://host/db?sslmode=require&options=***&sslkey=***&charset=***"
    # The rest of a password with an & in it.
    shown = str(resolve("postgresql://host/db?password=hun&ter2=x&application_name=bot"))
    assert shown == "postgresql://host/db?password=***&***&application_name=bot"


def test_no_object_shows_the_password_that_it_holds() -> None:
    database = resolve(f"postgresql://user:{HUNTER}@host/db?password={HUNTER}")
    connector = Connector(database)
    for each in (database, database.url, connector):
        assert HUNTER not in f"{each} {each!r}"
    assert HUNTER not in f"{dataclasses.asdict(database)} {vars(connector)} {connector.place}"
    assert HUNTER in database.url.reveal()


def test_a_secret_is_equal_to_its_copies_only() -> None:
    secret = Secret("text", "***")
    assert pickle.loads(pickle.dumps(secret)) == secret
    assert hash(pickle.loads(pickle.dumps(secret))) == hash(secret)
    assert secret != Secret("other", "***")
    assert secret != "text"


@pytest.mark.parametrize(
    ("sentence", "without"),
    [
        ("no 'postgresql://u:hunter2@h/db';", "no 'postgresql://u:***@h/db';"),
        ("no file postgresql:/u:hun@ter2@h/db: gone", "no file postgresql:/u:***@h/db: gone"),
        ("(postgres+x://u:hun/ter2@h?password=hunter2&x=1)", "(postgres+x://u:***@h?password=***)"),
        ("postgresql://u:***@h:5432/db (.env at /a@b)", "postgresql://u:***@h:5432/db (.env at /a@b)"),
        ("sqlite:////a:b@c.db", "sqlite:////a:b@c.db"),
    ],
)
def test_a_url_in_a_sentence_is_shown_without_its_password(sentence: str, without: str) -> None:
    assert without_passwords(sentence) == without


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ('DB_CONNECTION_STR="postgresql://u:a$b@h/db"', "a$b"),
        ("DB_CONNECTION_STR=postgresql://u:a$b@h/db", "a$b"),
        ("DB_CONNECTION_STR='postgresql://u:a#b@h/db' # the password has a #", "a#b"),
        ("DB_CONNECTION_STR=postgresql://u:a#b@h/db # comment", "a#b"),
        ('DB_CONNECTION_STR="postgresql://u:a #b@h/db"', "a #b"),
        ('export DB_CONNECTION_STR = "postgresql://u:a%22b@h/db"', 'a"b'),
        ("DB_CONNECTION_STR='postgresql://u:a\"b@h/db'", 'a"b'),
        ('DB_CONNECTION_STR="postgresql://u:%24{X}@h/db"', "${X}"),
        ('DB_CONNECTION_STR="postgresql://u:a${b@h/db"', "a${b"),
        ('P=hunter2\nDB_CONNECTION_STR="postgresql://u:${P}@h/db"', "hunter2"),
        ('DB_CONNECTION_STR="postgresql://u:${STRATVARS_SET}@h/db"', "from outside"),
        ('DB_CONNECTION_STR="postgresql://u:${STRATVARS_UNSET:-hunter2}@h/db"', "hunter2"),
    ],
)
def test_a_url_in_an_env_file_is_read_as_it_is_written(
    line: str, password: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATVARS_SET", "from outside")
    (tmp_path / ".env").write_text(f"# settings\n{line}\nOTHER=1\n", encoding="utf-8")
    found = conninfo_to_dict(resolve(folder=tmp_path).url.reveal())
    assert found == {"user": "u", "password": password, "host": "h", "dbname": "db"}


@pytest.mark.parametrize(
    "text",
    [
        'DB_CONNECTION_STR="postgresql://u:hunter2"x@h/db"',
        "DB_CONNECTION_STR='postgresql://u:hunter2'x@h/db'",
        'DB_CONNECTION_STR="postgresql://u:hunter2@h/db',
        "DB_CONNECTION_STR: postgresql://u:hunter2@h/db",
        'API_KEY="hunter2\nDB_CONNECTION_STR="postgresql://u:hunter2@h/db"',
        ' export DB_CONNECTION_STR="hunter2" hunter2',
        'DB_CONNECTION_STR="postgresql://u:hunter2${STRATVARS_UNSET}@h/db"',
        'DB_CONNECTION_STR="postgresql://u:${LATER}@h/db"\nLATER=hunter2',
        'DB_CONNECTION_STR="postgresql://u:hunter2@h@h/db"',
        "DB_CONNECTION_STR=postgresql://u:hunter2 #x@h/db",
    ],
)
def test_a_line_of_an_env_file_that_cannot_be_read_is_never_replaced_by_the_default(text: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(text + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match="DB_CONNECTION_STR") as refused:
        resolve(folder=tmp_path)
    assert str(tmp_path) in str(refused.value)
    assert HUNTER not in shown_by_us(refused.value)


def test_a_setting_that_an_env_file_does_not_set_is_looked_up_nowhere_in_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# DB_CONNECTION_STR=x\nDB_CONNECTION_STRING=x\nMY_DB_CONNECTION_STR=x\n")
    assert resolve(folder=tmp_path).origin == "default"
