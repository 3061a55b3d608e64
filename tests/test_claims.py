"""Scores against a card's claims, an independent score, and what a miniature may not say."""

import json
from pathlib import Path
from typing import Any

import pytest

from evals import run
from evals.judges import GraderJudge
from evals.scores import Scores
from evals.statement import Statement
from harness import claims
from harness.cards import Card, Claim, FidelityNotes
from harness.cards.notes import Variant
from harness.claims import statements
from harness.evaluation import write_statements
from tests.evals.measuring import FakeChildren, measured, measurement, toy_set


def scores_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **models: str) -> Scores:
    """20 problems x 4 samples, one in two right."""
    boxed = FakeChildren(lambda job, label, i, k: rf"{k} \boxed{{{i + 1 if k % 2 else -1}}}")
    monkeypatch.setattr(run, "generate_all", boxed)
    return measured(tmp_path, measurement(toy_set(GraderJudge("strict_box")), **models))


def card(**changes: Any) -> Card:
    """A card with one claim on the toy set, under the protocol of `measurement`."""
    claim = {
        "benchmark": "toy", "problems": 20, "metric": "avg@16", "value": 80.0,
        "samples_per_problem": 16, "temperature": 1.0, "top_p": 1.0, "max_tokens": 16,
        "template": "custom", "grader": "strict_box", "source": "o/r@c:README.md",
    } | changes  # fmt: skip
    return Card.model_construct(
        claims=[Claim.model_validate(claim)], released_model="agentica-org/DeepScaleR-1.5B-Preview"
    )


def own_claim(**stated: Any) -> Claim:
    """A claim on the toy set that states nothing else of its protocol."""
    silent = dict.fromkeys(
        ("samples_per_problem", "temperature", "top_p", "max_tokens", "template", "grader")
    )
    fields = {"benchmark": "toy", "source": "the command line", **silent, **stated}
    return Claim.model_validate(fields)


def test_a_claim_is_judged_under_its_own_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = scores_of(tmp_path, monkeypatch)
    monkeypatch.setattr(claims, "load_card", lambda repro: card())
    base, trained = statements([scores], tmp_path, repro="toy")
    assert base.claims == []
    (verdict,) = trained.claims
    assert verdict.word == "below"
    assert verdict.difference is not None and verdict.difference.value == pytest.approx(-0.3)
    assert any("claim 80 (avg@16" in line and "BELOW" in line for line in trained.sentences())


@pytest.mark.parametrize(
    ("about", "judged"),
    [("trained", [False, True]), ("base", [True, False]), ("other", [False, False])],
)
def test_a_claim_is_about_one_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, about: str, judged: list[bool]
) -> None:
    scores = scores_of(tmp_path, monkeypatch)
    monkeypatch.setattr(claims, "load_card", lambda repro: card(about=about))
    said = statements([scores], tmp_path, repro="toy")
    assert [bool(statement.claims) for statement in said] == judged


@pytest.mark.parametrize(
    ("path", "judged"),
    [
        ("Qwen/Qwen2.5-Math-1.5B", [70.0, 50.0]),
        ("/models/qwen2.5-math-1.5b", [70.0, 50.0]),
        ("o/other", [80.0, 50.0]),
    ],
)
def test_weights_are_held_to_the_claims_that_name_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, judged: list[float]
) -> None:
    scores = scores_of(tmp_path, monkeypatch, model=path)
    base = card(about="base", value=70.0, model="Qwen/Qwen2.5-Math-1.5B").claims
    both = card().model_copy(update={"claims": [*base, *card().claims]})
    monkeypatch.setattr(claims, "load_card", lambda repro: both)
    given = [own_claim(value=50, metric="avg@64")]
    (said,) = statements([scores], tmp_path, repro="toy", given=given)
    assert [claim.percent for claim in said.claims] == judged


def test_a_variant_of_its_own_is_not_held_to_the_card_s_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = scores_of(tmp_path, monkeypatch)
    notes = {"recipe": {}, "miniature": {}, "fidelity": FidelityNotes()}
    own = card().model_copy(update=notes | {"variants": {"r1": Variant(claims=[])}})
    monkeypatch.setattr(claims, "load_card", lambda repro: own)
    _, main = statements([scores], tmp_path, repro="toy")
    _, variant = statements([scores], tmp_path, repro="toy", variant="r1")
    assert main.claims and not variant.claims


@pytest.mark.parametrize(
    ("change", "named"),
    [({"temperature": 0.6}, "temperature"), ({"problems": 83}, "problems"),
     ({"grader": "qwen"}, "grader"), ({"max_tokens": 32768}, "max_tokens")],
)  # fmt: skip
def test_another_protocol_gets_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], named: str
) -> None:
    scores = scores_of(tmp_path, monkeypatch)
    monkeypatch.setattr(claims, "load_card", lambda repro: card(**change))
    _, trained = statements([scores], tmp_path, repro="toy")
    (verdict,) = trained.claims
    assert verdict.word == "protocol differs"
    assert any(named in field for field in verdict.differing)


def test_a_miniature_judges_no_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = scores_of(tmp_path, monkeypatch)
    monkeypatch.setattr(claims, "load_card", lambda repro: card())
    _, trained = statements([scores], tmp_path, repro="toy", miniature=True)
    assert trained.claims == [] and "miniature" in (trained.claims_note or "")


def test_the_independent_score_stands_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = scores_of(tmp_path, monkeypatch, model="agentica-org/DeepScaleR-1.5B-Preview")
    aime = scores.model_copy(update={"benchmark": "aime24"})
    (tmp_path / "toy").rename(tmp_path / "aime24")
    (said,) = statements([aime], tmp_path, repro=None)
    assert said.independent is not None
    assert (said.independent.percent, said.independent.sd) == (37.0, 6.6)
    assert any("37 ± 6.6" in line for line in said.sentences())


def test_a_claim_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = scores_of(tmp_path, monkeypatch, model="some/model")
    given = [own_claim(value=50, metric="avg@64")]
    (said,) = statements([scores], tmp_path, repro=None, given=given)
    (verdict,) = said.claims
    assert verdict.word == "not distinguishable"
    assert "temperature" in verdict.unknown
    assert verdict.k_needed is not None and verdict.k_needed > 4


def test_a_greedy_claim_is_not_compared_with_sampling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = scores_of(tmp_path, monkeypatch)
    claim = [own_claim(value=50, metric="greedy")]
    _, trained = statements([scores], tmp_path, repro=None, given=claim)
    (verdict,) = trained.claims
    assert verdict.word == "protocol differs"
    assert verdict.differing == ["temperature: 0.0 claimed, 1.0 here"]


def test_what_is_said_of_other_benchmarks_stays(tmp_path: Path) -> None:
    def said(benchmark: str, label: str) -> Statement:
        return Statement(benchmark=benchmark, label=label, claims=[], independent=None,
                         overlap=None)  # fmt: skip

    write_statements([said("aime24", "old"), said("amc23", "old")], tmp_path)
    write_statements([said("aime24", "new")], tmp_path)
    content = json.loads((tmp_path / "statement.json").read_text())["statements"]
    assert [(s["benchmark"], s["label"]) for s in content] == [("amc23", "old"), ("aime24", "new")]
