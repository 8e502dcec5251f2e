"""The figures of docs/performance.md as pictures: how far each is from its target, and a save beside those of others.

They are drawn from the tables of the page alone, so a picture never shows what no table says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from frame import PAGE

_LEFT, _WIDTH, _LINE, _TOP = 560, 330, 19, 58
_MET, _MISSED, _PLAIN, _OURS = "#2a7f62", "#c1462f", "#8a94a6", "#2457a6"
_TICK = "#111"
_FONT = 'font-family="sans-serif" font-size="12"'
_HALO = 'fill="#333" stroke="white" stroke-width="3" paint-order="stroke"'
_NUMBER = re.compile(r"(?:>= )?([\d.]+)")
Line = Mapping[str, str]
"""A line of a table: cells by the names of their columns."""


@dataclass(frozen=True)
class Bar:
    """One line of a picture.

    Attributes:
        label: what it is.
        length: as a share of the width.
        told: what stands at its end.
        colour: of the bar.
        floor: where the floor's tick stands, as a share of the width; None where none was measured.
    """

    label: str
    length: float
    told: str
    colour: str
    floor: float | None = None


def targets(lines: Sequence[Line]) -> Iterator[Bar]:
    """Each measured value as a share of its target: the half of the width is the target."""
    for line in lines:
        target, measured = line["target"], line["measured"]
        share, floor = _share(measured, target), _share(line.get("floor", ""), target)
        if share is None:
            continue
        value = re.split(r"[,;(]| where| over", measured)[0].strip()
        number, yardstick = line["#"], line["yardstick"]
        label = f"{number and '#'}{number} {line['work']}{yardstick and ' / '}{yardstick}".strip()
        yield Bar(label, _place(share), f"{value} of {target}", _MISSED if share > 1 else _MET, floor and _place(floor))


def _share(told: str, target: str) -> float | None:
    """The number that stands first, as a share of the target's; below 1 is better than the target."""
    wanted, found = _NUMBER.match(target), _NUMBER.match(told)
    if wanted is None or found is None:
        return None
    share = float(found[1]) / float(wanted[1])
    return 1 / share if target.startswith(">=") else share


def _place(share: float) -> float:
    return min(share / 2, 1.0)


def saves(lines: Sequence[Line], state: str) -> Iterator[Bar]:
    """What a save of one state takes in each library, on a scale of powers of ten from 0.1 ms to 1 s."""
    for line in lines:
        name, promises = line["work"], line["target"]
        took = re.match(r"save ([\d.]+) ms", line["measured"])
        if line["yardstick"] == state and took is not None:
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
        parts += _bar(bar, _TOP + number * _LINE)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(bar: Bar, top: int) -> Iterator[str]:
    """The parts of one line."""
    width = max(bar.length * _WIDTH, 1)
    end = width
    yield f'<text x="{_LEFT - 8}" y="{top + 11}" text-anchor="end">{escape(_short(bar.label))}</text>'
    yield f'<rect x="{_LEFT}" y="{top}" width="{width:.0f}" height="{_LINE - 5}" fill="{bar.colour}"/>'
    if bar.floor is not None:
        at = bar.floor * _WIDTH
        end = max(end, at)
        yield f'<path d="M{_LEFT + at:.0f} {top - 2}v{_LINE - 1}" stroke="{_TICK}" stroke-width="3"/>'
    yield f'<text x="{_LEFT + end + 6:.0f}" y="{top + 11}" {_HALO}>{escape(bar.told)}</text>'


def _cells(line: str) -> list[str]:
    # An empty cell at an end is a cell: only the bars of the border are left out.
    return [cell.strip().replace("`", "") for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _short(label: str, most: int = 88) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"


def _caption() -> str:
    return f"python bench/plots.py, {datetime.now(UTC):%Y-%m-%d}, from the tables of docs/{PAGE.name}"


def _table(script: str) -> list[Line]:
    """The lines of the table that a script wrote, by the names in its head."""
    part = PAGE.read_text(encoding="utf-8").partition(f"<!-- {script} -->")[2].partition("<!-- end")[0]
    head, *lines = (_cells(line) for line in part.splitlines() if line.startswith("|") and "---" not in line)
    return [dict(zip(head, cells, strict=True)) for cells in lines]


def _draw(name: str, title: str, bars: Sequence[Bar], line_at: float | None = None) -> None:
    path = PAGE.with_name(name)
    path.write_text(picture(title, bars, line_at), encoding="utf-8")
    print(f"{path.name}: {len(bars)} bars")


def main() -> None:
    """Draw all pictures anew."""
    scripts = ("saves", "sizes", "loads", "many", "snapshot", "network", "footprint", "codec", "history")
    lines = [line for name in scripts for line in _table(f"bench/{name}.py")]
    title = "How far from its target each figure is: left of the line it is met; a tick is its floor"
    _draw("performance-targets.svg", title, [*targets(lines)], 0.5)
    peers = _table("bench/peers/run.py")
    for state, name in (("5 variables", "5"), ("1,000 variables", "1000"), ("1 MB", "1mb")):
        bars = sorted(saves(peers, state), key=lambda bar: bar.length)
        _draw(f"performance-peers-{name}.svg", f"A save of {state}, 0.1 ms to 1 s, in powers of ten", bars)


if __name__ == "__main__":
    main()
