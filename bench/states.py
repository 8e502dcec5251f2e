"""The states that are saved: five small variables, a thousand, and a megabyte of three kinds."""

from __future__ import annotations

import json
from random import Random
from typing import Any

MEGABYTE = 1_000_000


def chance(seed: int) -> Random:
    """The same in every run."""
    return Random(seed)  # noqa: S311 - it makes up prices


def five(number: int) -> dict[str, Any]:
    """Five small variables, all of them others for each number."""
    side = "long" if number % 2 else "short"
    return {
        "trade_count": number,
        "last_price": 102.5 + number * 0.25,
        "side": f"{side}-{number}",
        "stop": 99.75 - number * 0.25,
        "armed": number % 2 == 0,
    }


def thousand() -> dict[str, Any]:
    """A thousand scalars, 22 KB of text."""
    random = chance(1)
    return {f"v{number}": round(random.uniform(1, 500), 8) for number in range(1000)}


def hundred() -> dict[str, Any]:
    """A hundred, of all kinds that bots keep: numbers, texts, small lists and positions."""
    random = chance(2)
    position = {"qty": 100, "price": 102.5, "side": "buy"}
    makers = (
        lambda: random.uniform(1, 500),
        lambda: random.randrange(10**6),
        lambda: f"order-{random.random()}",
        lambda: [random.uniform(1, 500) for _ in range(5)],
        lambda: {**position, "stop": random.uniform(90, 110)},
    )
    return {f"v{number}": makers[number % len(makers)]() for number in range(100)}


def nested() -> Any:
    """A megabyte of nested dicts, with much that repeats."""
    random = chance(3)
    return _grown(
        lambda number: {
            "symbol": f"SYM{number}",
            "qty": random.randrange(500),
            "price": random.uniform(1, 500),
            "order": f"{random.getrandbits(64):016x}",
            "legs": [{"strike": float(random.randrange(90, 110)), "right": "put", "filled": True} for _ in range(2)],
        }
    )


def floats() -> Any:
    """A megabyte of prices."""
    random = chance(4)
    return _grown(lambda _: random.uniform(1, 500))


def incompressible() -> Any:
    """A megabyte of texts that no compression makes shorter."""
    random = chance(5)
    letters = [chr(code) for code in range(33, 127) if chr(code) not in '"\\']
    return _grown(lambda _: "".join(random.choices(letters, k=1000)))


def _grown(make: Any) -> list[Any]:
    items: list[Any] = []
    size = 0
    while size < MEGABYTE:
        items.append(make(len(items)))
        size += len(json.dumps(items[-1])) + 2
    return items


def text_of(values: dict[str, Any]) -> str:
    """What a bare yardstick is given."""
    return json.dumps(values, separators=(",", ":"))
