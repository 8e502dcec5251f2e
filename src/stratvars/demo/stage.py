"""The demonstration from the first word to the exit code."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote
from zlib import crc32

from stratvars.database import Database, Scheme
from stratvars.demo import TABLE
from stratvars.demo.compare import compare
from stratvars.demo.play import Played, play
from stratvars.demo.prices import Price, load_prices
from stratvars.demo.process import ChildFailedError, Run
from stratvars.demo.screen import Screen, times
from stratvars.demo.strikes import choose_strikes
from stratvars.errors import UsageError
from stratvars.settings import DEFAULT_ORIGIN, resolve
from stratvars.store.opening import open_store


def perform(*, seed: int | None, kills: int, db: str | None) -> int:
    """See ``stratvars.demo.run``."""
    prices = load_prices()
    if not 0 <= kills <= len(prices):
        raise UsageError(
            f"the strategy cannot be killed {kills} times; choose a number from 0 to its {len(prices)} days"
        )
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    screen = Screen(prices)
    database = _chosen(db)
    with tempfile.TemporaryDirectory(prefix="stratvars-demo-") as folder:
        try:
            alone, killed = play_both(screen, prices, Path(folder), seed=seed, kills=kills, database=database)
        except ChildFailedError as error:
            screen.say(f"The demonstration failed: {error}")
            return 1
    return judge(screen, prices, alone, killed)


def play_both(
    screen: Screen, prices: Sequence[Price], folder: Path, *, seed: int, kills: int, database: Database | None
) -> tuple[Played, Played]:
    """The run that is left alone, then the one that is killed.

    Raises:
        ChildFailedError: one of them did not come to its last day.
    """
    # A name of its own for each demonstration: the database may hold other strategies.
    name = f"demo-{secrets.token_hex(3)}"
    alone, killed = (
        Run(f"{name}-{fate}", (database or _file(folder / f"{fate}.db")).url, folder, len(prices))
        for fate in ("alone", "killed")
    )
    screen.say(f"A strategy trades AAPL, {prices[0].date} to {prices[-1].date}: once left alone, once killed.")
    screen.say(f"Seed of the kills: {seed}; --seed {seed} --kills {kills} kills on the same days again.")
    if database is not None:
        screen.say(f"Its states are saved as {alone.name} and {killed.name} in {database}, and stay there;")
        screen.say(f"to be rid of them, drop the tables {TABLE}, {TABLE}_writers, {TABLE}_history and {TABLE}_edits.")
    with screen.run("Left alone", 0) as bar:
        left_alone = play(alone, [], bar)
    with screen.run(f"Killed {times(kills)}", kills) as bar:
        return left_alone, play(killed, choose_strikes(seed, kills, len(prices)), bar)


def _chosen(db: str | None) -> Database | None:
    """The database that somebody chose, which can be used; None when nobody did."""
    database = resolve(db)
    if database.origin == DEFAULT_ORIGIN:
        return None
    if database.scheme is Scheme.MEMORY:
        raise UsageError("memory:// ends with the process, and the demonstration kills it; name a database that stays")
    # Here, so that it is told at once: a strategy would ask again for a while, unseen.
    with closing(open_store(database)) as store:
        store.prepare(TABLE)
    return database


def _file(path: Path) -> Database:
    return resolve(f"sqlite:///{quote(str(path))}")


def judge(screen: Screen, prices: Sequence[Price], alone: Played, killed: Played) -> int:
    """Show the comparison and turn it into an exit code."""
    lines = compare(alone, killed, checksum_of_dates(prices))
    kills = len(killed.restarts)
    screen.table(lines, kills)
    wrong = [line.label for line in lines if not line.right]
    if wrong:
        screen.conclude(f"The killed run is not what it should be: {'; '.join(wrong)}.")
        return 1
    ordering = sum(restart.sending is not None for restart in killed.restarts)
    screen.conclude(f"Killed {times(kills)}, {times(ordering)} while an order was on its way.")
    screen.conclude("It always came back with exactly the state it had, and no order was sent twice.")
    return 0


def checksum_of_dates(prices: Sequence[Price]) -> int:
    """What the strategy's checksum is when it saw each day once, in order."""
    checksum = 0
    for price in prices:
        checksum = crc32(price.date.isoformat().encode(), checksum)
    return checksum
