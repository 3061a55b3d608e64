"""The assistant's turn of a ChatML text, as scorers cut it out before they look for an answer."""

from collections.abc import Sequence

from harness.rewards.extraction import after_first

HEADER = "<|im_start|>assistant"
STOPS = ("</s>", "<|im_end|>", "<|endoftext|>")


def assistant_turn(text: str, stops: Sequence[str] = STOPS) -> str:
    """What follows the first assistant header, up to the first of the stops, stripped.

    A text without a header counts as a whole. The stops cut one after the other, in their order.
    """
    spoken = after_first(text, HEADER)
    turn = text if spoken is None else spoken
    for stop in stops:
        before, found, _ = turn.partition(stop)
        turn = before.strip() if found else turn
    return turn
