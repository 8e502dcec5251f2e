"""What it costs to see a change and to write and read values, as ratios of the json module on the same values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from frame import Row, Scale, compared, nothing, race, run
from states import chance

from stratvars import Vars
from stratvars.capture import Capture
from stratvars.codec import decode, encode
from stratvars.vars import replace_all

NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class Contest:
    """Work of ours beside a yardstick. ``prepare`` is called before each timing, outside of it."""

    work: str
    yardstick: str
    target: float
    prepare: Callable[[int], object]
    ours: Callable[[], object]
    theirs: Callable[[], object]


def scalars() -> dict[str, Any]:
    random = chance(1)
    makers = (lambda: random.uniform(1, 500), lambda: random.randrange(10**6), lambda: f"order-{random.random()}")
    return {f"v{number}": makers[number % 3]() for number in range(100)}


def mixed() -> dict[str, Any]:
    random = chance(2)

    def one(number: int) -> Any:
        match number % 5:
            case 0:
                return {"qty": random.randrange(100), "price": random.uniform(1, 500), "side": "buy", "open": True}
            case 1:
                return [random.uniform(1, 500) for _ in range(5)]
            case 2:
                return random.uniform(1, 500)
            case 3:
                return random.randrange(10**6)
            case _:
                return f"order-{random.randrange(10**9)}"

    return {f"v{number}": one(number) for number in range(1000)}


def bot(seed: int) -> dict[str, Any]:
    """The state of a bot, 19 KB of text: prices, bars, nested positions, orders, a set of ids."""
    random = chance(seed)
    start = datetime(2026, 11, 2, 14, 30, tzinfo=UTC) + timedelta(microseconds=random.randrange(10**6))

    def money() -> Decimal:
        return Decimal(random.randrange(100, 10**7)).scaleb(-2)

    def moment() -> datetime:
        return start + timedelta(seconds=random.randrange(10**6))

    def position() -> dict[str, Any]:
        legs = [
            {"strike": random.uniform(90, 110), "right": "put", "expiry": date(2026, 12, 18), "fill": money()}
            for _ in range(2)
        ]
        opened = moment().astimezone(NEW_YORK)
        return {"qty": random.randrange(1, 500), "cost": money(), "opened": opened, "stop": None, "legs": legs}

    return {
        "trade_count": random.randrange(10**6),
        "last_price": random.uniform(1, 500),
        "halted": seed % 2 == 0,
        "mode": f"live-{seed}",
        "cash": money(),
        "last_seen": moment(),
        "prices": [random.uniform(90, 110) for _ in range(270)],
        "bars": [[moment(), *(random.uniform(90, 110) for _ in range(4)), random.randrange(10**6)] for _ in range(40)],
        "positions": {f"SYM{number}": position() for number in range(16)},
        "orders": [
            {"id": f"{random.getrandbits(64):016x}", "sent": moment(), "limit": money(), "filled": random.random()}
            for _ in range(20)
        ],
        "seen": {f"{random.getrandbits(48):012x}" for _ in range(60)},
    }


class Watched:
    """Variables, and the capture that a backup of them has."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.vars = Vars(values)
        self.capture = Capture(self.vars, {})
        for _ in range(3):
            self.capture.take()


def of_scalars() -> Contest:
    watched = Watched(scalars())
    values = watched.vars.all()
    return Contest(
        "100 scalar variables, nothing changed: find that out",
        "json.dumps",
        0.1,
        nothing,
        watched.capture.take,
        lambda: json.dumps(values),
    )


def of_mixed() -> Contest:
    watched = Watched(mixed())
    values = watched.vars.all()

    def change(number: int) -> None:
        values[f"v{number % 200 * 5}"]["qty"] += 1

    return Contest(
        "1,000 mixed variables, one changed in place: find it, encode it",
        "json.dumps",
        0.25,
        change,
        watched.capture.take,
        lambda: json.dumps(values),
    )


def of_bot() -> Contest:
    states = bot(0), bot(1)
    watched = Watched(states[0])

    def change(number: int) -> None:
        replace_all(watched.vars, states[(number + 1) % 2])

    return Contest(
        f"{len(json.dumps(states[0], default=str)) / 1000:.0f} KB of mixed state, all changed: encode it",
        "json.dumps(default=str)",
        1.0,
        change,
        watched.capture.take,
        lambda: json.dumps(watched.vars.all(), default=str),
    )


def of_reading() -> Contest:
    texts = {name: encode(value, name) for name, value in bot(0).items()}
    lossy = json.dumps(bot(0), default=str)

    def read() -> dict[str, object]:
        return {name: decode(text, name) for name, text in texts.items()}

    return Contest("the same state: decode it", "json.loads", 3.0, nothing, read, lambda: json.loads(lossy))


def of_floats(*, is_changing: bool) -> Contest:
    random = chance(3)
    prices = [random.uniform(1, 500) for _ in range(55_000)]
    watched = Watched({"prices": prices})

    def change(number: int) -> None:
        prices[number * 7919 % len(prices)] += 1.0

    return Contest(
        f"a list of 55,000 floats, {'one changed in place' if is_changing else 'unchanged'}",
        "json.dumps",
        0.2 if is_changing else 0.04,
        change if is_changing else nothing,
        watched.capture.take,
        lambda: json.dumps(prices),
    )


def contests() -> Iterator[Contest]:
    yield of_scalars()
    yield of_mixed()
    yield of_bot()
    yield of_reading()
    yield of_floats(is_changing=False)
    yield of_floats(is_changing=True)


def values(scale: Scale) -> Iterator[Row]:
    for contest in contests():
        times = race({"json": contest.theirs, "ours": contest.ours}, rounds=scale.rounds, prepare=contest.prepare)
        yield compared("", contest.work, f"`{contest.yardstick}`", contest.target, (times["ours"], times["json"]))


if __name__ == "__main__":
    run(__file__, values)
