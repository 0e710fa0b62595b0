"""Draw cost against size from the last record of grid_peers: writes docs/pictures/grid-cost-against-size.svg.

Run after `python benchmarks/harness.py grid_peers`. Both axes are logarithmic; a peer has a point where it answered.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "grid_peers.json"
PICTURE = HERE.parent / "docs" / "pictures" / "grid-cost-against-size.svg"
CASE = re.compile(r".*\((\d+) buses\), optimal dispatch$")
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 460, 70, 30, 130, 50
LABEL_ROOM = 40
FONT = 'font-family="sans-serif" font-size="12"'
COLOURS = {"powerdesk": "#0b6e4f", "egret": "#8a5a00", "pandapower": "#7b2d8b", "pypsa": "#b3261e"}

Points = dict[str, dict[int, float]]


def points(run: dict[str, object]) -> Points:
    """Return milliseconds by program and number of buses, the median where several cases have that size."""
    out: Points = defaultdict(dict)
    measurements = run["measurements"]
    assert isinstance(measurements, list)
    for line in measurements:
        found = CASE.match(line["case"])
        if found:
            n_bus = int(found[1])
            out["powerdesk"][n_bus] = line["median"]
            if line["peer_median"] is not None:
                out[re.split(r"[,:]", line["peer"])[0]][n_bus] = line["peer_median"]
    return out


def drawn(found: Points, *, caption: str) -> str:
    """Return the picture as SVG."""
    sizes = [n_bus for line in found.values() for n_bus in line]
    costs = [cost for line in found.values() for cost in line.values()]
    low_x, high_x = math.log10(min(sizes)) - 0.1, math.log10(max(sizes)) + 0.1
    low_y, high_y = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)))

    def x(n_bus: float) -> float:
        return LEFT + (math.log10(n_bus) - low_x) / (high_x - low_x) * (WIDTH - LEFT - RIGHT)

    def y(cost: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(cost) - low_y) / (high_y - low_y) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT}>',
        f"<title>Milliseconds of one optimal dispatch against buses. {caption}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for power in range(low_y, high_y + 1):
        at, name = y(10.0**power), f"{10.0**power:g} ms" if power < 3 else f"{10.0 ** (power - 3):g} s"
        parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end" fill="#444444">{name}</text>')
    written = -math.inf
    for n_bus in sorted(set(sizes)):
        at, low = x(n_bus), HEIGHT - BOTTOM
        parts.append(f'<path d="M{at:.1f} {TOP}V{low}" stroke="#eeeeee"/>')
        if at - written >= LABEL_ROOM:
            written = at
            parts.append(f'<text x="{at:.1f}" y="{low + 18}" text-anchor="middle" fill="#444444">{n_bus}</text>')
    for name, line in sorted(found.items()):
        colour = COLOURS.get(name, "#333333")
        way = [(x(n_bus), y(cost)) for n_bus, cost in sorted(line.items())]
        joined = " ".join(f"{a:.1f},{b:.1f}" for a, b in way)
        parts.append(f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"/>' for a, b in way]
        parts.append(f'<text x="{way[-1][0] + 8:.1f}" y="{way[-1][1] + 4:.1f}" fill="{colour}">{name}</text>')
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 10}" fill="#444444">buses. {caption}</text></svg>')
    return "\n".join(parts) + "\n"


def main() -> None:
    """Write the picture of the last record."""
    run = json.loads(RESULTS.read_text(encoding="utf-8"))[-1]
    caption = f"{run['machine']['processor']}, one thread, {run['at'][:10]}, commit {run['commit']}"
    PICTURE.write_text(drawn(points(run), caption=caption), encoding="utf-8", newline="\n")
    print(PICTURE.relative_to(HERE.parent))


if __name__ == "__main__":
    main()
