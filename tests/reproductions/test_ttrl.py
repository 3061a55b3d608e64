"""TTRL: who votes, who is trained on, and what the true label is for."""

from harness.rewards import Sample, Score, Scored
from harness.spec import RLAlgorithm
from reproductions.ttrl.reward import majority, math
from tests.composing import spec_of


def voter(response: str) -> Scored:
    sample = Sample(prompt="", response=response, ground_truth={"answer": "1"})
    return Scored(sample=sample, score=Score(value=0.0, correct=False))


def test_the_label_is_what_most_of_the_group_say_right_or_wrong() -> None:
    group = [voter(f"\\boxed{{{answer}}}") for answer in (1, 2, 2)]
    assert majority(group) == [0.0, 1.0, 1.0]
    assert [math(one.sample).correct for one in group] == [True, False, False]


def test_more_responses_vote_than_are_trained_on() -> None:
    algorithm = spec_of("+repro=ttrl", "hardware=8xA100").algorithm
    assert isinstance(algorithm, RLAlgorithm)
    assert (algorithm.group_size, algorithm.train_group_size) == (64, 32)


def test_training_and_held_out_problems_are_the_same() -> None:
    source = spec_of("+repro=ttrl", "hardware=8xA100").data.source
    assert source.kind == "hub" and source.split == source.test_split
