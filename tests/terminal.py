"""A command on a terminal that asks a question and is answered."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

QUESTION = "[y/N]: "


def answered(
    words: Sequence[str],
    answer: str,
    folder: Path,
    environment: Mapping[str, str],
    *,
    meanwhile: Callable[[], object] = lambda: None,
    question: str = QUESTION,
) -> tuple[int, str]:
    """The exit code, and all that the terminal showed; ``meanwhile`` is called when the question stands there."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=dict(environment), start_new_session=True
    )
    os.close(theirs)
    seen, is_answered = b"", False
    while piece := _read(ours):
        seen += piece
        if question.encode() in seen and not is_answered:
            is_answered = True
            meanwhile()
            os.write(ours, answer.encode())
    os.close(ours)
    code = child.wait(timeout=30)
    shown = seen.decode().replace("\r\n", "\n")
    assert is_answered, shown
    return code, shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody holds the other end any more
        return b""
