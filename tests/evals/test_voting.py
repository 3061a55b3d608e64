"""Majority votes against enumeration of every subset."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.voting import Votes, drawn_majority, majority_at

ANSWERS = st.lists(st.sampled_from([None, "1", "2", "3"]), min_size=1, max_size=8)


def vote(answers: list[str | None], score: dict[str, float]) -> float:
    """One vote: ties by chance, nobody voting scores nothing."""
    counts = Counter(answer for answer in answers if answer is not None)
    winners = [answer for answer in counts if counts[answer] == max(counts.values())]
    return float(np.mean([score[winner] for winner in winners])) if winners else 0.0


@given(ANSWERS, st.sampled_from([{"1": 1.0}, {"1": 1.0, "2": 1.0}, {"1": 0.5, "3": 0.25}]))
def test_majority_is_the_mean_over_all_subsets(
    answers: list[str | None], worth: dict[str, float]
) -> None:
    score = {"1": 0.0, "2": 0.0, "3": 0.0} | worth
    votes = Votes(answers, [score.get(answer or "", 0.0) for answer in answers])
    for k in range(1, len(answers) + 1):
        expected = np.mean([vote(list(subset), score) for subset in combinations(answers, k)])
        assert majority_at(votes, k) == pytest.approx(expected, abs=1e-9)


def test_a_tie_is_worth_the_mean_of_the_winners() -> None:
    assert majority_at(Votes(["1", "2", "2", "1"], [1, 0, 0, 1]), 4) == 0.5


def test_no_answer_does_not_vote_but_was_drawn() -> None:
    votes = Votes([None, None, None, "1"], [0, 0, 0, 1])
    assert majority_at(votes, 4) == 1.0
    assert majority_at(votes, 2) == pytest.approx(0.5)
    assert majority_at(Votes([None, None], [0, 0]), 2) == 0.0


def test_one_vote_is_the_accuracy() -> None:
    assert majority_at(Votes(["1", "2", None], [1, 0, 0]), 1) == pytest.approx(1 / 3)


@pytest.mark.parametrize("k", [0, 3])
def test_more_votes_than_samples_are_refused(k: int) -> None:
    with pytest.raises(
        ValueError, match=f"maj@{k} needs k from 1 to the number of samples, here 2"
    ):
        majority_at(Votes(["1", "2"], [1, 0]), k)


def test_answers_without_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="got 2 answers and 1 scores"):
        majority_at(Votes(["1", "2"], [1]), 1)


def test_fresh_votes_follow_the_shares_of_the_answers() -> None:
    votes = Votes(["1", "1", "2", "3"], [1, 1, 0, 0])
    assert drawn_majority(votes, 1, draws=20_000) == pytest.approx(0.5, abs=0.015)
    assert drawn_majority(votes, 101, draws=200) > 0.95
    assert drawn_majority(Votes([None, None], [0, 0]), 5) == 0.0
