"""verl's FSDP engines on the CPU; registered when verl imports its own (registration.py)."""

from typing import Any

import torch
from torch.distributed.tensor import DTensor
from verl.workers.engine.base import EngineRegistry
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead, FSDPEngineWithValueHead

from harness.adapters import merged
from harness.verl.cpu.threads import use_compute_threads

BACKENDS = ["fsdp", "fsdp2"]


class _CPUStart:
    """What a CPU engine does before verl builds its model."""

    def initialize(self) -> None:
        """Take the compute threads."""
        use_compute_threads()
        super().initialize()  # type: ignore[misc]


def _whole(tensor: Any) -> torch.Tensor:
    found: torch.Tensor = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return found.detach()


@EngineRegistry.register(model_type="language_model", backend=BACKENDS, device="cpu")
class CPULanguageModelEngine(_CPUStart, FSDPEngineWithLMHead):  # type: ignore[misc]
    """Actor, reference and supervised fine-tuning."""

    def get_per_tensor_param(self, **kwargs: Any) -> tuple[Any, Any]:
        """All weights for the rollout server; adapters are merged into them.

        verl's own merge (model.lora.merge) rounds to bf16, which would part the sampled
        probabilities from the trainer's in fp32.
        """
        if not self._is_lora:
            weights, adapter = super().get_per_tensor_param(**kwargs)
            return weights, adapter
        state = {name: _whole(tensor) for name, tensor in self.module.state_dict().items()}
        scale = self.model_config.lora_alpha / self.model_config.lora_rank
        return merged(state, scale).items(), None


@EngineRegistry.register(model_type="value_model", backend=BACKENDS, device="cpu")
class CPUValueModelEngine(_CPUStart, FSDPEngineWithValueHead):  # type: ignore[misc]
    """Critic."""
