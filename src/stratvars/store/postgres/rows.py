"""Between rows of the tables and records. The order of the columns is that of ``statements.sql``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from struct import pack
from typing import Any

import msgspec
from msgspec import Struct

from stratvars.edits import Asked, Edit, Fate
from stratvars.revision import Claim, Entry, Holder, Renewing, Revision, Stored
from stratvars.store.current import asked_from, edit_from, entry_from, stored_from
from stratvars.texts import digest_of_bytes

_ADDED, _WRITER, _APART = 2500, 500, 2000
"""Bytes that may be added to a page of 8 KB, those of a writers' row, and from which on a text does not stand there."""
_NOWHERE = b"(0,0)"
_TEXT = 25
"""The server's number of the type text, in pg_type; it is the same everywhere."""


class Known(Struct, frozen=True, gc=False):
    """Where a save left the rows of its strategy, and in which transaction; each as the server's text of it.

    ``said`` is what each save of the claim says, by the names of the parameters.

    The server clears away what a row was before only where the row is looked for by its name, and once its page is half
    full. Done every few saves, each new version finds room beside the one before it, and the indexes stay small.
    """

    claim: Claim
    said: dict[str, bytes]
    writer_place: bytes
    row_place: bytes
    row_xmin: bytes
    added: int = 0
    """Bytes since then, in the fuller one of both tables."""

    def followed(self, found: bytes, revision: Revision) -> Known:
        """What a save leaves that looked here, and brings back ``found``."""
        size = len(revision.variables)
        before = 0 if self._is_crowded else self.added
        added = before + (size if _WRITER < size < _APART else _WRITER)
        writer_place, row_place, row_xmin = found.split()
        return Known(self.claim, self.said, writer_place, row_place, row_xmin, added)

    @property
    def statement(self) -> str:
        """The one that looks where they are, or the one that looks for them."""
        return "save_named" if self._is_crowded else "save_known"

    @property
    def places(self) -> dict[str, bytes]:
        """Where to look, for the statement."""
        place = _NOWHERE if self._is_crowded else self.writer_place
        return {"writer_place": place, "row_place": self.row_place, "row_xmin": self.row_xmin}

    def save(self, revision: Revision, patience: float) -> dict[str, bytes]:
        """The parameters of the statement; ``patience`` in seconds."""
        said = self.said if revision.claim is self.claim else claimed(revision.claim)
        return {**save(revision, patience, said), **self.places}

    @property
    def _is_crowded(self) -> bool:
        return self.added > _ADDED


_NUMBERS, _AGE, _COMPLETE = (2, 4, 6, 8, 12, 13), 3, 10
"""Columns of ``current``."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def stored(row: tuple[Any, ...]) -> Stored:
    """A row of ``current`` or ``all_current``."""
    # As a number: the text of a timestamp depends on the role's DateStyle and TimeZone.
    return stored_from(row, _EPOCH + timedelta(microseconds=row[2]))


def loaded(row: Sequence[bytes | None]) -> Stored:
    """A row of ``current`` as the server's texts."""
    values: list[Any] = [None if text is None else text.decode() for text in row]
    for column in _NUMBERS:
        if values[column] is not None:
            values[column] = int(values[column])
    values[_AGE], values[_COMPLETE] = float(values[_AGE]), values[_COMPLETE] == "t"
    return stored(tuple(values))


def entry(row: tuple[Any, ...]) -> Entry:
    """A row of ``revisions``."""
    return entry_from(row, _EPOCH + timedelta(microseconds=row[3]))


def take(wanted: Claim, take_over: Holder | None, patience: float) -> dict[str, object]:
    """The parameters of ``take``; ``patience`` in seconds."""
    whom = take_over or Holder(0, "")
    return {
        "patience": milliseconds(patience),
        "strategy": wanted.strategy,
        "epoch": wanted.epoch,
        "revision": wanted.revision,
        "start_id": wanted.start_id,
        "owner": wanted.owner,
        "lease": wanted.lease,
        "held_epoch": whom.epoch,
        "held_owner": whom.owner,
        "held_stamp": whom.stamp,
    }


def save_all(batch: Sequence[Revision], patience: float) -> dict[str, bytes]:
    """The parameters of ``save_all``, as ``save`` has them; ``patience`` in seconds.

    One text and two arrays: an array for each value would take longer than all the rest of a save.
    """
    states, changes = zip(*map(_encoded, batch), strict=True)
    return {
        "patience": milliseconds(patience).encode(),
        "saves": msgspec.json.encode([_said(*pair) for pair in zip(batch, states, strict=True)]),
        "states": _array(states),
        "changes": _array(changes),
    }


