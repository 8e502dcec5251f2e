"""Where the database is and what the strategy is called: argument, environment, ``.env`` file, default.

The folder of the started script is where the default database stands, what relative paths start from, and where the
search for ``.env`` begins, upward. A program without a script of its own (a notebook, the interpreter, an installed
command) uses the current folder. The environment is never changed. No message holds a password.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Final
from urllib.parse import unquote

from stratvars.errors import UsageError

DATABASE_VARIABLE: Final = "DB_CONNECTION_STR"
NAME_VARIABLE: Final = "STRATEGY_NAME"
RESUME_VARIABLE: Final = "STRATVARS_RESUME"
DEFAULT_FILE: Final = "stratvars.db"
LONGEST_STRATEGY_NAME: Final = 1_000
LONGEST_TABLE_NAME: Final = 55

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


def resolve(url: str | None = None, *, folder: Path | None = None) -> Database:
    """Find the database: ``url``, else ``DB_CONNECTION_STR``, else the SQLite file ``stratvars.db``.

    ``folder`` is used in place of the folder of the started script. Nothing is opened or created.

    Raises:
        UsageError: the URL cannot be used; a default is never taken in its place.
    """
    folder = _folder(folder)
    if url is not None:
        return _understand(url, "argument", folder)
    found = _look_up(DATABASE_VARIABLE, folder)
    if found is not None:
        return _understand(*found, folder)
    return _sqlite(folder / DEFAULT_FILE, "default")


def strategy_name(argument: str | None, class_name: str, *, folder: Path | None = None) -> str:
    """The strategy's name: the argument, else ``STRATEGY_NAME``, else the class name. Raises ``UsageError``."""
    name = argument
    if name is None:
        found = _look_up(NAME_VARIABLE, _folder(folder))
        name = class_name if found is None else found[0]
    check_strategy_name(name)
    return name


def resume_wanted(argument: bool | None, *, folder: Path | None = None) -> bool:
    """Whether to refuse to start from nothing: the argument, else ``STRATVARS_RESUME``. Raises ``UsageError``."""
    if argument is not None:
        return argument
    found = _look_up(RESUME_VARIABLE, _folder(folder))
    if found is None or found[0].lower() in {"", "0", "false", "no", "off"}:
        return False
    if found[0].lower() in {"1", "true", "yes", "on"}:
        return True
    raise UsageError(f"{RESUME_VARIABLE} ({found[1]}) is {found[0]!r}; set it to 1 or 0")


def check_strategy_name(name: str) -> None:
    """Raise ``UsageError`` unless the name can be stored by every database."""
    what = f"the strategy's name (the argument or {NAME_VARIABLE})"
    _check_name(name, what, LONGEST_STRATEGY_NAME)
    if name.strip() == "":
        raise UsageError(f"{what} is blank; give it a name that can be seen")


def check_table_name(table: str) -> None:
    """Raise ``UsageError`` unless the name can be that of a table with others beside it."""
    _check_name(table, "the table's name", LONGEST_TABLE_NAME)
    lower = table.lower()
    if lower.endswith(("_writers", "_history", "_edits")):
        ending = lower[lower.rindex("_") :]
        raise UsageError(
            f"the table's name {table!r} ends in {ending}, and tables with that ending stand beside another "
            "table; choose another ending for backup_table_name"
        )
    if lower.startswith("sqlite_"):
        raise UsageError(f"the table's name {table!r} begins with sqlite_, which SQLite reserves; choose another")


def find_folder(main: ModuleType | None) -> Path:
    """The folder of the script that was started, given as the module ``__main__``; else the current folder."""
    file: object = getattr(main, "__file__", None)
    if not isinstance(file, str) or _is_installed(Path(file)):
        return Path.cwd()
    # Not simply the parent: an application in a zip file is started from inside of that file.
    return next((folder for folder in Path(file).absolute().parents if folder.is_dir()), Path.cwd())


def _is_installed(file: Path) -> bool:
    """Whether it belongs to an installation, as `stratvars`, `pytest` or `python -m cProfile` do."""
    import sysconfig  # needed once, at a start

    file = file.resolve()
    libraries = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")}
    libraries.add(Path(__file__).resolve().parent)
    scripts = Path(sysconfig.get_path("scripts")).resolve()
    return file.stem == "stratvars" or file.parent == scripts or not libraries.isdisjoint(file.parents)


def _folder(given: Path | None) -> Path:
    return find_folder(sys.modules.get("__main__")) if given is None else given.absolute()


def _look_up(variable: str, folder: Path) -> tuple[str, str] | None:
    """The value of a setting and where it was found, None when it is nowhere."""
    value = os.environ.get(variable)
    if value is not None:
        # Some tools that read a .env file keep the quotes.
        return _without_quotes(value.strip()), f"environment {variable}"
    for file in (at / ".env" for at in (folder, *folder.parents)):
        if os.path.isfile(file):  # noqa: PTH113 - Path.is_file raises in a folder that may not be entered
            return _look_up_in_file(variable, file)
    return None


def _look_up_in_file(variable: str, file: Path) -> tuple[str, str] | None:
    from dotenv import dotenv_values  # only when there is a .env file

    try:
        values = dotenv_values(file, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"the settings in {file} cannot be read ({problem}); repair or remove the file") from None
    if variable not in values:
        return None
    return (values[variable] or "").strip(), f".env at {file.parent}"


def _without_quotes(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text


def _understand(url: str, origin: str, folder: Path) -> Database:
    if not isinstance(url, str):
        raise _unusable(origin, "it is not a string")
    if "\0" in url or not _is_unicode(url):
        raise _unusable(origin, "it holds characters that no URL has")
    word, separator, rest = url.strip().partition("://")
    scheme = _SCHEMES.get(word.lower().partition("+")[0]) if separator else None
    if scheme is Scheme.POSTGRESQL:
        return _postgresql(rest, origin)
    if scheme is Scheme.SQLITE:
        return _sqlite(_sqlite_path(rest, origin, folder), origin)
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


def _sqlite(path: Path, origin: str) -> Database:
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


def _check_name(name: str, what: str, longest: int) -> None:
    if not isinstance(name, str):
        raise UsageError(f"{what} must be a string, not {type(name).__name__}")
    if name == "":
        raise UsageError(f"{what} is empty; give it at least one character")
    if "\0" in name:
        raise UsageError(f"{what} {name!r} holds a NUL character, which PostgreSQL cannot store; leave it out")
    if not _is_unicode(name):
        raise UsageError(f"{what} {name!r} holds half of a character; decode it properly")
    length = len(name.encode())
    if length > longest:
        raise UsageError(f"{what} is {length} bytes of UTF-8 long; make it at most {longest}")


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
