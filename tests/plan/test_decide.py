"""How many samples decide the points of a curve: each point that the protocol measures, at its own
budget; and what a curve costs."""

from typing import Any

import pytest

from harness.cards import Claim
from harness.cards.claim import points_as_claims
from harness.plan.decide import decisions
from harness.plan.hours.evaluating import responses
from harness.spec import RunSpec
from harness.spec.evaluation import PromptBudgets
from tests.composing import spec_of

RUN = ("+repro=deepscaler", "hardware=8xA100")
SAMPLED = dict.fromkeys(("temperature", "top_p", "max_tokens", "template", "grader"))


def claims(**stated: Any) -> list[Claim]:
    fields = {"benchmark": "aime24", "metric": "avg@16", "samples_per_problem": 16, "source": "a"}
    return [Claim.model_validate(one) for one in points_as_claims([SAMPLED | fields | stated])]


def curve(x: str, *tokens: int) -> list[Claim]:
    points = [{"tokens": number, "value": 30.0} for number in tokens]
    return claims(kind="curve", x=x, points=points)


def at_budgets(*tokens: int) -> RunSpec:
    spec = spec_of(*RUN)
    asked = PromptBudgets(tokens=[*tokens], suffix=" Use {tokens}.") if tokens else None
    return spec.model_copy(update={"eval": spec.eval.model_copy(update={"budgets": asked})})


def test_each_point_that_is_asked_has_a_decision() -> None:
    found = decisions(curve("prompt_budget", 512, 1024, 4096), at_budgets(512, 1024), None)
    assert [one.at for one in found] == [
        "at a budget of 512 tokens", "at a budget of 1,024 tokens",
    ]  # fmt: skip
    assert {one.k for one in found} == {16}


def test_a_point_costs_its_own_budget_and_not_the_curve() -> None:
    points = curve("prompt_budget", 512)
    one, all_ = (
        decisions(points, at_budgets(*asked), None)[0].cost for asked in ((512,), (512, 1024))
    )
    assert one is not None and one == all_


@pytest.mark.parametrize(
    ("found", "asked", "count"),
    [
        (curve("limit", 512), (), 1),
        (curve("limit", 512), (512,), 0),
        (curve("mean_tokens", 512), (512,), 1),
        (claims(value=30.0), (), 1),
        (claims(value=30.0), (512,), 0),
        (claims(kind="length", metric=None, value=-50.0), (), 0),
    ],
)
def test_what_the_protocol_does_not_draw_is_not_decided(
    found: list[Claim], asked: tuple[int, ...], count: int
) -> None:
    assert len(decisions(found, at_budgets(*asked), None)) == count


def test_every_budget_is_drawn() -> None:
    once = responses(at_budgets())
    assert responses(at_budgets(512, 1024, 2048)) == 3 * once
