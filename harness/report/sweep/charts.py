"""Charts of the sweep page: learning curves of all runs, and scores by what varies; pure functions
from the page's content to Vega-Lite."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.render import number, percent
from harness.report.run.charts import Chart, finished
from harness.report.run.configuration import as_text
from harness.report.run.learning import KEPT, thinned
from harness.report.sweep.fields import Varied
from harness.report.sweep.rows import Row, Sweep
from harness.report.sweep.runs import ACCURACY, LENGTH, REWARD, ManyRun

COLOURS = 6
"""Colours that a reader can tell apart: those of the page's style."""
MOST_POINTS = 6_000
"""Of all curves of one chart together; more runs have fewer points each."""
MOST_SCORE_CHARTS = 6
MOST_TICKS = 12
"""Different values up to which an axis has a place for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Colouring:
    """What the colours of the curves tell apart."""

    by: str
    """In words; empty where nothing is."""
    names: list[str]
    """One a run."""


def charts(runs: Sequence[ManyRun], sweep: Sweep) -> list[Chart]:
    """The charts that have data: curves first, then scores, as many as a page bears."""
    colouring = colours(sweep)
    curves = [
        _curves(f"curves-{index}", title, runs, sweep, colouring)
        for index, title in enumerate((REWARD, ACCURACY, LENGTH))
        if sum(title in run.curves for run in runs)
    ]
    scores = [
        _scores(f"scores-{place}-{column}", sweep, column, place)
        for column, place in score_charts(sweep)[:MOST_SCORE_CHARTS]
    ]
    return curves + scores


def score_charts(sweep: Sweep) -> list[tuple[int, int]]:
    """Column and varied field of every chart of scores that has something to tell apart."""
    return [
        (column, place)
        for column in range(len(sweep.columns))
        for place in range(len(sweep.varied))
        if len({row.values[place] for row in sweep.rows if _valid(row, column)}) > 1
    ]


def colours(sweep: Sweep) -> Colouring:
    """A colour for each run where they are few, for each configuration, or for each value of the
    field that fits best; else one for all."""
    rows = sweep.rows
    if len(rows) <= COLOURS:
        return Colouring(by="run", names=[row.label for row in rows])
    if len(sweep.groups) <= COLOURS:
        return Colouring(by="configuration", names=[sweep.groups[r.group].label for r in rows])
    fitting = [
        (len({row.values[place] for row in rows}), place) for place in range(len(sweep.varied))
    ]
    fitting = [(count, place) for count, place in fitting if count <= COLOURS]
    if not fitting:
        return Colouring(by="", names=["all runs"] * len(rows))
    place = max(fitting, key=lambda one: (one[0], -one[1]))[1]
    label = sweep.varied[place].label
    return Colouring(by=label, names=[f"{label}={row.values[place]}" for row in rows])


def _curves(
    id: str, title: str, runs: Sequence[ManyRun], sweep: Sweep, colouring: Colouring
) -> Chart:
    import altair as alt

    having = [index for index, run in enumerate(runs) if title in run.curves]
    kept = min(KEPT, max(8, MOST_POINTS // len(having)))
    points = [
        {"s": step, "v": round(value, 6), "r": sweep.rows[i].label, "c": colouring.names[i]}
        for i in having
        for step, value in thinned(runs[i].curves[title], kept)
    ]
    faint = 1.0 if len(having) <= COLOURS else 0.75 if len(having) <= 24 else 0.4
    lines = (
        _chart()
        .mark_line(strokeWidth=1.6 if len(having) <= 24 else 1, opacity=faint)
        .encode(
            x=alt.X("s:Q", title="step", axis=alt.Axis(format="d", tickMinStep=1)),
            y=alt.Y("v:Q", title=None, scale=alt.Scale(zero=False)),
            color=_colour("c", bool(colouring.by)),
            detail="r:N",
            tooltip=_tooltips(("r:N", "run"), ("s:Q", "step"), ("v:Q", title.lower())),
        )
    )
    return Chart(
        id=id, title=title, alt=_about_curves(title, runs, sweep, colouring, having, kept),
        spec=_with_data(lines, points, 260), height=320,
    )  # fmt: skip


def _about_curves(
    title: str,
    runs: Sequence[ManyRun],
    sweep: Sweep,
    colouring: Colouring,
    having: list[int],
    kept: int,
) -> str:
    share = title == ACCURACY
    said = percent if share else number
    last = sorted((runs[i].curves[title][-1][1], sweep.rows[i].label) for i in having)
    (low, lowest), (high, highest) = last[0], last[-1]
    many = f"{len(having)} runs" if len(having) > 1 else "1 run"
    text = f"{many}; the last step is at {said(low)}"
    if len(having) > 1:
        text += f" ({lowest}) to {said(high)} ({highest})"
    if without := len(runs) - len(having):
        text += f"; {without} without data"
    if any(runs[i].curves[title][-1][0] > kept for i in having):
        text += f"; long curves are thinned to about {kept} points"
    return (
        f"{text}. One colour for each {colouring.by}."
        if colouring.by not in ("", "run")
        else f"{text}."
    )


def _valid(row: Row, column: int) -> bool:
    cell = row.cells[column]
    return cell is not None and not cell.invalid


def _scores(id: str, sweep: Sweep, column: int, place: int) -> Chart:
    """Each run's score with its interval over one varied field, coloured by another one."""
    import altair as alt

    varied, other = sweep.varied[place], _other(sweep, place)
    points: list[dict[str, Any]] = []
    for row in sweep.rows:
        cell = row.cells[column]
        if cell is None or cell.invalid:
            continue
        points.append({
            "x": row.values[place], "v": 100 * cell.value, "l": 100 * cell.low,
            "h": 100 * cell.high, "r": row.label,
            "c": f"{other[0]}={row.values[other[1]]}" if other else "",
        })  # fmt: skip
    beside: Counter[str] = Counter()
    for point in points:  # runs with one value stand side by side
        point["o"] = beside[point["x"]]
        beside[point["x"]] += 1
    offset: Any = {"xOffset": alt.XOffset("o:O", scale=alt.Scale(paddingOuter=0.8))}
    x = _axis(varied, [point["x"] for point in points])
    if x["type"] == "quantitative":
        points = [{**point, "x": float(point["x"])} for point in points]
    base = _chart().encode(
        x=alt.X(field="x", title=varied.label, **x),
        color=_colour("c", other is not None),
        tooltip=_tooltips(
            ("r:N", "run"), ("x:N", varied.label), ("v:Q", "score, %"), ("l:Q", "low"),
            ("h:Q", "high"),
        ),
        **(offset if x["type"] == "nominal" and len(points) <= 60 else {}),
    )  # fmt: skip
    rules = base.mark_rule(opacity=0.55).encode(
        y=alt.Y("l:Q", title="score, %", scale=alt.Scale(zero=False)), y2="h:Q"
    )
    dots = base.mark_point(filled=True, size=38, opacity=1).encode(y="v:Q")
    title = sweep.columns[column].title
    return Chart(
        id=id, title=f"{title} by {varied.label}", alt=_about_scores(sweep, column, place),
        spec=_with_data(alt.layer(rules, dots), points, 220), height=290,
    )  # fmt: skip


