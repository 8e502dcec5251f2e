"""A bot that suddenly talks to a standby: its primary is lost, or its way leads elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from course import Course, play_with_backup, play_with_strategy
from scenes import Scene, make_scene, scene_at

from postgres.places import LOOPBACK
from postgres.proxy import Proxy
from postgres.standby import Pair


def both(pair: Pair, scene: Scene) -> str:
    """The bot's URL with both hosts, the standby first."""
    return scene.direct().replace("@", f"@{LOOPBACK}:{pair.standby.port},")


@contextmanager
def promoted(pair: Pair) -> Iterator[None]:
    """The primary dies, and some time later the standby takes its place."""
    assert pair.catches_up()
    pair.primary.kill_hard()
    yield
    pair.standby.promote()


@contextmanager
def led_astray(pair: Pair, scene: Scene) -> Iterator[None]:
    """New connections lead to the standby, and later to the primary again; none is cut in the end."""
    lead_to(scene.proxy, pair.standby.port)
    scene.proxy.cut()
    yield
    lead_to(scene.proxy, pair.primary.port)


def lead_to(proxy: Proxy, port: int) -> None:
    proxy._network.upstream = (LOOPBACK, port)


def judge(course: Course, caplog: pytest.LogCaptureFixture) -> None:
    course.judge([record for record in caplog.records if record.levelno > logging.DEBUG], caplog.text)


def test_a_way_that_leads_to_the_standby_is_tried_anew_until_it_leads_to_the_primary(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Proxy(LOOPBACK, pair.primary.port) as proxy, scene_at(pair.primary, pair.primary_url, proxy) as scene:
        course = Course(scene.admin_url, led_astray(pair, scene), "is a standby", lasts=2.5, known=1.5)
        play_with_backup(course, scene.led())
        judge(course, caplog)


def test_a_failover_between_the_hosts_of_a_url_is_followed(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    watched = f"{pair.url}?target_session_attrs=read-write"
    with Proxy(LOOPBACK, pair.primary.port) as proxy:
        scene = make_scene(pair.primary, pair.primary_url, proxy)  # not undone: the pair is not used again
        course = Course(watched, promoted(pair), "is a standby", lasts=2.5, known=1.5)
        play_with_strategy(course, both(pair, scene))
        judge(course, caplog)
