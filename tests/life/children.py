"""Bots as real child processes, and what they left in the database."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Place:
    """A folder with one bot script and, once it ran, its database."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.folder / "stratvars.db"

    def write(self, body: str) -> Path:
        script = self.folder / "bot.py"
        script.write_text(textwrap.dedent(body), encoding="utf-8")
        return script

    def start(self, body: str, *arguments: str) -> subprocess.Popen[str]:
        """Start the script; its stdout and stderr are pipes."""
        return subprocess.Popen(
            [sys.executable, "-u", str(self.write(body)), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment() | dict(self.environment),
            cwd=self.folder.parent,
        )

    def run(self, body: str, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run the script to its end."""
        child = self.start(body, *arguments)
        try:
            out, err = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            raise
        return subprocess.CompletedProcess(child.args, child.returncode, out, err)

    def rows(self, query: str, *parameters: object) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(query, parameters).fetchall()

    def execute(self, statement: str, *parameters: object) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(statement, parameters)

    @property
    def variables(self) -> object:
        """The one row's variables, as text."""
        [(variables,)] = self.rows("SELECT variables FROM vars_backup")
        return variables

    @property
    def reasons(self) -> list[object]:
        """Why each revision was written, in order."""
        return [reason for (reason,) in self.rows("SELECT reason FROM vars_backup_history ORDER BY epoch, revision")]


def clean_environment() -> dict[str, str]:
    """This process's environment without what would choose a database or a name."""
    ours = {"DB_CONNECTION_STR", "STRATEGY_NAME", "STRATVARS_RESUME"}
    return {name: value for name, value in os.environ.items() if name not in ours}


def wait_for_line(child: subprocess.Popen[str], wanted: str) -> None:
    """Read the child's stdout up to a line."""
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip() == wanted:
            return
    assert child.stderr is not None
    raise AssertionError(f"the child ended without saying {wanted!r}: {child.stderr.read()}")
