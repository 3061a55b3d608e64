"""Batched sampling from a Hugging Face model on a CPU; called by the rollout server.

Pure torch: no verl, no Ray. Every request has its own random numbers, so its response does not
depend on which other requests happen to share the batch.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import DynamicCache

from harness.verl.cpu.stops import StopWatch

COMPACT_BELOW = 0.75
"""Finished rows leave the batch when less than this share of it is still running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One prompt and how to continue it."""

    prompt: tuple[int, ...]
    max_tokens: int
    seed: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = -1
    stop: tuple[str, ...] = ()
    stop_token_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """The sampled tokens and the log-probability each had when it was drawn."""

    tokens: list[int]
    log_probs: list[float]
    ended: bool
    """False when max_tokens cut it."""


class _Sampler:
    """The sampling parameters of a batch as tensors, one row a request."""

    def __init__(self, requests: Sequence[Request]) -> None:
        temperature = torch.tensor([r.temperature for r in requests])
        self.greedy = temperature <= 1e-6
        self.temperature = torch.where(self.greedy, 1.0, temperature)[:, None]
        self.top_p = torch.tensor([r.top_p for r in requests])[:, None]
        self.top_k = torch.tensor([r.top_k for r in requests])[:, None]
        self.filtered = bool((self.top_p < 1).any() or (self.top_k > 0).any())
        longest = max(r.max_tokens for r in requests)
        self.uniform = torch.stack([_uniform(r.seed, longest) for r in requests])

    def draw(self, logits: Tensor, rows: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Next token and its log-probability for the given rows of the batch."""
        scaled = logits.float() / self.temperature[rows]
        if self.filtered:
            scaled = keep_likely(scaled, self.top_p[rows], self.top_k[rows])
        log_probs = scaled.log_softmax(-1)
        # Inverse of the distribution function; right=True never lands on a token of mass zero.
        mass = log_probs.double().exp().cumsum(-1)
        target = self.uniform[rows, step, None] * mass[:, -1:]
        sampled = torch.searchsorted(mass, target, right=True).clamp_(max=mass.shape[-1] - 1)
        best = log_probs.argmax(-1, keepdim=True)
        tokens = torch.where(self.greedy[rows, None], best, sampled)
        return tokens[:, 0], log_probs.gather(1, tokens)[:, 0]


def _uniform(seed: int, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, generator=generator, dtype=torch.float64)


def keep_likely(logits: Tensor, top_p: Tensor, top_k: Tensor) -> Tensor:
    """Set all but the top_k likeliest tokens and the top_p nucleus to minus infinity."""
    ordered, order = logits.sort(-1, descending=True)
    mass = ordered.softmax(-1)
    mass_before = mass.cumsum(-1) - mass
    rank = torch.arange(logits.shape[-1])[None]
    drop = (mass_before >= top_p) & (top_p < 1) | (rank >= top_k) & (top_k > 0)
    drop[:, 0] = False
    return logits.masked_fill(torch.zeros_like(drop).scatter(1, order, drop), -torch.inf)


def _prefill(
    model: Any, requests: Sequence[Request], pad: int
) -> tuple[DynamicCache, Tensor, Tensor, Tensor]:
    """Run each distinct prompt once (a group shares its prompt), then spread to the requests."""
    prompts = list(dict.fromkeys(r.prompt for r in requests))
    width = max(map(len, prompts))
    ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    cache = DynamicCache()
    logits = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits[:, -1]
    index = {prompt: i for i, prompt in enumerate(prompts)}
    spread = torch.tensor([index[r.prompt] for r in requests])
    cache.batch_select_indices(spread)
    return cache, logits[spread], mask[spread], positions[spread, -1:]


@torch.inference_mode()
def generate(
    model: Any,
    requests: Sequence[Request],
    *,
    eos: Collection[int],
    pad: int,
    tokenizer: Tokenizer | None = None,
) -> list[Response]:
    """Continue every request up to an end token, a stop (both are kept), or its max_tokens.

    Args:
        eos: end tokens of every request.
        pad: token that fills prompts to one length.
        tokenizer: spells the responses; needed where a request has stop texts.
    """
    sampler = _Sampler(requests)
    watches = [
        StopWatch(tokenizer, r.prompt, tokens={*eos, *r.stop_token_ids}, texts=r.stop)
        for r in requests
    ]
    limit = torch.tensor([r.max_tokens for r in requests])
    ended = [False] * len(requests)
    drawn: list[list[tuple[int, float]]] = [[] for _ in requests]
    cache, logits, mask, position = _prefill(model, requests, pad)
    rows = torch.arange(len(requests))
    running = torch.ones(len(requests), dtype=torch.bool)
    for step in range(int(limit.max())):
        tokens, log_probs = sampler.draw(logits, rows, step)
        for row, token, log_prob, on in zip(
            rows.tolist(), tokens.tolist(), log_probs.tolist(), running.tolist(), strict=True
        ):
            if on:
                drawn[row].append((token, log_prob))
                ended[row] = watches[row].ends(token)
        running &= ~torch.tensor(ended)[rows] & (step + 1 < limit[rows])
        alive = int(running.sum())
        if alive == 0:
            break
        position = position + 1
        mask = torch.nn.functional.pad(mask, (0, 1), value=1)
        if alive < COMPACT_BELOW * len(rows):
            keep = running.nonzero()[:, 0]
            cache.batch_select_indices(keep)
            rows, tokens, running = rows[keep], tokens[keep], running[keep]
            mask, position = mask[keep], position[keep]
        logits = model(
            input_ids=tokens[:, None],
            attention_mask=mask,
            position_ids=position,
            past_key_values=cache,
            use_cache=True,
        ).logits[:, -1]
    return [
        Response(tokens=[t for t, _ in pairs], log_probs=[p for _, p in pairs], ended=over)
        for pairs, over in zip(drawn, ended, strict=True)
    ]
