"""What a bot finds when the power is back, on every image that the disk may hold."""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from platter import Change, Guess, Image, Made, Platter, Removed, Step
from recorder import Known, Recording

from stratvars.errors import UnavailableError
from stratvars.revision import Claim
from stratvars.store.sqlite.store import SqliteStore
from stratvars.testing import TABLE

BOT = "bot"
_EXAMPLES = 12


@dataclass(frozen=True)
class Found:
    """What is in a file after SQLite mended it; ``damage`` says why it is no database that can be used."""

    known: Known = field(default_factory=Known)
    variables: str | None = field(default=None, repr=False)
    damage: str = ""


@dataclass
class Tally:
    """What was checked, and what was wrong with it."""

    images: int = 0
    different: int = 0
    torn: int = 0
    unnamed: int = 0
    """Images in which a new file, or the removal of one, was not there yet."""
    wrong: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.images} images checked ({self.different} different, {self.torn} torn, {self.unnamed} with an older "
            f"folder): {self.wrong['lost']} lost, {self.wrong['damaged']} damaged, {self.wrong['mixed']} mixed"
        )

    def note(self, kind: str, example: str) -> None:
        """One image was wrong."""
        self.wrong[kind] += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"{kind}: {example}")


class Afterwards:
    """Loses the power again and again, and starts the bot on what is left.

    Args:
        recording: what was asked of the disk.
        place: where the images are laid out, one after the other: the path of the database.
        left_out: what the disk does not do although it was asked to.
    """

    def __init__(self, recording: Recording, place: Path, left_out: Callable[[Step], bool] = lambda _: False) -> None:
        self._recording, self._path, self._left_out = recording, place, left_out
        self._found: dict[bytes, Found] = {}
        self.tally = Tally()

    def check(self, subsets: Mapping[int, int], chance: random.Random) -> Tally:
        """Lose the power after as many steps as are keys of ``subsets``; each says how many random parts are tried."""
        platter = Platter()
        for count, step in enumerate([None, *self._recording.steps]):
            if step is not None and not self._left_out(step):
                platter.take(step)
            for guess in platter.guesses(chance, subsets[count]) if count in subsets else ():
                self.tally.unnamed += any(_misses(guess, change) for change in platter.unsynced)
                self._look(count, guess, platter.image(guess))
        self.tally.different = len(self._found)
        return self.tally

    def _look(self, count: int, guess: Guess, image: Image) -> None:
        key = _digest(image)
        if key not in self._found:
            self._found[key] = self._start(image)
        self.tally.images += 1
        self.tally.torn += guess.torn
        self._judge(count, guess, self._found[key])

    def _judge(self, count: int, guess: Guess, found: Found) -> None:
        known, tried = self._recording.known_after(count), self._recording.tried
        example = f"after {count} steps, {len(guess.landed)} more landed: {found} instead of {known}"
        if found.damage:
            self.tally.note("damaged", example)
        elif found.known.epoch < known.epoch or found.known.revision < known.revision:
            self.tally.note("lost", example)
        elif found.variables != tried.get(found.known.revision):
            self.tally.note("mixed", example)

    def _start(self, image: Image) -> Found:
        shutil.rmtree(self._path.parent, ignore_errors=True)
        self._path.parent.mkdir()
        for name, content in image.items():
            self._path.with_name(name).write_bytes(content)
        try:
            return _restored(self._path)
        except (UnavailableError, sqlite3.Error) as error:
            return Found(damage=str(error))


def _restored(path: Path) -> Found:
    """As a start does it: the tables are made where they are missing, and the newest state is loaded."""
    with closing(SqliteStore(path)) as store:
        store.prepare(TABLE)
        stored = store.load(Claim(TABLE, BOT, "", "", 0, 0))
        with closing(sqlite3.connect(path)) as reader:
            said = [row for (row,) in reader.execute("PRAGMA integrity_check")]
            writer = reader.execute("SELECT epoch, revision FROM vars_backup_writers").fetchall()
            history = reader.execute("SELECT revision, changed FROM vars_backup_history ORDER BY revision").fetchall()
    known = Known(*writer[0]) if writer else Known()
    if said != ["ok"]:
        return Found(damage=said[0])
    if stored is None:
        return Found(known) if known.revision == 0 else Found(known, damage="the row is gone")
    # The snapshots of this story are whole states, so the history must end with the very text.
    newest, text = history[-1] if history else (0, "")
    parts = [stored.revision, len(history), newest]
    if parts != [known.revision] * 3 or stored.foreign or text != stored.variables:
        return Found(known, damage=f"row, writer and history are of different saves: {parts}")
    return Found(known, stored.variables)


def _digest(image: Image) -> bytes:
    digest = hashlib.sha1(usedforsecurity=False)
    for name in sorted(image):
        digest.update(f"{name} {len(image[name])} ".encode())
        digest.update(image[name])
    return digest.digest()


def _misses(guess: Guess, change: Change) -> bool:
    return isinstance(change, Made | Removed) and all(landed is not change for landed in guess.landed)
