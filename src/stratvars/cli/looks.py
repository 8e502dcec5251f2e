"""Looking at strategies again and again, and what is new at each look; a database may go away and come back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from stratvars.cli.errors import tell
from stratvars.cli.output import is_unread
from stratvars.errors import UnavailableError, UndecodableError, UsageError

if TYPE_CHECKING:
    from stratvars.archive import Archive
    from stratvars.database import Database
    from stratvars.history import Difference
    from stratvars.standing import Overview

_UNSET: Final = "(not set)"
_UNREADABLE: Final = "(cannot be read)"
_GONE: Final = "gone"


@dataclass(frozen=True, slots=True)
class Seen:
    """A strategy at one look.

    Attributes:
        name: its name.
        state: what it is doing; ``gone`` when nothing is saved under its name any more.
        revision: its newest one.
        time: when that was saved.
        texts: of its variables; None when they cannot be read.
    """

    name: str
    state: str
    revision: int
    time: datetime
    texts: Mapping[str, str] | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class News:
    """What is new of a strategy since the look before; ``was`` is its state then."""

    now: Seen
    was: str
    changes: tuple[Difference, ...]


class Looks:
    """Looks at the strategies again and again."""

    def __init__(self, database: Database, table: str, names: Sequence[str]) -> None:
        self._database = database
        self._table = table
        self._names = frozenset(names)
        self._archive: Archive | None = None
        self._is_away = False

    def first(self) -> dict[str, Seen]:
        """What is there at the beginning; what is not there is an error."""
        from stratvars.cli.finding import current_of, nothing_saved

        archive = self._open()
        for name in sorted(self._names):
            current_of(name, archive)
        found = self._look()
        if not found:
            raise UsageError(nothing_saved(archive))
        return found

    def follow(self, seen: dict[str, Seen], interval: float) -> Iterator[tuple[dict[str, Seen], list[News]]]:
        """Each look after the first one, with what is new; ends when nobody reads it any more."""
        while not is_unread():
            time.sleep(interval)
            found = self._try_look()
            if found is not None:
                yield found, list(_news(seen, found))
                seen = found

    def _try_look(self) -> dict[str, Seen] | None:
        try:
            found = self._look()
        except (UnavailableError, UsageError) as error:  # a file that was removed is one of the latter
            self._close()
            if not self._is_away:
                tell(f"the database cannot be read now: {error}. Looking on")
            self._is_away = True
            return None
        if self._is_away:
            tell(f"{self._database} can be read again")
        self._is_away = False
        return found

    def _look(self) -> dict[str, Seen]:
        if self._database.path is not None:
            self._close()  # a file may have been replaced by another one
        found = (_seen(one) for one in self._open().overview())
        return {seen.name: seen for seen in found if not self._names or seen.name in self._names}

    def _open(self) -> Archive:
        from stratvars.archive import Archive

        if self._archive is None:
            self._archive = Archive(self._database, self._table)
        return self._archive

    def _close(self) -> None:
        if self._archive is not None:
            self._archive.close()
        self._archive = None


def _seen(one: Overview) -> Seen:
    from stratvars.texts import split_texts

    stored = one.stored
    texts = None
    with suppress(UndecodableError):
        texts = split_texts(stored.variables)
    return Seen(stored.strategy, one.standing.value, stored.revision, stored.saved_at, texts)


def _news(before: Mapping[str, Seen], after: Mapping[str, Seen]) -> Iterator[News]:
    from stratvars.history import differences

    for name in dict.fromkeys((*after, *before)):
        old, now = before.get(name), after.get(name)
        if now is None and old is not None:
            now = Seen(name, _GONE, old.revision, datetime.now(UTC), old.texts)
        if now is None or now == old:
            continue
        texts = {} if old is None else old.texts
        # From or to a state that cannot be read no single variable is known to have changed.
        found = () if texts is None or now.texts is None else differences(texts, now.texts)
        was = _GONE if old is None else old.state
        if found or was != now.state:
            yield News(now, was, tuple(found))


def shown(path: str, text: str | None, *, reveal: bool) -> str:
    """A value for people, or why there is none."""
    from stratvars.cli.masking import readable

    try:
        return _UNSET if text is None else readable(path, text, reveal=reveal)
    except UndecodableError:
        return _UNREADABLE
