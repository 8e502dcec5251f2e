"""A loop of your own around any exchange: a grid whose levels and fills survive every restart."""

import random

from stratvars import Backup

MIDDLE = 100.0


def last_price() -> float:
    """Ask your exchange here."""
    return MIDDLE + random.uniform(-2, 2)


with Backup("grid-loop") as backup:
    bot = backup.vars
    bot.setdefault("levels", [98.5, 99.0, 99.5, 100.5, 101.0, 101.5])
    bot.setdefault("fills", {})

    for _ in backup.every("1S"):
        price = last_price()
        for level in bot.levels:
            if level not in bot.fills and (price <= level < MIDDLE or price >= level > MIDDLE):
                bot.fills[level] = price
                backup.save()  # durable before the order goes out
                print(f"filled {level} at {price:.2f}", flush=True)
        print(f"{len(bot.fills)} of {len(bot.levels)} levels are filled", flush=True)
