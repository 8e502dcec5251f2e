"""Several crashes in a row: what the start line says about them, and the command that goes back.

A crash saves the state at that moment, and that is what a restart goes on from. Where the state itself is the cause,
each restart crashes again; then the last completed iteration is the place to go back to.
"""

from __future__ import annotations

from typing import Final

from stratvars.commands import Commands
from stratvars.revision import Landmark, Stored

IN_A_ROW: Final = 3
"""From so many crashes on the start line speaks of them."""


def about_crashes(stored: Stored, commands: Commands) -> str:
    """The part of the start line about crashes in a row; it ends with the command, which holds no password."""
    crashed = f"crashed {stored.crashes} times in a row"
    if stored.completed == 0:
        return f"{crashed}, and never completed an iteration"
    first = commands.first and f", {commands.first}"
    return (
        f"{crashed} since the last completed iteration (revision {stored.completed}): to go back to it, stop "
        f"this{first} and run: {commands.show('rewind', stored.strategy, f'--to {Landmark.LAST_ITERATION}')}"
    )
