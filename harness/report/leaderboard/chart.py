"""The chart of the leaderboard: claimed, independent and measured here on one axis; pure."""

from collections.abc import Sequence
from typing import Any

from evals import MEAN_TOKENS
from harness.report.leaderboard.lines import Leaderboard, Line
from harness.report.run.charts import Chart, finished

KINDS = {
    "claimed": "var(--ink)",
    "independent": "var(--series-3)",
    "released weights here": "var(--series-2)",
    "ours": "var(--accent)",
}
"""What stands beside a claim, and its colour."""


def chart(board: Leaderboard) -> Chart | None:
    """Claims that something stands beside; None without any."""
    import altair as alt

    scores = [line for line in board.lines if line.metric != MEAN_TOKENS]
    lines = [line for line in scores if line.independent or line.ours or line.released]
    points = [point for line in lines for point in _points(line, _name(line, lines))]
    if not points:
        return None
    rows = list(dict.fromkeys(point["row"] for point in points))
    y = alt.Y("row:N").sort(rows).title(None).axis(ticks=False, domain=False, labelLimit=260)
    y = y.scale(padding=0.4)
    x = alt.X("v:Q").title("score, %").axis(grid=True, tickCount=6, format="d")
    colour = alt.Color("kind:N").scale(domain=list(KINDS), range=list(KINDS.values()))
    colour = colour.legend(orient="top", title=None, columns=4, symbolType="circle")
    said = [alt.Tooltip("row:N", title="claim"), alt.Tooltip("kind:N"), alt.Tooltip("said:N")]
    base = alt.Chart(alt.InlineData(values=points)).encode(y=y, color=colour, tooltip=said)
    claimed = alt.datum.kind == "claimed"
    rules = base.mark_rule(opacity=0.5, strokeWidth=2).encode(x=alt.X("l:Q"), x2="h:Q")
    ticks = base.transform_filter(claimed).mark_tick(thickness=2.5, size=15, opacity=1).encode(x=x)
    dots = base.transform_filter(~claimed).mark_point(size=55, filled=True, opacity=1).encode(x=x)
    height = 20 * len(rows)
    return Chart(
        id="claims-chart",
        title="Claimed, independent and measured here",
        alt=_alt(lines),
        spec=finished(alt.layer(rules, dots, ticks), height=height),
        height=height + 80,
    )


def _name(line: Line, lines: Sequence[Line]) -> str:
    """The claim in as few words as tell it from the others on its benchmark."""
    same = [one for one in lines if (one.repro, one.benchmark) == (line.repro, line.benchmark)]
    told = [f"{line.repro} {line.benchmark}"]
    told += [line.name] if len({one.name for one in same}) > 1 else []
    is_average = not line.metric.startswith(("pass", "maj", "cons"))
    told += [] if is_average and len({one.metric for one in same}) == 1 else [line.metric]
    told += [line.model] if len({one.model for one in same}) > 1 else []
    return " ".join(filter(None, told))


def _points(line: Line, row: str) -> list[dict[str, Any]]:
    found = [_point(row, "claimed", line.claimed, None, None)]
    if other := line.independent:
        found.append(_point(row, "independent", other.mean, other.mean - other.sd,
                            other.mean + other.sd))  # fmt: skip
    for kind, mine in (("released weights here", line.released), ("ours", line.ours)):
        if mine and mine.value is not None:
            found.append(_point(row, kind, mine.value, mine.low, mine.high))
    return found


def _point(
    row: str, kind: str, value: float, low: float | None, high: float | None
) -> dict[str, Any]:
    ends = (value if low is None else low, value if high is None else high)
    said = f"{100 * value:.1f}"
    said += "" if low is None else f" [{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]"
    return {"row": row, "kind": kind, "v": 100 * value, "l": 100 * ends[0], "h": 100 * ends[1],
            "said": said}  # fmt: skip


def _alt(lines: list[Line]) -> str:
    """How far independent scores and ours are from the claims, counted."""
    independent = [line for line in lines if line.independent]
    below = [
        line for line in independent if line.independent and line.independent.mean < line.claimed
    ]
    ours = sum(line.ours is not None for line in lines)
    return (
        f"{len(lines)} claims with something beside them: {len(independent)} with an independent "
        f"score of the released weights (± one SD over seeds), {len(below)} of these below the "
        f"claim; {ours} measured on a model trained here. Protocols may differ; the table says so."
    )
