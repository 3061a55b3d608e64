"""Spurious Rewards: a coin that can be tossed again, and rewards that ignore the answer."""

import random

from harness.rewards import Batch, Sample, Score, Scored
from reproductions.spurious_rewards.reward import coin, contain_python_wo_backticks, repeats
from tests.composing import spec_of

VARIANTS = ("ground_truth", "format", "python", "majority", "incorrect")


def step(number: int, groups: int = 40, size: int = 10) -> Batch:
    one = Scored(
        sample=Sample(prompt="", response="", ground_truth=None),
        score=Score(value=0.0, correct=False),
    )
    return Batch(groups=[[one] * size] * groups, step=number, state={})


def test_the_same_seed_and_step_toss_the_same_coins() -> None:
    tossed = coin(step(3), probability=0.5, seed=1)
    assert tossed == coin(step(3), probability=0.5, seed=1)
    assert (
        tossed != coin(step(4), probability=0.5, seed=1) != coin(step(4), probability=0.5, seed=2)
    )


def test_the_coin_is_as_biased_as_asked_for_and_independent_of_its_neighbours() -> None:
    for probability in (0.0, 0.3, 0.5, 1.0):
        tossed = [
            toss for group in coin(step(1), probability=probability, seed=7) for toss in group
        ]
        mean = sum(tossed) / len(tossed)
        assert abs(mean - probability) < 4 * (0.25 / len(tossed)) ** 0.5 + 1e-9
    assert len(set(map(tuple, coin(step(1), probability=0.5, seed=7)))) > 30


def test_a_reward_for_a_word_counts_accuracy_all_the_same() -> None:
    sample = Sample(prompt="", response="\\boxed{4}", ground_truth={"answer": "4"})
    score = contain_python_wo_backticks(sample)
    assert score.value == 0.0 and score.correct


def test_a_long_text_is_searched_for_repetition_quickly() -> None:
    text = "".join(random.Random(0).choices("abcdefghij ", k=20_000))
    assert not repeats(text) and repeats(text + "0123456789ab" * 10)


def test_only_units_of_ten_to_256_characters_count_as_repetition() -> None:
    unit = "".join(random.Random(1).choices("abcdefghij", k=300))
    assert repeats(unit[:10] * 10) and repeats(unit[:256] * 10) and repeats("x" * 100)
    assert not repeats(unit[:9] * 19) and repeats(unit[:9] * 20)
    assert not repeats(unit[:10] * 9) and not repeats(unit[:257] * 12) and not repeats("")


def test_the_recipes_differ_in_reward_and_data_alone() -> None:
    main = spec_of("+repro=spurious_rewards", "hardware=8xA100")
    for variant in VARIANTS:
        other = spec_of(f"+repro=spurious_rewards_{variant}", "hardware=8xA100")
        assert other.algorithm == main.algorithm and other.schedule == main.schedule
        assert other.reward != main.reward and other.variant == variant
