"""What large states cost when one small variable of them changes, beside a bare upsert of the whole text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

from floors import looking, uncompressed
from frame import Row, Scale, compared, floor_of, race, run
from places import bare_postgres, distant_database, opened
from states import floats, incompressible, nested, text_of, thousand

_KINDS = (("nested dicts", nested, 0.4), ("floats", floats, 0.25), ("incompressible texts", incompressible, 1.2))


def thousand_variables(scale: Scale) -> Iterator[Row]:
    yield _row("4", "1,000 variables, 22 KB, one changes", 1.1, thousand, changing="v500", scale=scale)


def megabytes(scale: Scale) -> Iterator[Row]:
    for name, make, limit in _KINDS:
        for uses in (False, True):
            work = f"1 MB of {name}, " + ("read in each iteration" if uses else "one small variable changes")
            yield _row("5", work, limit, partial(_counted, make), changing="count", scale=scale, uses=uses)


def _counted(make: Callable[[], Any]) -> dict[str, Any]:
    return {"count": 0, "big": make()}


def _row(
    number: str,
    work: str,
    limit: float,
    make: Callable[[], dict[str, Any]],
    *,
    changing: str,
    scale: Scale,
    uses: bool = False,
) -> Row:
    values = make()
    with (
        distant_database() as url,
        bare_postgres(url) as bare,
        uncompressed(url) as floor,
        closing(opened(url)) as backup,
    ):
        backup.vars.update(make())  # which nobody else has
        text = ""

        def prepare(step: int) -> None:
            nonlocal text
            values[changing] = backup.vars[changing] = step
            text = text_of(values)
            if uses:
                backup.vars.all()

        look = looking(values, floor)
        times = race(
            {
                "bare": lambda: bare.write(text),
                "ours": backup.save,
                "floor": lambda: floor(text),
                "look": lambda: look(text),
            },
            rounds=scale.rounds,
            warm_up=min(scale.warm_up, 30),
            prepare=prepare,
        )
    looked = times["look"].median / times["bare"].median
    return compared(
        number,
        work,
        "bare upsert, default storage",
        limit,
        (times["ours"], times["bare"]),
        floor=floor_of(times["floor"], times["bare"], beside=f"with marshal's look and SHA-256 {looked:.3g}x"),
    )


if __name__ == "__main__":
    run(__file__, thousand_variables, megabytes)
