"""What the CPU plug-in adds to verl, and when; read by harness/verl/cpu/__init__.py only."""

from types import ModuleType
from typing import Any

from verl.plugin.platform import PlatformRegistry

from harness.verl.after_import import after_import
from harness.verl.cpu.patches import gloo_backend, gloo_interface, pinned_memory
from harness.verl.cpu.platform import CPUPlatform

ROLLOUT_NAME = "hf_cpu"


def _prepare_gloo(module: ModuleType) -> None:
    gloo_backend.apply(module)
    gloo_interface.apply(module)


def _register_engines(module: ModuleType) -> None:
    pinned_memory.apply(module)
    from harness.verl.cpu import engines  # noqa: F401  registers itself


def _register_weight_sender(module: ModuleType) -> None:
    # verl has no decorator for this registry, only the dictionary.
    module._ROLLOUT_REGISTRY[(ROLLOUT_NAME, "async")] = "harness.verl.cpu.weights.WeightSender"


def _register_router(_: ModuleType) -> None:
    from verl.workers.rollout import router

    from harness.verl.cpu.router import PromptRouter

    # verl starts the class of this name, unless its caller passes another.
    router.GlobalRequestLoadBalancer = PromptRouter


def _register_server(module: ModuleType) -> None:
    def load() -> type[Any]:
        from harness.verl.cpu.rollout import CPUReplica

        return CPUReplica

    module.RolloutReplicaRegistry.register(ROLLOUT_NAME, load)


AFTER_IMPORT = {
    "verl.utils.distributed": _prepare_gloo,
    "verl.workers.engine.fsdp.transformer_impl": _register_engines,
    "verl.workers.rollout.base": _register_weight_sender,
    "verl.workers.rollout.replica": _register_server,
    "verl.workers.rollout.llm_server": _register_router,
}


def install() -> None:
    """Register the platform now and the rest as soon as verl imports the registries."""
    PlatformRegistry.register(platform="cpu")(CPUPlatform)
    after_import(AFTER_IMPORT)
