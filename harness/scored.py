"""The reward's own record of an attempt, as it grows: how many training responses it scored and how
many of a step were right; the training stage reads it."""

import json
from collections import Counter
from pathlib import Path

from harness.verl.process import Tail


class ScoredResponses:
    """Counts over the reward log of one attempt (harness/verl/reward_log.py writes it)."""

    def __init__(self, log: Path) -> None:
        self._tail = Tail(log)
        self._scored: Counter[int] = Counter()
        self._correct: Counter[int] = Counter()

    def _read(self) -> None:
        for line in self._tail.lines():
            scored = json.loads(line)
            if scored["split"] == "train":
                self._scored[scored["step"]] += 1
                self._correct[scored["step"]] += scored["correct"]

    def scored(self, step: int) -> int:
        """Responses of a training step that were scored so far."""
        self._read()
        return self._scored[step]

    def accuracy(self, step: int) -> float | None:
        """Share of right responses among those of a training step; null without any."""
        self._read()
        scored = self._scored[step]
        return self._correct[step] / scored if scored else None
