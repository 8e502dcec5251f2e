"""A state as one JSON text: joined from the texts of its variables, split into them again, and known by its digest.

No text is read here beyond its borders: what a variable holds is the codec's matter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final

import msgspec

from stratvars.errors import UndecodableError

# json.dumps with an option makes an encoder for each call, which takes longer than a whole save's other texts.
as_json = json.JSONEncoder(ensure_ascii=False).encode
"""The text of plain names and reasons; what is not ASCII stays as it is."""


class _NameTexts(dict[str, str]):
    """How a member of each name begins. The same names stand in every state. Any thread may look one up."""

    def __missing__(self, name: str) -> str:
        if len(self) >= _MOST_NAMES:
            self.clear()
        text = self[name] = as_json(name) + ":"
        return text


_MOST_NAMES: Final = 10_000
_name_texts: Final = _NameTexts()


def digest_of(text: str) -> str:
    """SHA-256 of the text's UTF-8 bytes, in hexadecimal; of what was no UTF-8 (PEP 383), of the bytes as they were."""
    return digest_of_bytes(text.encode(errors="surrogateescape"))


def digest_of_bytes(text: bytes) -> str:
    """The same of a text that is encoded already."""
    return hashlib.sha256(text).hexdigest()


def join_texts(texts: Mapping[str, str]) -> str:
    """One JSON object from the JSON text of each member, in their order."""
    if not texts:
        return "{}"
    parts = ["{"]
    for name, text in texts.items():  # not text by text: one of a megabyte is to be copied once
        parts += (_name_texts[name], text, ",")
    parts[-1] = "}"
    return "".join(parts)


def split_texts(variables: str) -> dict[str, str]:
    """The JSON text of each member of a JSON object, byte for byte and in their order.

    Raises:
        UndecodableError: it is not one JSON object, or names a variable twice.
    """
    try:
        members = msgspec.json.decode(variables, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise UndecodableError("", f"the stored variables are not one JSON object: {error}") from error
    texts = {name: bytes(raw).decode() for name, raw in members.items()}
    # It is as short as can be: only the text of another hand is longer, and one that names a variable twice is.
    shortest = sum(map(len, texts)) + sum(map(len, texts.values())) + 4 * len(texts) + 1
    if shortest != len(variables) and len(join_texts(texts)) < len(variables):
        _check_names(variables)
    return texts


def _check_names(variables: str) -> None:
    found: list[list[tuple[str, object]]] = []
    try:
        json.loads(variables, object_pairs_hook=found.append)
    except RecursionError:
        raise UndecodableError("", "the stored variables are nested too deeply") from None
    names = [name for name, _ in found[-1]]  # the outermost object ends last
    for name in sorted({name for name in names if names.count(name) > 1}):
        raise UndecodableError(name, "the stored variables name it twice; remove one of them")
