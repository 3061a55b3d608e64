"""Claims from the command line: numbers and curves, and what is wrong with them."""

from typing import Any

import pytest

from harness.errors import ConfigError
from harness.given_claims import given_claims
from harness.spec import Evaluation, PromptBudgets

POINTS = [{"tokens": 512, "value": 10.2}, {"tokens": 1024, "value": 15.0}]
CURVE = {"kind": "curve", "metric": "avg@16", "points": POINTS}


def protocol(*tokens: int, **changes: Any) -> Evaluation:
    """A protocol of the toy set that asks for these budgets, if any."""
    fields = {
        "name": "toys",
        "benchmarks": [{"name": "toy", "samples_per_problem": 4}],
        "sampling": {},
        "max_tokens": 4096,
        "budgets": {"tokens": [*tokens], "suffix": " Use {tokens}."} if tokens else None,
    }
    return Evaluation.model_validate(fields | changes)


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ({"value": 43.1}, "metric is missing"),
        (43, "metric is missing"),
        (43.1, "Write claim="),
        ({"metric": "avg@8"}, "value is missing"),
        ({"value": 43, "metric": "best@8"}, "metric=best@8 is none of avg@k"),
        ({"value": 143, "metric": "avg@8"}, "value=143 is no percentage"),
        ({"value": -3, "metric": "avg@8"}, "value=-3 is no percentage"),
        ({"value": 43, "metric": "avg@8", "k": 8}, "it has no field k"),
        ({"value": 43, "metric": "avg@16", "samples_per_problem": 0}, "samples_per_problem=0"),
        ({"value": 43, "metric": "avg@8", "tolerance": 5}, "tolerance is of kind=length"),
        ({"value": 43, "metric": "avg@8", "budget_text": "{tokens}"}, "needs x=prompt_budget"),
        (CURVE, "x=None: choose one of prompt_budget, limit, mean_tokens"),
        ({**CURVE, "x": "limit", "points": []}, "has no points"),
        ({**CURVE, "x": "limit", "value": 3}, "its points have the values"),
        ({**CURVE, "x": "limit", "points": POINTS[::-1]}, r"increasing order.*\[1024, 512\]"),
        ({**CURVE, "x": "limit", "points": POINTS[:1] * 2}, r"each once, given: \[512, 512\]"),
        (
            {**CURVE, "x": "limit", "points": [{"tokens": 512, "value": None}]},
            "only as a figure goes to statements",
        ),
        ({**CURVE, "x": "limit", "points": [{"tokens": 0, "value": 5}]}, "is no point"),
        ({**CURVE, "x": "limit", "max_tokens": 512}, "the points are the limits"),
        ({**CURVE, "x": "prompt_budget", "budget_text": "briefly"}, "does not say the number"),
    ],
)  # fmt: skip
def test_a_malformed_claim_says_what_is_wrong(claim: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){said}"):
        given_claims(claim, protocol())


@pytest.mark.parametrize(
    ("claim", "asked", "said"),
    [
        ({"value": 0.431, "metric": "avg@16"}, (), "set 43.1 if that"),
        ({"value": 43, "metric": "avg@16", "benchmark": "gpqa"}, (), "gpqa is not measured"),
        ({"value": -50, "kind": "length"}, (), "one model is measured here"),
        ({**CURVE, "x": "prompt_budget"}, (), r"asks for no budget: set .*tokens=\[512\]"),
        (
            {**CURVE, "x": "prompt_budget"}, (512, 2048),
            r"a point at a budget of 1024 tokens, and eval=toys asks for 512, 2048: "
            r"set eval.budgets.tokens=\[512, 1024, 2048\]",
        ),
        ({**CURVE, "x": "limit", "points": [{"tokens": 5000, "value": 1}]}, (), "max_tokens=4096"),
        ({"value": 43, "metric": "avg@16"}, (512,), "asks for budgets in every prompt"),
    ],
)  # fmt: skip
def test_a_claim_that_the_protocol_does_not_measure_is_refused(
    claim: Any, asked: tuple[int, ...], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        given_claims(claim, protocol(*asked))


def test_a_curve_is_one_claim_a_point() -> None:
    first, second = given_claims({**CURVE, "x": "prompt_budget"}, protocol(512, 1024, 2048))
    assert (first.value, second.value) == (10.2, 15.0)
    assert first.at is not None and (first.at.x, first.at.tokens) == ("prompt_budget", 512)
    assert second.named == "avg@16 at a budget of 1,024 tokens"
    assert given_claims(None, protocol()) == []


@pytest.mark.parametrize(
    ("tokens", "text", "said"),
    [
        ([0, 512], "{tokens}", r"above 0, given are \[0, 512\]"),
        ([1024, 512], "{tokens}", r"increasing order.*write \[512, 1024\]"),
        ([512, 512], "{tokens}", r"each once.*write \[512\]"),
        ([512], "be brief", "does not say the number: write {tokens}"),
        ([512], None, "nothing tells the model its budget"),
    ],
)
def test_budgets_that_cannot_be_asked_are_refused(
    tokens: list[int], text: str | None, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        PromptBudgets(tokens=tokens, suffix=text)


@pytest.mark.parametrize("limits", [[0], [2048, 1024], [512, 512]])
def test_limits_stand_in_order(limits: list[int]) -> None:
    with pytest.raises(ValueError, match="token limits"):
        protocol(limits=limits)
