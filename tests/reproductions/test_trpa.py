"""TRPA: levels of responses, the order that they make, and verl's keys."""

from pathlib import Path

import pytest

from harness.fidelity.full_size import recipe
from harness.rewards import Sample, Score
from harness.spec import RLAlgorithm
from harness.verl.emit import emit
from reproductions.trpa.reward import kk, math
from tests.composing import spec_of

PUZZLE = "<|im_start|>user\nWho is who?<|im_end|>\n<|im_start|>assistant\n<think>"
GOLD = "(1) Ada is a knight\n(2) Bo is a knave"
PROBLEM = "What is 6 * 7?<|Assistant|><think>\n"


def puzzle(response: str, prompt: str = PUZZLE) -> Score:
    return kk(Sample(prompt=prompt, response=response, ground_truth={"solution": GOLD}))


@pytest.mark.parametrize(
    ("response", "value", "level"),
    [
        (f" so </think><answer>{GOLD}</answer>", 3.0, 1),
        (" so </think><answer>Ada is a knight, Bo is a knight</answer>", -0.5, 2),
        (" so </think><answer>Ada is honest</answer>", -1.0, 3),
        (" so </think><answer></answer>", -1.0, 4),
        (f" so <answer>{GOLD}</answer>", -3.0, 4),
    ],
)
def test_levels_of_puzzles(response: str, value: float, level: int) -> None:
    score = puzzle(response)
    assert (score.value, score.components["level"]) == (value, level)
    assert score.correct is (level == 1)


def test_an_empty_answer_scores_as_an_unreadable_one_and_ranks_below_it() -> None:
    unreadable = puzzle(" so </think><answer>?</answer>")
    empty = puzzle(" so </think><answer></answer>")
    assert unreadable.value == empty.value
    assert unreadable.components["level"] < empty.components["level"]


@pytest.mark.parametrize(
    ("response", "gold", "value", "level"),
    [
        (r"so </think> \boxed{42}", "42", 3.0, 1),
        (r"so </think> \boxed{41}", "42", -0.5, 2),
        (r"so </think> \boxed{}", "42", -1.0, 3),
        (r"so </think> \boxed{42}", {"answer": []}, -1.0, 3),
        (r"so </think> \boxed{42}", {"answer": ["41", "42"]}, -0.5, 2),  # the first gold alone
        (r"\boxed{42} </think> so", "42", -3.0, 4),
        (r"so \boxed{42}", "42", -3.0, 4),
    ],
)
def test_levels_of_mathematics(response: str, gold: object, value: float, level: int) -> None:
    score = math(Sample(prompt=PROBLEM, response=response, ground_truth=gold))
    assert (score.value, score.components["level"]) == (value, level)
    assert score.correct is (level == 1)


def test_the_recipe_asks_for_pairs_of_levels() -> None:
    for spec in (recipe("trpa"), spec_of("+repro=trpa")):
        algorithm = spec.algorithm
        assert isinstance(algorithm, RLAlgorithm) and algorithm.preference_loss
        loss = algorithm.preference_loss
        assert (loss.level, loss.beta, loss.best_weight) == ("level", 0.1, 2.5)
        assert loss.trust_region is not None and loss.trust_region.coef == 0.001
        assert algorithm.kl_loss is None and algorithm.entropy_coef == 0


def test_the_keys() -> None:
    keys = emit(recipe("trpa"), Path("/run"), None)
    actor = "actor_rollout_ref.actor"
    assert keys[f"{actor}.use_kl_loss"] is True  # the reference's log-probabilities
    assert keys[f"{actor}.kl_loss_coef"] == 0.0
    assert keys[f"{actor}.optim.clip_grad"] == 4.0
    loss = keys["reprise.preference_loss"]
    assert (loss["level"], loss["best_weight"], loss["trust_coef"]) == ("level", 2.5, 0.001)
