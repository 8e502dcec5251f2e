"""``stratvars run``: run the strategy in a file."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import click

from stratvars.cli.errors import user_code
from stratvars.cli.options import run_db_option, whole_number
from stratvars.errors import UsageError

if TYPE_CHECKING:
    from stratvars.strategy import Strategy

_EXAMPLE = """\b
Example:
  stratvars run bot.py --name btc-live
\b
Exit codes:
  0  it ended as it was meant to, or was stopped by Ctrl-C or SIGTERM
  n  it called sys.exit(n)
  1  an error in the strategy
  2  wrong use
  3  its saved variables cannot be restored, or the database cannot be used
  4  another process runs it, or took it over
"""


@click.command(epilog=_EXAMPLE)
@click.argument("bot", metavar="BOT.PY[:CLASS]")
@click.option(
    "--name",
    metavar="NAME",
    help="Name to save the variables under. "
    "Default: as in the class, else STRATEGY_NAME (environment or .env), else the class's own name.",
)
@click.option(
    "--max-iterations", metavar="K", callback=whole_number(1), help="End after so many iterations. Default: go on."
)
@click.option(
    "--sleeptime",
    metavar="TIME",
    help="Time between two iterations: 10S, 5M, 2H, 1D, or a number of minutes. Default: as in the class.",
)
@run_db_option
@click.option(
    "--table", metavar="TABLE", help="Table to save in. Default: as in the class, vars_backup unless it says otherwise."
)
@click.option(
    "--resume",
    is_flag=True,
    help="Refuse to start when nothing is saved under the name. Also: STRATVARS_RESUME=1.",
)
@click.option(
    "--start-timeout",
    metavar="SECONDS",
    help="How long to ask a database again that cannot be used, 0 to ask once. "
    "Default: as in the class, else STRATVARS_START_TIMEOUT (environment or .env), else 30.",
)
@click.option(
    "--wait",
    metavar="SECONDS",
    help="How long to wait for another process that runs it, 0 to be refused at once. "
    "Default: as in the class, else STRATVARS_WAIT (environment or .env), else 45.",
)
@click.option(
    "--take-over",
    is_flag=True,
    help="Take it from another process that runs it. That one cannot save any more, and ends.",
)
@click.option(
    "--lease",
    metavar="SECONDS",
    help="After how long another start may take it from this one when it does not answer. "
    "Default: as in the class, else STRATVARS_LEASE (environment or .env), else 15.",
)
@click.option(
    "--on-outage",
    metavar="trade|pause",
    help="While the database cannot be used: trade on, or begin no iteration after the end of the lease. "
    "Default: as in the class, else STRATVARS_ON_OUTAGE (environment or .env), else trade.",
)
@click.option(
    "--retention",
    metavar="HOW",
    help="How long revisions are kept, as for prune --keep: all, 30d, or parts such as everything=7d size=256MB. "
    "Default: as in the class, else STRATVARS_RETENTION (environment or .env), else as docs/history.md says.",
)
def run(
    *,
    bot: str,
    name: str | None,
    max_iterations: int | None,
    sleeptime: str | None,
    db: str | None,
    table: str | None,
    resume: bool,
    start_timeout: str | None,
    wait: str | None,
    take_over: bool,
    lease: str | None,
    on_outage: str | None,
    retention: str | None,
) -> None:
    """Run the strategy in a Python file until it ends or is stopped."""
    from stratvars.cli.loading import load_strategy
    from stratvars.cli.target import find_target
    from stratvars.retention import parse as parse_retention
    from stratvars.schedule import parse
    from stratvars.settings import seconds_in

    if sleeptime is not None:
        parse(sleeptime)
    if retention is not None:
        parse_retention(retention, "--retention")
    times = {"start_timeout": start_timeout, "wait": wait, "lease": lease}
    seconds = {
        name: None if text is None else seconds_in(text, "--" + name.replace("_", "-")) for name, text in times.items()
    }
    target = find_target(bot)
    given = {
        "name": name,
        "sleeptime": sleeptime,
        "db_connection_str": db,
        "backup_table_name": table,
        "on_outage": on_outage,
        "retention": retention,
        **seconds,
    }
    chosen = load_strategy(target)
    with user_code():
        strategy = _construct(chosen, {option: value for option, value in given.items() if value is not None})
        # None leaves the choice to STRATVARS_RESUME.
        strategy.run(max_iterations=max_iterations, resume=True if resume else None, take_over=take_over)


def _construct(chosen: type[Strategy], options: dict[str, Any]) -> Strategy:
    """The strategy, made with the options.

    Raises:
        UsageError: it has a constructor of its own that does not take them.
    """
    try:
        inspect.signature(chosen).bind(**options)
    except TypeError as error:
        call = f"{chosen.__name__}({', '.join(f'{option}=…' for option in options)})"
        raise UsageError(
            f"{chosen.__name__} cannot be made by {call}: {error}; let its __init__ take **options, hand them to "
            "super().__init__(**options), and give other arguments defaults"
        ) from None
    return chosen(**options)
