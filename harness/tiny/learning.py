"""The supervised training that every tiny base goes through; the builders beside it call this."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from rich.progress import Progress
from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

IGNORED = -100  # the label that transformers leaves out of the loss

Example = tuple[list[int], list[int]]
"""Tokens and labels."""


@dataclass(frozen=True)
class Phase:
    """One stretch of supervised training; `spoiled` is the share of answers drawn at random."""

    name: str
    steps: int
    peak_rate: float
    spoiled: float


@dataclass(frozen=True)
class Size:
    """The size of the model."""

    hidden_size: int = 128
    intermediate_size: int = 256
    layers: int = 4
    heads: int = 4


def new_model(size: Size, tokenizer: Qwen2Tokenizer) -> Qwen2ForCausalLM:
    """A freshly initialised Qwen2."""
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=size.hidden_size,
        intermediate_size=size.intermediate_size,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.heads,
        max_position_embeddings=8192,
        initializer_range=0.04,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen2ForCausalLM(config)
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=1.0,
        bos_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return model


def example_of(tokenizer: Qwen2Tokenizer, prompt: str, response: str) -> Example:
    """A prompt and its ended response; only the response is learnt."""
    before = tokenizer.encode(prompt)
    after = [*tokenizer.encode(response), tokenizer.eos_token_id]
    return before + after, [IGNORED] * len(before) + after


def batch_of(examples: Sequence[Example], pad: int) -> dict[str, torch.Tensor]:
    """Right-padded tensors."""
    width = max(len(tokens) for tokens, _ in examples)
    tokens = [tokens + [pad] * (width - len(tokens)) for tokens, _ in examples]
    labels = [labels + [IGNORED] * (width - len(labels)) for _, labels in examples]
    mask = [[1] * len(tokens) + [0] * (width - len(tokens)) for tokens, _ in examples]
    return {
        "input_ids": torch.tensor(tokens),
        "labels": torch.tensor(labels),
        "attention_mask": torch.tensor(mask),
    }


def train_phase(
    phase: Phase, model: Qwen2ForCausalLM, draw: Callable[[], list[Example]]
) -> list[float]:
    """AdamW with a short warm-up and a linear decay; returns the loss of every step.

    Args:
        draw: gives the examples of the next step.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=phase.peak_rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / 20, (phase.steps - step) / phase.steps)
    )
    losses = []
    model.train()
    with Progress() as progress:
        bar = progress.add_task(phase.name, total=phase.steps)
        for step in range(phase.steps):
            loss = model(**batch_of(draw(), model.config.pad_token_id)).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            progress.update(bar, advance=1)
            if step % 50 == 0:
                progress.console.print(f"{phase.name} step {step}: loss {losses[-1]:.3f}")
    return losses


def excerpt(losses: Sequence[float]) -> list[float]:
    """About twenty of the losses and the last one, for the log."""
    kept = [*losses[:: max(len(losses) // 20, 1)], *losses[-1:]]
    return [round(loss, 4) for loss in kept]


@torch.no_grad()
def replies(
    model: Qwen2ForCausalLM,
    tokenizer: Qwen2Tokenizer,
    prompts: Sequence[str],
    samples: int = 0,
    max_tokens: int = 64,
) -> list[str]:
    """`samples` draws at temperature 1 for each prompt in turn; one greedy reply when it is 0."""
    model.eval()
    inputs = tokenizer(list(prompts), return_tensors="pt", padding=True, padding_side="left")
    drawn = {"do_sample": True, "top_k": 0, "num_return_sequences": samples}
    outputs = model.generate(
        input_ids=inputs["input_ids"],
        attention_mask=inputs["attention_mask"],
        max_new_tokens=max_tokens,
        **(drawn if samples else {"do_sample": False}),
    )
    width = inputs["input_ids"].shape[1]
    texts: list[str] = tokenizer.batch_decode(outputs[:, width:], skip_special_tokens=True)
    return texts
