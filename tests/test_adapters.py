"""Adapters: what is merged computes what the adapted model computes, in memory and in files."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")

from safetensors.torch import load_file, save_file  # noqa: E402
from torch import Tensor  # noqa: E402
from transformers import AutoModelForCausalLM, Qwen2Config, Qwen2ForCausalLM  # noqa: E402

from harness.adapters import ADAPTER_WEIGHTS, DOWN, UP, merge_files, merged, write_adapter  # noqa: E402
from harness.chain import start_path  # noqa: E402
from harness.export import export  # noqa: E402
from harness.rundir import RunDir  # noqa: E402
from harness.spec import LoRA  # noqa: E402
from tests.composing import spec_of  # noqa: E402

CONFIG = Qwen2Config(
    vocab_size=40,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=2,
    tie_word_embeddings=True,
    initializer_range=0.3,
    dtype="float32",
)
IDS = torch.tensor([[5, 6, 7, 8, 9]])
RANK, ALPHA = 4, 8


@pytest.fixture
def adapted() -> peft.PeftModel:
    torch.manual_seed(0)
    lora = peft.LoraConfig(
        r=RANK, lora_alpha=ALPHA, target_modules="all-linear", init_lora_weights=False
    )
    return peft.get_peft_model(Qwen2ForCausalLM(CONFIG), lora).eval()


def exported(adapted: peft.PeftModel) -> dict[str, Tensor]:
    """The weights as verl exports them: PEFT's names, the tied head left out."""
    state = adapted.state_dict()
    return {name: value.contiguous() for name, value in state.items() if "lm_head" not in name}


def same(folder: Path, adapted: peft.PeftModel) -> bool:
    model, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    with torch.no_grad():
        return torch.allclose(model.eval()(IDS).logits, adapted(IDS).logits, atol=1e-5)


def test_merged_equals_pefts_own_merge(adapted: peft.PeftModel) -> None:
    weights = merged(exported(adapted), ALPHA / RANK)
    theirs = adapted.merge_and_unload().state_dict()
    assert set(theirs) - set(weights) == {"lm_head.weight"}
    for name, weight in weights.items():
        torch.testing.assert_close(weight, theirs[name])


def test_adapters_in_other_files_than_their_weights(
    adapted: peft.PeftModel, tmp_path: Path
) -> None:
    CONFIG.save_pretrained(tmp_path)
    state = exported(adapted)
    files = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    place = {name: files[name.endswith(UP)] for name in state}
    for file in files:
        chosen = {name: value for name, value in state.items() if place[name] == file}
        save_file(chosen, tmp_path / file, metadata={"format": "pt"})
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": place}))
    merge_files(tmp_path, ALPHA / RANK)
    assert same(tmp_path, adapted)
    assert not any("lora" in name for name in json.loads(index.read_text())["weight_map"])


def test_an_export_with_adapters_is_a_whole_model(adapted: peft.PeftModel, tmp_path: Path) -> None:
    source = tmp_path / "checkpoints" / "global_step_1" / "actor" / "huggingface"
    CONFIG.save_pretrained(source)
    save_file(exported(adapted), source / "model.safetensors", metadata={"format": "pt"})
    before = (source / "model.safetensors").read_bytes()
    lora = f"+algorithm.lora={{rank: {RANK}, alpha: {ALPHA}}}"
    export(spec_of("+repro=tinyzero", "algorithm=grpo", lora), RunDir(tmp_path), 1)
    assert same(tmp_path / "model", adapted)
    assert (source / "model.safetensors").read_bytes() == before
    assert not any("lora" in name for name in load_file(tmp_path / "model" / "model.safetensors"))


def test_what_cannot_be_merged_is_refused(adapted: peft.PeftModel, tmp_path: Path) -> None:
    state = exported(adapted)
    lonely = {name: value for name, value in state.items() if ".base_layer." not in name}
    with pytest.raises(KeyError, match="which is missing"):
        merged(lonely, 1.0)
    save_file(lonely, tmp_path / "model.safetensors")
    with pytest.raises(KeyError, match="which is missing"):
        merge_files(tmp_path, 1.0)
    half = {name: value for name, value in state.items() if not name.endswith(DOWN)}
    with pytest.raises(KeyError):
        merged(half, 1.0)
    with pytest.raises(ValueError, match="linear layers"):
        merged({"base_model.model.embed.lora_embedding_A.default": torch.zeros(1)}, 1.0)


def checkpoint(adapted: peft.PeftModel, run: Path) -> None:
    """What verl leaves of an adapted model."""
    source = run / "checkpoints" / "global_step_1" / "actor" / "huggingface"
    CONFIG.save_pretrained(source)
    save_file(exported(adapted), source / "model.safetensors", metadata={"format": "pt"})


def base_of(adapted: peft.PeftModel, folder: Path) -> Path:
    """The model under the adapters, which they leave as it was."""
    base = Qwen2ForCausalLM(CONFIG)
    weights = {
        name.removeprefix("base_model.model.").replace(".base_layer", ""): value
        for name, value in adapted.state_dict().items()
        if ".lora_" not in name
    }
    base.load_state_dict(weights)
    base.save_pretrained(folder)
    return folder


LORA = f"+algorithm.lora={{rank: {RANK}, alpha: {ALPHA}}}"


def test_an_export_brings_the_adapters_alone_as_peft_loads_them(
    adapted: peft.PeftModel, tmp_path: Path
) -> None:
    checkpoint(adapted, tmp_path)
    spec = spec_of("+repro=tinyzero", "algorithm=grpo", LORA)
    assert "adapter/" in export(spec, RunDir(tmp_path), 1)
    base = AutoModelForCausalLM.from_pretrained(base_of(adapted, tmp_path / "base"))
    loaded = peft.PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    with torch.no_grad():
        torch.testing.assert_close(loaded(IDS).logits, adapted(IDS).logits)
    assert same(tmp_path / "model", adapted), "the merged model computes the same"
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == start_path(spec, tmp_path)
    assert config["target_modules"] == [
        "down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj",
    ]  # fmt: skip


def test_a_lost_adapter_is_exported_again(adapted: peft.PeftModel, tmp_path: Path) -> None:
    checkpoint(adapted, tmp_path)
    spec, run = spec_of("+repro=tinyzero", "algorithm=grpo", LORA), RunDir(tmp_path)
    export(spec, run, 1)
    assert "done before" in export(spec, run, 1)
    (tmp_path / "adapter" / ADAPTER_WEIGHTS).unlink()
    assert "done before" not in export(spec, run, 1)
    assert (tmp_path / "adapter" / ADAPTER_WEIGHTS).exists()


def test_weights_without_adapters_are_refused(adapted: peft.PeftModel, tmp_path: Path) -> None:
    save_file({"w": torch.zeros(1)}, tmp_path / "model.safetensors")
    lora = LoRA(rank=RANK, alpha=ALPHA)
    with pytest.raises(KeyError, match="holds no adapters"):
        write_adapter(tmp_path, tmp_path / "out", base="b", revision=None, lora=lora)
