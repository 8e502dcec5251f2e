"""The table of the endings: what each means for each way to host a bot. The suite proves it, docs/endings.md shows it.

Every bot runs two turns with a change in each; in the second the ending begins. Those that go on end after the third.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Host(Enum):
    """Who runs the turns. The value is its name on the page."""

    BLOCK = "`with Backup`"
    ASYNC_BLOCK = "`async with Backup`"
    LOOP = "`for … in every()`"
    ASYNC_LOOP = "`async for … in every()`"
    STRATEGY = "`Strategy`"
    ASYNC_STRATEGY = "`async` `Strategy`"
    TRADER = "`Trader`"


BLOCKS = (Host.BLOCK, Host.ASYNC_BLOCK)
LOOPS = (Host.LOOP, Host.ASYNC_LOOP)
STRATEGIES = (Host.STRATEGY, Host.ASYNC_STRATEGY)
ALL_STRATEGIES = (*STRATEGIES, Host.TRADER)
PLAIN = (*BLOCKS, *LOOPS)
EVERYWHERE = (*PLAIN, *ALL_STRATEGIES)


class Reach(Enum):
    """What the ending of one strategy means for another one in the same ``Trader``: its calls, and what is saved.

    The value: its calls, its saves, and its state.
    """

    ITSELF = ("initialize before_starting_trading turn turn turn on_strategy_end", "iteration iteration iteration stop")
    ALL = ("initialize before_starting_trading turn on_abrupt_closing", "iteration stop")
    KILLED = ("initialize before_starting_trading turn", "iteration")
    LEFT = ("initialize before_starting_trading turn", "iteration stop*")
    NOT_LIVED = ("initialize", "")
    NOT_MADE = ("", "")


class Begin(Enum):
    """What was called, in order, when the ending began."""

    BEFORE = ""
    INITIALIZED = "initialize"
    STARTED = "initialize before_starting_trading"
    FIRST_TURN = "initialize before_starting_trading turn"
    SECOND_TURN = "initialize before_starting_trading turn turn"


@dataclass(frozen=True)
class Ending:
    """One way to end.

    Attributes:
        text: on the page.
        begin: how far the bot came.
        reach: what it means for another strategy of the same process.
    """

    text: str
    begin: Begin = Begin.SECOND_TURN
    reach: Reach = Reach.ITSELF


ENDINGS = {
    "FINISHED": Ending("`max_iterations` is reached, or the loop is left by `break`"),
    "EXIT_0": Ending("`sys.exit(0)`"),
    "EXIT_7": Ending("`sys.exit(7)`"),
    "CRASH": Ending("an exception"),
    "GOES_ON": Ending("an exception, and `on_bot_crash` returns True"),
    "SIGINT": Ending("SIGINT during a turn", reach=Reach.ALL),
    "SIGTERM": Ending("SIGTERM during a turn", reach=Reach.ALL),
    "SIGINT_WAITING": Ending("SIGINT between two turns", Begin.FIRST_TURN, Reach.ALL),
    "SIGTERM_WAITING": Ending("SIGTERM between two turns", Begin.FIRST_TURN, Reach.ALL),
    "SECOND": Ending("a second signal during the turn", reach=Reach.ALL),
    "OUTLASTS": Ending("a turn outlasts a signal by five seconds", reach=Reach.ALL),
    "OUTLASTS_BLOCKING": Ending("the same, and the turn holds the event loop", reach=Reach.ALL),
    "LEFT_OPEN": Ending("the interpreter ends, and nobody closed", reach=Reach.LEFT),
    "LEFT_OPEN_CRASH": Ending("the interpreter ends by an exception, and nobody closed"),
    "FORK": Ending("none: `os.fork()` during a turn; the child's save raises `ForkedError`"),
    "MULTIPROCESSING": Ending("none: a process of `multiprocessing`, by fork; its save raises `ForkedError`"),
    "FORKED_COPY": Ending("none: `os.fork()`, and the child goes on as if it were the bot; it ends by `ForkedError`"),
    "OS_EXIT": Ending("`os._exit(9)`", reach=Reach.KILLED),
    "SIGKILL": Ending("SIGKILL, power cut", reach=Reach.KILLED),
    "SIGHUP": Ending("SIGHUP, as long as the bot has no handler for it", reach=Reach.KILLED),
    "FENCED": Ending("another start took over"),
    "FENCED_CRASH": Ending("another start took over, and then an exception"),
    "UNRESTORABLE": Ending("the saved state cannot be restored", Begin.INITIALIZED, Reach.NOT_LIVED),
    "BAD_USAGE": Ending("wrong use: a table's name that cannot be", Begin.BEFORE, Reach.NOT_MADE),
    "INITIALIZE_FAILS": Ending("an exception in `initialize`", Begin.INITIALIZED, Reach.NOT_LIVED),
    "INITIALIZE_HANGS": Ending("two signals while `initialize` hangs", Begin.INITIALIZED, Reach.NOT_LIVED),
    "BEFORE_STARTING_TRADING_FAILS": Ending("an exception in `before_starting_trading`", Begin.STARTED),
    "BEFORE_STARTING_TRADING_HANGS": Ending("`before_starting_trading` outlasts a signal", Begin.STARTED, Reach.ALL),
    "ON_STRATEGY_END_FAILS": Ending("an exception in `on_strategy_end`"),
    "ON_STRATEGY_END_HANGS": Ending("`on_strategy_end` hangs, and the process is killed"),
    "ON_ABRUPT_CLOSING_FAILS": Ending("SIGTERM, and an exception in `on_abrupt_closing`", reach=Reach.ALL),
    "ON_ABRUPT_CLOSING_HANGS": Ending("SIGTERM, `on_abrupt_closing` hangs, and the process is killed", reach=Reach.ALL),
    "ON_BOT_CRASH_FAILS": Ending("an exception, and another one in `on_bot_crash`"),
    "ON_BOT_CRASH_HANGS": Ending("an exception, `on_bot_crash` hangs, and the process is killed"),
    "ON_FENCED_FAILS": Ending("another start took over, and an exception in `on_fenced`"),
    "ON_FENCED_HANGS": Ending("another start took over, `on_fenced` hangs, and the process is killed"),
}
SLOW = {
    *("OUTLASTS", "OUTLASTS_BLOCKING", "BEFORE_STARTING_TRADING_HANGS"),
    *("ON_STRATEGY_END_HANGS", "ON_ABRUPT_CLOSING_HANGS", "ON_BOT_CRASH_HANGS"),
}
"""Those that take the five seconds of a stop."""

Turns = tuple[int, int] | None
"""The number of the last turn that began, and of the last one that finished, as the next start finds them."""
TAKEN_OVER = (100, -1)
"""The next start finds what the one that took over saved."""


@dataclass(frozen=True)
class Row:
    """What an ending means for a host.

    Attributes:
        ending: a key of ``ENDINGS``.
        hosts: to which it applies.
        calls: what was called, in order, after the ending began.
        saved: the reason of each revision in the history; with a star when it was taken inside of a turn.
        turns: what the next start finds; None when nothing was written.
        code: of the process; negative for the signal that ended it. For a ``Strategy`` that of ``stratvars run``.
    """

    ending: str
    hosts: tuple[Host, ...]
    calls: str
    saved: str
    turns: Turns
    code: int


ROWS = [
    Row("FINISHED", BLOCKS, "turn", "manual manual stop", (3, 3), 0),
    Row("FINISHED", LOOPS, "turn", "iteration iteration stop", (3, 3), 0),
    Row("FINISHED", ALL_STRATEGIES, "turn on_strategy_end", "iteration iteration iteration stop", (3, 3), 0),
    Row("EXIT_0", BLOCKS, "", "manual stop*", (2, 1), 0),
    Row("EXIT_0", LOOPS, "", "iteration stop*", (2, 1), 0),
    Row("EXIT_0", ALL_STRATEGIES, "on_strategy_end", "iteration stop* stop*", (2, 1), 0),
    Row("EXIT_7", BLOCKS, "", "manual stop*", (2, 1), 7),
    Row("EXIT_7", LOOPS, "", "iteration stop*", (2, 1), 7),
    Row("EXIT_7", ALL_STRATEGIES, "on_strategy_end", "iteration stop* stop*", (2, 1), 7),
    Row("CRASH", BLOCKS, "", "manual crash*", (2, 1), 1),
    Row("CRASH", LOOPS, "", "iteration crash*", (2, 1), 1),
    Row("CRASH", ALL_STRATEGIES, "on_bot_crash", "iteration error* crash*", (2, 1), 1),
    Row(
        *("GOES_ON", ALL_STRATEGIES, "on_bot_crash turn on_strategy_end"),
        *("iteration error* error* iteration stop", (3, 3), 0),
    ),
    Row("SIGINT", BLOCKS, "", "manual stop*", (2, 1), -2),
    Row("SIGINT", LOOPS, "", "iteration iteration stop", (2, 2), 0),
    Row("SIGINT", ALL_STRATEGIES, "on_abrupt_closing", "iteration iteration stop", (2, 2), 0),
    Row("SIGTERM", BLOCKS, "", "manual stop*", (2, 1), 143),
    Row("SIGTERM", LOOPS, "", "iteration iteration stop", (2, 2), 0),
    Row("SIGTERM", ALL_STRATEGIES, "on_abrupt_closing", "iteration iteration stop", (2, 2), 0),
    Row("SIGINT_WAITING", LOOPS, "", "iteration stop", (1, 1), 0),
    Row("SIGINT_WAITING", ALL_STRATEGIES, "on_abrupt_closing", "iteration stop", (1, 1), 0),
    Row("SIGTERM_WAITING", LOOPS, "", "iteration stop", (1, 1), 0),
    Row("SIGTERM_WAITING", ALL_STRATEGIES, "on_abrupt_closing", "iteration stop", (1, 1), 0),
    Row("SECOND", LOOPS, "", "iteration stop*", (2, 1), -2),
    Row("SECOND", STRATEGIES, "on_abrupt_closing", "iteration stop* stop*", (2, 1), 0),
    Row("SECOND", (Host.TRADER,), "", "iteration stop*", (2, 1), 0),
    Row("OUTLASTS", LOOPS, "", "iteration stop* stop*", (2, 1), -2),
    Row("OUTLASTS", STRATEGIES, "on_abrupt_closing", "iteration stop* stop*", (2, 1), 0),
    Row("OUTLASTS", (Host.TRADER,), "", "iteration stop*", (2, 1), 0),
    Row("OUTLASTS_BLOCKING", (Host.ASYNC_LOOP,), "", "iteration stop* stop*", (2, 1), -2),
    Row("OUTLASTS_BLOCKING", (Host.ASYNC_STRATEGY,), "", "iteration stop* stop*", (2, 1), 0),
    Row("LEFT_OPEN", (Host.BLOCK,), "", "manual stop*", (2, 2), 0),
    Row("LEFT_OPEN", (Host.ASYNC_BLOCK,), "", "manual stop*", (2, 1), 0),
    Row("LEFT_OPEN", (Host.LOOP,), "", "iteration stop*", (2, 2), 0),
    Row("LEFT_OPEN", (Host.ASYNC_LOOP, Host.STRATEGY, Host.TRADER), "", "iteration stop*", (2, 1), 0),
    Row("LEFT_OPEN_CRASH", (Host.BLOCK,), "", "manual crash*", (2, 1), 1),
    Row("LEFT_OPEN_CRASH", (Host.LOOP,), "", "iteration crash*", (2, 1), 1),
    Row("FORK", BLOCKS, "ForkedError turn", "manual manual stop", (3, 3), 0),
    Row("FORK", LOOPS, "ForkedError turn", "iteration iteration stop", (3, 3), 0),
    Row(
        *("FORK", ALL_STRATEGIES, "ForkedError turn on_strategy_end"),
        *("iteration iteration iteration stop", (3, 3), 0),
    ),
    Row("MULTIPROCESSING", BLOCKS, "ForkedError turn", "manual manual stop", (3, 3), 0),
    Row("MULTIPROCESSING", LOOPS, "ForkedError turn", "iteration iteration stop", (3, 3), 0),
    Row(
        *("MULTIPROCESSING", ALL_STRATEGIES, "ForkedError turn on_strategy_end"),
        *("iteration iteration iteration stop", (3, 3), 0),
    ),
    Row("FORKED_COPY", (Host.BLOCK,), "copy: 1 turn", "manual manual stop", (3, 3), 0),
    Row("FORKED_COPY", (Host.LOOP,), "copy: 1 turn", "iteration iteration stop", (3, 3), 0),
    Row(
        *("FORKED_COPY", (Host.STRATEGY,), "copy: 1 turn on_strategy_end"),
        *("iteration iteration iteration stop", (3, 3), 0),
    ),
    Row("OS_EXIT", BLOCKS, "", "manual", (1, 1), 9),
    Row("OS_EXIT", (*LOOPS, *ALL_STRATEGIES), "", "iteration", (1, 1), 9),
    Row("SIGKILL", BLOCKS, "", "manual", (1, 1), -9),
    Row("SIGKILL", (*LOOPS, *ALL_STRATEGIES), "", "iteration", (1, 1), -9),
    Row("SIGHUP", BLOCKS, "", "manual", (1, 1), -1),
    Row("SIGHUP", (*LOOPS, *ALL_STRATEGIES), "", "iteration", (1, 1), -1),
    Row("FENCED", BLOCKS, "", "manual fenced* iteration", TAKEN_OVER, 1),
    Row("FENCED", LOOPS, "", "iteration fenced* iteration", TAKEN_OVER, 1),
    Row("FENCED", ALL_STRATEGIES, "on_fenced", "iteration fenced* iteration", TAKEN_OVER, 4),
    Row("FENCED_CRASH", BLOCKS, "", "manual fenced* iteration", TAKEN_OVER, 1),
    Row("FENCED_CRASH", LOOPS, "", "iteration fenced* iteration", TAKEN_OVER, 1),
    Row("FENCED_CRASH", ALL_STRATEGIES, "on_fenced", "iteration fenced* iteration", TAKEN_OVER, 4),
    Row("UNRESTORABLE", PLAIN, "", "", None, 1),
    Row("UNRESTORABLE", ALL_STRATEGIES, "", "", None, 3),
    Row("BAD_USAGE", PLAIN, "", "", None, 1),
    Row("BAD_USAGE", ALL_STRATEGIES, "", "", None, 2),
    Row("INITIALIZE_FAILS", ALL_STRATEGIES, "", "", None, 1),
    Row("INITIALIZE_HANGS", STRATEGIES, "", "", None, 130),
    Row("INITIALIZE_HANGS", (Host.TRADER,), "", "", None, -2),
    Row("BEFORE_STARTING_TRADING_FAILS", ALL_STRATEGIES, "on_bot_crash", "error* crash*", (0, 0), 1),
    Row("BEFORE_STARTING_TRADING_HANGS", STRATEGIES, "on_abrupt_closing", "stop* stop*", (0, 0), 0),
    Row("BEFORE_STARTING_TRADING_HANGS", (Host.TRADER,), "", "stop*", (0, 0), 0),
    Row(
        *("ON_STRATEGY_END_FAILS", ALL_STRATEGIES, "turn on_strategy_end"),
        *("iteration iteration iteration stop", (3, 3), 1),
    ),
    Row(
        *("ON_STRATEGY_END_HANGS", ALL_STRATEGIES, "turn on_strategy_end"),
        *("iteration iteration iteration stop*", (3, 3), -9),
    ),
    Row("ON_ABRUPT_CLOSING_FAILS", ALL_STRATEGIES, "on_abrupt_closing", "iteration iteration stop", (2, 2), 1),
    Row("ON_ABRUPT_CLOSING_HANGS", STRATEGIES, "on_abrupt_closing", "iteration iteration stop*", (2, 2), -9),
    Row(
        *("ON_ABRUPT_CLOSING_HANGS", (Host.TRADER,), "on_abrupt_closing"),
        *("iteration iteration stop* stop*", (2, 2), 0),
    ),
    Row("ON_BOT_CRASH_FAILS", ALL_STRATEGIES, "on_bot_crash", "iteration error* crash*", (2, 1), 1),
    Row("ON_BOT_CRASH_HANGS", ALL_STRATEGIES, "on_bot_crash", "iteration error* error*", (2, 1), -9),
    Row("ON_FENCED_FAILS", ALL_STRATEGIES, "on_fenced", "iteration fenced* iteration", TAKEN_OVER, 4),
    Row("ON_FENCED_HANGS", ALL_STRATEGIES, "on_fenced", "iteration fenced* iteration", TAKEN_OVER, -9),
]
