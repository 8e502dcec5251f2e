"""The bot that is killed: 8 KB of state in forty variables under one checksum, and a line on stdout for each step.

``restored N ok`` at the start, ``try N`` when the iteration has made state N, ``acked N`` when its backup returned.
"""

from __future__ import annotations

import hashlib
import os
import sys
import warnings

from stratvars import Strategy

PIECES = 40


def say(*words: object) -> None:
    """One unbuffered write: what was said was said, whenever the process dies."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def piece(number: int, index: int) -> str:
    return hashlib.sha512(f"{number}:{index}".encode()).hexdigest() + "." * 60


def checksum(values: list[str]) -> str:
    return hashlib.sha256("".join(values).encode()).hexdigest()


class Victim(Strategy):
    sleeptime = 0

    def before_starting_trading(self) -> None:
        number = self.vars.get("number", 0)
        pieces = [self.vars.get(f"piece_{index}", "") for index in range(PIECES)]
        whole = number == 0 or (
            pieces == [piece(number, index) for index in range(PIECES)]
            and self.vars.checksum == checksum(pieces)
            and self.vars.trail == list(range(max(1, number - 9), number + 1))
        )
        say("restored", number, "ok" if whole else "torn")

    def on_trading_iteration(self) -> None:
        number = self.vars.get("number", 0)
        if number:
            say("acked", number)
        number += 1
        self.vars.number = number
        for index in range(PIECES):
            self.vars[f"piece_{index}"] = piece(number, index)
        self.vars.checksum = checksum([piece(number, index) for index in range(PIECES)])
        self.vars.setdefault("trail", []).append(number)
        del self.vars.trail[:-10]
        say("try", number)


if __name__ == "__main__":
    warnings.simplefilter("error")
    Victim(name="victim", db_connection_str=sys.argv[1]).run()
