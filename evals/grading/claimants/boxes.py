r"""The last \boxed{...} of a text, as the published graders cut it out; read by the claimants.

They differ in what they do with \fbox, with a box without braces, and with an unclosed one.
"""

import re

BRACE = re.compile("[{}]")


def closed_span(text: str, start: int) -> str | None:
    """From `start` to the brace that closes the first one opened; None when nothing closes it."""
    depth = 0
    for brace in BRACE.finditer(text, start):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0 and brace.group() == "}":
            return text[start : brace.end()]
    return None


def last_box(text: str) -> str | None:
    r"""The content of the last \boxed{...} if it is closed; \fbox and '\boxed 5' do not count.

    Source: the extractor of DeepScaleR, DAPO and L1. An unclosed last box hides earlier ones.
    """
    start = text.rfind("\\boxed")
    if start < 0:
        return None
    span = closed_span(text, start)
    if span is None or not span.startswith("\\boxed{"):
        return None
    return span.removeprefix("\\boxed{")[:-1]


def last_box_of_math(text: str) -> str | None:
    r"""The last box as the MATH evaluation cuts it: '\boxed 5$' counts, wherever it stands.

    Source: hendrycks/math; verl's math_reward and lm-eval's hendrycks_math carry it on.
    """
    if "\\boxed " in text:
        return text.rpartition("\\boxed ")[2].partition("$")[0]
    return last_box(text)
