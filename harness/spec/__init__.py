"""RunSpec: one run, frozen and typed; compose.py makes it from Hydra and every other room reads it.

The text under each field is its documentation: `--help`, error messages and docs print it.
"""

from typing import Any

from harness.spec.base import Part, Sampling
from harness.spec.data import Budget, Data, FileSource, GeneratorSource, HubSource, Source, Turn
from harness.spec.evaluation import (
    Backend,
    Benchmark,
    Control,
    EvalSpec,
    EvaluatedModel,
    Evaluation,
    PromptBudgets,
    PromptFormat,
)
from harness.spec.launch import Container, Launch, LocalLaunch, RunPart, SlurmLaunch
from harness.spec.machine import Hardware, Rollout, Tracking
from harness.spec.training import (
    AdaptiveEntropy,
    Algorithm,
    Critic,
    DenseReward,
    GroupFilter,
    KLLoss,
    KLPenalty,
    LoRA,
    Model,
    Monitor,
    Optimizer,
    PreferenceLoss,
    Pruning,
    Reward,
    RLAlgorithm,
    RolloutSampling,
    Schedule,
    SFTAlgorithm,
)

__all__ = [
    "AdaptiveEntropy",
    "Algorithm",
    "Backend",
    "Benchmark",
    "Budget",
    "Container",
    "Control",
    "Critic",
    "Data",
    "DenseReward",
    "EvalSpec",
    "EvaluatedModel",
    "Evaluation",
    "FileSource",
    "GeneratorSource",
    "GroupFilter",
    "Hardware",
    "HubSource",
    "KLLoss",
    "KLPenalty",
    "Launch",
    "LoRA",
    "LocalLaunch",
    "Model",
    "Monitor",
    "Optimizer",
    "Part",
    "PreferenceLoss",
    "PromptBudgets",
    "PromptFormat",
    "Pruning",
    "RLAlgorithm",
    "Reward",
    "Rollout",
    "RolloutSampling",
    "RunPart",
    "RunSpec",
    "SFTAlgorithm",
    "Sampling",
    "Schedule",
    "SlurmLaunch",
    "Source",
    "Stage",
    "Tracking",
    "Turn",
]


class Stage(Part):
    """One training of a chain: what it changes in the run; it starts from the stage before."""

    name: str
    """Short name, used for its folder."""
    set: dict[str, Any] = {}
    """Dotted RunSpec field -> value in this stage."""


class RunSpec(Part):
    """One run, complete: what will happen, with nothing left to defaults elsewhere."""

    repro: str | None = None
    """Id of the reproduced project; null for a free composition."""
    variant: str | None = None
    """Which of the project's published runs, when it has several; null is the main one."""
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
    stages: list[Stage] = []
    """A chain of trainings: each starts from the model that the one before exported, with a new
    optimizer and that model as reference; empty trains once."""
    starts_from: str | None = None
    """Set by the chain: the stage whose exported model this one starts from."""
    verl: dict[str, Any] = {}
    """Extra verl keys (flat, dotted), checked against the pinned verl and part of the identity."""
