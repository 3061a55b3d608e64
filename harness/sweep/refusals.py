"""What a sweep with wrong runs in it is told: every error once, with the runs it is about; the
launcher raises it."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import ConfigError

SHOWN = 10
"""Runs that are named under one error; more are counted."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One run that cannot be."""

    words: list[str]
    """Its overrides."""
    reason: str
    """What is wrong with them."""


def refused(refusals: Sequence[Refusal], runs: int) -> ConfigError:
    """The one error of a sweep of so many runs."""
    by_reason: dict[str, list[str]] = {}
    for refusal in refusals:
        words = " ".join(word.removeprefix("++") for word in refusal.words)
        by_reason.setdefault(refusal.reason, []).append(words)
    blocks = [_block(reason, lines) for reason, lines in by_reason.items()]
    head = f"{len(refusals)} of {runs} runs of this sweep are refused, so none was started"
    return ConfigError("\n\n".join([head, *blocks]))


def _block(reason: str, runs: Sequence[str]) -> str:
    lines = [f"  in {run}" for run in runs[:SHOWN]]
    if len(runs) > SHOWN:
        lines.append(f"  and in {len(runs) - SHOWN} more")
    return "\n".join([reason, *lines])
