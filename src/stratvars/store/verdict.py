"""What becomes of a revision or of a start, judged by what the store holds at that moment. Pure.

The row must have been read under the lock under which the answer is then written: a row read beside the write may be
older than a commit that is just landing, and the verdict would be wrong.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from stratvars.outcome import Fenced, Outcome, Saved, WentBack
from stratvars.revision import LEASE, Claim, Holder, Renewing, Revision


class Found(NamedTuple):
    """The writers' row of a strategy."""

    epoch: int
    revision: int
    start_id: str
    owner: str
    stamp: str = ""
    left: float = 0.0
    lease: float = LEASE
    digest: str = ""
    """Of the current state, as the last save left it; empty before the first one, and where it is not needed."""
    open_edits: int = 0
    crashed: bool = True
    """What was saved last may be a crash; also where nobody looked."""

    @property
    def holder(self) -> Holder:
        """Who holds the strategy."""
        return Holder(self.epoch, self.owner, self.start_id, self.stamp, self.left, self.lease)


def judge(revision: Revision, found: Found | None) -> Outcome | None:
    """The answer to a save, or None when the revision is to be written now."""
    claim = revision.claim
    if found is None:
        return WentBack(0, 0)
    mine = found.epoch == claim.epoch and found.start_id == claim.start_id
    if found.epoch > claim.epoch or (found.epoch == claim.epoch and not mine):
        return Fenced(found.holder)
    if mine and found.revision >= revision.number:
        return Saved(revision.number)  # it landed before, and only the answer was lost
    if mine and found.revision == revision.follows:
        return None
    return WentBack(found.epoch, found.revision)


def judge_renewal(held: Renewing, found: Found | None) -> Fenced | WentBack | None:
    """The answer to a renewal, or None when it is to be written now."""
    claim = held.claim
    if found is None:
        return WentBack(0, 0)
    mine = found.epoch == claim.epoch and found.start_id == claim.start_id
    if not mine and found.epoch >= claim.epoch:
        return Fenced(found.holder)
    # More than was acknowledged may be there: a save whose answer was lost.
    return None if mine and found.revision >= held.acknowledged else WentBack(found.epoch, found.revision)


def grant(found: Found | None, wanted: Claim, take_over: Holder | None) -> Claim | Holder:
    """The answer to an acquire; see ``Store.acquire``. A claim of another epoch than the row's is to be written.

    Args:
        found: the row.
        wanted: the claim, with what its epoch and revision are to be above.
        take_over: from whom it may be taken.
    """
    known = found or Found(0, 0, "", "")
    given = replace(wanted, open_edits=known.open_edits, crashed=known.crashed)
    mine = known.start_id == wanted.start_id
    if mine and known.epoch > wanted.epoch:
        return replace(given, epoch=known.epoch, revision=known.revision)
    if known.owner and not mine and not _is_released(known.holder, take_over):
        return known.holder
    return replace(given, epoch=max(known.epoch, wanted.epoch) + 1, revision=max(known.revision, wanted.revision))


def _is_released(holder: Holder, take_over: Holder | None) -> bool:
    # One that renewed since it was looked at lives, whatever its lease said then.
    return take_over == holder and take_over.stamp in {"", holder.stamp}