def _encoded(revision: Revision) -> tuple[bytes, bytes]:
    """The whole state, and what has changed; of a megabyte that is the same text, once."""
    variables = revision.variables.encode()
    return variables, variables if revision.changed is revision.variables else revision.changed.encode()


def _array(items: Sequence[bytes]) -> bytes:
    """Texts as the server reads an array in binary: one dimension, no nulls, the type, the length, the first index.

    See array_recv in src/backend/utils/adt/arrayfuncs.c of its source.
    """
    lengths = pack(f">{len(items)}i", *map(len, items))
    parts = [part for index, item in enumerate(items) for part in (lengths[4 * index : 4 * index + 4], item)]
    return pack(">5i", 1, 0, _TEXT, len(items), 1) + b"".join(parts)


def _said(revision: Revision, variables: bytes) -> dict[str, object]:
    """What is small of a save, by the names of the parameters; ``variables``: as the server gets them."""
    claim = revision.claim
    return {
        "strategy": claim.strategy,
        "epoch": claim.epoch,
        "start_id": claim.start_id,
        "lease": claim.lease,
        "number": revision.number,
        "follows": revision.follows,
        "digest": digest_of_bytes(variables),
        "reason": revision.reason,
        "complete": revision.complete,
        "held_back": revision.held_back,
        "format": revision.format,
        "snapshot": revision.snapshot,
        "removed": revision.removed,
        "over": revision.over,
    }


def claimed(claim: Claim) -> dict[str, bytes]:
    """What all saves of a claim say, as texts by the names of the parameters."""
    return {
        "strategy": claim.strategy.encode(),
        "epoch": b"%d" % claim.epoch,
        "start_id": claim.start_id.encode(),
        "lease": repr(claim.lease).encode(),
    }


def save(revision: Revision, patience: float, of_claim: Mapping[str, bytes]) -> dict[str, bytes]:
    """The parameters of ``save`` as texts.

    Args:
        revision: which.
        patience: in seconds.
        of_claim: what ``claimed`` says of its claim.
    """
    variables, changed = _encoded(revision)
    return {
        **of_claim,
        "patience": milliseconds(patience).encode(),
        "number": b"%d" % revision.number,
        "follows": b"%d" % revision.follows,
        "variables": variables,
        "digest": digest_of_bytes(variables).encode(),
        "reason": revision.reason.encode(),
        "complete": b"t" if revision.complete else b"f",
        "held_back": revision.held_back.encode(),
        "format": b"%d" % revision.format,
        "snapshot": b"t" if revision.snapshot else b"f",
        "changed": changed,
        "removed": revision.removed.encode(),
        "over": revision.over.encode(),
    }


def renewal(leases: Sequence[Renewing], patience: float) -> dict[str, object]:
    """The parameters of ``renew``; ``patience`` in seconds."""
    return {
        "patience": milliseconds(patience),
        "strategies": [held.claim.strategy for held in leases],
        "epochs": [held.claim.epoch for held in leases],
        "start_ids": [held.claim.start_id for held in leases],
        "numbers": [held.acknowledged for held in leases],
        "leases": [held.claim.lease for held in leases],
    }


def resolve(revision: Revision) -> dict[str, object]:
    """The parameters of ``resolve``."""
    return {
        "strategy": revision.claim.strategy,
        "revision": revision.number,
        "numbers": [resolution.number for resolution in revision.resolves],
        "fates": [resolution.fate.value for resolution in revision.resolves],
        "saids": [resolution.said for resolution in revision.resolves],
    }


def ask(strategy: str, edit: Edit, refused: str, patience: float) -> dict[str, object]:
    """The parameters of ``ask``; ``patience`` in seconds."""
    return {
        "patience": milliseconds(patience),
        "strategy": strategy,
        "token": edit.token,
        "author": edit.author,
        "note": edit.note,
        "change": edit.change.to_json(),
        "format": edit.format,
        "fate": (Fate.REFUSED if refused else Fate.OPEN).value,
        "said": refused,
    }


def asked(row: Sequence[Any]) -> Asked:
    """A row of ``edits``."""
    return asked_from(row, _EPOCH + timedelta(microseconds=row[6]))


def waiting(text: str | bytes | None) -> tuple[Edit, ...]:
    """The edits that a save or a renewal brings back, in their order."""
    return () if text is None else tuple(edit_from(row) for row in sorted(json.loads(text)))


def milliseconds(seconds: float) -> str:
    """As the setting lock_timeout takes it."""
    return str(round(seconds * 1000))
