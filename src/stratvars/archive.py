"""Looking at what is saved, from notebooks and tools, while the bots run or after they died. Never writes.

Texts are read without the classes of the strategies: what needs one that is not registered here is shown as a text,
``Leg(strike=100.0)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, islice, takewhile
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from stratvars import codec, moment, names, settings
from stratvars.codec.tree import show
from stratvars.database import Database
from stratvars.edits import Asked, Signature
from stratvars.errors import NewerFormatError, UndecodableError, UsageError
from stratvars.history import Past, fold, unfold
from stratvars.moment import When
from stratvars.revision import Entry, Landmark, Reason, Stored
from stratvars.standing import Overview, overviews
from stratvars.store.opening import open_records
from stratvars.texts import split_texts

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Change:
    """One revision that changed variables.

    Attributes:
        entry: the revision.
        texts: the JSON text of each wanted variable as of it; one that was not set is not in it.
    """

    entry: Entry
    texts: Mapping[str, str] = field(repr=False)


class Shown(str):
    """A value in the notation of Python, where the value itself needs a class that is not registered here."""

    __slots__ = ()
    __repr__ = str.__str__


@dataclass(frozen=True, slots=True)
class Changes:
    """How variables changed, oldest first.

    Attributes:
        variables: their names, in the order in which they were asked for, or in which they first occur.
        rows: a revision each.
    """

    variables: tuple[str, ...]
    rows: tuple[Change, ...]

    def to_frame(self, *, floats: bool = False) -> pd.DataFrame:
        """A frame with a row for each change, by the time at which it was saved, and a column for each variable.

        A variable that was not set is missing there (NaN in a column of numbers, else None).

        Args:
            floats: make a float of every number, of a Decimal too: ``to_frame(floats=True).plot()`` draws it, and a
                number of more than fifteen digits is rounded. What is no number is missing then.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise UsageError("to_frame needs pandas, which is not installed; run: pip install pandas") from None
        times = pd.DatetimeIndex([row.entry.saved_at for row in self.rows], name="saved_at", tz="UTC")
        make = self._floats if floats else self._column
        return pd.DataFrame({name: make(name) for name in self.variables}, index=times)

    def _floats(self, name: str) -> Any:
        values = (_value(row.texts[name], name) if name in row.texts else None for row in self.rows)
        return [float("nan") if (number := as_float(value)) is None else number for value in values]

    def _column(self, name: str) -> Any:
        import numpy as np
        import pandas as pd

        cells = np.empty(len(self.rows), dtype=object)  # filled one by one: a list in a cell is one value
        for index, row in enumerate(self.rows):
            cells[index] = _value(row.texts[name], name) if name in row.texts else None
        column = pd.Series(cells).infer_objects()
        # Beside a missing number or a float an int becomes a float, which may not hold it.
        is_exact = all(int(item) == cell for cell, item in zip(cells, column, strict=True) if isinstance(cell, int))
        return column.array if is_exact else cells


def open_archive(url: str | None = None, *, table: str = "vars_backup") -> Archive:
    """Open the read side of a database; close it, or use it in ``with``.

    Args:
        url: of the database; found as for a strategy when left out.
        table: the table's name.

    Raises:
        UsageError: the URL or the table cannot be used, or there is no database yet.
        RefusedError: it cannot be read.
    """
    return Archive(settings.resolve(url), table)


