"""Where the database is and what the strategy is called: argument, environment, ``.env`` file, default.

The folder of the started script is where the default database stands, what relative paths start from, and where the
search for ``.env`` begins, upward. A program without a script of its own (a notebook, the interpreter, an installed
command) uses the current folder. The environment is never changed. No message holds a password.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

from stratvars import envfile
from stratvars.database import DATABASE_VARIABLE, Database, sqlite_file, understand
from stratvars.errors import UsageError
from stratvars.lease import OnOutage
from stratvars.names import NAME_VARIABLE, check_strategy_name
from stratvars.ownership import WAIT
from stratvars.retention import Retention
from stratvars.retention import parse as parse_retention
from stratvars.revision import LEASE

RESUME_VARIABLE: Final = "STRATVARS_RESUME"
START_TIMEOUT_VARIABLE: Final = "STRATVARS_START_TIMEOUT"
START_TIMEOUT: Final = 30.0
"""Seconds for which a start asks a database again that cannot be used."""
WAIT_VARIABLE: Final = "STRATVARS_WAIT"
LEASE_VARIABLE: Final = "STRATVARS_LEASE"
LEASES: Final = (1.0, 86_400.0)
"""Seconds, from and to: shorter ones end in any hiccup, longer ones keep a strategy from its next start."""
RETENTION_VARIABLE: Final = "STRATVARS_RETENTION"
ON_OUTAGE_VARIABLE: Final = "STRATVARS_ON_OUTAGE"
DEFAULT_FILE: Final = "stratvars.db"
DEFAULT_ORIGIN: Final = "default"
_CLOSE: Final = 0.78
"""How alike two names are, from 0 to 1, of which one was probably meant to be the other: DB_CONN_STR is."""


def resolve(url: str | None = None, *, folder: Path | None = None) -> Database:
    """Find the database: ``url``, else ``DB_CONNECTION_STR``, else the SQLite file ``stratvars.db``.

    ``folder`` is used in place of the folder of the started script. Nothing is opened or created.

    Raises:
        UsageError: the URL cannot be used; a default is never taken in its place.
    """
    try:
        return _resolve(url, _folder(folder))
    except UsageError as error:
        refused = error.with_traceback(None)
    # A tool that shows the variables of each frame in a traceback finds no URL in those of this module.
    del url
    raise refused


def _resolve(url: str | None, folder: Path) -> Database:
    if url is not None:
        return understand(url, "argument", folder)
    found = _look_up(DATABASE_VARIABLE, folder)
    if found is not None:
        return understand(*found, folder)
    return sqlite_file(folder / DEFAULT_FILE, DEFAULT_ORIGIN)


def misspelt_database(*, folder: Path | None = None) -> str | None:
    """What is set that was probably meant to be ``DB_CONNECTION_STR``, and where; None where nothing is."""
    found = {name: f"{name} in the environment" for name in os.environ}
    file = _env_file(_folder(folder))
    if file is not None:
        found |= {name: f"{name} in the .env at {file.parent}" for name in envfile.names(file)}
    candidates = {name.upper(): where for name, where in found.items() if "CONN" in name.upper()}
    if not candidates:
        return None
    from difflib import get_close_matches  # in trouble only

    closest = get_close_matches(DATABASE_VARIABLE, candidates, 1, _CLOSE)
    return candidates[closest[0]] if closest else None


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


def start_timeout(argument: float | None, *, folder: Path | None = None) -> float:
    """Seconds for which a start asks a database again: the argument, else ``STRATVARS_START_TIMEOUT``, else 30.

    0 means: ask once.

    Raises:
        UsageError: it is not a number from 0 on.
    """
    return _time("start_timeout", argument, START_TIMEOUT_VARIABLE, START_TIMEOUT, folder)


def wait(argument: float | None, *, folder: Path | None = None) -> float:
    """Seconds for which a start waits for an owner that lives: the argument, else ``STRATVARS_WAIT``, else 45.

    Raises:
        UsageError: it is not a number from 0 on.
    """
    return _time("wait", argument, WAIT_VARIABLE, WAIT, folder)


def lease(argument: float | None, *, folder: Path | None = None) -> float:
    """Seconds for which a start holds its strategy: the argument, else ``STRATVARS_LEASE``, else 15.

    Raises:
        UsageError: it is not a number from 1 to 86,400.
    """
    length = _time("lease", argument, LEASE_VARIABLE, LEASE, folder)
    if not LEASES[0] <= length <= LEASES[1]:
        raise UsageError(
            f"the lease is {length:g} s; give it from {LEASES[0]:g} to {LEASES[1]:,.0f} seconds, or leave it"
        )
    return length


def on_outage(argument: str | None, *, folder: Path | None = None) -> OnOutage:
    """What to do without a database: the argument, else ``STRATVARS_ON_OUTAGE``, else trade. Raises ``UsageError``."""
    found = (
        (argument, "the argument on_outage") if argument is not None else _look_up(ON_OUTAGE_VARIABLE, _folder(folder))
    )
    if found is None:
        return OnOutage.TRADE
    if found[0] not in set(OnOutage):
        raise UsageError(f'on_outage is {found[0]!r} ({found[1]}); give "trade" or "pause"')
    return OnOutage(found[0])


def retention(argument: str | None, *, folder: Path | None = None) -> Retention:
    """How long revisions are kept: the argument, else ``STRATVARS_RETENTION``, else as ``Retention`` says.

    Raises:
        UsageError: it cannot be understood.
    """
    if argument is not None:
        return parse_retention(argument, "the argument retention")
    found = _look_up(RETENTION_VARIABLE, _folder(folder))
    return Retention() if found is None else parse_retention(found[0], f"{RETENTION_VARIABLE} ({found[1]})")


def _time(name: str, argument: float | None, variable: str, default: float, folder: Path | None) -> float:
    if argument is not None:
        return _seconds(argument, f"the argument {name}")
    found = _look_up(variable, _folder(folder))
    return default if found is None else seconds_in(found[0], f"{variable} ({found[1]})")


def seconds_in(text: str, origin: str) -> float:
    """The seconds that a text says, given at ``origin``. Raises ``UsageError``."""
    try:
        number = float(text)
    except ValueError:
        raise _no_seconds(text, origin) from None
    return _seconds(number, origin)


def _seconds(number: float, origin: str) -> float:
    # A bool is a number to Python; as a time it is a mistake. NaN fails every comparison.
    if isinstance(number, bool) or not isinstance(number, int | float) or not number >= 0:
        raise _no_seconds(number, origin)
    return float(min(number, sys.float_info.max))


def _no_seconds(value: object, origin: str) -> UsageError:
    return UsageError(f"{origin} is {value!r}; give it in seconds, 30 for example")


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
    file = _env_file(folder)
    value = None if file is None else envfile.read(variable, file)
    return None if file is None or value is None else (value.strip(), f".env at {file.parent}")


def _env_file(folder: Path) -> Path | None:
    # Not Path.is_file, which raises in a folder that may not be entered.
    return next((file for at in (folder, *folder.parents) if os.path.isfile(file := at / ".env")), None)  # noqa: PTH113


def _without_quotes(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text
