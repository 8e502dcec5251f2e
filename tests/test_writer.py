"""The writer's thread outlives every error, or nothing would be saved any more."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from stratvars.lane import Lane, Offer
from stratvars.revision import Claim, Holder, Reason, State
from stratvars.store.memory import MemoryStore
from stratvars.writer import Writer


class Unforeseen(MemoryStore):
    """A store that went back, and in which the next acquire fails as nobody thought of."""

    failures = 0

    def acquire(self, *arguments: Any, **options: Any) -> Claim | Holder:
        if self.failures > 0:
            self.failures -= 1
            raise LookupError("sk-canary")
        return super().acquire(*arguments, **options)


def test_an_unforeseen_error_while_starting_over_is_tried_again_and_shows_no_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Unforeseen()
    store.prepare("vars_backup")
    lost = Claim("vars_backup", "bot", "start-1", "me", 3, 7)  # of this claim the store knows nothing
    store.failures = 2
    with closing(Writer(store)) as writer:
        lane = Lane(lost, State({"x": "1"}), 1)
        writer.attach(lane)
        ticket = writer.offer(lane, Offer(State({"x": "2"}), Reason.ITERATION, complete=True))
        assert writer.wait(lane, ticket, 10)
    assert store.failures == 0
    stored = store.current("vars_backup", "bot")
    assert stored is not None
    assert stored.variables == '{"x":2}'
    assert "LookupError" in caplog.text
    assert "sk-canary" not in caplog.text
