"""Generation processes started, followed, failing; a shell script stands in for python."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evals import children, generate
from evals.children import child_environment, generate_all
from evals.job import Job, JobModel
from evals.sample_files import only_writer
from harness.errors import EvaluationError
from tests.evals.generating import ROOT, ScriptedEngine, make_job

Told = list[tuple[str, int, int]]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return make_job(tmp_path)


def interpreter(tmp_path: Path, script: str) -> str:
    """A stand-in for python; its arguments are -m evals.generate --job PATH --shard NUMBER."""
    path = tmp_path / "python.sh"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return str(path)


def draw(job: Job, tmp_path: Path, script: str) -> Told:
    told: Told = []
    generate_all(
        job,
        log_folder=tmp_path / "logs",
        python=interpreter(tmp_path, script),
        on_progress=lambda label, done, total: told.append((label, done, total)),
    )
    return told


def test_progress_of_copies_is_added_up_and_the_rest_is_logged(job: Job, tmp_path: Path) -> None:
    script = """echo loading
    echo '{"label": "base", "done": 5, "total": 8}'
    echo '{"label": "base", "done": 8, "total": 8}'
    """
    told = draw(job.model_copy(update={"data_parallel": 2}), tmp_path, script)
    assert {label for label, _, _ in told} == {"base"}
    assert {total for _, _, total in told} == {16}
    assert told[-1] == ("base", 16, 16)
    for shard in range(2):
        assert (tmp_path / "logs" / f"generation-{shard}.log").read_text() == "loading\n"


def test_death_shows_the_childs_own_traceback(job: Job, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError) as caught:
        draw(job, tmp_path, "echo 'MemoryError: 7 GB' >&2; exit 1")
    assert "exit code 1; samples so far are kept" in str(caught.value)
    assert str(caught.value).endswith("MemoryError: 7 GB")
    with pytest.raises(EvaluationError, match="killed by signal 9") as caught:
        draw(job, tmp_path, "kill -9 $$")
    assert "7 GB" not in str(caught.value)


def test_half_a_message_and_foreign_bytes_are_only_logged(job: Job, tmp_path: Path) -> None:
    script = (
        r"""printf '\377\n{"label": "base", "done": 3, "total": 16}\n{"label": "ba'; kill -9 $$"""
    )
    with pytest.raises(EvaluationError, match=r'killed by signal 9.*\n.*\n{"label": "ba$'):
        draw(job, tmp_path, script)


def test_childs_own_error_needs_no_traceback(job: Job, tmp_path: Path) -> None:
    script = """echo '{"error": "the server is down; start it"}'; exit 1"""
    with pytest.raises(EvaluationError, match=r"^the server is down; start it .samples so far"):
        draw(job, tmp_path, script)


def test_one_failing_copy_ends_the_others(job: Job, tmp_path: Path) -> None:
    started = time.monotonic()
    script = 'if [ "$6" = 1 ]; then echo broken >&2; exit 3; fi; sleep 60'
    with pytest.raises(EvaluationError, match="exit code 3"):
        draw(job.model_copy(update={"data_parallel": 2}), tmp_path, script)
    assert time.monotonic() - started < 10


def test_missing_interpreter_is_named(job: Job, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"cannot start /no/python.*backend\.python"):
        generate_all(job, log_folder=tmp_path, python="/no/python", on_progress=lambda *told: None)


def test_complete_job_starts_nothing(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "open_engine", lambda job, model: ScriptedEngine(job))
    generate.generate(job)
    assert draw(job, tmp_path, "exit 1") == [("base", 16, 16)]


def test_samples_of_another_protocol_are_set_aside_before_a_child_starts(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "open_engine", lambda job, model: ScriptedEngine(job))
    generate.generate(job)
    draw(job.model_copy(update={"seed": 1}), tmp_path, f"ls {job.tasks[0].folder}")
    log = (tmp_path / "logs" / "generation-0.log").read_text()
    assert "stale-" in log
    assert "samples-base-0.jsonl" not in log


def test_vllm_gets_one_child_for_each_model(job: Job, tmp_path: Path) -> None:
    models = [job.models[0], JobModel(label="trained", path="nowhere", fingerprint="two")]
    two = job.model_copy(update={"models": models})
    draw(two, tmp_path, "echo started")
    draw(two.model_copy(update={"engine": "vllm"}), tmp_path, "echo started")
    assert (tmp_path / "logs" / "generation-0.log").read_text() == "started\n" * 3


def test_samples_are_locked_until_the_last_child_is_gone(job: Job, tmp_path: Path) -> None:
    """A killed parent leaves children behind; they must not get company."""
    path, pid = tmp_path / "job.json", tmp_path / "pid"
    path.write_text(job.model_dump_json())
    stub = interpreter(tmp_path, f"echo $$ > {pid}; exec sleep 60")
    code = (
        "from pathlib import Path; from evals.job import Job; "
        "from evals.children import generate_all; "
        f"generate_all(Job.model_validate_json(Path({str(path)!r}).read_bytes()), "
        f"log_folder=Path({str(tmp_path)!r}), python={stub!r}, on_progress=print)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    while not pid.exists() or not pid.read_text().strip():
        assert parent.poll() is None
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    lock = Path(job.tasks[0].folder) / "samples-base.lock"
    with pytest.raises(EvaluationError, match="another process"), only_writer(lock):
        pass
    os.kill(int(pid.read_text()), 9)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with only_writer(lock):
                return
        except EvaluationError:
            time.sleep(0.02)
    pytest.fail("the lock outlived the child")


def test_copies_get_their_own_gpus(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = job.model_copy(update={"device": "cuda", "tensor_parallel": 2, "data_parallel": 2})
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert child_environment(gpus, 1)["CUDA_VISIBLE_DEVICES"] == "2,3"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,GPU-a,GPU-b")
    assert child_environment(gpus, 1)["CUDA_VISIBLE_DEVICES"] == "GPU-a,GPU-b"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    with pytest.raises(EvaluationError, match=r"need 4 GPUs, CUDA_VISIBLE_DEVICES names 3"):
        child_environment(gpus, 1)
    one = child_environment(job.model_copy(update={"device": "cuda"}), 0)
    assert one["CUDA_VISIBLE_DEVICES"] == "4,5,6"


def test_vllm_on_a_cpu_is_set_up_unless_the_user_says_otherwise(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "8")
    found = child_environment(job.model_copy(update={"engine": "vllm"}), 0)
    assert found["VLLM_CPU_KVCACHE_SPACE"] == "8"
    assert found["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
    assert found["OMP_NUM_THREADS"] == "1"
    assert found["PYTHONPATH"].split(os.pathsep)[0] == str(children.ROOT)


def test_vllm_on_a_gpu_compiles_no_sampler_that_knows_no_seeds(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_gpu = job.model_copy(update={"engine": "vllm", "device": "cuda"})
    assert child_environment(on_gpu, 0)["VLLM_USE_FLASHINFER_SAMPLER"] == "0"
    monkeypatch.setenv("VLLM_USE_FLASHINFER_SAMPLER", "1")
    assert child_environment(on_gpu, 0)["VLLM_USE_FLASHINFER_SAMPLER"] == "1"


def test_neither_parent_nor_child_imports_an_engine_before_it_is_needed() -> None:
    code = (
        "import sys, evals.children, evals.generate; print(sorted({'torch', 'transformers', 'vllm',"
        " 'openai', 'lm_eval', 'yaml', 'numpy', 'sympy', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
