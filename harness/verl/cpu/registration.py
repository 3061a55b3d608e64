"""What the CPU plug-in adds to verl, and when; read by harness/verl/cpu/__init__.py only.

verl's engines and rollouts take seconds to import, and most Ray actors need neither. Each
registration therefore runs right after verl itself has imported the module that holds the registry.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from verl.plugin.platform import PlatformRegistry

from harness.verl.cpu.patches import gloo_backend, pinned_memory, value_head
from harness.verl.cpu.platform import CPUPlatform

ROLLOUT_NAME = "hf_cpu"


def _register_engines(module: ModuleType) -> None:
    pinned_memory.apply(module)
    from harness.verl.cpu import engines  # noqa: F401  registers itself


def _register_weight_sender(module: ModuleType) -> None:
    # verl has no decorator for this registry, only the dictionary.
    module._ROLLOUT_REGISTRY[(ROLLOUT_NAME, "async")] = "harness.verl.cpu.weights.WeightSender"


def _register_server(module: ModuleType) -> None:
    def load() -> type[Any]:
        from harness.verl.cpu.rollout import CPUReplica

        return CPUReplica

    module.RolloutReplicaRegistry.register(ROLLOUT_NAME, load)


AFTER_IMPORT: dict[str, Callable[[ModuleType], None]] = {
    "verl.utils.distributed": gloo_backend.apply,
    "verl.utils.model": value_head.apply,
    "verl.workers.engine.fsdp.transformer_impl": _register_engines,
    "verl.workers.rollout.base": _register_weight_sender,
    "verl.workers.rollout.replica": _register_server,
}


class _AfterImport(MetaPathFinder):
    """Calls back once a module named in AFTER_IMPORT has been executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the module as Python would, and add the call to its loader."""
        callback = AFTER_IMPORT.get(fullname)
        spec = PathFinder.find_spec(fullname, path) if callback else None
        if callback is None or spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            callback(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def install() -> None:
    """Register the platform now and the rest as soon as verl imports the registries."""
    PlatformRegistry.register(platform="cpu")(CPUPlatform)
    sys.meta_path.insert(0, _AfterImport())
    for name, callback in AFTER_IMPORT.items():
        if name in sys.modules:
            callback(sys.modules[name])
