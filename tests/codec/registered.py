"""Named tuples, classes of no special kind and classes derived from builtins, registered for the tests."""

from __future__ import annotations

from collections import namedtuple
from typing import Any, Generic, NamedTuple, NoReturn, Self, TypeVar

from stratvars.codec import register

T = TypeVar("T")


@register
class Quote(NamedTuple):
    bid: object
    ask: object = None


Fill: Any = register(namedtuple("Fill", "price size", defaults=[1]))  # noqa: PYI024 - the untyped kind is stored too


@register
class Empty(NamedTuple):
    pass


@register
class Pair(NamedTuple, Generic[T]):
    left: T
    right: T


@register
class Spread(namedtuple("SpreadFields", "near far")):  # noqa: PYI024 - the usual way to give one methods
    """Neither its constructor nor its iterator may run when it is stored and read."""

    __slots__ = ()

    def __new__(cls, near: object, far: object) -> Self:
        return super().__new__(cls, near, (far, "made"))

    def __iter__(self) -> NoReturn:
        raise AssertionError("user code")


class Basket:
    """Known by its identity and changed at will."""

    def __init__(self, item: object, note: object = None) -> None:
        self.item = item
        self.note = note


register(Basket, to_state=vars, from_state=lambda state: Basket(**state))


class Money:
    """Compared by what it holds, which stands in slots."""

    __slots__ = ("amount", "currency")

    def __init__(self, amount: object, currency: str) -> None:
        self.amount = amount
        self.currency = currency

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and (self.amount, self.currency) == (other.amount, other.currency)

    def __hash__(self) -> int:
        return hash((self.amount, self.currency))


register(Money, to_state=lambda money: (money.amount, money.currency), from_state=lambda state: Money(*state))


class Prices(list[object]):
    """A list with a method more."""

    def last(self) -> object:
        return self[-1]


class Ticker(str):
    __slots__ = ()


class Defaults(dict[object, object]):
    def __missing__(self, key: object) -> object:
        return self.setdefault(key, [])


register(Prices, to_state=list, from_state=Prices)
register(Ticker, to_state=str, from_state=Ticker)
register(Defaults, to_state=dict, from_state=Defaults)
