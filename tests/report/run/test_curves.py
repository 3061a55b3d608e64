"""Length-accuracy curves: which scores make one, where claims stand in it, and what is drawn."""

import json
from pathlib import Path
from typing import Any

import altair
import pytest

from evals.scores import Scores
from harness.report.read import Json
from harness.report.run.curve_chart import curve_chart
from harness.report.run.curves import LengthCurve, length_curves
from harness.report.run.page import write_report
from harness.report.run.verdict import ClaimRow, claim_rows, headline
from tests.report.making import (
    BUDGETS,
    add_curve,
    asked,
    interval,
    make_run,
    model,
    point_statement,
    samples,
    scores,
)


def read(*made: Json) -> list[Scores]:
    return [Scores.model_validate(one) for one in made]


def rows(found: list[Scores], *statements: Json) -> list[ClaimRow]:
    said = [{**one, "score": f"at{one['claims'][0]['at']['tokens']}"} for one in statements]
    return claim_rows([], found, said, why_not="", all_of_card=False)


def one_curve(found: list[Scores], claims: list[ClaimRow]) -> LengthCurve:
    (curve,) = length_curves(found, claims)
    return curve


def test_scores_at_budgets_are_one_curve_with_the_claimed_points() -> None:
    found = read(*map(asked, BUDGETS), scores())
    claims = rows(found, point_statement(512, 20.0, "reproduced"),
                  point_statement(1024, 90.0, "below"))  # fmt: skip
    curve = one_curve(found, claims)
    assert (curve.title, curve.k) == ("aime25 by the budget that prompts ask for", 4)
    assert [(p.label, p.tokens) for p in curve.points] == [
        (label, tokens) for label in ("base", "trained") for tokens in BUDGETS
    ]
    assert [p.accuracy.value for p in curve.points[3:]] == pytest.approx([0.2, 0.3, 0.4])
    assert [(p.tokens, p.value) for p in curve.claimed] == [(512, 0.2), (1024, 0.9)]
    assert "trained: 20.0 % at 512 tokens, 40.0 % at 2,048." in curve.finding
    assert "of 2 claimed points 1 reproduced, 1 below." in curve.finding


def test_budgets_asked_in_other_words_are_another_curve() -> None:
    other = asked(512)
    other["budget"]["suffix"] = other["protocol"]["budget"]["suffix"] = " Use {tokens}."
    assert len(length_curves(read(asked(512), asked(1024), other | {"key": "x"}), [])) == 2


def test_limits_make_a_curve_of_one_score() -> None:
    limits = [
        {"tokens": tokens, "accuracy": interval(value, 0, 1), "sampling": interval(value, 0, 1),
         "longer": 1 - value}
        for tokens, value in ((1024, 0.25), (2048, 0.5))
    ]  # fmt: skip
    curve = one_curve(read(scores("aime25", models=[model("trained", 0.6, limits=limits)])), [])
    assert [(p.tokens, p.accuracy.value, p.above) for p in curve.points] == [
        (1024, 0.25, 0.75), (2048, 0.5, 0.5),
    ]  # fmt: skip
    assert "not asked again" in curve.note


def test_a_curve_over_mean_lengths_is_made_for_claims_alone() -> None:
    tokens = {"all": interval(700.0, 650, 750), "right": None, "wrong": None}
    found = read(scores("aime25", models=[model("trained", 0.6, tokens=tokens)]))
    assert length_curves(found, []) == []
    said = point_statement(720, 61.0, "reproduced", x="mean_tokens") | {"benchmark": "aime25"}
    claims = claim_rows([], found, [{**said, "score": "def"}], why_not="", all_of_card=False)
    curve = one_curve(found, claims)
    assert [(p.tokens, p.accuracy.value) for p in curve.points] == [(700.0, 0.6)]
    assert [(p.tokens, p.value) for p in curve.claimed] == [(720, 0.61)]


def test_invalid_scores_make_no_curve() -> None:
    spoilt = [{"name": "canaries", "passed": False, "detail": "wrong", "spoils": True}]
    assert length_curves(read(asked(512, checks=spoilt)), []) == []


@pytest.mark.parametrize("budgets", [BUDGETS, BUDGETS[:1]])
def test_the_chart_is_accepted_and_has_no_colours_of_its_own(budgets: Any) -> None:
    found = read(*map(asked, budgets))
    claims = rows(found, point_statement(512, 20.0, "reproduced"))
    chart = curve_chart(one_curve(found, claims))
    altair.LayerChart.from_dict(chart.spec, validate=True)
    assert "#" not in json.dumps(chart.spec) and chart.alt.endswith(".")
    assert len(chart.spec["datasets"]["lines"]) == 2 * len(budgets)
    assert chart.spec["datasets"]["claimed"][0]["value"] == 0.2


def test_the_headline_says_each_curve_in_one_line() -> None:
    found = read(*map(asked, BUDGETS))
    words = ("reproduced", "below", "not distinguishable")
    said = [point_statement(t, 20.0, w) for t, w in zip(BUDGETS, words, strict=True)]
    verdict = headline(rows(found, *said), found, miniature=False, claimed=True)
    assert verdict.headline.startswith("Of 3 published claims: 1 reproduced, 1 below, 1 not dist")
    assert verdict.lines[0] == (
        "aime25 avg@4, curve over the budget that prompts ask for: of 3 claimed points "
        "1 reproduced, 1 below, 1 not distinguishable."
    )


def test_page_data_and_short_form_have_the_curve(tmp_path: Path) -> None:
    page = write_report(add_curve(make_run(tmp_path / "run", rows=samples(2, 2))))
    html, short = page.read_text(), page.with_suffix(".md").read_text()
    data = json.loads(page.with_suffix(".json").read_text())
    (curve,) = data["curves"]
    assert [point["tokens"] for point in curve["claimed"]] == [*BUDGETS]
    assert 'id="curve-prompt-budget-at512"' in html
    assert "avg@4 at a budget of 512 tokens" in html
    assert "of 3 claimed points 2 reproduced, 1 below." in html
    assert "| 512 | trained | 20.0 % [16.0 %, 24.0 %] | 20.0 % | 522 | 10.0 % | 25.0 % |" in short


def test_points_with_the_same_value_are_claims_of_their_own() -> None:
    found = read(*map(asked, BUDGETS))
    said = [point_statement(tokens, 80.0, "below") for tokens in BUDGETS]
    verdict = headline(rows(found, *said), found, miniature=False, claimed=True)
    assert verdict.headline == "Of 3 published claims: 3 below."


def test_shorter_than_claimed_is_good() -> None:
    row = rows(read(asked(512)), point_statement(512, 20.0, "below"))[0]
    assert row.tone == "bad"
    assert row.model_copy(update={"metric": "mean_tokens"}).tone == "good"
