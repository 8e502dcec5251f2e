"""The members of a state that is stored as one text: each one's text, and its value."""

from __future__ import annotations

from typing import Any

from stratvars import codec
from stratvars.codec.tree import show
from stratvars.texts import split_texts


def read_members(variables: str) -> tuple[dict[str, str], dict[str, Any]]:
    """The text of each variable, byte for byte, and its value, in the stored order. Thread-safe.

    Raises:
        UndecodableError: it is not one JSON object, or a variable in it cannot be restored.
    """
    at_once = codec.decode_all(variables)
    if at_once is not None:
        return at_once
    texts = split_texts(variables)
    return texts, {name: codec.decode(text, name) for name, text in texts.items()}


def check_members(variables: str) -> None:
    """Raise ``UndecodableError`` where it cannot be read whatever the program registers or installs. Thread-safe."""
    for text in split_texts(variables).values():
        show(text)
