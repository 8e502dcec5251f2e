"""The file that ``stratvars export`` writes and ``stratvars import`` reads. Pure: no database, no file is opened here.

JSON lines in ASCII. The first line says what it is and in which version; then come a line for each strategy and, after
it, one for each of its revisions, oldest first; the last line counts them and holds the SHA-256 of all bytes before it.
Each line ends with a checksum of its own, ``"sum"``: the first sixteen hexadecimal digits of the SHA-256 of what stands
before it in the line. Texts of variables stand in it as JSON strings, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, get_type_hints

from stratvars.errors import NewerFormatError, UndecodableError
from stratvars.store.moving import CurrentRow, HistoryRow, Whole, WriterRow

VERSION: Final = 1
OPENING: Final = b'{"kind":"stratvars export"'
"""What every such file begins with, in all versions."""
_SUM: Final = 16
_TAIL: Final = len(',"sum":""}') + _SUM
_HIGHEST: Final = 2**63 - 1
_DAMAGED: Final = "the file is damaged; take another copy of it, or export again"

_COLUMNS: Final[dict[type, dict[str, Any]]] = {
    kind: get_type_hints(kind) for kind in (CurrentRow, WriterRow, HistoryRow)
}
Record = Whole | HistoryRow
_Row = TypeVar("_Row", CurrentRow, WriterRow, HistoryRow)


class Lines:
    """Makes the lines of one file, each with its newline; to be written in the order in which they are made.

    Attributes:
        strategies, revisions: how many were made so far.
    """

    def __init__(self) -> None:
        self.strategies = 0
        self.revisions = 0
        self._digest = hashlib.sha256()

    def opening(self, table: str, at: datetime) -> bytes:
        """The first line."""
        return self._line("stratvars export", {"version": VERSION, "table": table, "at": at.isoformat()})

    def strategy(self, whole: Whole) -> bytes:
        """The line of a strategy."""
        self.strategies += 1
        members = {
            "name": whole.strategy,
            "row": whole.row and _members(whole.row),
            "writer": whole.writer and _members(whole.writer),
        }
        return self._line("strategy", members)

    def revision(self, row: HistoryRow) -> bytes:
        """The line of a revision of the strategy that was made last."""
        self.revisions += 1
        return self._line("revision", _members(row))

    def closing(self) -> bytes:
        """The last line."""
        counts = {"strategies": self.strategies, "revisions": self.revisions}
        return self._line("end", {**counts, "digest": self._digest.hexdigest()})

    def _line(self, kind: str, members: dict[str, Any]) -> bytes:
        text = json.dumps({"kind": kind, **members}, separators=(",", ":"))[:-1].encode("ascii")
        line = text + b',"sum":"' + _sum_of(text) + b'"}\n'
        self._digest.update(line)
        return line


def records(lines: Iterable[bytes]) -> Iterator[Record]:
    """What stands in a file, in its order. Only when the last one was taken, and no error raised, is all of it there.

    Raises:
        UndecodableError: it is no such file, or a line of it was changed or is missing.
        NewerFormatError: a newer version of this library wrote it.
    """
    digest = hashlib.sha256()
    counted = Lines()
    is_ended = False
    kind = ""
    for number, line in enumerate(lines, 1):
        if is_ended:
            raise _damaged(number, "something follows the end")
        if not line.endswith(b"\n") and line.startswith(b'{"kind":"'):
            raise _cut_off()
        kind, members = _opening_of(line) if number == 1 else _parsed(number, line)
        if kind == "end":
            found = (members.get("strategies"), members.get("revisions"), members.get("digest"))
            if found != (counted.strategies, counted.revisions, digest.hexdigest()):
                raise _damaged(number, "lines before it are missing, or stand twice")
            is_ended = True
        elif number > 1:
            yield _record(number, kind, members, counted)
        digest.update(line)
    if not is_ended:
        raise _cut_off() if kind else UndecodableError("", "the file is empty; export again")


def _record(number: int, kind: str, members: dict[str, Any], counted: Lines) -> Record:
    if kind == "strategy":
        counted.strategies += 1
        row, writer = members.get("row"), members.get("writer")
        return Whole(
            _checked(number, members.get("name"), str),
            None if row is None else _row(number, row, CurrentRow),
            None if writer is None else _row(number, writer, WriterRow),
        )
    if kind == "revision" and counted.strategies:
        counted.revisions += 1
        return _row(number, members, HistoryRow)
    raise _damaged(number, "it is no line that belongs there")


def _opening_of(line: bytes) -> tuple[str, dict[str, Any]]:
    if not line.startswith(OPENING):
        raise UndecodableError("", "this is no file that stratvars export wrote")
    kind, members = _parsed(1, line)
    version = members.get("version")
    if version != VERSION:
        raise NewerFormatError(
            f"the file is of version {version}, and this version of stratvars reads version {VERSION}; install a newer "
            "one"
        )
    return kind, members


def _parsed(number: int, line: bytes) -> tuple[str, dict[str, Any]]:
    text, tail = line[: -_TAIL - 1], line[-_TAIL - 1 :]
    if tail != b',"sum":"' + _sum_of(text) + b'"}\n':
        raise _damaged(number, "it is not as it was written")
    try:
        members = json.loads(text + b"}")
        kind = members.pop("kind")
    except (ValueError, RecursionError, AttributeError, KeyError):
        raise _damaged(number, "it is not as it was written") from None
    return str(kind), members


def _sum_of(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:_SUM].encode()


def _members(row: CurrentRow | WriterRow | HistoryRow) -> dict[str, object]:
    found = asdict(row)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()}


def _row(number: int, members: Any, kind: type[_Row]) -> _Row:
    if not isinstance(members, dict):
        raise _damaged(number, "it is not as it was written")
    wanted = _COLUMNS[kind]
    more = members.keys() - wanted
    if more:
        raise NewerFormatError(
            f"line {number} of the file has {', '.join(sorted(more))}, which this version of stratvars does not know; "
            "install a newer one"
        )
    given = {name: _checked(number, value, wanted[name]) for name, value in members.items()}
    if len(given) < len(wanted):
        raise _damaged(number, "a member is missing")
    return kind(**given)


def _checked(number: int, value: Any, wanted: Any) -> Any:
    if wanted is datetime and isinstance(value, str):
        return _time(number, value)
    if wanted is float and type(value) in {int, float}:
        return float(value)
    if type(value) is not wanted or (wanted is int and abs(value) > _HIGHEST):
        raise _damaged(number, "a member is not of its type")
    return value


def _time(number: int, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _damaged(number, "a time is none") from None


def _damaged(number: int, problem: str) -> UndecodableError:
    return UndecodableError("", f"line {number}: {problem}; {_DAMAGED}")


def _cut_off() -> UndecodableError:
    problem = "the file has no end: it was cut off, or is still being written. Take another copy of it, or export again"
    return UndecodableError("", problem)
