"""Charts: whatever the data, a specification that Vega-Lite accepts, small, without colours of its
own, and with a finding in words."""

import json
import math
from typing import Any

import pytest

from harness.report.read import Json, TrainingFiles
from harness.report.run.charts import Chart, learning_charts, length_charts, score_chart, table
from harness.report.run.learning import learning
from harness.report.run.lengths import length_rows
from harness.report.run.scale import ScoreBar, ScoreMark, ScoreScale
from tests.report.making import sample

SPEC: Json = {"data": {"max_response_tokens": 100}}


def steps(values: list[float], attempt: int = 1, **metrics: Any) -> list[Json]:
    """Step events whose reward is given."""
    return [
        {"kind": "step", "attempt": attempt, "step": at + 1,
         "metrics": {"critic/score/mean": value, **metrics}}
        for at, value in enumerate(values)
    ]  # fmt: skip


def charts_of(events: list[Json], name: str = "") -> list[Chart]:
    return learning_charts(learning([TrainingFiles(name=name, events=events)], SPEC), parts=False)


def accepted(chart: Chart) -> None:
    """Checks a chart against Vega-Lite's own schema."""
    import altair

    altair.LayerChart.from_dict(chart.spec, validate=True)


@pytest.mark.parametrize(
    "values",
    [[1.0], [2.0, 2.0], [0.0, 0.0], [1e-9, 5e6], [-1.0, 3.0], [math.sin(x) for x in range(3000)]],
)
def test_a_curve_of_any_values_is_accepted_and_small(values: list[float]) -> None:
    (chart,) = charts_of(steps(values))
    accepted(chart)
    assert len(json.dumps(chart.spec)) < 16_000
    assert chart.alt.endswith(".")


def test_what_is_no_number_is_left_out() -> None:
    assert charts_of(steps([float("nan"), float("inf")])) == []
    (chart,) = charts_of(steps([1.0, float("nan"), 2.0]))
    assert [row["x"] for row in chart.spec["datasets"]["points"]] == [1, 3]


def test_colours_come_from_the_page() -> None:
    (chart, *_) = charts_of(steps([1.0, 2.0]) + steps([3.0] * 3, attempt=2), name="8k")
    accepted(chart)
    text = json.dumps(chart.spec)
    assert "var(--accent)" in text and "#" not in text and "config" not in chart.spec


def test_stages_and_attempts_are_marked_before_their_first_step() -> None:
    first = TrainingFiles(name="8k", events=steps([0.1] * 4))
    again = [event | {"step": event["step"] + 2} for event in steps([0.5] * 3, attempt=2)]
    second = TrainingFiles(name="16k", events=steps([0.2] * 3) + again)
    (chart,) = learning_charts(learning([first, second], SPEC), parts=False)
    data = chart.spec["datasets"]
    assert data["stage"] == [{"x": 0.5, "name": "8k"}, {"x": 4.5, "name": "16k"}]
    assert data["attempt"] == [{"x": 6.5, "name": "attempt 2"}]
    assert [row["x"] for row in data["points"]] == list(range(1, 10))
    accepted(chart)


@pytest.mark.parametrize(("length", "drawn"), [(60.0, True), (10.0, False)])
def test_a_limit_is_drawn_where_it_is_near(length: float, drawn: bool) -> None:
    metrics = {"response_length/mean": length, "response_length/max": 100.0}
    charts = charts_of(steps([1.0, 1.0], **metrics, **{"response_length/clip_ratio": 0.25}))
    chart = next(one for one in charts if one.title.startswith("Response length"))
    accepted(chart)
    assert ("limits" in chart.spec["datasets"]) is drawn
    assert "Limit 100." in chart.alt


def test_lengths_of_all_models_stand_on_the_same_axes() -> None:
    rows = [sample(n, "base", response_tokens=n, truncated=n == 63) for n in range(64)]
    rows += [sample(n, "trained", response_tokens=5) for n in range(10)]
    base, trained = length_charts(length_rows(rows))
    for chart in (base, trained):
        accepted(chart)
    assert len({json.dumps(c.spec["layer"][0]["encoding"]["y"]) for c in (base, trained)}) == 1
    shares = [row["whole"] + row["cut"] for row in base.spec["datasets"]["bins"]]
    assert sum(shares) == pytest.approx(1)
    assert sum(row["cut"] for row in base.spec["datasets"]["bins"]) == pytest.approx(1 / 64)
    assert "1 of 64 truncated (1.6 %)" in base.alt


def test_lengths_without_truncation_or_without_any() -> None:
    assert length_rows([sample(1, response_tokens=None)]) == []
    (row,) = length_rows([sample(1, response_tokens=5, truncated=None)] * 2)
    assert "not known which were truncated" in row.finding
    accepted(length_charts([row])[0])


def test_scores_claims_and_independent_scores_on_one_axis() -> None:
    bar = ScoreBar(row="trained", base=False, value=0.4, low=0.38, high=0.42, wide_low=0.3,
                   wide_high=0.5, said="40 %")  # fmt: skip
    marks = [ScoreMark(row="trained", kind="claim", value=0.43, said="claim")]
    marks += [ScoreMark(row="trained", kind="independent", value=0.37, said="independent")]
    for given in (marks, []):
        chart = score_chart(ScoreScale(bars=[bar], marks=given, domain=(0.2, 0.6), alt="words."))
        accepted(chart)
    assert chart.alt == "words." and chart.caption == ""


def test_numbers_are_kept_to_six_digits() -> None:
    assert table(("x", "y"), [(3.0, 0.123456789)]) == [{"x": 3, "y": 0.123457}]
