"""Claims on curves and lengths against hand-made samples: which score they are held against, and
the verdict."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evals import run
from evals.budgets import AskedBudget
from evals.job import Job
from evals.scores import Scores
from evals.statement import ClaimVerdict
from harness import claims
from harness.cards import Card, Claim
from harness.cards.claim import points_as_claims
from harness.claims import statements
from tests.evals.measuring import FakeChildren, improving, measurement, toy_set

Measured = Callable[..., list[Scores]]
NAME = "tests.evals.measuring:exact"
SAMPLED = {
    "benchmark": "toy", "problems": 20, "samples_per_problem": 4, "temperature": 1.0, "top_p": 1.0,
    "max_tokens": 16, "template": "custom", "grader": NAME, "source": "arXiv:1",
}  # fmt: skip


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Scores of base (1 of 4 right) and trained (3 of 4), responses of 1, 2, 3 and 4 tokens."""

    def at(*budgets: int, write: Callable[[Job, str, int, int], str] = improving) -> list[Scores]:
        monkeypatch.setattr(run, "generate_all", FakeChildren(write))
        sets = [
            replace(
                toy_set(),
                name=f"toy@{tokens}",
                budget=AskedBudget(
                    benchmark="toy",
                    tokens=tokens,
                    suffix=" Use {tokens}.",
                    system=None,
                    max_tokens=None,
                ),
            )
            for tokens in budgets
        ]
        wanted = measurement(*sets)
        return run.measure(wanted, folder=tmp_path, on_progress=lambda *_: None)

    return at


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Holds scores against a card with these claims; the trained model's verdicts."""

    def against(scores: list[Scores], *stated: dict[str, Any]) -> list[ClaimVerdict]:
        found = [Claim.model_validate(one) for one in points_as_claims([*stated])]
        card = Card.model_construct(claims=found)
        monkeypatch.setattr(claims, "load_card", lambda repro: card)
        said = statements(scores, tmp_path, repro="toy")
        assert all(one.claims == [] for one in said if one.label == "base")
        return [claim for one in said for claim in one.claims]

    return against


def curve(x: str, *points: tuple[int, float], **fields: Any) -> dict[str, Any]:
    listed = [{"tokens": tokens, "value": value} for tokens, value in points]
    return SAMPLED | {"kind": "curve", "metric": "avg@4", "x": x, "points": listed} | fields


def test_each_point_is_held_against_its_budget(measured: Measured, held: Any) -> None:
    scores = measured(2, 4)
    found = held(scores, curve("prompt_budget", (2, 75.0), (4, 20.0), (8, 90.0)))
    assert [(one.at.tokens, one.word) for one in found] == [
        (2, "not distinguishable"), (4, "above"),
    ]  # fmt: skip
    assert found[0].difference.value == pytest.approx(0.0)
    assert found[0].unknown == ["budget_text"] and found[0].differing == []


def test_a_budget_in_other_words_is_another_protocol(measured: Measured, held: Any) -> None:
    scores = measured(2)
    same = held(scores, curve("prompt_budget", (2, 20.0), budget_text="Use {tokens}."))
    assert (same[0].word, same[0].unknown) == ("above", [])
    other = held(scores, curve("prompt_budget", (2, 20.0), budget_text="At most {tokens}."))
    assert other[0].word == "protocol differs"
    assert "budget_text: At most {tokens}. claimed" in other[0].differing[0]


def test_a_plain_score_is_not_held_against_a_budget(measured: Measured, held: Any) -> None:
    plain = SAMPLED | {"metric": "avg@4", "value": 75.0}
    assert held(measured(2), plain) == []
    assert held(measured(2), curve("limit", (2, 50.0), max_tokens=None)) == []


def test_a_point_at_a_limit_is_cut_from_the_samples(measured: Measured, held: Any) -> None:
    scores = measured()
    two, three, beyond = held(
        scores, curve("limit", (2, 95.0), (3, 75.0), (32, 80.0), max_tokens=None)
    )
    assert two.ours is not None and two.ours.value == 0.5
    assert two.word == "below" and "cut at the limit, not asked again" in two.reasons[-1]
    assert three.ours is not None and three.ours.value == 0.75
    assert three.differing == []
    assert beyond.word == "not run" and "at most 16 tokens" in beyond.reasons[0]


def test_a_point_at_a_mean_length_takes_the_nearest_score(measured: Measured, held: Any) -> None:
    scores = measured()
    far = held(scores, curve("mean_tokens", (5, 75.0)))
    assert far[0].word == "not run"
    assert "the nearest is toy with 2, more than 10% off" in far[0].reasons[0]
    long = [scores[0].model_copy(update={"key": "x", "models": [longer(scores[0])]})]
    near = held([*long, *scores], curve("mean_tokens", (1000, 30.0)))
    assert (near[0].word, near[0].reasons[-1]) == (
        "above", "Mean length: claimed 1,000 tokens, measured 1,050.",
    )  # fmt: skip


def longer(scores: Scores) -> Any:
    """The trained model as if it answered with 1050 tokens."""
    (trained,) = (model for model in scores.models if model.label == "trained")
    assert trained.tokens is not None
    all_ = replace(trained.tokens.all, value=1050.0)
    return trained.model_copy(update={"tokens": trained.tokens.model_copy(update={"all": all_})})


LENGTH = {name: value for name, value in SAMPLED.items() if name != "grader"} | {
    "kind": "length", "grader": None,
}  # fmt: skip


def test_a_change_of_length(measured: Measured, held: Any) -> None:
    scores = measured()
    (same,) = held(scores, LENGTH | {"value": 0.0, "tolerance": 40})
    assert (same.word, same.metric) == ("reproduced", "mean_tokens")
    assert same.ours is not None and same.ours.value == 0.0
    assert "Accuracy meanwhile: +50.0 points" in " ".join(same.reasons)
    (shorter,) = held(scores, LENGTH | {"value": -60.0})
    assert shorter.word == "above" and "Longer than claimed" in " ".join(shorter.reasons)
    (open_,) = held(scores, LENGTH | {"value": -5.0})
    assert open_.word == "not distinguishable"
    (other,) = held(scores, LENGTH | {"value": -5.0, "max_tokens": 32})
    assert other.word == "protocol differs"


def test_a_change_of_length_needs_a_base(measured: Measured, held: Any) -> None:
    (scores,) = measured()
    alone = scores.model_copy(update={"difference": None})
    (verdict,) = held([alone], LENGTH | {"value": -50.0})
    assert verdict.word == "not run" and "no base model" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"value": -100.0}, "above -100"),
        ({"value": -50.0, "about": "base"}, "from base to trained"),
        ({"value": -50.0, "metric": "avg@4"}, "does not go with kind=length"),
    ],
)
def test_a_change_that_cannot_be_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Claim.model_validate(LENGTH | fields)
