"""A value that cannot be stored, and what is said of it."""

from __future__ import annotations

import pytest

from stratvars.codec import check, encode
from stratvars.errors import UnsavableError


def refusal_of(value: object, name: str = "v") -> UnsavableError:
    """What both refuse it with: the look at an assignment, and the encoder."""
    with pytest.raises(UnsavableError) as caught:
        encode(value, name)
    with pytest.raises(UnsavableError) as checked:
        check(value, name)
    assert (checked.value.path, checked.value.problem) == (caught.value.path, caught.value.problem)
    return caught.value
