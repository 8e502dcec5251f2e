"""A database's URL, understood: which kind, where, and how to show it without its password. Nothing is opened here."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import unquote

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


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that shows itself only through ``reveal()``; everywhere else stands ``shown``."""

    _text: str = field(repr=False)
    shown: str

    def reveal(self) -> str:
        """The text itself, passwords and all."""
        return self._text

    def __str__(self) -> str:
        return self.shown


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
    rf"(?:(?P<user>[^:@/?]*)(?P<password>:[^:@/?]*)?@)?(?P<place>{_HOST}(?:,{_HOST})*(?:/[^@?]*)?)(?P<query>\?[^@]*)?",
    re.ASCII,
)
_SECRET_PARAMETER: Final = re.compile("passw|pwd|secret|token", re.IGNORECASE)


def _postgresql(rest: str, origin: str) -> Database:
    match = _POSTGRESQL.fullmatch(rest)
    if match is None:
        # What cannot be taken apart with certainty cannot be shown without its password either.
        problem = "its parts cannot be told apart; in a user name, a password or a parameter write : as %3A, "
        raise _unusable(origin, problem + "@ as %40, / as %2F and ? as %3F")
    user = "" if match["user"] is None else f"{match['user']}{':***' if match['password'] is not None else ''}@"
    parameters = "&".join(_masked(pair) for pair in (match["query"] or "").split("&"))
    shown = f"postgresql://{user}{match['place']}{parameters}"
    return Database(Secret(f"postgresql://{rest}", shown), Scheme.POSTGRESQL, None, origin)


def _masked(pair: str) -> str:
    key, separator, _ = pair.partition("=")
    return f"{key}=***" if separator and _SECRET_PARAMETER.search(unquote(key)) else pair
