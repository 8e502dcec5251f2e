"""``stratvars export`` and ``stratvars import``: strategies into a file and out of one."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from stratvars.cli.completing import complete_strategy_or_file
from stratvars.cli.errors import tell
from stratvars.cli.options import OWNED_CODES, db_option, table_option
from stratvars.cli.output import print_exactly
from stratvars.cli.progress import progress
from stratvars.errors import StratvarsError, UsageError

if TYPE_CHECKING:
    from stratvars.exporting import Exporting
    from stratvars.importing import Arrived
    from stratvars.move import Moved

_STREAM: Final = "-"
_EXPORT_EXAMPLE: Final = f"""\b
Examples:
  stratvars export btc-live btc-live.jsonl
  stratvars export --all --history bots.jsonl
  stratvars export btc-live --history - | ssh new-server stratvars import -
{OWNED_CODES}"""
_IMPORT_EXAMPLE: Final = f"""\b
Examples:
  stratvars import bots.jsonl --db postgresql://user@host/name
  stratvars import btc-live.jsonl --as btc-test
  stratvars import bots.jsonl --dry-run
{OWNED_CODES}"""
_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object for each strategy on stdout."
)


@click.command("export", epilog=_EXPORT_EXAMPLE)
@click.argument("words", metavar="[NAME]... FILE", nargs=-1, shell_complete=complete_strategy_or_file)
@click.option("--all", "is_all", is_flag=True, help="Every strategy of the table.")
@click.option(
    "--history",
    "everything",
    is_flag=True,
    help="With all revisions; else with those alone that tell the current state and the last completed iteration.",
)
@_json_option
@db_option
@table_option
def export_strategies(
    *, words: tuple[str, ...], is_all: bool, everything: bool, as_json: bool, db: str | None, table: str
) -> None:
    """Write strategies into a file, from which import reads them.

    FILE is JSON lines, or - for stdout. It holds every value as it is, passwords too, and can be read by you alone. The
    strategies are written as they are at one moment and may run; what they save later is not in it.
    """
    from contextlib import closing

    from stratvars import settings
    from stratvars.exporting import Exporting

    wanted, file = _named(words, is_all=is_all)
    if as_json and file == _STREAM:
        raise UsageError("--json prints to stdout, where the strategies go to already; name a file")
    database = settings.resolve(db)
    with closing(Exporting(database, table, wanted, everything=everything)) as exporting:
        write_export(file, exporting)
    if as_json:
        _print(exporting.moved)
    for moved in exporting.moved:
        tell(f"{moved.name}: {_what(moved)} exported from {database} to {_place(file)}")
    tell_what_waits(exporting.moved)


def tell_what_waits(moved: Sequence[Moved]) -> None:
    """Name the edits that did not go into an export."""
    from stratvars.names import command

    for one in moved:
        if one.waiting:
            edits = "1 edit that waits is" if one.waiting == 1 else f"{one.waiting} edits that wait are"
            how = command("edits", one.name)
            tell(f"{one.name}: {edits} not in the export; {how} lists what was asked for")


def _named(words: tuple[str, ...], *, is_all: bool) -> tuple[list[str] | None, str]:
    """Which strategies, and the file."""
    if not words:
        raise UsageError("say where to: stratvars export --all bots.jsonl, or - for stdout")
    *named, file = words
    if is_all and named:
        raise UsageError(f"--all is every strategy; leave out {named[0]}, or leave out --all")
    if not is_all and not named:
        name = file if file != _STREAM else "btc-live"
        raise UsageError(
            f"say which strategy and where to: stratvars export {name} {name}.jsonl, or --all for every one"
        )
    return None if is_all else named, file


def write_export(file: str, exporting: Exporting) -> None:
    """Write the strategies, with a bar when it takes long; ``-`` is stdout."""
    place = _stdout() if file == _STREAM else _new_file(Path(file))
    with place as into, progress("exporting", exporting.revisions) as advance:
        for line in exporting.lines(advance):
            into.write(line)


@contextmanager
def _stdout() -> Iterator[BinaryIO]:
    if sys.stdout is None:
        raise StratvarsError("stdout is closed, and the strategies go there")
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except OSError as error:
        # What is left in the buffer would be tried again, and fail aloud, when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise StratvarsError(f"stdout cannot be written: {error.strerror}; the export is not whole") from error


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that is there whole or not at all; one that is there already goes only if it is an export, too."""
    _check_place(path)
    part = path.with_name(f"{path.name}.part-{os.getpid()}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise StratvarsError(f"{path} cannot be written: {error.strerror}; name another file") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _check_place(path: Path) -> None:
    from stratvars.transfer import OPENING

    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist; create it, or name a file elsewhere")
    with suppress(OSError):
        with path.open("rb") as there:
            found = there.read(len(OPENING))
        if found not in {b"", OPENING}:
            raise UsageError(f"{path} is there already and no export; name another file, or remove that one")


@click.command("import", epilog=_IMPORT_EXAMPLE)
@click.argument("file", metavar="FILE", type=click.Path())
@click.option("--as", "rename_to", metavar="NAME", help="Another name for the one strategy in the file.")
@click.option("--dry-run", is_flag=True, help="Read the whole file, say what would happen, and change nothing.")
@_json_option
@db_option
@table_option
def import_strategies(
    *, file: str, rename_to: str | None, dry_run: bool, as_json: bool, db: str | None, table: str
) -> None:
    """Read strategies from a file that export wrote.

    All of them or, whatever happens, none. A strategy of the same name that is there already is never overwritten,
    unless it is an older state of the very one in the file and does not run. FILE may be - for stdin.
    """
    from stratvars import importing, settings

    database = settings.resolve(db)
    with _reading(file) as lines:
        moved = importing.import_strategies(database, table, lines, rename_to=rename_to, pretend=dry_run)
    if as_json:
        _print(moved)
    for one in moved:
        tell(f"{one.name}: {_happened(one, pretended=dry_run)} {database}")


@contextmanager
def _reading(file: str) -> Iterator[Iterator[bytes]]:
    if file == _STREAM:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("there is nothing on stdin; name a file")
        with progress("importing", None) as advance:
            yield _watched(sys.stdin.buffer, advance)
        return
    path = Path(file)
    try:
        size = path.stat().st_size
        with path.open("rb") as lines, progress("importing", size) as advance:
            yield _watched(lines, advance)
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder; name a file in it") from None
    except OSError as error:
        raise StratvarsError(f"{path} cannot be read: {error.strerror}") from error


def _watched(lines: BinaryIO, advance: Callable[[int], None]) -> Iterator[bytes]:
    for line in lines:
        advance(len(line))
        yield line


def _print(moved: Sequence[Moved | Arrived]) -> None:
    from dataclasses import asdict

    print_exactly("\n".join(json.dumps(asdict(one)) for one in moved))


def _what(moved: Moved | Arrived) -> str:
    state = f"revision {moved.revision}" if moved.revision else "a row written by hand"
    return f"{state}, with {moved.revisions} of its history,"


def _happened(moved: Arrived, *, pretended: bool) -> str:
    from stratvars.importing import Arrival

    if moved.arrival is Arrival.UNCHANGED:
        return f"nothing to do, revision {moved.revision} is there already, in"
    if moved.arrival is Arrival.UPDATED:
        return f"{_what(moved)} {'would go' if pretended else 'went'} over an older state in"
    return f"{_what(moved)} {'would be imported' if pretended else 'imported'} into"


def _place(file: str) -> str:
    return "stdout" if file == _STREAM else file
