"""A base with an adapter on top: what is measured is told apart, and both forms of a model that was
trained with LoRA answer alike."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from evals import generate
from evals.backends.vllm import VLLMEngine, served_rank
from evals.job import JobModel
from evals.models import Subject
from harness.adapters import PREFIX, merge_files, write_adapter
from harness.errors import ConfigError, EvaluationError
from harness.evaluation import evaluation_record, subject_of
from harness.spec import LoRA
from tests.composing import eval_spec_of
from tests.evals.generating import TINY, make_job, samples_of

SCALE = 4.0
LORA = LoRA(rank=2, alpha=8)


def adapter(folder: Path, rank: int = 2) -> str:
    """A folder that looks like an adapter."""
    folder.mkdir(exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank}))
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    return str(folder)


def test_an_adapter_makes_another_model_of_its_base(tmp_path: Path) -> None:
    path = adapter(tmp_path / "a")
    bare = Subject(label="model", path=TINY).job_model()
    first = Subject(label="model", path=TINY, adapter=path).job_model()
    (tmp_path / "a" / "adapter_model.safetensors").write_bytes(b"others")
    second = Subject(label="model", path=TINY, adapter=path).job_model()
    assert len({model.fingerprint for model in (bare, first, second)}) == 3
    assert (bare.adapter, first.adapter) == (None, path)


def test_an_evaluation_takes_an_adapter_and_keeps_a_directory_for_it(tmp_path: Path) -> None:
    path = adapter(tmp_path / "a")
    words = ("eval=aime24", f"model.path={TINY}", "eval.max_tokens=64")
    bare, spec = eval_spec_of(*words), eval_spec_of(*words, f"+model.adapter={path}")
    subject = subject_of(spec)
    assert subject.adapter == path and subject_of(bare).adapter is None
    names = {evaluation_record(s, subject_of(s))["name"] for s in (bare, spec)}
    assert len(names) == 2


@pytest.mark.parametrize("path", ["/nowhere", "./nowhere", "nowhere"])
def test_an_adapter_that_is_not_there_is_named(path: str) -> None:
    words = ("eval=aime24", f"model.path={TINY}", "eval.max_tokens=64", f"+model.adapter={path}")
    with pytest.raises(ConfigError, match=r"no folder with an adapter_config\.json"):
        subject_of(eval_spec_of(*words))


def test_a_server_loads_its_adapters_itself(tmp_path: Path) -> None:
    words = ("eval=aime24", "backend=openai", "backend.url=http://127.0.0.1:1/v1", "model.path=m")
    spec = eval_spec_of(*words, f"+model.adapter={adapter(tmp_path / 'a')}")
    with pytest.raises(EvaluationError, match="let the server load it"):
        subject_of(spec)


@pytest.mark.parametrize(("rank", "room"), [(1, 8), (8, 8), (9, 16), (512, 512)])
def test_vllm_makes_room_for_the_rank(tmp_path: Path, rank: int, room: int) -> None:
    assert served_rank(adapter(tmp_path / "a", rank)) == room
    assert served_rank("owner/on-the-hub") == 512


def test_a_rank_beyond_vllm_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"measure the merged model .* or set backend=hf"):
        served_rank(adapter(tmp_path / "a", 1024))


def test_vllm_gets_the_adapter_with_every_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: Any = ModuleType("vllm.lora.request")
    requests.LoRARequest = lambda *parts: parts
    for name, module in {"vllm": ModuleType("vllm"), "vllm.lora": ModuleType("vllm.lora"),
                         "vllm.lora.request": requests}.items():  # fmt: skip
        monkeypatch.setitem(sys.modules, name, module)
    path = adapter(tmp_path / "a")
    engine: Any = object.__new__(VLLMEngine)
    engine.job = make_job(tmp_path)
    engine.model = JobModel(label="model", path=TINY, fingerprint="one", adapter=path)
    assert engine.arguments()["enable_lora"] and engine.arguments()["max_lora_rank"] == 8
    assert engine.adapter() == ("adapter", 1, path)
    engine.model = engine.model.model_copy(update={"adapter": None})
    assert "enable_lora" not in engine.arguments() and engine.adapter() is None


@pytest.mark.slow
def test_merged_and_as_adapter_a_model_answers_alike(tmp_path: Path) -> None:
    trained = adapted_tiny(tmp_path / "trained")
    write_adapter(trained, tmp_path / "adapter", base=TINY, revision=None, lora=LORA)
    merge_files(trained, SCALE)
    models = [
        JobModel(label="base", path=TINY, fingerprint="base"),
        JobModel(label="merged", path=str(trained), fingerprint="merged"),
        JobModel(
            label="adapter", path=TINY, adapter=str(tmp_path / "adapter"), fingerprint="adapter"
        ),
    ]
    job = make_job(tmp_path, sampling={"temperature": 0.0}).model_copy(update={"models": models})
    generate.generate(job)
    texts = {
        model.label: {s.id: s.response for s in samples_of(job, model.label)} for model in models
    }
    assert texts["merged"] == texts["adapter"] != texts["base"]


def adapted_tiny(folder: Path) -> Path:
    """The tiny model with adapters, as verl exports it."""
    import shutil

    import torch
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM

    shutil.copytree(TINY, folder)
    torch.manual_seed(0)
    config = LoraConfig(
        r=LORA.rank, lora_alpha=LORA.alpha, target_modules="all-linear", init_lora_weights=False
    )
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(TINY, dtype="float32"), config)
    weights = {
        name: value.contiguous() for name, value in model.state_dict().items()
        if f"{PREFIX}lm_head" not in name
    }  # fmt: skip
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
