r"""The rewards of Spurious Rewards, by upstream's names; recipes name one, conformance all of them.

Source: ruixin31/Spurious_Rewards@33b9f85d5b099fabade71f562e75db719f5feaf2:
code/ttrl/verifier/auto_verify.py and code/ttrl/verifier/qwen/qwen_eval.py
"""

import random
from dataclasses import replace

from evals.grading.claimants.boxes import last_box
from evals.grading.claimants.qwen import extracted
from harness.rewards import Batch, Sample, Score
from harness.rewards.stated import stated

ANSWER_BEGINS, ANSWER_ENDS = "<answer>", "</answer>"
SHORTEST_UNIT, LONGEST_UNIT, OCCURRENCES = 10, 256, 10
"""A text repeats itself when so many characters stand there so often, or more, in a row."""


def math(sample: Sample) -> Score:
    """1 for the right answer, wherever the response states it."""
    return stated(sample)


def box_only_format(sample: Sample) -> Score:
    """1 for a last box that is not empty."""
    return switch(sample, bool((last_box(sample.response) or "").strip()))


def format(sample: Sample) -> Score:
    """1 for any answer that can be extracted."""
    return switch(sample, bool(extracted(sample.response)))


def contain_python(sample: Sample) -> Score:
    """1 for the beginning of a Python block."""
    return switch(sample, "```python" in sample.response.lower())


def contain_python_wo_backticks(sample: Sample, *, word: str = "python") -> Score:
    """1 for the word itself, anywhere and in any case."""
    return switch(sample, word in sample.response.lower())


def no_repetition(sample: Sample) -> Score:
    """1 unless 10 to 256 characters stand ten times or more in a row."""
    return switch(sample, not repeats(sample.response))


def math_r1_style(sample: Sample) -> Score:
    """As `math`, of what stands in the last answer tags."""
    return stated(replace(sample, response=in_answer_tags(sample.response)))


def box_only_format_r1_style(sample: Sample) -> Score:
    """1 for something in the last answer tags."""
    return switch(sample, bool(in_answer_tags(sample.response).strip()))


def inverse_math(sample: Sample) -> Score:
    """1 for everything but the right answer."""
    score = stated(sample)
    return replace(score, value=1.0 - score.value)


def math_and_no_repetition(sample: Sample) -> Score:
    """1 for the right answer without repetition."""
    score = stated(sample)
    return replace(score, value=score.value * (not repeats(sample.response)))


def coin(batch: Batch, *, probability: float, seed: int) -> list[list[float]]:
    """1 with a probability and else 0, whatever the response; the same draws for the same seed.

    Upstream draws in each worker without a seed; here the step and the place in it decide.
    """
    return [
        [
            float(random.Random(f"{seed}/{batch.step}/{i}/{j}").random() < probability)
            for j in range(len(group))
        ]
        for i, group in enumerate(batch.groups)
    ]


def switch(sample: Sample, on: bool) -> Score:
    """A reward that asks for something else than the answer; accuracy is still that of `math`."""
    return replace(stated(sample), value=float(on))


def in_answer_tags(text: str) -> str:
    """What follows the last opening tag up to a closing one; all of it without an opening tag."""
    return text.rpartition(ANSWER_BEGINS)[2].partition(ANSWER_ENDS)[0]


def repeats(text: str) -> bool:
    """Is there a run of SHORTEST_UNIT to LONGEST_UNIT characters that stands OCCURRENCES times?

    Every period is tried: where the text equals itself moved by a period for long enough.
    Source: code/ttrl/verifier/repetition_detection.py
    """
    import numpy as np

    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    longest = min(LONGEST_UNIT, len(codes) // OCCURRENCES)
    for period in range(SHORTEST_UNIT, longest + 1):
        same = (codes[period:] == codes[:-period]).tobytes()
        if b"\x01" * (period * (OCCURRENCES - 1)) in same:
            return True
    return False
