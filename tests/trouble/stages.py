"""Fixtures of scenes, for the test modules that name this one as a plugin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scenes import Scene, scene_at

from postgres.places import LOOPBACK
from postgres.proxy import Proxy
from postgres.servers import Server


@pytest.fixture
def scene(pg: Server, pg_url: str, proxy: Proxy) -> Iterator[Scene]:
    """The newest server."""
    with scene_at(pg, pg_url, proxy) as made:
        yield made


@pytest.fixture
def any_scene(pg_server: Server, any_pg_url: str) -> Iterator[Scene]:
    """Each server in turn."""
    with Proxy(LOOPBACK, pg_server.port) as proxy, scene_at(pg_server, any_pg_url, proxy) as made:
        yield made
