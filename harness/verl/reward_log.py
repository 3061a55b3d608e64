"""The reward's own record: one JSON line for every scored response.

Written by reward_manager.py in verl's reward workers; the pipeline compares its number of lines
with the samples a run asked for, and the report shows the samples kept in it.
"""

import json
import os
from typing import Any

from harness.rewards import Sample, Score

LOG_VARIABLE = "REPRISE_REWARD_LOG"
EVERY_VARIABLE = "REPRISE_SAMPLE_EVERY"


class RewardLog:
    """Appends to one file; several workers may share it."""

    def __init__(self, path: str, sample_every: int) -> None:
        # O_APPEND and one write a line keep the lines of several workers apart.
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.sample_every = sample_every
        self.scored = 0

    @classmethod
    def from_environment(cls) -> "RewardLog":
        """The log of the run that this process belongs to."""
        path = os.environ.get(LOG_VARIABLE)
        if not path:
            raise RuntimeError(f"{LOG_VARIABLE} is not set: the reward could not prove that it ran")
        return cls(path, int(os.environ.get(EVERY_VARIABLE, "8")))

    def add(self, sample: Sample, score: Score, *, split: str, step: int) -> None:
        """Record one response; the texts of every sample_every-th are kept."""
        line: dict[str, Any] = {
            "split": split,
            "step": step,
            "score": score.value,
            "correct": score.correct,
            "components": dict(score.components),
            "tokens": sample.response_tokens,
            "truncated": sample.truncated,
        }
        if self.scored % self.sample_every == 0:
            line |= {
                "prompt": sample.prompt,
                "response": sample.response,
                "extracted": score.extracted,
            }
        self.scored += 1
        os.write(self.file, (json.dumps(line, ensure_ascii=False) + "\n").encode())
