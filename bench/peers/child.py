"""One contender in its own environment: does what it is told in a line, and answers with the seconds that took.

Arguments: its name, a folder, the URL of an empty PostgreSQL database. Lines: ``state five``, ``save``, ``restore``.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from contenders import is_alike, made  # noqa: E402 - found by the line above
from states import five, nested, thousand  # noqa: E402 - as above


def main() -> None:
    name, folder, url = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")  # what a peer prints goes elsewhere
    os.dup2(2, 1)
    contender = made(name, Path(folder), url)
    number, state = 0, five(0)

    def answer(text: str) -> None:
        answers.write(text + "\n")
        answers.flush()

    answer("ready")
    for line in sys.stdin:
        match line.split():
            case ["state", "five"]:
                state = five(0)
                answer("ok")
            case ["state", "thousand"]:
                state = thousand()
                answer("ok")
            case ["state", "megabyte"]:
                state = {"count": 0, "big": nested()}
                answer("ok")
            case ["save"]:
                number += 1
                state = {**state, next(iter(state)): number}
                started = time.perf_counter()
                contender.save(state)
                answer(str(time.perf_counter() - started))
            case ["restore"]:
                contender.close()
                started = time.perf_counter()
                found = contender.restore()
                took = time.perf_counter() - started
                answer(f"{took} {int(is_alike(found, state))}")
    answer("end")
    os._exit(0)  # some peers have threads that wait


if __name__ == "__main__":
    main()
