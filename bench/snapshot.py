"""What a save costs while somebody else keeps a snapshot open, so that nothing that was written over is cleared away.

Two databases of one server take as many saves each; only one of them has a snapshot open.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
from frame import Row, Scale, compared, race, run
from places import bare_postgres, opened, server
from states import five, text_of

SAVES = 25_000
LIMIT = 2.0


def held_back(scale: Scale) -> Iterator[Row]:
    many = 500 if scale.is_quick else SAVES
    with server() as made:
        held_url, free_url = made.create_database(), made.create_database()
        with (
            closing(psycopg.connect(held_url)) as reader,
            bare_postgres(held_url) as held_bare,
            bare_postgres(free_url) as free_bare,
            closing(opened(held_url)) as held,
            closing(opened(free_url)) as free,
        ):
            held.vars.update(five(0))
            held.save()
            reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            reader.execute("SELECT count(*) FROM vars_backup")
            for number in range(many):
                for backup, bare in ((held, held_bare), (free, free_bare)):
                    backup.vars.update(five(number))
                    backup.save()
                    bare.write(text_of(five(number)))

            def prepare(number: int) -> None:
                held.vars.update(five(number))
                free.vars.update(five(number))

            text = text_of(five(0))
            times = race(
                {
                    "held": held.save,
                    "free": free.save,
                    "held bare": lambda: held_bare.write(text),
                    "free bare": lambda: free_bare.write(text),
                },
                rounds=scale.rounds,
                prepare=prepare,
            )
    bare = times["held bare"].median / times["free bare"].median
    yield compared(
        "9",
        f"a save, a snapshot open elsewhere for {many:,} saves",
        "the same without it",
        LIMIT,
        (times["held"], times["free"]),
        beside=f"a bare upsert there {bare:.3g}x of one without",
    )


if __name__ == "__main__":
    run(__file__, held_back)
