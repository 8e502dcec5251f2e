"""Trouble in the middle of a run: a table of it, and one course through each."""

from __future__ import annotations

import logging

import pytest
from course import Course
from scenes import Scene
from troubles import ALTERED, HEALING, RESTARTED, SILENT, TELLING, TELLING_ALIKE, Trouble

from stratvars import outage, session
from stratvars.store.postgres import connect

pytest_plugins = ["stages"]


def play(
    trouble: Trouble,
    scene: Scene,
    caplog: pytest.LogCaptureFixture,
    *,
    lasts: float,
    known: float | None,
    pace: float = 0.01,
) -> None:
    caplog.set_level(logging.DEBUG)
    course = Course(scene.admin_url, trouble.during(scene), trouble.says, lasts=lasts, known=known, pace=pace)
    trouble.play(course, trouble.url(scene))
    course.judge([record for record in caplog.records if record.levelno > logging.DEBUG], caplog.text)


@pytest.fixture(autouse=True)
def _short_form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline just above the second for which a save waits for a row, and shorter pauses between two tries."""
    if request.node.get_closest_marker("torture") is None:
        monkeypatch.setattr(session, "DEADLINE", 1.2)
        monkeypatch.setattr(outage, "_LONGEST_PAUSE", 0.2)


@pytest.mark.parametrize("trouble", TELLING, ids=str)
def test_trouble_that_is_told_stops_no_iteration_and_loses_nothing(
    trouble: Trouble, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    play(trouble, scene, caplog, lasts=1.6, known=1.3)


@pytest.mark.parametrize("trouble", SILENT, ids=str)
def test_silence_stops_no_iteration_and_loses_nothing(
    trouble: Trouble, scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "SILENCE", 0.6)
    monkeypatch.setattr(connect, "CANCEL", 0.3)
    play(trouble, scene, caplog, lasts=1.6, known=1.3)


@pytest.mark.parametrize("trouble", HEALING, ids=str)
def test_trouble_that_heals_at_once_is_noticed_by_nobody(
    trouble: Trouble, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    play(trouble, scene, caplog, lasts=0.4, known=None, pace=0.1)


@pytest.mark.parametrize("trouble", [ALTERED, RESTARTED], ids=str)
def test_trouble_that_heals_does_so_on_every_version(
    trouble: Trouble, any_scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    play(trouble, any_scene, caplog, lasts=0.4, known=None, pace=0.1)


@pytest.mark.torture
@pytest.mark.parametrize("trouble", [*TELLING, *TELLING_ALIKE], ids=str)
def test_long_trouble_stops_no_iteration(trouble: Trouble, scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    play(trouble, scene, caplog, lasts=20, known=1.8)


@pytest.mark.torture
@pytest.mark.parametrize("trouble", SILENT, ids=str)
def test_long_silence_stops_no_iteration(trouble: Trouble, scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    play(trouble, scene, caplog, lasts=20, known=session.DEADLINE + 0.8)
