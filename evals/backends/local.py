"""What hf and vllm have in common: tokenizer, chat template, end tokens, token ids to text.

Special tokens stay in the text: rewards and graders look at what stands before the end token.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from evals.backends import Render, Request
from evals.job import GeneratedSample, Job, JobModel, Prompt
from harness.errors import EvaluationError

NOT_SAMPLING = {
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "transformers_version",
    "_from_model_config",
}


class LocalModel:
    """The text side of a model whose weights are loaded here."""

    def __init__(self, job: Job, model: JobModel) -> None:
        from transformers import AutoTokenizer

        self.job, self.model = job, model
        self.where = {
            "revision": model.revision or "main",
            "trust_remote_code": job.trust_remote_code,
        }
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(model.path, **self.where)
            self.stop_token_ids, self.shipped = self._ends()
        except (ImportError, OSError, ValueError) as error:
            raise EvaluationError(
                f"cannot load {model.path}: {' '.join(str(error).split())}; model.path= needs "
                "config.json, weights and tokenizer files of a Hugging Face model in one folder, "
                "or the id of one that the hub (or its cache here) has"
            ) from error
        # Without tokenizer files transformers makes one that turns every prompt into nothing.
        if not self.encode(["1 + 1 = 2"])[0]:
            raise EvaluationError(
                f"{model.path} has no usable tokenizer ({len(self.tokenizer)} tokens); put "
                "tokenizer.json and tokenizer_config.json of its base model beside the weights"
            )

    def _ends(self) -> tuple[list[int], dict[str, Any]]:
        """Tokens that end a response, and the sampling settings shipped with the model."""
        from transformers import AutoConfig, GenerationConfig

        try:
            config = GenerationConfig.from_pretrained(self.model.path, **self.where)
        except OSError:
            loaded = AutoConfig.from_pretrained(self.model.path, **self.where)
            config = GenerationConfig.from_model_config(loaded)
        ends = config.eos_token_id if config.eos_token_id is not None else []
        listed = ends if isinstance(ends, list) else [ends]
        found = {*listed, self.tokenizer.eos_token_id} - {None}
        if not found:
            raise EvaluationError(
                f"{self.model.path} names no end token; set eos_token in its tokenizer_config.json"
            )
        settings = config.to_diff_dict().items()
        return sorted(found), {key: value for key, value in settings if key not in NOT_SAMPLING}

    def render(self, prompt: Prompt, how: Render) -> str:
        """The text that the model continues."""
        if how == "raw":
            return raw_text(prompt)
        try:
            text: str = self.tokenizer.apply_chat_template(
                prompt.messages, tokenize=False, add_generation_prompt=True
            )
        except Exception as error:  # Jinja's and the tokenizer's own classes: the template decides
            raise EvaluationError(
                f"the chat template of {self.model.path} cannot show prompt {prompt.id}: {error}; "
                "use render=raw or a prompt without a system message"
            ) from error
        return text

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each rendered text."""
        return [len(tokens) for tokens in self.encode(texts)]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of rendered texts; the template has put every special token already."""
        found: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=False).input_ids
        return found

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of token ids, special tokens kept."""
        text: str = self.tokenizer.decode(
            list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    def template(self, how: Render) -> str:
        """raw, or the hash of the chat template."""
        if how == "raw":
            return "raw"
        return hashlib.sha256(str(self.tokenizer.chat_template).encode()).hexdigest()

    def finished(self, request: Request, tokens: Sequence[int], seed: int) -> GeneratedSample:
        """A sample: tokens up to and with the first end token, or text up to and with the first
        stop text, whichever comes first."""
        ends = (index for index, token in enumerate(tokens) if token in self.stop_token_ids)
        end = next(ends, None)
        # An end token's own text (<|im_end|>) must not be mistaken for a stop text.
        body = list(tokens[:end])
        kept = body if end is None else list(tokens[: end + 1])
        text = self.decode(body)
        cut = stop_end(text, self.job.stop)
        if cut is None:
            text = self.decode(kept)
        else:
            text, kept = text[:cut], body[: self._reached(body)]
        truncated = end is None and cut is None
        return GeneratedSample(
            id=request.id,
            sample=request.sample,
            seed=None if self.job.sampling.temperature == 0 else seed,
            prompt=request.text,
            response=text,
            response_tokens=len(kept),
            truncated=truncated,
            finish="length" if truncated else "stop",
        )

    def _reached(self, tokens: Sequence[int]) -> int:
        """How many tokens it takes until the text holds a stop text."""
        return bisect_left(
            range(len(tokens) + 1),
            True,
            key=lambda size: stop_end(self.decode(tokens[:size]), self.job.stop) is not None,
        )


def raw_text(prompt: Prompt) -> str:
    """The text of a raw prompt: its one message."""
    if len(prompt.messages) != 1:
        raise EvaluationError(
            f"prompt {prompt.id} has {len(prompt.messages)} messages; render=raw takes exactly "
            "one, use render=chat"
        )
    return prompt.messages[0]["content"]


def stop_end(text: str, stops: Sequence[str]) -> int | None:
    """Where the first stop text of a response ends; None when there is none."""
    found = [(text.find(stop), len(stop)) for stop in stops if stop in text]
    return sum(min(found)) if found else None
