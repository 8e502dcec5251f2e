from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stratvars.demo.broker import Order, Side
from stratvars.demo.compare import compare
from stratvars.demo.messages import Restored, Saved, Sending
from stratvars.demo.play import Played, Restart

END = Restored(
    day=3,
    last_date=date(2000, 3, 3),
    dates_checksum=77,
    position=12,
    cash=Decimal("10.50"),
    trade_count=1,
    digest="third",
)
ALONE = Played(
    end=END,
    restarts=[],
    saved=[Saved(0, "none"), Saved(1, "first"), Saved(2, "second"), Saved(3, "third")],
    orders=[Order("2000-03-02-buy", Side.BUY, 12, Decimal("4.5"))],
)


def back(day: int, digest: str) -> Restored:
    return msgspec.structs.replace(END, day=day, digest=digest)


KILLED = replace(
    ALONE,
    restarts=[Restart(1, None, back(1, "first")), Restart(1, Sending("2000-03-02-buy", Side.BUY), back(2, "second"))],
    saved=[Saved(0, "none"), Saved(1, "first"), Saved(1, "first"), Saved(2, "second"), Saved(3, "third")],
)


def wrong(killed: Played, alone: Played = ALONE, checksum: int = 77) -> set[str]:
    return {line.label for line in compare(alone, killed, checksum) if not line.right}


def test_a_killed_run_that_ended_as_the_one_left_alone_is_right_in_every_line() -> None:
    assert wrong(KILLED) == set()


@pytest.mark.parametrize(
    ("field", "value", "label"),
    [
        ("position", 13, "position"),
        ("cash", Decimal("10.500000000000000001"), "cash"),
        ("cash", Decimal("10.5"), "cash"),
        ("trade_count", 2, "trade count"),
        ("day", 2, "days seen"),
        ("last_date", date(2000, 3, 2), "last day"),
        ("dates_checksum", 78, "each day once, in order"),
        ("digest", "other", "all variables (digest)"),
    ],
)
def test_a_difference_in_the_state_at_the_end_shows(field: str, value: Any, label: str) -> None:
    end = msgspec.structs.replace(END, **{field: value})

    assert label in wrong(replace(KILLED, end=end))


def sent_twice(orders: list[Order]) -> list[Order]:
    return [*orders, *orders]


def never_sent(orders: list[Order]) -> list[Order]:
    return orders[1:]


def other_price(orders: list[Order]) -> list[Order]:
    return [replace(orders[0], price=Decimal("4.50"))]


@pytest.mark.parametrize(
    ("change", "labels"),
    [
        (sent_twice, {"orders sent", "orders sent twice"}),
        (never_sent, {"orders sent", "orders never sent", "all orders (digest)"}),
        (other_price, {"all orders (digest)"}),
    ],
)
def test_a_difference_in_the_brokers_books_shows(
    change: Callable[[list[Order]], list[Order]], labels: set[str]
) -> None:
    assert wrong(replace(KILLED, orders=change(list(ALONE.orders)))) == labels


def test_a_day_that_ended_in_another_state_shows_even_when_the_end_is_the_same() -> None:
    saved = [Saved(1, "first"), Saved(2, "other"), Saved(3, "third")]

    assert wrong(replace(KILLED, saved=saved)) == {"days in another state"}


def test_a_restored_state_that_is_not_the_one_of_its_day_shows() -> None:
    restarts = [Restart(2, None, back(2, "first"))]

    assert wrong(replace(KILLED, restarts=restarts)) == {"days in another state"}


def test_a_saved_day_that_was_lost_shows_even_when_it_was_done_again() -> None:
    restarts = [Restart(2, None, back(1, "first"))]

    assert wrong(replace(KILLED, restarts=restarts)) == {"saved days lost"}


def test_a_mistake_that_both_runs_share_shows() -> None:
    assert wrong(KILLED, checksum=78) == {"each day once, in order"}
    twice = replace(ALONE, orders=sent_twice(list(ALONE.orders)))
    assert wrong(replace(KILLED, orders=twice.orders), alone=twice) == {"orders sent twice"}
    unsent = replace(ALONE, orders=[])
    assert wrong(replace(KILLED, orders=[]), alone=unsent) == {"orders expected"}
