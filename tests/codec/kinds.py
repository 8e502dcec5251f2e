"""Which types a text speaks of, so that a long run can tell that it met all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from catalogue import golden

_WITH_A_NAME = frozenset({"$numpy", "$array", "$pandas"})
_NAME = re.compile(r"[<>]?([USV](?=[0-9])|[A-Za-z0-9]+)")


def kinds_of(text: str) -> set[str]:
    """Return the types in a text: what JSON knows, the tags, and after some of these what numpy or pandas calls it."""
    return set(_kinds_in(json.loads(text)))


def _kinds_in(tree: Any) -> Iterator[str]:
    if isinstance(tree, list):
        yield "list"
        for item in tree:
            yield from _kinds_in(item)
    elif isinstance(tree, dict):
        for key, item in tree.items():
            yield _with_name(key, item) if key[:1] == "$" else "dict"
            yield from _kinds_in(item)
    else:
        yield type(tree).__name__


def _with_name(tag: str, payload: Any) -> str:
    if tag not in _WITH_A_NAME:
        return tag
    name = payload[0]
    found = _NAME.match(name) if isinstance(name, str) else None
    # The dtype of records is a list of fields, that of texts with options is an object.
    unnamed = "record" if isinstance(name, list) else "options"
    return f"{tag} {unnamed if found is None else found[1]}"


ALL = frozenset(kind for text in golden().values() for kind in kinds_of(text))
"""Those of every type that can be stored: tests/codec/test_codec_golden.py sees to it that none is missing."""
