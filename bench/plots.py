"""The figures of docs/performance.md as pictures: how far each is from its target, and a save beside those of others.

They are drawn from the tables of the page alone, so a picture never shows what no table says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from frame import PAGE

_LEFT, _WIDTH, _LINE, _TOP = 560, 330, 19, 58
_MET, _MISSED, _PLAIN, _OURS = "#2a7f62", "#c1462f", "#8a94a6", "#2457a6"
_FONT = 'font-family="sans-serif" font-size="12"'
_HALO = 'fill="#333" stroke="white" stroke-width="3" paint-order="stroke"'
_NUMBER = re.compile(r"(?:>= )?([\d.]+)")


@dataclass(frozen=True)
class Bar:
    """One line of a picture.

    Attributes:
        label: what it is.
        length: as a share of the width.
        told: what stands at its end.
        colour: of the bar.
    """

    label: str
    length: float
    told: str
    colour: str


def targets(lines: Sequence[str]) -> Iterator[Bar]:
    """Each measured value as a share of its target: the half of the width is the target."""
    for number, work, yardstick, target, measured in map(_cells, lines):
        wanted, found = _NUMBER.match(target), _NUMBER.match(measured)
        if wanted is None or found is None:
            continue
        share = float(found[1]) / float(wanted[1])
        if target.startswith(">="):
            share = 1 / share
        value = re.split(r"[,;(]| where| over", measured)[0].strip()
        label = f"{number and '#'}{number} {work}{yardstick and ' / '}{yardstick}".strip()
        yield Bar(label, min(share / 2, 1.0), f"{value} of {target}", _MISSED if share > 1 else _MET)


def saves(lines: Sequence[str], state: str) -> Iterator[Bar]:
    """What a save of one state takes in each library, on a scale of powers of ten from 0.1 ms to 1 s."""
    for _, name, what, promises, measured in map(_cells, lines):
        took = re.match(r"save ([\d.]+) ms", measured)
        if what == state and took is not None:
            length = math.log10(float(took[1]) / 0.1) / 4
            colour = _OURS if name.startswith("stratvars") else _PLAIN
            yield Bar(name, min(max(length, 0.01), 1.0), f"{took[1]} ms; {promises.partition(';')[0]}", colour)


def picture(title: str, bars: Sequence[Bar], line_at: float | None) -> str:
    """An SVG; ``line_at`` is where a line goes down, as a share of the width."""
    height = _TOP + _LINE * len(bars) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="1080" height="{height}" {_FONT}>',
        f'<rect width="1080" height="{height}" fill="white"/>',
        f'<text x="14" y="24" font-size="15">{escape(title)}</text>',
        f'<text x="14" y="43" fill="#666">{escape(_caption())}</text>',
    ]
    if line_at is not None:
        x = _LEFT + line_at * _WIDTH
        parts.append(f'<path d="M{x:.0f} {_TOP - 4}V{height - 8}" stroke="#222" stroke-dasharray="4 3"/>')
    for number, bar in enumerate(bars):
        top = _TOP + number * _LINE
        width = max(bar.length * _WIDTH, 1)
        parts += [
            f'<text x="{_LEFT - 8}" y="{top + 11}" text-anchor="end">{escape(_short(bar.label))}</text>',
            f'<rect x="{_LEFT}" y="{top}" width="{width:.0f}" height="{_LINE - 5}" fill="{bar.colour}"/>',
            f'<text x="{_LEFT + width + 6:.0f}" y="{top + 11}" {_HALO}>{escape(bar.told)}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("`", "") for cell in line.strip().strip("|").split("|")]


def _short(label: str, most: int = 88) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"


def _caption() -> str:
    return f"python bench/plots.py, {datetime.now(UTC):%Y-%m-%d}, from the tables of docs/{PAGE.name}"


def _table(script: str) -> list[str]:
    """The lines of the table that a script wrote, without its head."""
    part = PAGE.read_text(encoding="utf-8").partition(f"<!-- {script} -->")[2].partition("<!-- end")[0]
    return [line for line in part.splitlines() if line.startswith("|") and "---" not in line][1:]


def _draw(name: str, title: str, bars: Sequence[Bar], line_at: float | None = None) -> None:
    path = PAGE.with_name(name)
    path.write_text(picture(title, bars, line_at), encoding="utf-8")
    print(f"{path.name}: {len(bars)} bars")


def main() -> None:
    """Draw all pictures anew."""
    scripts = ("saves", "sizes", "loads", "many", "snapshot", "network", "footprint", "codec")
    lines = [line for name in scripts for line in _table(f"bench/{name}.py")]
    title = "How far from its target each figure is: left of the line it is met"
    _draw("performance-targets.svg", title, [*targets(lines)], 0.5)
    peers = _table("bench/peers/run.py")
    for state, name in (("5 variables", "5"), ("1,000 variables", "1000"), ("1 MB", "1mb")):
        bars = sorted(saves(peers, state), key=lambda bar: bar.length)
        _draw(f"performance-peers-{name}.svg", f"A save of {state}, 0.1 ms to 1 s, in powers of ten", bars)


if __name__ == "__main__":
    main()
