"""The answer of a response whose thought and answer stand in tags, where the prompt opens the
thought; scorers of puzzles and of mathematics begin with it."""

from dataclasses import dataclass

from harness.rewards import Sample
from harness.rewards.extraction import after_first, last_tagged
from harness.rewards.tags import once_in_order

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
SPEAKERS = ("Assistant:", "<|im_start|>assistant")
"""What opens the assistant's part of a prompt: plain text before ChatML."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FramedAnswer:
    """What a response says within its tags."""

    in_format: bool
    """Each of the four tags stands once, in order."""
    answer: str | None
    """The stripped content of the answer tags; None out of format, or in a text that nobody is
    marked to speak."""


def framed_answer(sample: Sample) -> FramedAnswer:
    """The format and the answer of prompt and response, from where the assistant speaks.

    The prompt's text behind that mark counts as well: its opening think tag is the one allowed.
    """
    text = sample.prompt + sample.response
    spoken = after_first(text, *SPEAKERS)
    in_format = once_in_order(text if spoken is None else spoken, TAGS)
    readable = spoken is not None and in_format
    answer = last_tagged(spoken or "", "answer", across_lines=True) if readable else None
    return FramedAnswer(in_format=in_format, answer=answer)
