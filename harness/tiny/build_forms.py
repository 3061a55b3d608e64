"""Builds the tiny base that knows the recipes' frames: `python -m harness.tiny.build_forms`.

Supervised training on a mix of all forms: clean answers, then a short phase in which a share is
wrong. What comes out answers in the wanted form and is right some of the time, which leaves
reinforcement learning something to mend.
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

from harness.cards import REPRODUCTIONS
from harness.tiny.forms import Form, load_forms, tokenizer_for
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

FORMS = REPRODUCTIONS / "tiny_forms.yaml"
OUT = Path(__file__).parent / "forms"
PROBLEMS = {"arithmetic": 300, "countdown": 1200, "knights_and_knaves": 600}
"""Training problems of each form by generator; they decide the shares of a batch."""
SIZE = Size()
CLEAN = Phase("clean", 600, 3e-3, 0.0)
SPOILED = Phase("spoiled", 40, 4e-4, 0.6)


@dataclass(frozen=True)
class Settings:
    """Everything that decides what the base becomes."""

    seed: int = 0
    threads: int = 1
    word_problems: int = 400
    """Problems of each form whose words become tokens."""
    problems: int = 16
    """Of each form and split, to measure with."""
    samples: int = 4
    """Draws at temperature 1 for each of them."""
    size: Size = SIZE
    batch: int = 48
    clean: Phase = CLEAN
    spoiled: Phase = SPOILED


def accuracy(
    form: Form,
    model: Qwen2ForCausalLM,
    tokenizer: Qwen2Tokenizer,
    split: str,
    *,
    problems: int,
    samples: int,
    seed: int,
) -> float:
    """Share of right answers to the problems of a split, at temperature 1."""
    rows = form.rows(problems, seed=seed, split=split)
    said = replies(model, tokenizer, [form.prompt(tokenizer, row) for row in rows], samples)
    return sum(form.solved(r, rows[i // samples]) for i, r in enumerate(said)) / len(said)


def measure(
    forms: Sequence[Form], model: Qwen2ForCausalLM, tokenizer: Qwen2Tokenizer, settings: Settings
) -> dict[str, dict[str, float]]:
    """Accuracy of each form on problems that were trained on and on held-out ones."""
    drawn = {"problems": settings.problems, "samples": settings.samples, "seed": settings.seed}
    return {
        form.name: {
            split: round(accuracy(form, model, tokenizer, split, **drawn), 3)
            for split in ("train", "test")
        }
        for form in forms
    }


def build(settings: Settings, out: Path) -> dict[str, Any]:
    """Make tokenizer and model, write them to `out`, return the log."""
    started = time.monotonic()
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    rng = random.Random(settings.seed)
    console = Console()
    forms = load_forms(FORMS)
    tokenizer = tokenizer_for(forms, settings.word_problems, settings.seed)
    problems = [
        (form, row, form.prompt(tokenizer, row))
        for form in forms
        for row in form.rows(PROBLEMS[form.generator], seed=settings.seed, split="train")
    ]
    model = new_model(settings.size, tokenizer)

    def draw(phase: Phase) -> list[Example]:
        return [
            example_of(tokenizer, prompt, form.drawn(row, rng, phase.spoiled))
            for form, row, prompt in rng.sample(problems, settings.batch)
        ]

    log: dict[str, Any] = {"settings": asdict(settings), "problems": PROBLEMS}
    log["parameters"] = model.num_parameters()
    log["vocabulary"] = len(tokenizer)
    for phase in (settings.clean, settings.spoiled):
        losses = train_phase(phase, model, partial(draw, phase))
        found = measure(forms, model, tokenizer, settings)
        log[f"after the {phase.name} phase"] = {"pass@1": found, "losses": excerpt(losses)}
        console.print(found)
    log["seconds"] = round(time.monotonic() - started)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "build.log").write_text(json.dumps(log, indent=1) + "\n")
    console.print(f"wrote {out} in {log['seconds']} s")
    return log


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description="Build the tiny base that knows the forms.")
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write (default: shipped)")
    build(Settings(), parser.parse_args().out)


if __name__ == "__main__":
    main()
