"""Builds the tiny base model of the laptop demo: `python -m harness.tiny.build [--out DIR]`.

Two phases of supervised training on three-number countdown: clean worked answers, then a short
phase in which most final answers are drawn at random from the listed candidates. What comes out
computes correctly and chooses badly, which is what reinforcement learning can mend.
"""

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress
from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

from harness.data.generators import countdown
from harness.tiny.tokenizer import make_tokenizer
from harness.tiny.traces import candidates, prompt, response

OUT = Path(__file__).parent / "countdown"
PROBLEMS: dict[str, Any] = {
    "min_numbers": 3,
    "max_numbers": 3,
    "min_value": 1,
    "max_value": 20,
    "min_target": 1,
    "max_target": 60,
    "operators": ("+", "-"),
}
IGNORED = -100  # the label that transformers leaves out of the loss


@dataclass(frozen=True)
class Phase:
    """One stretch of supervised training; `spoiled` is the share of answers drawn at random."""

    name: str
    steps: int
    peak_rate: float
    spoiled: float


@dataclass(frozen=True)
class Settings:
    """Everything that decides what the base becomes."""

    seed: int = 0
    threads: int = 1
    train_problems: int = 3500
    test_problems: int = 400
    hidden_size: int = 128
    intermediate_size: int = 256
    layers: int = 4
    heads: int = 4
    batch: int = 64
    chat_share: float = 0.12
    clean: Phase = Phase("clean", 700, 2e-3, 0.0)
    spoiled: Phase = Phase("spoiled", 40, 3e-4, 0.8)


def new_model(settings: Settings, tokenizer: Qwen2Tokenizer) -> Qwen2ForCausalLM:
    """A freshly initialised Qwen2 of the size in the settings."""
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_size,
        intermediate_size=settings.intermediate_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
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


def sample_texts() -> list[str]:
    """Prompts and responses with every phrase of the task; the fourth candidate has two forms."""
    texts = []
    for numbers in ((3, 7, 12), (10, 11, 12)):
        for chat in (False, True):
            texts.append(prompt(numbers, sum(numbers), chat))
            texts.append(response(numbers, sum(numbers), random.Random(0), chat=chat))
    return texts


def example(
    problem: dict[str, Any],
    tokenizer: Qwen2Tokenizer,
    rng: random.Random,
    chat_share: float,
    spoiled: float,
) -> tuple[list[int], list[int]]:
    """Tokens and labels of one problem, its numbers in a new order; only the response is learnt."""
    numbers = rng.sample(problem["numbers"], len(problem["numbers"]))
    chat = rng.random() < chat_share
    before = tokenizer.encode(prompt(numbers, problem["target"], chat))
    after = tokenizer.encode(response(numbers, problem["target"], rng, spoiled, chat))
    after.append(tokenizer.eos_token_id)
    return before + after, [IGNORED] * len(before) + after


def batch_of(examples: Sequence[tuple[list[int], list[int]]], pad: int) -> dict[str, torch.Tensor]:
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
    phase: Phase,
    model: Qwen2ForCausalLM,
    tokenizer: Qwen2Tokenizer,
    problems: Sequence[dict[str, Any]],
    settings: Settings,
    rng: random.Random,
) -> list[float]:
    """AdamW with a short warm-up and a linear decay; returns the loss of every step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=phase.peak_rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / 20, (phase.steps - step) / phase.steps)
    )
    losses = []
    model.train()
    with Progress() as progress:
        bar = progress.add_task(phase.name, total=phase.steps)
        for _ in range(phase.steps):
            chosen = rng.sample(problems, settings.batch)
            made = [example(p, tokenizer, rng, settings.chat_share, phase.spoiled) for p in chosen]
            loss = model(**batch_of(made, tokenizer.pad_token_id)).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            progress.update(bar, advance=1, description=f"{phase.name} loss {losses[-1]:.3f}")
    return losses


def solved(text: str, problem: dict[str, Any]) -> bool:
    """Whether the last line holds one of the candidates that reach the target."""
    right = {e for e, value in candidates(problem["numbers"]) if value == problem["target"]}
    return text.splitlines()[-1].strip() in {f"<answer> {e} </answer>" for e in right}


@torch.no_grad()
def accuracy(
    model: Qwen2ForCausalLM,
    tokenizer: Qwen2Tokenizer,
    problems: Sequence[dict[str, Any]],
    samples: int = 0,
    chat: bool = False,
) -> float:
    """Share of right answers: over `samples` draws at temperature 1, or greedy when it is 0."""
    model.eval()
    texts = [prompt(**p, chat=chat) for p in problems]
    inputs = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")
    drawn = {"do_sample": True, "top_k": 0, "num_return_sequences": samples}
    outputs = model.generate(
        input_ids=inputs["input_ids"],
        attention_mask=inputs["attention_mask"],
        max_new_tokens=64,
        **(drawn if samples else {"do_sample": False}),
    )
    width = inputs["input_ids"].shape[1]
    replies = tokenizer.batch_decode(outputs[:, width:], skip_special_tokens=True)
    each = max(samples, 1)
    return sum(solved(r or " ", problems[i // each]) for i, r in enumerate(replies)) / len(replies)


def measure(
    model: Qwen2ForCausalLM,
    tokenizer: Qwen2Tokenizer,
    problems: Sequence[dict[str, Any]],
) -> dict[str, float]:
    """Held-out accuracies of a model."""
    return {
        "pass@1": accuracy(model, tokenizer, problems, samples=4),
        "greedy": accuracy(model, tokenizer, problems),
        "chat pass@1": accuracy(model, tokenizer, problems, samples=1, chat=True),
    }


def build(settings: Settings, out: Path) -> dict[str, Any]:
    """Make tokenizer and model, write them to `out`, return the log."""
    started = time.monotonic()
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    rng = random.Random(settings.seed)
    console = Console()
    console.print("drawing problems")
    train = countdown(settings.train_problems, seed=settings.seed, split="train", **PROBLEMS)
    test = countdown(settings.test_problems, seed=settings.seed, split="test", **PROBLEMS)
    tokenizer = make_tokenizer(sample_texts())
    model = new_model(settings, tokenizer)
    log: dict[str, Any] = {"settings": asdict(settings), "problems": PROBLEMS}
    log["parameters"] = model.num_parameters()
    log["vocabulary"] = len(tokenizer)
    for phase in (settings.clean, settings.spoiled):
        losses = train_phase(phase, model, tokenizer, train, settings, rng)
        console.print(f"measuring on {len(test)} held-out problems")
        found = measure(model, tokenizer, test)
        kept = losses[:: phase.steps // 20] + losses[-1:]
        log[f"after the {phase.name} phase"] = {**found, "losses": [round(x, 4) for x in kept]}
        console.print(found)
    log["seconds"] = round(time.monotonic() - started)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "build.log").write_text(json.dumps(log, indent=1) + "\n")
    console.print(f"wrote {out} in {log['seconds']} s")
    return log


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description="Build the tiny base model of the laptop demo.")
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write (default: shipped)")
    build(Settings(), parser.parse_args().out)


if __name__ == "__main__":
    main()
