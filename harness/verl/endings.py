"""When a response has ended by itself and when it was cut; read by the agent loop, the reward
manager and the CPU rollout server, which must agree."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


def end_tokens(generation_config: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end a response: the tokenizer's and the generation config's, as vLLM takes them.

    Args:
        generation_config: of transformers, or null where a model has none.
        tokenizer: anything with an eos_token_id.
    """
    found: set[int] = set()
    for holder in (generation_config, tokenizer):
        ends = getattr(holder, "eos_token_id", None)
        found |= {ends} if isinstance(ends, int) else set(ends or ())
    return frozenset(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings:
    """Everything that may end a response, besides its limit."""

    tokens: frozenset[int]
    """End tokens and further stop tokens; they stay part of the response."""
    texts: Sequence[str] = ()
    """Stop texts; the token that completes one is the last of the response."""

    def reason(self, response: Sequence[int], limit: int, decode: Callable[..., str]) -> str:
        """`stop`, or `length` for a response of `limit` tokens that nothing else ended.

        Args:
            response: token ids, prompt and padding excluded.
            limit: most tokens a response may have.
            decode: token ids to text, special tokens kept; called only at the limit.
        """
        if len(response) < limit or response[-1] in self.tokens:
            return "stop"
        text = decode(list(response)) if self.texts else ""
        return "stop" if any(stop in text for stop in self.texts) else "length"
