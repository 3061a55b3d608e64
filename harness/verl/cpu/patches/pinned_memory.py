"""Patch of verl/workers/engine/fsdp/transformer_impl.py:462, CPUOffloadPolicy(pin_memory=True).

verl always offloads a forward-only model (the reference) into pinned memory; torch cannot pin
memory without an accelerator.
"""

from types import ModuleType


def apply(module: ModuleType) -> None:
    """Offload without pinning."""

    class UnpinnedOffloadPolicy(module.CPUOffloadPolicy):  # type: ignore[name-defined, misc]
        def __init__(self, pin_memory: bool = False) -> None:
            super().__init__(pin_memory=False)

    module.CPUOffloadPolicy = UnpinnedOffloadPolicy  # type: ignore[attr-defined]
