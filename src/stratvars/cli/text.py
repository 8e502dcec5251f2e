"""Text of a user made safe for a terminal, and lists of names made into sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

_LEAST_LIKE = 0.6


def escape(text: str) -> str:
    r"""``text`` with every character that cannot be seen written as in Python: ``\n``, ``\x1b``, ``\u202e``.

    A name may hold anything: unescaped, it could move the cursor, turn the reading direction or break a table.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def one_line(text: str) -> str:
    """``text`` on one line, escaped."""
    return escape(" ".join(text.split()))


def close_to(word: str, names: Iterable[str]) -> list[str]:
    """The names that ``word`` was most probably meant to be; capitals do not matter."""
    likeness = {name: SequenceMatcher(None, word.casefold(), name.casefold()).ratio() for name in names}
    best = max(likeness.values(), default=0.0)
    return [name for name, like in likeness.items() if like >= max(best, _LEAST_LIKE)]


def either(names: Sequence[str]) -> str:
    """``a``, ``a or b``, ``a, b or c``."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
