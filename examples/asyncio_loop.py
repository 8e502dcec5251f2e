"""The same under asyncio: a feed fills a queue, the bot counts what it saw, and nothing blocks the event loop."""

import asyncio
import random

from stratvars import Backup


async def feed(prices: asyncio.Queue[float]) -> None:
    """Read your exchange's websocket here."""
    while True:
        await asyncio.sleep(0.1)
        await prices.put(100 + random.uniform(-2, 2))


async def main() -> None:
    """Trade until SIGINT or SIGTERM."""
    prices: asyncio.Queue[float] = asyncio.Queue()
    reader = asyncio.create_task(feed(prices))
    async with Backup("ticks-asyncio") as backup:
        async for _ in backup.every("1S"):
            while not prices.empty():
                price = prices.get_nowait()
                backup.vars.ticks = backup.vars.get("ticks", 0) + 1
                backup.vars.highest = max(price, backup.vars.get("highest", price))
            print(f"{backup.vars.get('ticks', 0)} ticks so far", flush=True)
    reader.cancel()


asyncio.run(main())
