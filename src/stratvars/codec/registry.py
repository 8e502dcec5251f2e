"""The tables in which every page of the codec registers its types and its tags.

An *encoder* makes a tree of plain JSON values out of a value, a *decoder* makes the value out of what an envelope
holds, a *shower* makes it readable without the user's classes. Each is told how many levels of containers it may
still open (``room``).

Types are looked up exactly: ``True`` is an int, numpy.float64 is a float and a namedtuple is a tuple to
``isinstance``, and each would come back as something else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from stratvars.codec.refused import refuse

Encoder: TypeAlias = Callable[[Any, int], Any]
Decoder: TypeAlias = Callable[[Any, int], Any]
Shower: TypeAlias = Callable[[Any, int], str]
Finder: TypeAlias = Callable[[type], Encoder | None]


@dataclass(frozen=True, slots=True)
class Tag:
    """How an envelope is read and shown."""

    decode: Decoder
    show: Shower


class _Encoders(dict[type, Encoder]):
    """Encoders by exact type; a type nobody registered is looked for in its package's family, else refused."""

    def __missing__(self, kind: type) -> Encoder:
        package = str(kind.__module__).partition(".")[0]
        find = FAMILIES.get(package)
        encoder = None if find is None else find(kind)
        if encoder is None:
            return refuse
        self[kind] = encoder
        return encoder


ENCODERS = _Encoders()
TAGS: dict[str, Tag] = {}
IMMUTABLE: set[type] = set()
FAMILIES: dict[str, Finder] = {}


def add_type(kind: type, encode: Encoder, *, immutable: bool = False) -> None:
    """Register how values of exactly this type are written, and whether one can ever change in place."""
    ENCODERS[kind] = encode
    if immutable:
        IMMUTABLE.add(kind)
    else:
        IMMUTABLE.discard(kind)


def add_tag(tag: str, decode: Decoder, show: Shower) -> None:
    """Register how the envelope ``{tag: ...}`` is read and shown."""
    TAGS[tag] = Tag(decode, show)


def add_family(package: str, find: Finder) -> None:
    """Register who knows the types of a package that is never imported in order to write a value."""
    FAMILIES[package] = find
