"""One value into one JSON text and back, exactly in value and type.

What JSON can say is written as plain JSON. Everything else stands in an *envelope*, an object with one key that
begins with ``$``: ``{"$tuple": [1, 2]}``, ``{"$decimal": "1.50"}``. A dict of the user that has such a key is
itself put into an envelope (``$dict``), so nothing a user stores can be mistaken for one.

Each family of types is one page of this package: how to write it, how to read it, how to show it, and at the
bottom the lines that register it. A new type is a copied page (``decimals.py`` is the shortest) and one more name
in the list of pages here.
"""

from __future__ import annotations

from stratvars.codec import (
    binary,
    containers,
    converted,
    dataclass_objects,
    decimals,
    deques,
    dict_kinds,
    enum_members,
    file_paths,
    more_numbers,
    named_tuples,
    numpy_arrays,
    numpy_records,
    numpy_scalars,
    pandas_arrays,
    pandas_frames,
    pandas_indexes,
    pandas_scalars,
    scalars,
    sets,
    times,
    uuids,
    zones,
)
from stratvars.codec.reading import decode, decode_all
from stratvars.codec.register import register
from stratvars.codec.writing import check, encode, is_immutable

__all__ = ["FORMAT", "check", "decode", "decode_all", "encode", "is_immutable", "register"]

FORMAT: int = 1
"""The version of the text. It rises when a text is written that an older reader would get wrong."""

PAGES = (
    binary,
    containers,
    converted,
    dataclass_objects,
    decimals,
    deques,
    dict_kinds,
    enum_members,
    file_paths,
    more_numbers,
    named_tuples,
    numpy_arrays,
    numpy_records,
    numpy_scalars,
    pandas_arrays,
    pandas_frames,
    pandas_indexes,
    pandas_scalars,
    scalars,
    sets,
    times,
    uuids,
    zones,
)
"""The pages; importing one registers its types and tags."""
