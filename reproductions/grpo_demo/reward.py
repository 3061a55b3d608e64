"""grpo_demo's five rewards, tags, two formats, whole number, correctness; its recipes and Unsloth's
notebook, which copied them, sum them, and conformance reads them one by one.

Source: unslothai/notebooks@bdda2ef:nb/Llama3.1_(8B)-GRPO.ipynb
"""

import re
from collections.abc import Mapping
from typing import Any

from harness.errors import DataError
from harness.rewards import Sample, Score
from harness.rewards.extraction import after_first
from harness.rewards.gsm8k import HASHES
from harness.rewards.tags import ends_of_pieces, once

OPENING, TURN, CLOSING = "<reasoning>\n", "\n</reasoning>\n<answer>\n", "\n</answer>\n"
COUNTED = ("<reasoning>\n", "\n</reasoning>\n", "\n<answer>\n", "\n</answer>")
TAG_MARK = 0.125
CHARACTER_COST = 0.001
FORMAT_MARK, INTEGER_MARK, CORRECT_MARK = 0.5, 0.5, 2.0
ONE_LINE_EACH = re.compile(r"<reasoning>\n.*\n</reasoning>\n<answer>\n.*\n</answer>\n\n?")
TURN_AND_SPACE = re.compile(r"</reasoning>\s*<answer>")
DECORATION = str.maketrans("", "", ",$")


def xmlcount(sample: Sample) -> Score:
    """An eighth for each tag that stands once with its line ends, less 0.001 a character behind the
    answer: behind its closing tag and line end, and again behind the tag (but for one character).

    The first cost falls due with <answer>; where no closing tag has a line end behind it, the whole
    response counts as behind it.
    """
    text = sample.response
    value = TAG_MARK * once(text, COUNTED)
    if once(text, COUNTED[2:3]):
        value -= CHARACTER_COST * len(text.split(CLOSING)[-1])
    if once(text, COUNTED[3:]):
        value -= CHARACTER_COST * (len(text.split(COUNTED[3])[-1]) - 1)
    return Score(value=value, correct=once(text, COUNTED) == len(COUNTED))


def strict_format(sample: Sample, *, across_lines: bool = False) -> Score:
    """0.5 when the response is nothing but the layout, the line end behind it included.

    Args:
        sample: the response.
        across_lines: reasoning and answer may have several lines each; otherwise just one.
    """
    return mark(laid_out(sample.response, across_lines=across_lines))


def soft_format(sample: Sample, *, across_lines: bool = False) -> Score:
    """0.5 when the response begins with one tagged reasoning and answer, white space between them.

    Args:
        sample: the response.
        across_lines: what stands inside a pair of tags may have several lines.
    """
    return mark(begins_tagged(sample.response, across_lines=across_lines))


def integer(sample: Sample) -> Score:
    """0.5 when the answer consists of digits; signs, commas and decimals are none."""
    answer = answer_in(sample.response)
    whole = answer.isdigit()
    return Score(value=INTEGER_MARK * whole, correct=whole, extracted=answer)


def correctness(sample: Sample, *, plain_gold: bool = False) -> Score:
    """2 when the answer is the gold, character by character.

    Args:
        sample: the response.
        plain_gold: take commas and dollar signs out of the gold, not out of the answer.
    """
    gold, answer = gold_text(sample.ground_truth), answer_in(sample.response)
    right = answer == (gold.translate(DECORATION) if plain_gold else gold)
    return Score(value=CORRECT_MARK * right, correct=right, extracted=answer)


def laid_out(text: str, *, across_lines: bool) -> bool:
    """Is the text the whole layout, with one line end behind it or two?"""
    if not across_lines:
        return ONE_LINE_EACH.fullmatch(text) is not None
    if not text.startswith(OPENING):
        return False
    turned = ends_of_pieces(text, [TURN], len(OPENING))
    closings = (len(text) - len(end) for end in (CLOSING, CLOSING + "\n") if text.endswith(end))
    return turned is not None and any(turned <= closing for closing in closings)


def begins_tagged(text: str, *, across_lines: bool) -> bool:
    """Does the text begin with <reasoning>...</reasoning>, white space, <answer>...</answer>?"""
    if not text.startswith("<reasoning>"):
        return False
    first_line = len(text) if across_lines else end_of_line(text, 0)
    for turn in TURN_AND_SPACE.finditer(text):
        if turn.start() > first_line:
            return False
        end = len(text) if across_lines else end_of_line(text, turn.end())
        if text.find("</answer>", turn.end(), end) >= 0:
            return True
        if across_lines:  # no later turn leaves more room for the closing tag
            return False
    return False


def end_of_line(text: str, start: int) -> int:
    """Where the line ends that `start` is in."""
    found = text.find("\n", start)
    return len(text) if found < 0 else found


def answer_in(response: str) -> str:
    """What follows the last <answer>, up to </answer>, stripped; without tags, all of it."""
    return response.rpartition("<answer>")[2].partition("</answer>")[0].strip()


def gold_text(ground_truth: Any) -> str:
    """The gold: a value, or the field `answer`; what follows its first #### if there is one."""
    if isinstance(ground_truth, Mapping):
        if "answer" not in ground_truth:
            raise DataError(
                f"grpo_demo: the ground truth {ground_truth!r} has no field 'answer' "
                "(data.ground_truth=[answer])"
            )
        ground_truth = ground_truth["answer"]
    text = str(ground_truth)
    behind = after_first(text, HASHES)
    return (text if behind is None else behind).strip()


def mark(fits: bool) -> Score:
    """What a format earns."""
    return Score(value=FORMAT_MARK * fits, correct=fits)
