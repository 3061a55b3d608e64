"""Line charts and histograms as inline SVG text; pure functions, read by page.py."""

import math
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 360, 170
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 10, 24

Point = tuple[float, float]


def short(value: float) -> str:
    """A number for an axis: few characters, no needless digits."""
    if value != 0 and (abs(value) >= 100_000 or abs(value) < 0.001):
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers inside a range."""
    span = high - low
    raw = span / wanted
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw)
    first = math.ceil(low / step)
    count = math.floor(high / step + 1e-9) - first + 1
    return [(first + index) * step for index in range(count)]


def padded(values: Sequence[float]) -> tuple[float, float]:
    """A range around the values that is never empty."""
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or abs(high) * 0.1 or 0.5
    return low - margin, high + margin


def frame(title: str, body: list[str]) -> str:
    """An SVG with its accessible name."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        + "".join(body)
        + "</svg>"
    )


def scale(low: float, high: float, start: float, end: float, value: float) -> float:
    """Map a value of one range to another, rounded for SVG."""
    return round(start + (value - low) / (high - low) * (end - start), 1)


def y_axis(low: float, high: float) -> list[str]:
    """Grid lines with their numbers."""
    parts = []
    for value in ticks(low, high):
        y = scale(low, high, HEIGHT - BOTTOM, TOP, value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y + 3.5}" text-anchor="end">{short(value)}</text>')
    return parts


def x_label(x: float, text: str, anchor: str = "middle") -> str:
    """A number below the chart."""
    return f'<text x="{x}" y="{HEIGHT - 8}" text-anchor="{anchor}">{escape(text)}</text>'


def line_chart(title: str, points: Sequence[Point], marks: Sequence[float] = ()) -> str:
    """One curve over steps; `marks` are steps at which a new attempt began."""
    points = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    if not points:
        return ""
    xs = [x for x, _ in points]
    low, high = padded([y for _, y in points])
    left, right = (min(xs), max(xs)) if max(xs) > min(xs) else (xs[0] - 1, xs[0] + 1)

    def place(x: float) -> float:
        return scale(left, right, LEFT, WIDTH - RIGHT, x)

    body = y_axis(low, high)
    for mark in marks:
        if left <= mark <= right:
            x = place(mark)
            body.append(f'<line class="mark" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
    placed = [(place(x), scale(low, high, HEIGHT - BOTTOM, TOP, y)) for x, y in points]
    if len(placed) > 1:
        path = " ".join(f"{x},{y}" for x, y in placed)
        body.append(f'<polyline class="curve" points="{path}"/>')
    if len(placed) <= 60:
        body += [
            f'<circle class="dot" cx="{x}" cy="{y}" r="2.2">'
            f"<title>step {short(step)}: {short(value)}</title></circle>"
            for (x, y), (step, value) in zip(placed, points, strict=True)
        ]
    body.append(x_label(place(min(xs)), short(min(xs)), "middle" if len(set(xs)) == 1 else "start"))
    if len(set(xs)) > 1:
        body.append(x_label(place(max(xs)), short(max(xs)), "end"))
        body.append(x_label((LEFT + WIDTH - RIGHT) / 2, "step"))
    return frame(title, body)


def histogram(title: str, groups: Sequence[tuple[str, Sequence[float]]], bins: int = 24) -> str:
    """Shares of up to two groups over common bins, as outlined steps."""
    values = [value for _, group in groups for value in group]
    if not values:
        return ""
    low, high = min(values), max(values)
    width = (high - low) / bins or 1.0
    shares = []
    for _, group in groups:
        counts = [0] * bins
        for value in group:
            counts[min(bins - 1, int((value - low) / width))] += 1
        shares.append([count / max(1, len(group)) for count in counts])
    top = max(max(share) for share in shares) * 1.06
    body = y_axis(0.0, top)
    base = HEIGHT - BOTTOM
    for index, share in enumerate(shares):
        corners = [f"{LEFT},{base}"]
        for number, value in enumerate(share):
            y = scale(0.0, top, base, TOP, value)
            for edge in (number, number + 1):
                corners.append(f"{scale(0, bins, LEFT, WIDTH - RIGHT, edge)},{y}")
        corners.append(f"{WIDTH - RIGHT},{base}")
        body.append(f'<polyline class="bars group{index}" points="{" ".join(corners)}"/>')
    body.append(x_label(LEFT, short(low), "start"))
    body.append(x_label(WIDTH - RIGHT, short(low + width * bins), "end"))
    body.append(x_label((LEFT + WIDTH - RIGHT) / 2, "tokens"))
    return frame(title, body)
