"""Dr. GRPO's rewards, one for each prompt format and verifier; read by the recipes and by
conformance. Each is 1 for a right answer and 0 for anything else, truncated responses included.

Source: sail-sg/understand-r1-zero@dfca49d:train_zero_math.py (MATHOracle, ZeroMathActor.step).
"""

from evals.grading import Item, grade_all
from harness.rewards import Sample, Score
from harness.rewards.boxed import gold_answers


def boxed(sample: Sample) -> Score:
    r"""The last \boxed{...}, judged with math-verify as well: the qwen_math format, or none."""
    return scored(sample, "dr_grpo")


def boxed_fast(sample: Sample) -> Score:
    """As boxed, without math-verify: upstream's default verifier."""
    return scored(sample, "dr_grpo_fast")


def answer_tags(sample: Sample) -> Score:
    """The last <answer>, judged with math-verify as well: the r1 format."""
    return scored(sample, "dr_grpo_tags")


def answer_tags_fast(sample: Sample) -> Score:
    """As answer_tags, without math-verify: upstream's default verifier."""
    return scored(sample, "dr_grpo_tags_fast")


def scored(sample: Sample, grader: str) -> Score:
    """The score by a grader; each of several accepted answers counts."""
    truth = {"answer": gold_answers(sample.ground_truth)}
    item = Item(truth=truth, response=sample.response)
    verdict = grade_all([item], grader=grader, workers=1)[0]
    finished = not sample.truncated
    return Score(
        value=float(verdict.correct and finished),
        correct=verdict.correct and finished,
        extracted=verdict.extracted,
        components={
            "format": float(verdict.extracted is not None),
            "answer": float(verdict.correct),
            "finished": float(finished),
        },
    )
