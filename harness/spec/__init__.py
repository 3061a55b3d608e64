"""RunSpec: one run, frozen and typed; compose.py makes it from Hydra and every other room reads it.

The text under each field is its documentation: `--help`, error messages and docs print it.
"""

from typing import Any

from harness.spec.base import Part, Sampling
from harness.spec.data import Data, FileSource, GeneratorSource, HubSource, Source
from harness.spec.evaluation import (
    Backend,
    Benchmark,
    Control,
    EvalSpec,
    EvaluatedModel,
    Evaluation,
    PromptFormat,
)
from harness.spec.machine import Hardware, Launch, Rollout, Tracking
from harness.spec.training import (
    Algorithm,
    Critic,
    KLPenalty,
    Model,
    Optimizer,
    Reward,
    RLAlgorithm,
    Schedule,
    SFTAlgorithm,
)

__all__ = [
    "Algorithm",
    "Backend",
    "Benchmark",
    "Control",
    "Critic",
    "Data",
    "EvalSpec",
    "EvaluatedModel",
    "Evaluation",
    "FileSource",
    "GeneratorSource",
    "Hardware",
    "HubSource",
    "KLPenalty",
    "Launch",
    "Model",
    "Optimizer",
    "Part",
    "PromptFormat",
    "RLAlgorithm",
    "Reward",
    "Rollout",
    "RunSpec",
    "SFTAlgorithm",
    "Sampling",
    "Schedule",
    "Source",
    "Tracking",
]


class RunSpec(Part):
    """One run, complete: what will happen, with nothing left to defaults elsewhere."""

    repro: str | None = None
    """Id of the reproduced project; null for a free composition."""
    miniature: bool = False
    """True when the recipe runs at laptop size: same algorithm, tiny model, synthetic task."""
    seed: int
    """Seed of training (data order, initialisation, sampling)."""
    output_root: str
    """Folder that holds run directories."""
    model: Model
    algorithm: Algorithm
    reward: Reward
    data: Data
    hardware: Hardware
    eval: Evaluation
    backend: Backend = Backend(name="auto", engine="auto")
    """Generation during evaluation."""
    control: Control = Control()
    """The released model under the claim's protocol, before training."""
    launch: Launch
    tracking: Tracking
    schedule: Schedule
    verl: dict[str, Any] = {}
    """Extra verl keys (flat, dotted), checked against the pinned verl and part of the identity."""
