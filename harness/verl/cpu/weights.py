"""The trainer's side of hf_cpu: sends the full weights to the rollout server after each update.

Created by verl in every training process (verl/workers/rollout/base.py, get_rollout_class).
"""

import os
from collections.abc import Iterable
from typing import Any

import ray
import torch
from verl.workers.rollout.base import BaseRollout

from harness.verl.cpu.rollout import server_name


class WeightSender(BaseRollout):  # type: ignore[misc]
    """Ships weights through Ray's object store; there is no device memory to hand over."""

    def __init__(
        self, config: Any, model_config: Any, device_mesh: Any, replica_rank: int = -1
    ) -> None:
        super().__init__(config, model_config, device_mesh)
        self.replica_rank = int(os.environ["RANK"]) if replica_rank == -1 else replica_rank
        self.is_leader_rank = True

    async def resume(self, tags: list[str]) -> None:
        """Nothing was released."""

    async def release(self) -> None:
        """Nothing to release."""

    @torch.no_grad()
    async def update_weights(
        self,
        weights: Iterable[tuple[str, torch.Tensor]],
        wire_format: str = "named_tensors",
        global_steps: int | None = None,
        **_: Any,
    ) -> None:
        """Copy the weights and wait until the server runs on them."""
        if wire_format != "named_tensors":
            raise NotImplementedError(f"hf_cpu receives named tensors, not {wire_format}")
        # A parameter may be a view of the trainer's storage: Ray must get its own copy.
        state = {name: tensor.detach().cpu().clone() for name, tensor in weights}
        server = ray.get_actor(server_name(self.replica_rank))
        await server.load_weights.remote(state, global_steps)
