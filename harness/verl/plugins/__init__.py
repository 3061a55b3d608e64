"""Our plug-ins for verl: every process of a run imports this at `import verl`.

Settings come from the keys below `reprise.` that harness/verl/emit.py writes.
"""

from types import ModuleType

from harness.verl.after_import import after_import


def _register_advantages(_: ModuleType) -> None:
    from harness.verl.plugins import advantages  # noqa: F401  registers itself


def _register_agent_loop(_: ModuleType) -> None:
    from harness.verl.plugins import agent_loop  # noqa: F401  registers itself


def _register_trainer(_: ModuleType) -> None:
    from harness.verl.plugins import trainer  # noqa: F401  registers itself


def _register_attention(module: ModuleType) -> None:
    from harness.verl.plugins import attention

    attention.apply(module)


def _patch_log_probs(module: ModuleType) -> None:
    from harness.verl.plugins.patches import log_probs

    log_probs.apply(module)


def _patch_critic(module: ModuleType) -> None:
    from harness.verl.plugins.patches import value_head

    value_head.apply(module)


def _patch_engine(module: ModuleType) -> None:
    from harness.verl.plugins.patches import seeding

    seeding.apply(module)


after_import(
    {
        "transformers.modeling_utils": _register_attention,
        "verl.utils.torch_functional": _patch_log_probs,
        "verl.utils.model": _patch_critic,
        "verl.workers.engine.fsdp.transformer_impl": _patch_engine,
        "verl.trainer.ppo.core_algos": _register_advantages,
        "verl.experimental.agent_loop.agent_loop": _register_agent_loop,
        "verl.trainer.ppo.v1.trainer_sync": _register_trainer,
    }
)
