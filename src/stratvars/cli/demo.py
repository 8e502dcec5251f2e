"""``stratvars demo``: watch a strategy being killed and coming back."""

from __future__ import annotations

import click

from stratvars.cli.options import whole_number

_EXAMPLE = """\b
Example:
  stratvars demo --seed 7 --kills 20
"""


@click.command(epilog=_EXAMPLE)
@click.option(
    "--seed", metavar="N", callback=whole_number(0), help="Kill at the same moments as another run with this seed."
)
@click.option(
    "--kills",
    metavar="K",
    default="12",
    callback=whole_number(0),
    help="How often the strategy is killed. Default: 12.",
)
@click.option(
    "--db",
    metavar="URL",
    help="Database to use; what is saved stays in it, in the table stratvars_demo. "
    "Default: DB_CONNECTION_STR (environment or .env), else SQLite in a temporary folder.",
)
@click.pass_context
def demo(ctx: click.Context, seed: int | None, kills: int, db: str | None) -> None:
    """Kill a strategy again and again; it loses nothing."""
    from stratvars.demo import run

    ctx.exit(run(seed, kills, db))
