"""Patch of verl/workers/engine/fsdp/transformer_impl.py, FSDPEngine.initialize: verl seeds torch
only under full determinism, so that a critic's head and LoRA's first factors would differ in every
run of one seed.
"""

import functools
from types import ModuleType
from typing import Any

import torch


def apply(module: ModuleType) -> None:
    """Seed the weights that are not in the checkpoint, before the engine builds its model."""
    initialize = module.FSDPEngine.initialize

    @functools.wraps(initialize)
    def seeded(engine: Any) -> None:
        torch.manual_seed(engine.engine_config.seed)
        initialize(engine)

    module.FSDPEngine.initialize = seeded
