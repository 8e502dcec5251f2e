"""A database's URL, understood: which kind, where, and how to show it without its password. Nothing is opened here."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from stratvars.errors import UsageError
from stratvars.names import is_unicode

DATABASE_VARIABLE: Final = "DB_CONNECTION_STR"

_FORMS: Final = "postgresql://user:password@localhost:5432/database_name or sqlite:///that/file.db"


class Scheme(StrEnum):
    """Which kind of database a URL names."""

    SQLITE = "sqlite"
    MEMORY = "memory"
    POSTGRESQL = "postgresql"


_SCHEMES: Final = {
    "sqlite": Scheme.SQLITE,
    "memory": Scheme.MEMORY,
    "postgres": Scheme.POSTGRESQL,
    "postgresql": Scheme.POSTGRESQL,
}


class Secret:
    """A text that shows itself only through ``reveal()``; everywhere else stands ``shown``. Never changed."""

    # Not a dataclass: dataclasses.asdict() of what holds it would lay the text open.
    __slots__ = ("_text", "shown")

    def __init__(self, text: str, shown: str) -> None:
        self._text = text
        self.shown = shown

    def reveal(self) -> str:
        """The text itself, passwords and all."""
        return self._text

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"Secret({self.shown!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class Database:
    """One database, found and understood.

    Attributes:
        url: the URL in its normal form; an absolute path for SQLite.
        scheme: which kind it is.
        path: the absolute path of a SQLite file, else None.
        origin: where the URL was given, for messages.
    """

    url: Secret
    scheme: Scheme
    path: Path | None
    origin: str

    def __str__(self) -> str:
        return str(self.url)


def understand(url: str, origin: str, folder: Path) -> Database:
    """The database that a URL names.

    Args:
        url: as it was given.
        origin: where it was given, for messages.
        folder: where a relative path starts from.

    Raises:
        UsageError: it cannot be used; the message holds no password.
    """
    if not isinstance(url, str):
        raise _unusable(origin, "it is not a string")
    if "\0" in url or not is_unicode(url):
        raise _unusable(origin, "it holds characters that no URL has")
    word, separator, rest = url.strip().partition("://")
    scheme = _SCHEMES.get(word.lower().partition("+")[0]) if separator else None
    if scheme is Scheme.POSTGRESQL:
        return _postgresql(rest, origin)
    if scheme is Scheme.SQLITE:
        return sqlite_file(_sqlite_path(rest, origin, folder), origin)
    if scheme is Scheme.MEMORY:
        if rest != "":
            raise _unusable(origin, "nothing may follow memory://")
        return Database(Secret("memory://", "memory://"), scheme, None, origin)
    raise _unusable(origin, _problem_with(word if separator else None, url.strip()))


def without_passwords(text: str) -> str:
    """A text with URLs in it, for people: whatever may be a password in one of them is left out."""
    return _PASSWORD_PARAMETER.sub(r"\1***", _ACCOUNT.sub(r"\1:***@", text))


def _problem_with(word: str | None, url: str) -> str:
    if url == "":
        return "it is empty"
    if word is not None:
        return "it does not begin with postgresql:// or sqlite:///"
    # Anything else may be a password that got into the wrong variable, and is not repeated.
    if re.fullmatch(r"[^:@=?%]+\.(db|sqlite3?)", url):
        return f"it is a path; as a URL it is sqlite:///{url}"
    return "it is not a URL; a path becomes one as sqlite:///that/path"


def _unusable(origin: str, problem: str) -> UsageError:
    return UsageError(
        f"the database URL (given by: {origin}) cannot be used: {problem}. Set {DATABASE_VARIABLE} or the argument "
        f"to {_FORMS}"
    )


def _sqlite_path(rest: str, origin: str, folder: Path) -> Path:
    if not rest.startswith("/"):
        raise _unusable(origin, "sqlite: takes three slashes and a path, four when the path is absolute")
    if "?" in rest:
        raise _unusable(origin, "sqlite: takes no parameters; a ? in the path is written %3F")
    try:
        name = unquote(rest[1:], errors="strict")
    except UnicodeDecodeError:
        raise _unusable(origin, "its percent-escapes are not UTF-8") from None
    if name == ":memory:":
        raise _unusable(origin, "nothing there would outlive the process; where that is meant, write memory://")
    if name == "" or name.endswith("/") or "\0" in name or os.path.isdir(folder / name):  # noqa: PTH112 - is_dir raises
        raise _unusable(origin, "its path is not that of a file")
    return folder / name


def sqlite_file(path: Path, origin: str) -> Database:
    """The SQLite database at a path."""
    path = path.resolve()
    # Only what a URL of ours treats as special is escaped, so that the path can be read in a message.
    url = "sqlite:///" + str(path).replace("%", "%25").replace("?", "%3F")
    return Database(Secret(url, url), Scheme.SQLITE, path, origin)


_HOST: Final = r"(?:\[[^\]@/?]*\]|[^][:,@/?]*)(?::\d*)?"
_POSTGRESQL: Final = re.compile(
    rf"(?:(?P<user>[^:@/?]*)(?P<password>:[^@/?]*)?@)?(?P<place>{_HOST}(?:,{_HOST})*(?:/[^@?]*)?)(?:\?(?P<query>[^@]*))?",
    re.ASCII,
)
_UNCLEAR: Final = (
    "its parts cannot be told apart. In a user name, a password or a parameter write @ as %40, / as %2F and ? as %3F; "
    "in a user name : as %3A; a port is a number"
)
_BROKEN_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")
_SECRET_PARAMETER: Final = re.compile("passw|pwd|secret|token", re.IGNORECASE)
# One slash alone is left where a URL was taken for a path. What a SQLite URL has before an @ is one.
_ACCOUNT: Final = re.compile(r"(\b(?!sqlite)[\w+]+:/+[^\s:@/]*):\S*@")
_PASSWORD_PARAMETER: Final = re.compile(r"([?&]\w*(?:passw|pwd|secret|token)\w*=)[^\s'\")]*", re.IGNORECASE)
_SHOWN_PARAMETERS: Final = frozenset(
    ("host", "hostaddr", "port", "dbname", "user", "service", "sslmode", "target_session_attrs", "application_name")
)


def _postgresql(rest: str, origin: str) -> Database:
    # The driver refuses a blank, and a control character has no place in a message.
    rest = "".join(each if each.isprintable() and each != " " else quote(each) for each in rest)
    problem = _problem_with_escapes(rest)
    match = _POSTGRESQL.fullmatch(rest)
    if match is None or problem is not None:
        # What cannot be taken apart with certainty cannot be shown without its password either.
        raise _unusable(origin, problem or _UNCLEAR)
    parameters = _parameters(match["query"] or "", origin)
    user, password, place = match["user"], match["password"] or "", match["place"]
    # The driver allows one = in a parameter; options=-csearch_path=x has two.
    query = _joined([f"{key}={value.replace('=', '%3D')}" for key, value in parameters.items()])
    url = f"postgresql://{'' if user is None else f'{user}{password}@'}{place}{query}"
    shown_user = "" if user is None else f"{user}{password and ':***'}@"
    shown = f"postgresql://{shown_user}{place}{_joined(_shown(parameters))}"
    return Database(Secret(url, shown), Scheme.POSTGRESQL, None, origin)


def _problem_with_escapes(rest: str) -> str | None:
    if _BROKEN_ESCAPE.search(rest):
        return "a % that stands for itself is written %25"
    try:
        text = unquote(rest, errors="strict")
    except UnicodeDecodeError:
        return "its percent-escapes are not UTF-8"
    return "it holds %00, which PostgreSQL cannot take" if "\0" in text else None


def _parameters(query: str, origin: str) -> dict[str, str]:
    """The values by key, both as they stand in the URL."""
    found: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        key, separator, value = pair.partition("=")
        if not separator:
            # Not named: it may be the rest of a password.
            raise _unusable(origin, "one of its parameters is not name=value; a & in a value is written %26")
        if key in found:
            name = key if key in _SHOWN_PARAMETERS else "of one name"
            several = "; several hosts are written host1:5432,host2:5432/database_name" if key == "host" else ""
            raise _unusable(origin, f"it has two parameters {name}{several}")
        found[key] = value
    return found


def _shown(parameters: Mapping[str, str]) -> Iterator[str]:
    is_near_secret = False
    for key, value in parameters.items():
        name = unquote(key)
        if name in _SHOWN_PARAMETERS:
            yield f"{key}={value}"
        else:
            # A name that comes after a password may be the rest of one with an & in it.
            yield "***" if is_near_secret or not name.isidentifier() else f"{key}=***"
        is_near_secret = is_near_secret or _SECRET_PARAMETER.search(name) is not None


def _joined(parameters: Iterable[str]) -> str:
    query = "&".join(parameters)
    return query and f"?{query}"
