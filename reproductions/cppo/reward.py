"""CPPO's rewards, 1 for the layout and up to 2 for the answer; read by recipes and conformance.

Source: lzhxmu/CPPO@52faeb3:cppo_verl/recipe/cppo/src/gsm8k_compute_score.py,
math_compute_score.py and src/open_r1/rewards_math.py
"""

import re
from collections.abc import Sequence

from evals.grading import grade
from evals.grading.claimants.math_verify_latex import UNREADABLE_GOLD
from harness.errors import DataError
from harness.rewards import Sample, Score
from harness.rewards.boxed import gold_answers
from harness.rewards.combine import without_end
from harness.rewards.tags import framed

SAME_TEXT, SAME_NUMBER = 2.0, 1.5
NUMBER = re.compile(r"-?\d*\.?\d+")
PLAIN_NUMBER = re.compile(r"\d+\.?\d*")
"""Without a sign, as upstream reads the last number of a text."""
NOT_OF_NUMBERS = str.maketrans("", "", "$%,")


def gsm8k(sample: Sample, *, end_tokens: Sequence[str] = ()) -> Score:
    """Layout, and 2 for the gold as text or 1.5 for its number.

    The answer is what the last <answer> encloses, without commas. Where that holds not exactly one
    number, the last one of the whole response stands for it, without its sign.

    Args:
        sample: the response, with its gold.
        end_tokens: tokens that end a response; upstream decodes without them.
    """
    text, gold = without_end(sample.response, end_tokens), gold_of(sample)
    answer = last_answer(text)
    value = 0.0
    if answer == gold:
        value = SAME_TEXT
    elif (wanted := only_number(gold)) is not None:
        given = None if answer is None else only_number(answer)
        value = SAME_NUMBER * (wanted == (last_number(text) if given is None else given))
    return total(text, value, correct=value > 0, extracted=answer)


def math(
    sample: Sample,
    *,
    unreadable_gold: float = SAME_TEXT,
    bare_gold: bool = False,
    end_tokens: Sequence[str] = (),
) -> Score:
    """Layout, and 2 for a LaTeX answer that math-verify takes for the gold's first.

    Args:
        sample: the response, with its gold, which may be a whole solution.
        unreadable_gold: what every response earns where the gold holds no LaTeX answer: 2 in
            upstream's veRL recipe, 1 in its TRL trainer. Such a response counts as wrong here.
        bare_gold: the gold is an answer alone, which math-verify reads between dollars only.
        end_tokens: tokens that end a response; upstream decodes without them.
    """
    text, gold = without_end(sample.response, end_tokens), gold_of(sample)
    wanted = f"${gold}$" if bare_gold else gold
    verdict = grade(wanted, text, grader="math_verify_latex_gold")
    value = unreadable_gold if verdict.how == UNREADABLE_GOLD else SAME_TEXT * verdict.correct
    return total(text, value, correct=verdict.correct, extracted=verdict.extracted)


def total(text: str, accuracy: float, *, correct: bool, extracted: str | None) -> Score:
    """Accuracy, and 1 for a thought and, on the next line, an answer in tags from the start."""
    layout = float(framed(text, "<think>", ["</think>\n<answer>"], "</answer>"))
    return Score(
        value=layout + accuracy,
        correct=correct,
        extracted=extracted,
        components={"format": layout, "accuracy": accuracy},
    )


def last_answer(text: str) -> str | None:
    """What stands behind the last <answer> and before the next closing tag; None without both.

    Commas go; three dots, the prompt's own filler, are no answer.
    """
    _, opened, rest = text.rpartition("<answer>")
    content, closed, _ = rest.partition("</answer>")
    answer = content.strip().replace(",", "")
    return answer if opened and closed and answer != "..." else None


def only_number(text: str) -> float | None:
    """The number of a text that holds exactly one."""
    found = NUMBER.findall(text)
    return float(found[0]) if len(found) == 1 else None


def last_number(text: str) -> float | None:
    """The last number of a text, in which dollars, percent signs and commas do not count."""
    found = PLAIN_NUMBER.findall(text.translate(NOT_OF_NUMBERS))
    return float(found[-1]) if found else None


def gold_of(sample: Sample) -> str:
    """The one gold answer of a problem."""
    golds = gold_answers(sample.ground_truth)
    if len(golds) != 1:
        raise DataError(f"the ground truth is {sample.ground_truth!r:.80}; give one answer")
    return golds[0]
