"""The chart of one length-accuracy curve: models with their intervals, claimed points as diamonds;
page.py shows it."""

from typing import Any

from harness.report.render import number, percent
from harness.report.run.charts import ACCENT, BASE, HEIGHT, INK, Chart, Rows, finished
from harness.report.run.curves import CurvePoint, LengthCurve
from harness.report.run.verdict import in_words

SPREAD = 4.0
"""Above such a ratio of the largest to the smallest number of tokens the axis is logarithmic."""
X_TITLES = {
    "prompt_budget": "budget asked for, tokens",
    "limit": "token limit",
    "mean_tokens": "mean response length, tokens",
}


def curve_chart(curve: LengthCurve) -> Chart:
    """A line for each model; bars are 95 % intervals for other draws on the same problems, thin
    lines for other problems of this kind."""
    import altair as alt

    places = sorted(
        {point.tokens for point in curve.points} | {float(point.tokens) for point in curve.claimed}
    )
    wide = places[-1] > SPREAD * places[0]
    scale = alt.Scale(type="log" if wide else "linear", zero=False, nice=False, padding=12)
    x = alt.X("x:Q").title(X_TITLES[curve.x]).scale(scale)
    x = x.axis(format=",.0f", labelOverlap="greedy", **_ticks(curve, places))

    def y(field: str) -> Any:
        found = alt.Y(f"{field}:Q").title(None).scale(zero=False, nice=True)
        return found.axis(format=".0%", tickCount=5)

    lines = alt.Chart(alt.NamedData("lines")).encode(x=x)
    colour = alt.Color("colour:N").scale(None)
    said = [alt.Tooltip("label:N", title="model"), alt.Tooltip("said:N", title="value")]
    layers = [
        lines.mark_rule(strokeWidth=1, opacity=0.7).encode(
            y=y("wide_low"), y2="wide_high", color=colour
        ),
        lines.mark_rule(strokeWidth=5, opacity=0.4).encode(y=y("low"), y2="high", color=colour),
        lines.mark_line(strokeWidth=1.6).encode(y=y("value"), color=colour, detail="label:N"),
        lines.mark_point(filled=True, size=45, opacity=1).encode(
            y=y("value"), color=colour, tooltip=said
        ),
    ]
    rows = [_row(point, curve) for point in curve.points]
    data: dict[str, Rows] = {"lines": rows, "ends": [*{row["label"]: row for row in rows}.values()]}
    ends = alt.Chart(alt.NamedData("ends")).encode(x=x, y=y("value"), text="label:N")
    layers.append(ends.mark_text(align="right", dx=-8, dy=-10, fontSize=11, color=INK))
    if curve.claimed:
        data["claimed"] = [
            {"x": point.tokens, "value": point.value, "said": point.said, "label": "upstream"}
            for point in curve.claimed
        ]
        claimed = alt.Chart(alt.NamedData("claimed")).encode(x=x)
        layers.append(
            claimed.mark_point(
                shape="diamond", size=90, strokeWidth=2, color=INK, opacity=1
            ).encode(y=y("value"), tooltip=said)
        )
    return Chart(
        id=curve.id,
        title=curve.title,
        alt=curve.finding,
        spec=finished(alt.layer(*layers), data, height=HEIGHT + 60),
        height=HEIGHT + 110,
    )


def _ticks(curve: LengthCurve, places: list[float]) -> dict[str, Any]:
    """Ticks at the budgets or limits themselves; round ones for mean lengths."""
    return {"tickCount": 6} if curve.x == "mean_tokens" else {"values": places}


def _row(point: CurvePoint, curve: LengthCurve) -> dict[str, Any]:
    said = f"{in_words(point.accuracy)} at {number(point.tokens)} tokens"
    if point.mean_tokens and curve.x != "mean_tokens":
        said += f", {number(point.mean_tokens.value)} used"
    if point.above is not None:
        said += f", {percent(point.above)} above"
    return {
        "x": round(point.tokens, 2),
        "value": point.accuracy.value,
        "low": point.sampling.low,
        "high": point.sampling.high,
        "wide_low": point.accuracy.low,
        "wide_high": point.accuracy.high,
        "label": point.label,
        "colour": BASE if point.label == "base" else ACCENT,
        "said": said,
    }
