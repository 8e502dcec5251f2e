"""What a disk may hold after the power was lost: everything that was synced, and any part of what was not.

A file system may bring writes to the disk in any order, and a long write in pieces of a sector. Contents and names are
apart: syncing a file makes its contents durable, and only syncing the folder makes a new or removed name so.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

SECTOR = 512


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes that were written into a file, which is known by a number: its name may change hands."""

    file: int
    offset: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cut:
    """A file got another size."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Made:
    """A new file came into the folder."""

    name: str
    file: int


@dataclass(frozen=True, slots=True)
class Removed:
    """A name left the folder."""

    name: str


@dataclass(frozen=True, slots=True)
class Synced:
    """A file's contents are on the disk."""

    file: int


@dataclass(frozen=True, slots=True)
class FolderSynced:
    """The folder's names are on the disk."""

    by_store: bool = False


Change = Write | Cut | Made | Removed
Step = Change | Synced | FolderSynced
Image = dict[str, bytes]
"""The files of the folder, by their names."""


@dataclass(frozen=True)
class Guess:
    """Which of the changes that were not synced reached the disk."""

    landed: Sequence[Change]
    torn: bool = False


class Platter:
    """The disk in the course of time."""

    def __init__(self) -> None:
        self._contents: dict[int, bytearray] = {}
        self._names: dict[str, int] = {}
        self.unsynced: list[Change] = []

    def take(self, step: Step) -> None:
        """The next thing that was asked of the disk."""
        match step:
            case Synced(file):
                self._settle([c for c in self.unsynced if isinstance(c, Write | Cut) and c.file == file])
            case FolderSynced():
                self._settle([c for c in self.unsynced if isinstance(c, Made | Removed)])
            case _:
                self.unsynced.append(step)

    def _settle(self, changes: list[Change]) -> None:
        settled = set(map(id, changes))
        self.unsynced = [change for change in self.unsynced if id(change) not in settled]
        for change in changes:
            _apply(change, self._contents, self._names)

    def image(self, guess: Guess) -> Image:
        """The folder as it is found when the power is back."""
        contents = {file: bytearray(data) for file, data in self._contents.items()}
        names = dict(self._names)
        for change in guess.landed:
            _apply(change, contents, names)
        return {name: bytes(contents.get(file, b"")) for name, file in names.items()}

    def guesses(self, chance: random.Random, subsets: int) -> Iterator[Guess]:
        """Nothing of it landed, all, each alone, all but one, and random parts, every other one of them torn."""
        yield Guess([])
        yield Guess(self.unsynced)
        for change in self.unsynced if len(self.unsynced) > 1 else ():
            yield Guess([change])
            yield Guess([other for other in self.unsynced if other is not change])
        for number in range(subsets if self.unsynced else 0):
            share = chance.random()
            pieces = [piece for change in self.unsynced for piece in _sectors(change)] if number % 2 else self.unsynced
            landed = [piece for piece in pieces if chance.random() < share]
            yield _torn(landed, chance) if number % 2 else Guess(landed)


def _torn(landed: list[Change], chance: random.Random) -> Guess:
    """One of the sectors was being written when the power went."""
    at = chance.randrange(len(landed) or 1)
    match landed[at : at + 1]:
        case [Write(file, offset, data)] if len(data) > 1:
            landed[at] = Write(file, offset, data[: chance.randrange(1, len(data))])
    return Guess(landed, torn=any(isinstance(piece, Write) for piece in landed))


def _sectors(change: Change) -> list[Change]:
    if not isinstance(change, Write):
        return [change]
    end = change.offset + len(change.data)
    starts = [change.offset, *range((change.offset // SECTOR + 1) * SECTOR, end, SECTOR)]
    ends = [*starts[1:], end]
    return [
        Write(change.file, start, change.data[start - change.offset : stop - change.offset])
        for start, stop in zip(starts, ends, strict=True)
    ]


def _apply(change: Change, contents: dict[int, bytearray], names: dict[str, int]) -> None:
    match change:
        case Write(file, offset, data):
            content = contents.setdefault(file, bytearray())
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(data)] = data
        case Cut(file, size):
            content = contents.setdefault(file, bytearray())
            content.extend(bytes(max(0, size - len(content))))
            del content[size:]
        case Made(name, file):
            names[name] = file
        case Removed(name):
            names.pop(name, None)
