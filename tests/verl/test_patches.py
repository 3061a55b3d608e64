"""Each patch of verl: fails when the pinned verl no longer needs it, and shows that it works."""

import inspect
import os
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest

from harness.paths import ROOT

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from harness.verl.cpu.patches import (  # noqa: E402
    gloo_backend,
    gloo_interface,
    pinned_memory,
)
from harness.verl.plugins.patches import seeding, value_head  # noqa: E402


def test_verl_still_names_the_cpu_backend_twice() -> None:
    import verl.utils.distributed as distributed

    for name in ("initialize_global_process_group", "initialize_global_process_group_ray"):
        source = inspect.getsource(inspect.unwrap(getattr(distributed, name)))
        assert 'f"cpu:gloo,{get_device_name()}:{get_nccl_backend()}"' in source
    with pytest.raises(ValueError, match="Duplicate device type"):
        torch.distributed.distributed_c10d.BackendConfig("cpu:gloo,cpu:gloo")


def test_the_backend_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(
        torch.distributed, "init_process_group", lambda *_, backend, **__: seen.append(backend)
    )
    module = ModuleType("distributed")

    def initialize() -> None:
        torch.distributed.init_process_group(backend="cpu:gloo,cpu:gloo")

    module.initialize_global_process_group = initialize  # type: ignore[attr-defined]
    module.initialize_global_process_group_ray = initialize  # type: ignore[attr-defined]
    gloo_backend.apply(module)
    module.initialize_global_process_group()
    assert seen == ["cpu:gloo"]


@pytest.mark.parametrize(
    ("address", "given", "taken"),
    [("127.0.0.1", None, "lo"), ("127.0.0.1", "ib0", "ib0"), ("192.0.2.255", None, None)],
)
def test_gloo_takes_the_interface_of_the_nodes_address(
    address: str, given: str | None, taken: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []
    module = ModuleType("distributed")
    module.initialize_global_process_group_ray = (  # type: ignore[attr-defined]
        lambda: seen.append(os.environ.get(gloo_interface.VARIABLE))
    )
    monkeypatch.setattr(gloo_interface.ray.util, "get_node_ip_address", lambda: address)
    monkeypatch.setenv(gloo_interface.VARIABLE, "to be restored")
    monkeypatch.delenv(gloo_interface.VARIABLE)
    if given:
        monkeypatch.setenv(gloo_interface.VARIABLE, given)
    gloo_interface.apply(module)
    module.initialize_global_process_group_ray()
    assert seen == [taken]


@pytest.mark.slow
def test_verl_still_pins_the_reference_model() -> None:
    from verl.workers.engine.fsdp import transformer_impl

    source = inspect.getsource(transformer_impl.FSDPEngine._build_fsdp_module)
    assert "CPUOffloadPolicy(pin_memory=True)" in source


def test_offload_is_not_pinned() -> None:
    from torch.distributed.fsdp import CPUOffloadPolicy

    module = ModuleType("transformer_impl")
    module.CPUOffloadPolicy = CPUOffloadPolicy  # type: ignore[attr-defined]
    pinned_memory.apply(module)
    policy = module.CPUOffloadPolicy(pin_memory=True)
    assert isinstance(policy, CPUOffloadPolicy) and policy.pin_memory is False


@pytest.mark.slow
def test_verl_still_forces_flash_attention_on_critics() -> None:
    import verl.utils.model as model

    source = inspect.getsource(model)  # the file's: the function may be ours by now
    source = source[source.index("def load_valuehead_model") :].partition("\n\n\n")[0]
    assert 'attn_implementation="flash_attention_2"' in source
    assert "override_config" not in source


def test_a_critic_is_loaded_without_flash_attention(tmp_path: object) -> None:
    from transformers import AutoConfig, Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        vocab_size=20,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    Qwen2ForCausalLM(config).save_pretrained(str(tmp_path))
    module = ModuleType("model")
    value_head.apply(module)
    loaded_config = AutoConfig.from_pretrained(str(tmp_path))
    loaded_config.num_labels = 1
    critic = module.load_valuehead_model(str(tmp_path), torch.float32, loaded_config, False)
    assert critic.config._attn_implementation == "sdpa"
    assert critic(torch.tensor([[1, 2, 3]])).logits.shape == (1, 3, 1)


def test_verl_still_takes_half_precision_logits_token_by_token() -> None:
    from verl.utils import torch_functional

    source = inspect.getsource(torch_functional.logprobs_from_logits_v2)
    assert "for row_logits, row_labels in zip(logits, labels" in source
    assert "FLAH_ATTN_CROSS_ENTROPY_LOSS_AVAILABLE" in inspect.getsource(torch_functional)


@pytest.mark.slow
def test_verl_still_leaves_new_weights_unseeded() -> None:
    from verl.workers.engine.fsdp import transformer_impl

    source = inspect.getsource(inspect.unwrap(transformer_impl.FSDPEngine.initialize))
    assert "manual_seed" not in source


def test_new_weights_are_those_of_the_seed() -> None:
    class FSDPEngine:
        engine_config = SimpleNamespace(seed=7)

        def initialize(self) -> None:
            self.head = torch.randn(3)

    module = ModuleType("transformer_impl")
    module.FSDPEngine = FSDPEngine  # type: ignore[attr-defined]
    seeding.apply(module)
    heads = []
    for _ in range(2):
        engine = FSDPEngine()
        engine.initialize()
        heads.append(engine.head)
    assert torch.equal(*heads)


@pytest.mark.slow
def test_importing_the_plug_ins_puts_all_of_it_in_place() -> None:
    code = (
        "import verl.utils.torch_functional as t, verl.utils.model as m\n"
        "from verl.workers.engine.fsdp.transformer_impl import FSDPEngine\n"
        "from transformers.modeling_utils import AttentionInterface\n"
        "print(t.logprobs_from_logits.__wrapped__.__name__, FSDPEngine.initialize.__wrapped__"
        ".__name__, m.load_valuehead_model.__module__, 'varlen' in AttentionInterface())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "VERL_USE_EXTERNAL_MODULES": "harness.verl.plugins"},
    )  # fmt: skip
    assert done.stdout.split()[-4:] == [
        "logprobs_from_logits", "initialize", "harness.verl.plugins.patches.value_head", "True"
    ]  # fmt: skip
