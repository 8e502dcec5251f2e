"""Everything that anybody could read after something went wrong: logs at DEBUG, errors to their last cause, stderr."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import pytest

import stratvars

PACKAGE = Path(stratvars.__file__).parent
LOGGERS = ("", "stratvars", "psycopg", "psycopg.transaction", "asyncio", "dotenv.main")


class Evidence:
    """Collects from its making on."""

    def __init__(self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
        self._caplog = caplog
        self._capfd = capfd
        self._errors: list[str] = []
        for name in LOGGERS:
            caplog.set_level(logging.DEBUG, name)

    def add(self, error: BaseException | None) -> None:
        """All texts of an error and of what hangs on it."""
        while error is not None:
            self._errors.append(f"{error!s} {error!r} {error.args!r} {getattr(error, '__notes__', ())!r}")
            self._errors.extend(traceback.format_exception(error))
            error = error.__cause__ or error.__context__

    def add_frames(self, error: BaseException) -> None:
        """The variables in those frames of its traceback that are ours, as other tools show them."""
        seen = traceback.TracebackException.from_exception(error, capture_locals=True)
        ours = [frame.locals for frame in seen.stack if Path(frame.filename).is_relative_to(PACKAGE)]
        assert len(ours) > 0
        self._errors.append(repr(ours))

    def text(self) -> str:
        """All of it, as one text."""
        records = [f"{record.getMessage()} {record.args!r} {record.exc_text}" for record in self._caplog.records]
        out, err = self._capfd.readouterr()
        return "\n".join([*self._errors, *records, out, err])