def _other(sweep: Sweep, place: int) -> tuple[str, int] | None:
    """Another varied field with few enough values for colours."""
    for index, varied in enumerate(sweep.varied):
        if index != place and len({row.values[index] for row in sweep.rows}) <= COLOURS:
            return varied.label, index
    return None


def _axis(varied: Varied, shown: Sequence[str]) -> dict[str, Any]:
    """A place for each value where they are few; else a scale, logarithmic over decades."""
    if not varied.numeric or len(set(shown)) <= MOST_TICKS:
        order = sorted(set(varied.values), key=_numbers_first)
        return {"type": "nominal", "sort": [as_text(v) for v in order], "axis": {"labelAngle": 0}}
    values = [float(value) for value in shown]
    wide = min(values) > 0 and max(values) / min(values) > 50
    return {"type": "quantitative", "scale": {"type": "log" if wide else "linear", "zero": False}}


def _numbers_first(value: Any) -> tuple[bool, float, str]:
    is_number = isinstance(value, int | float)
    return (not is_number, float(value) if is_number else 0.0, as_text(value))


def _about_scores(sweep: Sweep, column: int, place: int) -> str:
    """The mean score at each end of the field's values."""
    found: dict[str, list[float]] = {}
    for row in sweep.rows:
        cell = row.cells[column]
        if cell is not None and not cell.invalid:
            found.setdefault(row.values[place], []).append(cell.value)
    means = {value: sum(scores) / len(scores) for value, scores in found.items()}
    low, high = min(means, key=lambda v: means[v]), max(means, key=lambda v: means[v])
    label = sweep.varied[place].label
    return (
        f"Mean score from {percent(means[low])} at {label}={low} to {percent(means[high])} at "
        f"{label}={high}; a point a run, with the 95 % interval over problems."
    )


def _colour(field: str, told_apart: bool) -> Any:
    import altair as alt

    if not told_apart:
        return alt.value("var(--accent)")
    legend = alt.Legend(title=None, orient="top", columns=2, labelLimit=300)
    return alt.Color(f"{field}:N", legend=legend, sort=None)


def _chart() -> Any:
    """A chart whose data come afterwards: checking thousands of points takes seconds."""
    import altair as alt

    return alt.Chart(alt.NamedData("points"))


def _with_data(chart: Any, points: list[dict[str, Any]], height: int) -> dict[str, Any]:
    return finished(chart, height=height) | {"datasets": {"points": points}}


def _tooltips(*pairs: tuple[str, str]) -> list[Any]:
    import altair as alt

    return [
        alt.Tooltip(name, title=title, format=".4~g" if name.endswith(":Q") else "")
        for name, title in pairs
    ]
