"""TTRL: who votes, who is trained on, and on which problems."""

from harness.spec import RLAlgorithm
from tests.composing import spec_of


def test_more_responses_vote_than_are_trained_on() -> None:
    algorithm = spec_of("+repro=ttrl", "hardware=8xA100").algorithm
    assert isinstance(algorithm, RLAlgorithm)
    assert (algorithm.group_size, algorithm.train_group_size) == (64, 32)


def test_training_and_held_out_problems_are_the_same() -> None:
    source = spec_of("+repro=ttrl", "hardware=8xA100").data.source
    assert source.kind == "hub" and source.split == source.test_split
