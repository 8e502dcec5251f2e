"""One setting in a ``.env`` file, as python-dotenv reads it, with two of its silences made into errors.

It leaves out a line that it cannot read, and leaves ``${NAME}`` empty where that name is not set. With a URL the first
would put the default database in the place of the one that was meant, the second would take a piece out of a password.
"""

from __future__ import annotations

import os
import re
from enum import Enum
from io import StringIO
from itertools import takewhile
from pathlib import Path
from typing import Final

from stratvars.errors import UsageError

_REFERENCE: Final = re.compile(r"\$\{([^}:]*)(:-[^}]*)?\}")


class _Problem(Enum):
    NOT_UTF8 = "is in a file that is not UTF-8; save it as UTF-8, or remove it"
    UNREADABLE = 'is in a line that cannot be read; write NAME="value", and in a URL " as %22'
    UNSET = "uses a ${NAME} that is set neither in the environment nor above it; set it, or in a URL write $ as %24"


def read(variable: str, file: Path) -> str | None:
    """The value, or None when the file does not set it.

    Raises:
        UsageError: the file or the line cannot be read; the message holds nothing of it.
    """
    found = _find(variable, file)
    # Raised here, where neither an error that quotes the file nor a frame that holds it hangs on.
    if isinstance(found, _Problem):
        raise UsageError(f"the setting {variable} in {file} {found.value}")
    if isinstance(found, OSError):
        raise UsageError(f"the settings in {file} cannot be read ({found.strerror}); repair or remove the file")
    return found


def names(file: Path) -> list[str]:
    """The names that the file sets; none where it cannot be read."""
    from dotenv import dotenv_values  # only when there is a .env file

    try:
        return [*dotenv_values(file, interpolate=False, encoding="utf-8-sig")]
    except (OSError, UnicodeDecodeError):
        return []


def _find(variable: str, file: Path) -> str | _Problem | OSError | None:
    from dotenv import dotenv_values  # only when there is a .env file

    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        return error
    except UnicodeDecodeError:
        return _Problem.NOT_UTF8
    values = dotenv_values(stream=StringIO(text), interpolate=False)
    if variable not in values:
        is_there = re.search(rf"^[ \t]*(export[ \t]+)?['\"]?{variable}\b", text, re.MULTILINE)
        return _Problem.UNREADABLE if is_there else None
    known = {*os.environ, *takewhile(lambda name: name != variable, values)}
    for name, default in _REFERENCE.findall(values[variable] or ""):
        if name not in known and not default:
            return _Problem.UNSET
    return dotenv_values(stream=StringIO(text))[variable] or ""
