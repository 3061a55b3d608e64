"""The reward's own record of an attempt, as it grows: how many training responses it scored, how
many of a step were right, what each component gave; the training stage reads it."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.verl.process import Tail

REWARD = "the reward"
"""The reward itself, among its components; no component is called so."""

CONSTANT_STEPS = 10
"""A component that keeps one value for so many steps is reported."""


@dataclass(slots=True)
class Spread:
    """Values of one component in one step."""

    count: int = 0
    total: float = 0.0
    low: float = float("inf")
    high: float = float("-inf")

    def add(self, value: float) -> None:
        """Counts one response."""
        self.count += 1
        self.total += value
        self.low = min(self.low, value)
        self.high = max(self.high, value)


def constant_components(steps: Sequence[Mapping[str, Spread]]) -> dict[str, float]:
    """Components that had one value in every response of all these steps, with that value.

    Args:
        steps: component -> its values, one mapping a step.
    """
    if not steps:
        return {}
    return {
        name: first.low
        for name, first in steps[0].items()
        if all(name in step and step[name].low == step[name].high == first.low for step in steps)
    }


class ScoredResponses:
    """Counts over the reward's folder of one attempt (harness/verl/reward_log.py writes it)."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._tails: dict[Path, Tail] = {}
        self._correct: Counter[int] = Counter()
        self._spreads: dict[int, dict[str, Spread]] = {}

    def _lines(self) -> Iterator[str]:
        """New lines of every worker's file."""
        for path in sorted(self._log.glob("*.jsonl")):
            yield from self._tails.setdefault(path, Tail(path)).lines()

    def _read(self) -> None:
        for line in self._lines():
            scored = json.loads(line)
            if scored["split"] != "train":
                continue
            step = scored["step"]
            self._correct[step] += scored["correct"]
            spreads = self._spreads.setdefault(step, defaultdict(Spread))
            for name, value in {**scored["components"], REWARD: scored["score"]}.items():
                spreads[name].add(value)

    def scored(self, step: int) -> int:
        """Responses of a training step that were scored so far."""
        self._read()
        return self._spreads[step][REWARD].count if step in self._spreads else 0

    def accuracy(self, step: int) -> float | None:
        """Share of right responses among those of a training step; null without any."""
        scored = self.scored(step)
        return self._correct[step] / scored if scored else None

    def components(self, step: int) -> dict[str, float]:
        """Mean of each component over the responses of a training step."""
        self._read()
        return {
            name: spread.total / spread.count
            for name, spread in self._spreads.get(step, {}).items()
            if name != REWARD
        }

    def constant(self, step: int, last: int = CONSTANT_STEPS) -> dict[str, float]:
        """Components, and the reward, that never changed in the `last` steps up to this one."""
        self._read()
        steps = range(step - last + 1, step + 1)
        if not all(number in self._spreads for number in steps):
            return {}
        return constant_components([self._spreads[number] for number in steps])
