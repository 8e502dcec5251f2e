from __future__ import annotations

from pathlib import Path

import pytest
from children import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = tmp_path / "my bots"
    folder.mkdir()
    return Place(folder)
