"""verl's FSDP engines on the CPU; registered when verl imports its own (registration.py)."""

import torch
from verl.workers.engine.base import EngineRegistry
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead, FSDPEngineWithValueHead

from harness.verl.cpu.threads import use_compute_threads

BACKENDS = ["fsdp", "fsdp2"]


class _CPUStart:
    """What a CPU engine does before verl builds its model."""

    def initialize(self) -> None:
        """Take the compute threads and seed the weights that are not in the checkpoint."""
        use_compute_threads()
        # verl seeds only under full_determinism; the critic's head would differ in every run.
        torch.manual_seed(self.engine_config.seed)  # type: ignore[attr-defined]
        super().initialize()  # type: ignore[misc]


@EngineRegistry.register(model_type="language_model", backend=BACKENDS, device="cpu")
class CPULanguageModelEngine(_CPUStart, FSDPEngineWithLMHead):  # type: ignore[misc]
    """Actor, reference and supervised fine-tuning."""


@EngineRegistry.register(model_type="value_model", backend=BACKENDS, device="cpu")
class CPUValueModelEngine(_CPUStart, FSDPEngineWithValueHead):  # type: ignore[misc]
    """Critic."""
