"""What becomes of a revision or of a start, judged by what the store holds at that moment. Pure.

The row must have been read under the lock under which the answer is then written: a row read beside the write may be
older than a commit that is just landing, and the verdict would be wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from stratvars.outcome import Fenced, Outcome, Renewal, Saved, WentBack
from stratvars.revision import LEASE, Claim, Holder, Revision


@dataclass(frozen=True, slots=True)
class Found:
    """The writers' row of a strategy."""

    epoch: int
    revision: int
    start_id: str
    owner: str
    stamp: str = ""
    left: float = 0.0
    lease: float = LEASE

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


def judge_renewal(claim: Claim, found: Found | None) -> Renewal | Fenced:
    """The answer to a renewal; ``RENEWED`` when it is to be written now."""
    if found is None or found.epoch < claim.epoch:
        return Renewal.LEFT  # the database went back: the next save notices, and writes everything again
    if found.epoch == claim.epoch and found.start_id == claim.start_id:
        return Renewal.RENEWED
    return Fenced(found.holder)


def grant(found: Found | None, wanted: Claim, take_over: Holder | None) -> Claim | Holder:
    """The answer to an acquire; see ``Store.acquire``. A claim of another epoch than the row's is to be written.

    Args:
        found: the row.
        wanted: the claim, with what its epoch and revision are to be above.
        take_over: from whom it may be taken.
    """
    known = found or Found(0, 0, "", "")
    mine = known.start_id == wanted.start_id
    if mine and known.epoch > wanted.epoch:
        return replace(wanted, epoch=known.epoch, revision=known.revision)
    if known.owner and not mine and not _is_released(known.holder, take_over):
        return known.holder
    epoch, revision = max(known.epoch, wanted.epoch) + 1, max(known.revision, wanted.revision)
    return replace(wanted, epoch=epoch, revision=revision)


def _is_released(holder: Holder, take_over: Holder | None) -> bool:
    # One that renewed since it was looked at lives, whatever its lease said then.
    return take_over == holder and take_over.stamp in {"", holder.stamp}
