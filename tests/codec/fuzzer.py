"""A child process that alters stored texts again and again and keeps those that reach new code of the codec.

Standard input: a JSON object with the first texts, a seed, how many inputs and how many seconds, the memory it may take
and a file that always holds the input in hand. Standard output: what it met, as JSON.
"""

from __future__ import annotations

import contextlib
import json
import random
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TextIO

from stratvars import codec
from stratvars.codec.registry import TAGS
from stratvars.codec.tree import show
from stratvars.errors import UndecodableError, UnsavableError

CODE = str(Path(codec.__file__).parent)
NUMBERS: tuple[Any, ...] = (0, 1, -1, 2, 64, 255, 2**31, 2**63, -(2**63), 2**64, 10**12, 10**30, 0.5, -0.0, 1e308, True)
WORDS = (
    *("", "a", "nan", "NaT", "now", "O", "object", "V9999999999", "U500000000", "float64", ">int8", "StringDType"),
    *("datetime64[s]", "longdouble", "M", "999999999D", "B", "UTC", "../x", "2024-01-02T09:30:00", "AAAA", "\ud800"),
    *("python", "pyarrow", "fortran", "readonly", "right", "Timestamp", "DataFrame", "Index", "IntegerArray", "$tuple"),
    *("aligned", "record", "na_object", "coerce"),
    *TAGS,
)  # fmt: skip
SLOW = 10.0


class Coverage:
    """Steps from line to line in the code of the codec, seen while it is entered."""

    def __init__(self) -> None:
        self.seen: set[tuple[CodeType, int, int]] = set()
        self._last = 0

    def __enter__(self) -> None:
        sys.settrace(self._call)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, argument: object) -> Any:
        return self._line if frame.f_code.co_filename.startswith(CODE) else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        self.seen.add((frame.f_code, self._last, frame.f_lineno))
        self._last = frame.f_lineno
        return self._line


class Mutator:
    """Alters trees of JSON: parts of them are taken away, doubled, exchanged and replaced."""

    def __init__(self, chance: random.Random, corpus: list[Any]) -> None:
        self._chance = chance
        self._corpus = corpus

    def alter(self, tree: Any) -> Any:
        """Return a tree with one part altered."""
        if not isinstance(tree, (list, dict)) or not tree or self._chance.random() < 0.2:
            return self._other(tree)
        if isinstance(tree, dict):
            return self._alter_dict(tree)
        place = self._chance.randrange(len(tree))
        before, part, after = tree[:place], tree[place], tree[place + 1 :]
        kinds: list[Callable[[], list[Any]]] = [
            lambda: [*before, *after],
            lambda: [*before, part, part, *after],
            *[lambda: [*before, self.alter(part), *after]] * 6,
        ]
        return self._chance.choice(kinds)()

    def _alter_dict(self, tree: dict[str, Any]) -> Any:
        key = self._chance.choice(list(tree))
        altered = dict(tree)
        part = altered.pop(key)
        if self._chance.random() < 0.7:
            return {**tree, key: self.alter(part)}
        if self._chance.random() < 0.5:
            altered[self._chance.choice(WORDS)] = part
        return altered

    def _other(self, tree: Any) -> Any:
        kinds: list[Callable[[], Any]] = [
            lambda: self._chance.choice(NUMBERS),
            lambda: self._chance.choice(WORDS),
            lambda: self._chance.choice([None, [], {}, [tree], [tree] * 3]),
            lambda: {self._chance.choice(sorted(TAGS)): tree},
            lambda: self._part_of(self._chance.choice(self._corpus)),
            lambda: self._cut(tree) if isinstance(tree, str) else self._nearby(tree),
        ]
        return self._chance.choice(kinds)()

    def _part_of(self, tree: Any) -> Any:
        while isinstance(tree, (list, dict)) and tree and self._chance.random() < 0.7:
            tree = self._chance.choice(tree if isinstance(tree, list) else list(tree.values()))
        return tree

    def _cut(self, text: str) -> str:
        place = self._chance.randrange(len(text) + 1)
        return text[:place] + self._chance.choice(["", "A", "0", "[", ".5", "\x00"]) + text[place + 1 :]

    def _nearby(self, tree: Any) -> Any:
        return tree + self._chance.choice([-1, 1]) if type(tree) in {int, float} else tree


def outcome_of(text: str) -> str:
    """Return what a text is: undecodable, or a value whose own text is read again."""
    with contextlib.suppress(UndecodableError):
        show(text)
    try:
        value = codec.decode(text, "v")
    except UndecodableError:
        return "refused"
    try:
        again = codec.encode(value, "v")
    except UnsavableError:
        return "refused again"
    if codec.encode(codec.decode(again)) != again:
        raise AssertionError(again)
    return "read"


def run(job: dict[str, Any], in_hand: TextIO) -> dict[str, Any]:
    """Run until the inputs or the seconds are used up, and tell what was met."""
    chance = random.Random(job["seed"])
    corpus = [json.loads(text) for text in job["texts"]]
    mutator, coverage = Mutator(chance, corpus), Coverage()
    counts = {"refused": 0, "refused again": 0, "read": 0}
    longest, until = 0.0, time.monotonic() + job["seconds"]
    with coverage:
        for text in job["texts"]:
            outcome_of(text)
    first = len(coverage.seen)
    for _ in range(job["inputs"]):
        tree = chance.choice(corpus if chance.random() < 0.5 else corpus[-50:])
        for _ in range(chance.randint(1, 4)):
            tree = mutator.alter(tree)
        text = json.dumps(tree)
        in_hand.seek(0)
        in_hand.truncate()
        in_hand.write(text)
        in_hand.flush()
        known, started = len(coverage.seen), time.monotonic()
        with coverage:
            counts[outcome_of(text)] += 1
        longest = max(longest, time.monotonic() - started)
        if len(coverage.seen) > known and len(text) < 20_000:
            corpus.append(tree)
        if time.monotonic() > until or longest > SLOW:
            break
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    found = {"first": first, "steps": len(coverage.seen), "kept": len(corpus) - len(job["texts"])}
    return {**counts, **found, "longest": longest, "memory": memory}


def main() -> None:
    """Read the job, limit the memory, run, and print what was met."""
    import pandas  # noqa: F401, ICN001 - before the limit, which is meant for what the texts make of it

    job = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (job["memory"], job["memory"]))
    warnings.simplefilter("ignore")
    with Path(job["in_hand"]).open("w", encoding="utf-8", errors="surrogatepass") as in_hand:
        print(json.dumps(run(job, in_hand)))


if __name__ == "__main__":
    main()
