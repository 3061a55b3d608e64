"""Tells, token by token, whether a response has reached a stop; used by generation.py.

Follows vLLM: the text grows by what tokenizers' DecodeStream completes, so half a character waits
for its other half, and a stop text counts wherever it lies in the response.
"""

from collections.abc import Collection, Sequence

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream


class StopWatch:
    """Watches one response."""

    def __init__(
        self,
        tokenizer: Tokenizer | None,
        prompt: Sequence[int],
        *,
        tokens: Collection[int],
        texts: Sequence[str],
    ) -> None:
        if texts and tokenizer is None:
            raise ValueError(f"the stop texts {list(texts)} need a tokenizer")
        self.tokenizer = tokenizer
        self.tokens = tokens
        self.texts = texts
        # The prompt decides how the first token is spelled; its own text is not searched.
        self.stream = DecodeStream(ids=list(prompt), skip_special_tokens=False) if texts else None
        self.tail = ""
        self.kept = max(map(len, texts), default=1) - 1

    def ends(self, token: int) -> bool:
        """Is this next token the last one?"""
        if token in self.tokens:
            return True
        if self.stream is None:
            return False
        # An older match would have ended the response: only its unfinished start can matter.
        start = self.tail[-self.kept :] if self.kept else ""
        self.tail = start + (self.stream.step(self.tokenizer, token) or "")
        return any(text in self.tail for text in self.texts)
