"""The reward's own record: a folder with one JSON line for every scored response.

Written by reward_manager.py in verl's reward workers; the pipeline compares its number of lines
with the samples a run asked for, and the report shows the samples kept in it.
"""

import json
import os
import socket
from pathlib import Path
from typing import Any

from harness.rewards import Sample, Score

LOG_VARIABLE = "REPRISE_REWARD_LOG"
EVERY_VARIABLE = "REPRISE_SAMPLE_EVERY"


class RewardLog:
    """One worker's file in the folder: over a network, appends of several nodes would mix."""

    def __init__(self, folder: str, sample_every: int) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.path = Path(folder) / f"{socket.gethostname()}-{os.getpid()}.jsonl"
        self.path.touch()
        self.sample_every = sample_every
        self.scored = 0

    @classmethod
    def from_environment(cls) -> "RewardLog":
        """The log of the run that this process belongs to."""
        folder = os.environ.get(LOG_VARIABLE)
        if not folder:
            raise RuntimeError(f"{LOG_VARIABLE} is not set: the reward could not prove that it ran")
        return cls(folder, int(os.environ.get(EVERY_VARIABLE, "8")))

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
        # Closed after every line: on a network file system other nodes see only what was closed.
        with self.path.open("ab", buffering=0) as file:
            file.write((json.dumps(line, ensure_ascii=False) + "\n").encode())
