"""The rewards by numbers instead of a response, as the golden cases call them; see the card."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.rewards import Sample
from harness.rewards.repetition import repeated_tokens
from reproductions.demystify_long_cot.reward import classic_value, cosine_value


def classic(*, gen_tokens: int, correct: float, params: Mapping[str, Any]) -> list[float]:
    """classic_value; the verifier's score counts as right when it is 1."""
    return [classic_value(gen_tokens, correct == 1, **params)]


def cosine(
    *, response: str, gen_tokens: int, correct: float, params: Mapping[str, Any]
) -> list[float]:
    """cosine_value, as `classic`."""
    return [cosine_value(gen_tokens, correct == 1, text=response, **params)]


def repetition_dense(
    *,
    ids: Sequence[int],
    gen_tokens: int,
    ngram_size: int,
    penalty: float,
    only_start: bool,
    num_actions: int,
) -> list[float]:
    """repeated_tokens of the first gen_tokens ids, with a 0 for every padding up to num_actions."""
    tokens = tuple(ids[:gen_tokens])
    sample = Sample(prompt="", response="", ground_truth=None, token_ids=tokens)
    rewards = repeated_tokens(sample, ngram_size=ngram_size, penalty=penalty, only_start=only_start)
    return rewards + [0.0] * (num_actions - len(rewards))
