"""The one place that turns what ends a command into a sentence on stderr and an exit code.

A ``StratvarsError`` never shows a traceback: its message says what to do. An error of the user's own code shows one,
from the user's first frame on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb
from types import TracebackType

import click

from stratvars.cli.text import one_line
from stratvars.errors import StratvarsError

_INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended
_OURS = tuple(str(folder) + os.sep for folder in (Path(__file__).parents[1], Path(click.__file__).parent))


def tell(sentence: str) -> None:
    """Talk to the user: one line on stderr, with control characters escaped and no password.

    A URL that is given where something else belongs is named in the sentence about that.
    """
    from stratvars.database import without_passwords  # only when there is something to say

    if sys.stderr is not None:
        print(one_line(without_passwords(sentence)), file=sys.stderr)  # noqa: T201 - the command line talks here


def can_be_asked() -> bool:
    """Whether somebody sits at a terminal, sees a question and can answer it."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def exit_code_of(command: Callable[[], object]) -> int:
    """Run ``command``; say on stderr why it failed, if it did; return the exit code. ``SystemExit`` passes."""
    try:
        code = command()
    except StratvarsError as error:
        _explain(error)
        return error.exit_code
    except click.ClickException as error:
        tell(f"stratvars: {_with_help(error)}")
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    return code if isinstance(code, int) else 0


@contextmanager
def user_code() -> Iterator[None]:
    """Around code of the user: what it raises is shown here, with its own frames only, and ends the command.

    The hook that a bot may have put into ``sys.excepthook`` to report its crashes is called as if nobody stood between.
    """
    try:
        yield
    except StratvarsError as error:
        _explain(error, place_of(error))
        raise click.exceptions.Exit(error.exit_code) from None
    except Exception as error:  # noqa: BLE001 - whatever the user's code raises is shown to the user
        error = error.with_traceback(_from_user_on(error.__traceback__))
        sys.excepthook(type(error), error, error.__traceback__)
        raise click.exceptions.Exit(1) from None


def place_of(error: BaseException) -> tuple[Path, int] | None:
    """File and line of the deepest frame of ``error`` that is the user's; None when there is none."""
    places = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    return next(((Path(file), line) for file, line in reversed(places) if _is_users(file)), None)


def _is_users(file: str) -> bool:
    """Whether a frame's file belongs neither to this library, nor to Python, nor to anything installed."""
    return not file.startswith(("<", *_OURS, str(Path(os.__file__).parent) + os.sep)) and "site-packages" not in file


def _explain(error: StratvarsError, place: tuple[Path, int] | None = None) -> None:
    where = "" if place is None else f" ({place[0].name}, line {place[1]})"
    tell(f"stratvars: {error}{where}")
    for note in getattr(error, "__notes__", ()):  # such as a last save that failed after this
        tell(note)


def _from_user_on(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is not ours; all of it when every frame is."""
    step = trace
    while step is not None and step.tb_frame.f_code.co_filename.startswith(_OURS):
        step = step.tb_next
    return trace if step is None else step


def _with_help(error: click.ClickException) -> str:
    message = error.format_message().rstrip()
    message = message[:1].lower() + message[1:]
    if not isinstance(error, click.UsageError) or error.ctx is None:
        return message
    stop = "" if message.endswith((".", "?", "?)")) else "."
    return f"{message}{stop} See: {error.ctx.command_path} --help"
