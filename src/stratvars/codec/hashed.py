"""A bound on the time it takes to make a set or a dict of what a text holds.

The hash of a number is its remainder by a prime, so a text may hold as many numbers of one hash as it likes, and a set
of those compares each with each: for a megabyte of text that takes half a minute, for ten of them an hour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from stratvars.codec.paths import Refusal

_MOST = 1000


def require_spread(keys: Collection[Any]) -> None:
    """Raise Refusal if more than a thousand of these have the same hash."""
    if len(keys) <= _MOST:
        return
    try:
        most = max(Counter(map(hash, keys)).values())
    except Exception as error:  # noqa: BLE001 - the hash of a class of the user's may fail in any way
        raise Refusal(f"the hash of one of its {len(keys)} keys or elements raised {type(error).__name__}") from None
    if most > _MOST:
        raise Refusal(f"{most} of its keys or elements have one and the same hash; store them in a list instead")
