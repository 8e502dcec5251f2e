"""The installed command as a user starts it: in a folder, through pipes or on a terminal."""

from __future__ import annotations

import os
import subprocess
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prefork import COMMAND, server

_OURS = ("DB_CONNECTION_STR", "STRATEGY_NAME", "STRATVARS_", "PYTHON", "NO_COLOR", "FORCE_COLOR", "COLUMNS")


@dataclass(frozen=True)
class Shell:
    """A folder to stand in; nothing of the environment that would change what a command does."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """``stratvars`` with these arguments, its output through pipes."""
        environment = self._environment()
        if any(name.startswith("PYTHON") for name in environment):
            return self.call(COMMAND, *arguments, stdin=stdin)  # it changes how an interpreter starts
        return server().run(arguments, self.folder, environment, stdin)

    def call(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            cwd=self.folder,
            env=self._environment(),
            timeout=30,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            cwd=self.folder,
            env=self._environment(),
        )

    def on_terminal(self, *arguments: str, columns: int = 80) -> str:
        """What a terminal of that width gets on stdout; stderr is thrown away."""
        environment = {**self._environment(), "TERM": "xterm-256color", **self.environment}
        done = server().show(arguments, self.folder, environment, columns)
        assert done.returncode == 0
        return done.stdout

    def refused(self, *arguments: str, code: int = 2) -> str:
        """The one sentence on stderr with which the command is refused."""
        done = self.run(*arguments)
        assert (done.returncode, done.stdout) == (code, ""), done
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("stratvars: ")
        return lines[0].removeprefix("stratvars: ")

    def _environment(self) -> dict[str, str]:
        rest = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        return {**rest, "LC_ALL": "C.UTF-8", **self.environment}
