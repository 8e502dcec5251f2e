"""A demonstration: a strategy is killed again and again, and comes back each time with exactly the state it had.

A moving-average strategy with a small pretended broker trades thirteen years of real daily prices in a
process of its own, twice: once left alone, once killed with SIGKILL at random moments. Both must end the same.

Without a database it uses SQLite in a temporary folder, and nothing is left. In a database of yours it makes the table
``stratvars_demo`` and the two beside it, touches no other, and leaves there the last states and their history.

``strategy.py`` is the example to read; ``broker.py`` and ``prices.py`` are its world. ``child.py`` runs it,
``process.py`` and ``messages.py`` start it and listen to it, ``strikes.py`` chooses the moments, ``play.py``
plays the two runs, ``compare.py`` sets one against the other, ``screen.py`` shows it, ``stage.py`` is the whole.
"""

from __future__ import annotations

__all__ = ["TABLE", "run"]

TABLE = "stratvars_demo"
"""Where the states are saved: never among the strategies of a user."""


def run(seed: int | None, kills: int, db: str | None) -> int:
    """Play the demonstration, show it on the terminal, and say whether it proved its point.

    Args:
        seed: fixes on which days the strategy is killed; None for another choice each time. It is printed.
        kills: how often the strategy is killed, at most as often as there are days.
        db: the URL of a database to use, in which the saved states stay; None for ``DB_CONNECTION_STR`` from the
            environment or ``.env``, and where that is not set for SQLite in a temporary folder.

    Returns:
        0 when the killed run ended exactly as the one left alone; 1 when anything differs or a run failed.

    Raises:
        UsageError: there cannot be that many kills, or the URL cannot be used.
        UnavailableError: the database cannot be used.
    """
    # Imported here, because a command line that only asks for help should not load a progress bar.
    from stratvars.demo.stage import perform

    return perform(seed=seed, kills=kills, db=db)
