"""Charts of the report as Vega-Lite, made with altair: pure functions from data to `Chart`, which
templates show with the macro `figure`. altair is imported where a chart is made."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from harness.report.run.learning import Boundary, Curve, Learning
from harness.report.run.lengths import LengthRow
from harness.report.run.scale import ScoreBar, ScoreMark, ScoreScale

HEIGHT = 150
"""Pixels of a chart's plotting area."""
NEAR = 2.5
"""A limit is drawn up to so many times the highest value of its curve."""
ROW = 22
"""Pixels of a row in a chart of intervals."""
INK, SOFT, LINE, ACCENT, BASE, BAD = (
    f"var(--{name})" for name in ("ink", "soft", "line", "accent", "base", "bad")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart of a page."""

    id: str
    """Unique in the page; letters, digits and hyphens."""
    title: str
    alt: str
    """What the chart shows, in words: the finding, not the axes."""
    spec: dict[str, Any]
    """Vega-Lite, data included; colours are CSS variables, width "container"."""
    caption: str | None = None
    """Text above the chart; null takes `alt`. Where it is something else, `alt` is for those who
    cannot see the chart."""
    height: int = HEIGHT + 30
    """Pixels kept free until it is drawn."""


Rows = list[dict[str, Any]]


def finished(
    chart: Any,
    data: Mapping[str, Rows] | None = None,
    *,
    width: int | str = "container",
    height: int = HEIGHT,
) -> dict[str, Any]:
    """The specification of an altair chart, without what the page sets for all charts (config).

    Data that the chart names are added here, once for all layers: altair copies data row by row.
    The schema is not checked, which takes most of the time; the tests do that.
    """
    spec: dict[str, Any] = chart.properties(width=width, height=height).to_dict(validate=False)
    for shared in ("config", "usermeta"):
        spec.pop(shared, None)
    return spec | {"datasets": dict(data)} if data else spec


def table(columns: Sequence[str], rows: Iterable[Sequence[float]]) -> Rows:
    """Numbers as data of a chart, to six digits. (Not as CSV, which is shorter: Vega reads that
    with code made at run time, and the page forbids eval.)"""
    return [dict(zip(columns, map(_six_digits, row), strict=True)) for row in rows]


def learning_charts(found: Learning, *, parts: bool) -> list[Chart]:
    """A chart for each curve: the quantities, or the components of the reward."""
    return [
        learning_chart(curve, found.boundaries, found.steps)
        for curve in found.curves
        if curve.part is parts
    ]


def learning_chart(curve: Curve, boundaries: Sequence[Boundary], steps: int) -> Chart:
    """One curve over training steps, with its stages, attempts and limits; the value under the
    pointer is shown."""
    data: dict[str, Rows] = {"points": table(("x", "y"), curve.points)}
    if curve.means:
        data["means"] = table(("x", "y"), curve.means)
    if curve.limits and max(limit for *_, limit in curve.limits) <= NEAR * curve.high:
        rows = [(first - 0.5, last + 0.5, limit) for first, last, limit in curve.limits]
        data["limits"] = table(("x", "to", "y"), rows)
    for kind in ("stage", "attempt"):
        # Between the last step before and the first step after.
        begins = [{"x": one.step - 0.5, "name": one.name} for one in boundaries if one.kind == kind]
        if begins:
            data[kind] = begins
    spec = _learning_spec(steps, _ticks(curve), curve.share, tuple(data))
    return Chart(
        id=f"curve-{slug(curve.metric)}",
        title=curve.title,
        alt=curve.finding,
        spec=spec | {"datasets": data},
    )


@cache
def _learning_spec(steps: int, ticks: str | None, share: bool, data: tuple[str, ...]) -> Any:
    """The specification that curves of the same form share: altair is slow."""
    import altair as alt

    x = alt.X("x:Q").title(None).scale(domain=[0.5, steps + 0.5], nice=False)
    x = x.axis(tickMinStep=1, format=",d", tickCount=4, labelOverlap="greedy")
    y = alt.Y("y:Q").title(None).scale(zero=False, nice=True)
    y = y.axis(tickCount=4, format=ticks or alt.Undefined)
    dense = "means" in data
    line = alt.Chart(alt.NamedData("points")).encode(x=x, y=y)
    layers: list[Any] = []
    if "limits" in data:
        rule = alt.Chart(alt.NamedData("limits")).mark_rule(color=BAD, strokeDash=[5, 3])
        layers.append(rule.encode(x=x, x2="to:Q", y=y))
    for kind, height, dash in (("stage", -4, [1, 0]), ("attempt", HEIGHT - 2, [3, 3])):
        if kind in data:
            layers += _beginnings(kind, x, height, dash)
    layers.append(
        line.mark_line(color=ACCENT, strokeWidth=1 if dense else 1.6, opacity=0.4 if dense else 1)
    )
    if dense:
        means = alt.Chart(alt.NamedData("means")).encode(x=x, y=y)
        layers.append(means.mark_line(color=ACCENT, strokeWidth=2, strokeJoin="round"))
    else:
        layers.append(line.mark_point(color=ACCENT, filled=True, opacity=1, size=14))
    return finished(alt.layer(*layers, *_pointed(line, share)))


def _beginnings(kind: str, x: Any, height: int, dash: list[int]) -> list[Any]:
    """Vertical lines where stages or attempts begin, with their names."""
    import altair as alt

    base = alt.Chart(alt.NamedData(kind)).encode(x=x)
    name = base.mark_text(align="left", baseline="bottom", dx=2, fontSize=10, color=SOFT)
    return [
        base.mark_rule(color=SOFT, opacity=0.7, strokeDash=dash),
        name.encode(y=alt.value(height), text="name:N"),
    ]


def _pointed(line: Any, share: bool) -> list[Any]:
    """A rule and a dot at the step that is nearest to the pointer, and its value."""
    import altair as alt

    near = alt.selection_point(
        nearest=True, on="pointermove", clear="pointerout", fields=["x"], empty=False
    )
    tooltip = [
        alt.Tooltip("x:Q", title="step", format=",d"),
        alt.Tooltip("y:Q", title="value", format=".1%" if share else ",.4~g"),
    ]
    shown = alt.condition(near, alt.value(0.6), alt.value(0))
    rule = line.mark_rule(color=SOFT).encode(
        y=alt.value(0), y2=alt.value("height"), opacity=shown, tooltip=tooltip
    )
    dot = line.mark_point(color=ACCENT, filled=True, opacity=1).encode(
        size=alt.condition(near, alt.value(45), alt.value(0))
    )
    return [dot, rule.add_params(near)]


def score_chart(scale: ScoreScale) -> Chart:
    """Scores with their intervals, a row each, beside the claims and the independent scores."""
    import altair as alt

    rows = list(dict.fromkeys(bar.row for bar in scale.bars))
    y = alt.Y("row:N").sort(rows).title(None)
    y = y.axis(ticks=False, domain=False, labelColor=INK, labelLimit=220, labelPadding=8)
    x_scale = alt.Scale(domain=list(scale.domain), nice=False, zero=False)

    def x(field: str) -> Any:
        found = alt.X(f"{field}:Q").title(None).scale(x_scale)
        return found.axis(format=".0%", tickCount=6, grid=True, domain=False, ticks=False)

    bars, marks = alt.Chart(alt.NamedData("bars")), alt.Chart(alt.NamedData("marks"))
    data = {"bars": [_bar(one) for one in scale.bars], "marks": [_mark(m) for m in scale.marks]}
    said = [alt.Tooltip("row:N", title="score"), alt.Tooltip("said:N", title="value")]
    layers = [
        bars.mark_rule(color=SOFT, strokeWidth=1).encode(x=x("wide_low"), x2="wide_high", y=y),
        bars.mark_rule(strokeWidth=5, opacity=0.45).encode(
            x=x("low"), x2="high", y=y, color=alt.Color("colour:N").scale(None)
        ),
        bars.mark_point(filled=True, size=70, opacity=1).encode(
            x=x("value"), y=y, color=alt.Color("colour:N").scale(None), tooltip=said
        ),
    ]
    if scale.marks:
        layers.append(
            marks.mark_point(size=90, strokeWidth=2, color=INK, opacity=1).encode(
                x=x("value"), y=y, shape=alt.Shape("shape:N").scale(None), tooltip=said
            )
        )
    height = ROW * len(rows)
    return Chart(
        id="scores-chart",
        title="Scores with their 95 % intervals",
        alt=scale.alt,
        caption="",
        spec=finished(alt.layer(*layers), data, height=height),
        height=height + 30,
    )


def length_charts(rows: Sequence[LengthRow]) -> list[Chart]:
    """A histogram of response lengths for each model, all on the same axes."""
    top = max((max(row.whole) + max(row.cut) for row in rows), default=0.0)
    return [_length_chart(row, top) for row in rows]


def _length_chart(row: LengthRow, top: float) -> Chart:
    import altair as alt

    bins = [
        (start, start + row.width, whole, cut)
        for start, whole, cut in zip(row.starts, row.whole, row.cut, strict=True)
    ]
    base = alt.Chart(alt.NamedData("bins"))
    x = alt.X("from:Q").title("tokens").scale(nice=False).axis(tickCount=6)
    y = alt.Y("whole:Q").title(None).scale(domain=[0, top], nice=True).axis(format="%", tickCount=4)
    tooltip = [
        alt.Tooltip("from:Q", title="tokens from", format=",.0f"),
        alt.Tooltip("to:Q", title="to", format=",.0f"),
        alt.Tooltip("whole:Q", title="ended", format=".1%"),
        alt.Tooltip("cut:Q", title="truncated", format=".1%"),
    ]
    ended = base.mark_bar(color=ACCENT, opacity=0.75, binSpacing=1).encode(
        x=x, x2="to:Q", y=y, y2=alt.datum(0), tooltip=tooltip
    )
    cut = base.transform_calculate(top="datum.whole + datum.cut").mark_bar(color=BAD, binSpacing=1)
    layers = [ended]
    if any(row.cut):
        layers.append(cut.encode(x=x, x2="to:Q", y=alt.Y("whole:Q"), y2="top:Q", tooltip=tooltip))
    return Chart(
        id=f"lengths-{slug(row.name)}",
        title=row.name,
        alt=row.finding,
        spec=finished(alt.layer(*layers), {"bins": table(("from", "to", "whole", "cut"), bins)}),
        height=HEIGHT + 50,
    )


def slug(text: str) -> str:
    """A text as part of an id."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def _ticks(curve: Curve) -> str | None:
    """The format of shares on an axis: whole percents where they tell its ticks apart."""
    if not curve.share:
        return None
    return ".0%" if curve.high - curve.low >= 0.04 else ".1%"


def _bar(bar: ScoreBar) -> dict[str, Any]:
    return {
        "row": bar.row,
        "value": bar.value,
        "low": bar.low,
        "high": bar.high,
        "wide_low": bar.wide_low,
        "wide_high": bar.wide_high,
        "colour": BASE if bar.base else ACCENT,
        "said": bar.said,
    }


def _mark(mark: ScoreMark) -> dict[str, Any]:
    shape = "diamond" if mark.kind == "claim" else "triangle-up"
    return {"row": mark.row, "value": mark.value, "shape": shape, "said": mark.said}


def _six_digits(value: float) -> float:
    rounded = float(f"{value:.6g}")
    return int(rounded) if rounded.is_integer() else rounded