class Archive:
    """What is saved in one table of a database. For one thread at a time.

    A moment is named as on the command line, ``"42"``, ``"10m"``, ``"2026-11-23T14:00"``, ``"last-iteration"`` or
    ``"before-crash"``, or given as the number of a revision, a timedelta (so long ago) or a datetime. Every method
    raises ``UnavailableError`` when the database cannot be used.
    """

    def __init__(self, database: Database, table: str) -> None:
        names.check_table_name(table)
        self.database = database
        self.table = table
        self._records = open_records(database)

    def strategies(self) -> list[Stored]:
        """The current state of every strategy, sorted by name."""
        return self._records.strategies(self.table)

    def overview(self) -> list[Overview]:
        """Every strategy at a glance, sorted by name: its current state, whether it runs, and who runs it."""
        return overviews(self._records, self.table)

    def current(self, name: str) -> Stored | None:
        """The current state of one strategy; None when nothing is saved under the name."""
        return self._records.current(self.table, name)

    def revisions(
        self, name: str, *, since: When | str | None = None, reason: str | None = None, limit: int | None = None
    ) -> list[Entry]:
        """The revisions in the history of a strategy, oldest first, without their values.

        Args:
            name: of the strategy.
            since: from this moment on.
            reason: only those taken for it: ``"iteration"``, ``"manual"``, ``"stop"``, ``"crash"``, …; ``"fenced"`` for
                what a start had not saved when it was taken over, which is no part of the past otherwise.
            limit: at most so many, the newest ones.

        Raises:
            UsageError: there is no such moment.
        """
        entries = takewhile(self._from(name, since), moment.walk(self._records, self.table, name, reason=reason))
        return [*islice(entries, limit)][::-1]

    def edits(self, name: str, *, limit: int = 20) -> list[Asked]:
        """The newest edits that were asked for from outside, newest first, and what became of them."""
        return self._records.edits(self.table, name, limit=limit)

    def signatures(self, name: str, entries: Sequence[Entry]) -> dict[int, list[Signature]]:
        """Who asked for the edits that revisions hold, and why, by the number of the revision.

        Revisions without an edit are not in it; what was ``fenced`` holds none.
        """
        numbers = {entry.number for entry in entries if entry.reason != Reason.FENCED}
        found: dict[int, list[Signature]] = {}
        for signature in self._records.signatures(self.table, name, min(numbers), max(numbers)) if numbers else ():
            if signature.revision in numbers:
                found.setdefault(signature.revision, []).append(signature)
        return found

    def at(self, name: str, when: When | str) -> Past:
        """The state of a strategy as of a moment, as texts.

        Raises:
            UsageError: there is no such moment.
            UndecodableError: the history cannot be read.
        """
        return fold(moment.past(self._records, self.table, name, _when(when)))

    def variables(self, name: str, at: When | str | None = None) -> dict[str, Any]:
        """The variables of a strategy as of a moment, now when it is left out, as values.

        Raises:
            UsageError: nothing is saved under the name, or there is no such moment.
            UndecodableError: what is saved cannot be read.
            NewerFormatError: a newer version wrote it.
        """
        if at is None:
            stored = self.current(name)
            if stored is None:
                raise UsageError(f"nothing is saved under the name {name!r} in the table {self.table!r}")
            texts, format_ = split_texts(stored.variables), stored.format
        else:
            past = self.at(name, at)
            texts, format_ = dict(past.state.texts), past.format
        if format_ > codec.FORMAT:
            raise NewerFormatError(
                f"{name!r} was saved in format {format_}, and this version of stratvars reads up to format "
                f"{codec.FORMAT}; install a newer one"
            )
        return {variable: _value(text, variable) for variable, text in texts.items()}

    def changes(
        self,
        name: str,
        *variables: str,
        since: When | str | None = None,
        reason: str | None = None,
        limit: int | None = None,
    ) -> Changes:
        """The revisions that changed at least one of these variables of a strategy, and their values as of each.

        Args:
            name: of the strategy.
            variables: all of them when none is named.
            since: from this moment on.
            reason: only revisions taken for it, each compared with the last such one before it.
            limit: at most so many, the newest ones.

        Raises:
            UsageError: there is no such moment.
            UndecodableError: the history cannot be read.
        """
        states = (row for row in self._states(name, frozenset(variables)) if reason in {None, row.entry.reason})
        found = islice(_changed(states, self._from(name, since)), limit)
        rows = tuple(found)[::-1]
        return Changes(tuple(dict.fromkeys(variables or chain.from_iterable(row.texts for row in rows))), rows)

    def _from(self, name: str, since: When | str | None) -> Callable[[Entry], bool]:
        """Tell whether a revision is one from this moment on."""
        match None if since is None else _when(since):
            case None:
                return lambda _: True
            case timedelta() as ago:
                return lambda entry: entry.age <= ago.total_seconds()
            case datetime() as time:
                return lambda entry: entry.saved_at >= time
            case Landmark() as landmark:
                first = moment.past(self._records, self.table, name, landmark)[-1].number
            case number:
                first = number
        return lambda entry: entry.number >= first

    def _states(self, name: str, wanted: frozenset[str]) -> Iterator[Change]:
        """The wanted variables, all if none is named, as of every revision, newest first."""
        entries: list[Entry] = []
        for entry in moment.walk(self._records, self.table, name):
            entries.append(entry)
            if entry.snapshot:
                # By their numbers: between the list and this, revisions may be thinned out.
                states = self._chain(name, entries, wanted)
                yield from (Change(entry, states[entry.number]) for entry in entries if entry.number in states)
                entries = []

    def _chain(self, name: str, entries: Sequence[Entry], wanted: frozenset[str]) -> dict[int, dict[str, str]]:
        """The wanted variables as of these revisions, newest first, or as many of them as there still are."""
        for entry in entries:
            kept = self._records.history(self.table, name, entry.number)
            if kept:
                return {revision.number: _chosen(texts, wanted) for revision, texts in unfold(kept)}
        return {}

    def close(self) -> None:
        """End the connection. May be called twice."""
        self._records.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _when(when: When | str) -> When:
    if isinstance(when, datetime):
        return when.astimezone()  # one without a zone is of this machine's
    # A landmark is a string, too, and parses to itself.
    return moment.parse(when) if isinstance(when, str) else when


def _chosen(texts: Mapping[str, str], wanted: frozenset[str]) -> dict[str, str]:
    return {name: text for name, text in texts.items() if not wanted or name in wanted}


def _changed(states: Iterable[Change], is_wanted: Callable[[Entry], bool]) -> Iterator[Change]:
    """Of states, newest first, those that are not the same as the one before them, as long as they are wanted."""
    later: Change | None = None
    for state in states:
        if later is not None and later.texts != state.texts:
            yield later
        if not is_wanted(state.entry):
            return
        later = state
    if later is not None and later.texts:
        yield later


def as_float(value: object) -> float | None:
    """A number as a float; None for what is no number, or one that no float can hold."""
    from decimal import Decimal
    from numbers import Real

    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return None
    try:
        return float(value)
    except (OverflowError, ValueError):  # too large a number, a signalling NaN
        return None


def _value(text: str, name: str) -> Any:
    try:
        return codec.decode(text, name)
    except UndecodableError:
        return Shown(show(text))
