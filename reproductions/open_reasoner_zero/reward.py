"""Open-Reasoner-Zero's reward: 1 for a right answer of a response that came to an end, else 0;
read by the recipe and by conformance.

Source: Open-Reasoner-Zero/Open-Reasoner-Zero@3fdd9a0:playground/orz_7b_ppo.py (custom_reward_fn).
"""

from evals.grading import Item, grade_all
from harness.rewards import Sample, Score
from harness.rewards.boxed import gold_answers

GRADER = "orz"


def right_and_stopped(sample: Sample, *, stop_reason: str | None = None) -> Score:
    """The box within answer tags equals the gold, and a stop text or the end token ended it.

    Args:
        sample: the response.
        stop_reason: the engine's word for the end, `stop` or `length`; None: as sample.truncated
            says.
    """
    truth = {"answer": gold_answers(sample.ground_truth)}
    item = Item(truth=truth, response=sample.response)
    verdict = grade_all([item], grader=GRADER, workers=1)[0]
    stopped = not sample.truncated if stop_reason is None else stop_reason == "stop"
    return Score(
        value=float(verdict.correct and stopped),
        correct=verdict.correct and stopped,
        extracted=verdict.extracted,
        components={
            "format": float(verdict.extracted is not None),
            "answer": float(verdict.correct),
            "stopped": float(stopped),
        },
    )
