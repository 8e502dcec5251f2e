from __future__ import annotations

import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from stratvars.demo.broker import Broker, Order, Side

FIRST = Order("2003-05-06-buy", Side.BUY, 120, Decimal("0.25013"))
SECOND = Order("2003-06-02-sell", Side.SELL, 120, Decimal("0.30000"))


def send(broker: Broker, order: Order) -> None:
    broker.send(order.order_id, order.side, order.quantity, order.price)


def test_what_was_sent_is_there_for_the_next_process(tmp_path: Path) -> None:
    with Broker(tmp_path / "ledger") as broker:
        assert not broker.has(FIRST.order_id)
        send(broker, FIRST)
        send(broker, SECOND)
        assert broker.has(FIRST.order_id)

    with Broker(tmp_path / "ledger") as broker:
        assert broker.orders() == [FIRST, SECOND]
        assert str(broker.orders()[1].price) == "0.30000"
        assert broker.has(SECOND.order_id)
        assert not broker.has("2003-06-03-buy")


def test_the_same_order_sent_twice_stands_there_twice(tmp_path: Path) -> None:
    with Broker(tmp_path / "ledger") as broker:
        send(broker, FIRST)
        send(broker, FIRST)

    with Broker(tmp_path / "ledger") as broker:
        assert broker.orders() == [FIRST, FIRST]


def test_an_order_whose_line_was_torn_at_any_place_was_never_sent(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    with Broker(ledger) as broker:
        send(broker, FIRST)
        whole = ledger.read_bytes()
        send(broker, SECOND)
    both = ledger.read_bytes()

    for length in range(len(whole), len(both)):
        ledger.write_bytes(both[:length])
        with Broker(ledger) as broker:
            assert broker.orders() == [FIRST]
            assert not broker.has(SECOND.order_id)
        assert ledger.read_bytes() == whole


def test_an_order_sent_after_a_torn_line_stands_on_a_line_of_its_own(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    ledger.write_bytes(b'{"order_id":"2003-05-06-b')
    with Broker(ledger) as broker:
        send(broker, SECOND)

    with Broker(ledger) as broker:
        assert broker.orders() == [SECOND]


SENDER = """
import os, sys
from decimal import Decimal
from pathlib import Path
from stratvars.demo.broker import Broker, Side
broker = Broker(Path(sys.argv[1]))
for number in range(1_000_000):
    broker.send(str(number), Side.BUY, 1, Decimal(number))
    os.write(1, b"%d\\n" % number)
"""


def test_every_order_that_send_returned_from_survives_a_kill(tmp_path: Path) -> None:
    sender = subprocess.Popen([sys.executable, "-c", SENDER, tmp_path / "ledger"], stdout=subprocess.PIPE)
    assert sender.stdout is not None
    said = [sender.stdout.readline() for _ in range(200)]
    sender.kill()
    said += sender.stdout.readlines()
    sender.stdout.close()
    assert sender.wait() == -signal.SIGKILL

    with Broker(tmp_path / "ledger") as broker:
        ids = [order.order_id for order in broker.orders()]
    acknowledged = [line.decode().strip() for line in said if line.endswith(b"\n")]
    assert ids[: len(acknowledged)] == acknowledged
    assert len(acknowledged) <= len(ids) <= len(acknowledged) + 1


def test_the_order_is_on_the_disk_before_send_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = tmp_path / "ledger"
    synced: list[bytes] = []
    fsync = os.fsync

    def watched_fsync(descriptor: int) -> None:
        fsync(descriptor)
        synced.append(ledger.read_bytes())

    with Broker(ledger) as broker:
        monkeypatch.setattr(os, "fsync", watched_fsync)
        send(broker, FIRST)
        assert synced == [ledger.read_bytes()]
        assert FIRST.order_id.encode() in synced[0]
