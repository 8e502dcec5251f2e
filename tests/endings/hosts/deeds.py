"""What a bot of this suite does, chosen by the environment: the same in every host.

The ending begins in the second turn, or in the first where it comes while the bot waits. Who goes on ends after the
third. Each step is said on stdout as it happens.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from stratvars import open_archive
from stratvars.errors import ForkedError
from stratvars.vars import Vars

signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have had it ignored
faulthandler.register(signal.SIGALRM, chain=True)  # one that hangs says where, and is killed
signal.alarm(60)

ENDING = os.environ["ENDING"]
NAME = os.environ["STRATEGY_NAME"]
OTHER = os.environ.get("OTHER", "")
"""A second strategy of the same process; it is waited for before the ending begins."""
TABLE = "bots_writers" if ENDING == "BAD_USAGE" else "vars_backup"
SLEEPTIME: str | float = "1H" if "WAITING" in ENDING else 0
BEGINS_IN = 1 if "WAITING" in ENDING else 2
TURNS = 3
HANG = 60.0
SEEN = 0.5
"""Seconds after which a signal has reached the main thread for sure."""


class Bot(Protocol):
    """What every host has for its variables."""

    @property
    def name(self) -> str: ...
    @property
    def vars(self) -> Vars: ...


Save = Callable[[], object]
Deed = Callable[[Bot, Save], float]


def say(*words: object) -> None:
    """One unbuffered write: what was said was said, whenever the process dies."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def begin(bot: Bot, save: Save) -> float:
    """The first half of a turn; how many seconds it is to take then."""
    bot.vars.n = bot.vars.get("n", 0) + 1
    say(bot.name, "turn")
    if bot.name != NAME or bot.vars.n != BEGINS_IN:
        return 0
    if OTHER:
        wait_until_saved(OTHER, '"done"')
    return DEEDS.get(ENDING, nothing)(bot, save)


def finish(bot: Bot) -> None:
    """The second half of a turn."""
    bot.vars.done = bot.vars.n


def in_hook(bot: Bot, hook: str) -> float:
    """What a hook does; how many seconds it is to take then."""
    say(bot.name, hook)
    bot.vars.hook = hook
    if bot.name != NAME:
        return 0
    if f"{hook.upper()}_FAILS" == ENDING:
        raise LookupError("the hook, on purpose")
    if f"{hook.upper()}_HANGS" == ENDING:
        return HANGS[hook]()
    return 0


def wait_until_saved(name: str, text: str) -> None:
    end = time.monotonic() + 20
    with open_archive() as archive:
        while (stored := archive.current(name)) is None or text not in stored.variables:
            if time.monotonic() > end:
                say(name, "is not saved")
                os._exit(99)
            time.sleep(0.02)


def send(signum: int) -> None:
    os.kill(os.getpid(), signum)


def send_later(seconds: float, signum: int) -> None:
    timer = threading.Timer(seconds, send, (signum,))
    timer.daemon = True
    timer.start()


