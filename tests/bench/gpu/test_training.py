"""The part `train`: the run that each profile gives, with the batch that fits the time there is."""

from pathlib import Path

import pytest

from bench.gpu import training
from bench.gpu.device_memory import PLANNED, planned_gb
from bench.gpu.options import Options
from bench.gpu.training import overrides
from harness.fidelity.full_size import composed
from harness.plan.run_plan import as_json, plan


def options(tmp_path: Path, hardware: str, model: str) -> Options:
    return Options(hardware=hardware, model=model, steps=24, out=tmp_path, scratch=tmp_path)


@pytest.fixture(autouse=True)
def nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan knows the shape of a hub id as it knows that of a built folder."""
    monkeypatch.setattr(training, "model_folder", lambda *_: "Qwen/Qwen2.5-0.5B")


@pytest.mark.parametrize("hardware", ["1xH100", "1xH200"])
def test_on_a_gpu_it_is_tinyzero_with_a_small_batch(tmp_path: Path, hardware: str) -> None:
    spec = composed(overrides(options(tmp_path, hardware, "qwen2_5_0_5b")))
    algorithm = spec.algorithm
    assert spec.repro == "tinyzero" and not spec.miniature and algorithm.kind == "rl"
    assert algorithm.critic and algorithm.kl_in_reward
    assert algorithm.prompts_per_step // algorithm.mini_batch_prompts == 4
    assert spec.data.source.kind == "generator"
    assert spec.schedule.steps == 24 and spec.schedule.save_every > 24
    assert spec.schedule.validate_every is None
    phases = planned_gb(as_json(plan(spec)))
    assert set(phases) == set(PLANNED) and max(phases.values()) < 100


def test_the_tiny_model_has_prompts_of_its_own_length(tmp_path: Path) -> None:
    spec = composed(overrides(options(tmp_path, "1xH100", "tiny")))
    assert spec.data.max_prompt_tokens == 32 and spec.model.name == "tiny-countdown"


def test_on_a_cpu_it_is_the_miniature(tmp_path: Path) -> None:
    spec = composed(overrides(options(tmp_path, "cpu", "tiny")))
    assert spec.miniature and spec.data.train_rows == 64
