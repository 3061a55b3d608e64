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
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from transformers import Qwen2ForCausalLM, Qwen2Tokenizer

from harness.data.generators import countdown
from harness.tiny.learning import (
    Example,
    Phase,
    Size,
    example_of,
    excerpt,
    new_model,
    replies,
    train_phase,
)
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
SIZE = Size()
CLEAN = Phase("clean", 700, 2e-3, 0.0)
SPOILED = Phase("spoiled", 40, 3e-4, 0.8)


@dataclass(frozen=True)
class Settings:
    """Everything that decides what the base becomes."""

    seed: int = 0
    threads: int = 1
    train_problems: int = 3500
    test_problems: int = 400
    size: Size = SIZE
    batch: int = 64
    chat_share: float = 0.12
    clean: Phase = CLEAN
    spoiled: Phase = SPOILED


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
) -> Example:
    """One problem with a response, its numbers in a new order."""
    numbers = rng.sample(problem["numbers"], len(problem["numbers"]))
    chat = rng.random() < chat_share
    return example_of(
        tokenizer,
        prompt(numbers, problem["target"], chat),
        response(numbers, problem["target"], rng, spoiled, chat),
    )


def solved(text: str, problem: dict[str, Any]) -> bool:
    """Whether the last line holds one of the candidates that reach the target."""
    right = {e for e, value in candidates(problem["numbers"]) if value == problem["target"]}
    return text.splitlines()[-1].strip() in {f"<answer> {e} </answer>" for e in right}


def accuracy(
    model: Qwen2ForCausalLM,
    tokenizer: Qwen2Tokenizer,
    problems: Sequence[dict[str, Any]],
    samples: int = 0,
    chat: bool = False,
) -> float:
    """Share of right answers: over `samples` draws at temperature 1, or greedy when it is 0."""
    texts = [prompt(**p, chat=chat) for p in problems]
    said = replies(model, tokenizer, texts, samples)
    each = max(samples, 1)
    return sum(solved(r or " ", problems[i // each]) for i, r in enumerate(said)) / len(said)


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
    model = new_model(settings.size, tokenizer)

    def draw(phase: Phase) -> list[Example]:
        chosen = rng.sample(train, settings.batch)
        return [example(p, tokenizer, rng, settings.chat_share, phase.spoiled) for p in chosen]

    log: dict[str, Any] = {"settings": asdict(settings), "problems": PROBLEMS}
    log["parameters"] = model.num_parameters()
    log["vocabulary"] = len(tokenizer)
    for phase in (settings.clean, settings.spoiled):
        losses = train_phase(phase, model, partial(draw, phase))
        console.print(f"measuring on {len(test)} held-out problems")
        found = measure(model, tokenizer, test)
        log[f"after the {phase.name} phase"] = {**found, "losses": excerpt(losses)}
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