def killed_when_saved(hook: str) -> float:
    """As by a service manager whose patience is over, when the library has saved what the hook did."""

    def watch() -> None:
        wait_until_saved(NAME, hook)
        send(signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    return HANG


def left_behind() -> float:
    return HANG


def interrupted_twice() -> float:
    send_later(0.2, signal.SIGINT)
    send_later(0.2 + SEEN, signal.SIGINT)
    return HANG


def killed_soon() -> float:
    send_later(SEEN, signal.SIGKILL)
    return HANG


def told_at_once() -> float:
    if OTHER:
        wait_until_saved(OTHER, '"done"')
    return and_then(HANG, send, signal.SIGTERM)


HANGS: dict[str, Callable[[], float]] = {
    "initialize": interrupted_twice,
    "before_starting_trading": told_at_once,
    "on_strategy_end": lambda: killed_when_saved("on_strategy_end"),
    # Several in a process are left behind by the one that waits for all.
    "on_abrupt_closing": left_behind if OTHER else lambda: killed_when_saved("on_abrupt_closing"),
    "on_bot_crash": lambda: killed_when_saved("on_bot_crash"),
    "on_fenced": killed_soon,
}


def and_then(seconds: float, call: Callable[..., object], *arguments: Any) -> float:
    call(*arguments)
    return seconds


def nothing(bot: Bot, save: Save) -> float:
    return 0


def crash(bot: Bot, save: Save) -> NoReturn:
    raise ZeroDivisionError("the bot, on purpose")


def leave(code: int) -> Deed:
    def deed(bot: Bot, save: Save) -> NoReturn:
        raise SystemExit(code)

    return deed


def vanish(bot: Bot, save: Save) -> NoReturn:
    os._exit(9)


def be_told(signum: int, seconds: float) -> Deed:
    def deed(bot: Bot, save: Save) -> float:
        return and_then(seconds, send, signum)

    return deed


def be_told_while_waiting(signum: int) -> Deed:
    def deed(bot: Bot, save: Save) -> float:
        return and_then(0, send_later, SEEN, signum)

    return deed


def be_told_twice(bot: Bot, save: Save) -> float:
    send_later(SEEN, signal.SIGINT)
    return and_then(HANG, send, signal.SIGTERM)


def outlast_without_a_pause(bot: Bot, save: Save) -> float:
    send(signal.SIGTERM)
    time.sleep(HANG)
    return 0


def save_in_a_child(bot: Bot, save: Save) -> None:
    bot.vars.whose = "the child's"
    try:
        save()
    except ForkedError:
        say(bot.name, "ForkedError")


def fork(bot: Bot, save: Save) -> float:
    child = os.fork()
    if child == 0:
        save_in_a_child(bot, save)
        os._exit(0)
    os.waitpid(child, 0)
    return 0


def fork_by_multiprocessing(bot: Bot, save: Save) -> float:
    child = multiprocessing.get_context("fork").Process(target=save_in_a_child, args=(bot, save))
    child.start()
    child.join()
    return 0


def fork_a_copy(bot: Bot, save: Save) -> float:
    """The child goes on as if it were the bot, and must end by its first save."""
    child = os.fork()
    if child != 0:
        say(bot.name, "copy:", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    return 0


def be_taken_over(bot: Bot, save: Save) -> float:
    """By a start that cannot see that this process lives; it saves a state of its own."""
    from stratvars.owner import Owner
    from stratvars.revision import Claim, Holder
    from stratvars.settings import resolve
    from stratvars.store.opening import open_store
    from stratvars.testing import revision_of

    store, owner = open_store(resolve()), Owner.current().to_text()
    store.prepare(TABLE)
    holder = store.acquire(TABLE, bot.name, owner, "the later start")
    assert isinstance(holder, Holder)
    claim = store.acquire(TABLE, bot.name, owner, "the later start", take_over=holder)
    assert isinstance(claim, Claim)
    store.save([revision_of(claim, {"n": "100"})])
    store.close()
    return 0


def be_taken_over_and_crash(bot: Bot, save: Save) -> NoReturn:
    be_taken_over(bot, save)
    crash(bot, save)


DEEDS: dict[str, Deed] = {
    "EXIT_0": leave(0),
    "EXIT_7": leave(7),
    "CRASH": crash,
    "GOES_ON": crash,
    "LEFT_OPEN_CRASH": crash,
    "SIGINT": be_told(signal.SIGINT, SEEN),
    "SIGTERM": be_told(signal.SIGTERM, SEEN),
    "SIGINT_WAITING": be_told_while_waiting(signal.SIGINT),
    "SIGTERM_WAITING": be_told_while_waiting(signal.SIGTERM),
    "SECOND": be_told_twice,
    "OUTLASTS": be_told(signal.SIGTERM, HANG),
    "OUTLASTS_BLOCKING": outlast_without_a_pause,
    "FORK": fork,
    "MULTIPROCESSING": fork_by_multiprocessing,
    "FORKED_COPY": fork_a_copy,
    "OS_EXIT": vanish,
    "SIGKILL": be_told(signal.SIGKILL, HANG),
    "SIGHUP": be_told(signal.SIGHUP, HANG),
    "FENCED": be_taken_over,
    "FENCED_CRASH": be_taken_over_and_crash,
    "ON_FENCED_FAILS": be_taken_over,
    "ON_FENCED_HANGS": be_taken_over,
    "ON_BOT_CRASH_FAILS": crash,
    "ON_BOT_CRASH_HANGS": crash,
    "ON_ABRUPT_CLOSING_FAILS": be_told(signal.SIGTERM, SEEN),
    "ON_ABRUPT_CLOSING_HANGS": be_told(signal.SIGTERM, SEEN),
}
