"""What is computed from the moments of both sides of the evaluation benchmark, and how the
generation process is started in its place; at the end both sides really, with vLLM on a CPU."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench.gpu import generation
from bench.gpu.generation import (
    VLLM_ON_CPU,
    compared,
    eval_spec,
    job_of,
    marked_interpreter,
    measure,
    side,
)
from bench.gpu.options import Options
from bench.gpu.shapes import model_folder
from evals.sample_files import read_prompts, wanted

ENGINE = {"max_num_seqs": 128, "max_num_batched_tokens": 2048, "enforce_eager": False}


def options(tmp_path: Path, *overrides: str, hardware: str = "cpu") -> Options:
    return Options(
        hardware=hardware,
        model="tiny",
        steps=3,
        out=tmp_path / "out",
        scratch=tmp_path / "scratch",
        overrides=overrides,
    )


def drawn(tokens: int = 1000, **engine: int) -> dict[str, Any]:
    marks = {"process": 101.0, "engine_ready": 130.0, "generated": 135.0}
    return {
        "marks": marks, "samples": 10, "tokens": tokens, "at_limit": 9, "engine": ENGINE | engine,
    }  # fmt: skip


def test_start_up_and_generation_are_apart() -> None:
    found = side(drawn(), 100.0, 140.0)
    assert (found["start_up_s"], found["generation_s"], found["in_all_s"]) == (30.0, 5.0, 40.0)
    assert found["tokens_per_s"] == 200.0


@pytest.mark.parametrize(("tokens", "ratio", "ok"), [(970, 0.97, True), (960, 0.96, False)])
def test_the_ratio_and_its_budget(tokens: int, ratio: float, ok: bool) -> None:
    found = compared(side(drawn(tokens), 100.0, 140.0), side(drawn(), 100.0, 140.0))
    assert (found["ratio"], found["ok"], found["engines_differ"]) == (ratio, ok, {})


def test_engines_that_differ_are_named() -> None:
    mine, theirs = side(drawn(), 100, 140), side(drawn(max_num_seqs=1024), 100, 140)
    assert compared(mine, theirs)["engines_differ"] == {"max_num_seqs": "128 against 1024"}


def test_no_ratio_where_samples_are_missing() -> None:
    mine, theirs = side(drawn(), 100, 140), side(drawn() | {"samples": 9}, 100, 140)
    found = compared(mine, theirs)
    assert found["ratio"] is None and not found["ok"]


def test_the_job_is_what_a_user_would_get(tmp_path: Path) -> None:
    given = options(tmp_path, "eval.max_tokens=512", hardware="1xH200")
    job = job_of(eval_spec(given, model_folder("tiny", tmp_path)), tmp_path / "ours")
    (task,) = job.tasks
    assert (job.engine, job.device, job.dtype) == ("vllm", "cuda", "bfloat16")
    assert (job.max_tokens, task.samples_per_problem, job.data_parallel) == (512, 16, 1)
    assert (job.sampling.temperature, job.sampling.top_p) == (0.6, 0.95)
    assert len(wanted(task)) == 480
    assert "boxed" in read_prompts(task)[0].messages[0]["content"]


def test_an_interpreter_that_marks(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    folder.mkdir()
    teller = tmp_path / "teller"
    teller.write_text('#!/bin/sh\necho "$@"; echo "$REPRISE_MARKS"; echo "$VLLM_CACHE_ROOT"\n')
    teller.chmod(0o755)
    path = marked_interpreter(folder, str(teller))
    done = subprocess.run(
        [path, "-m", "evals.generate", "--job", "a b"], capture_output=True, text=True, check=True
    )
    words, marks, cache = done.stdout.splitlines()
    assert words == "-m bench.gpu.generation_marks -m evals.generate --job a b"
    assert marks == str(folder) and cache == f"{folder}/vllm-cache"


def test_without_vllm_it_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "VLLM_ON_CPU", tmp_path / "none")
    assert "make vllm" in measure(options(tmp_path))["not_run"]


@pytest.mark.slow
@pytest.mark.skipif(not VLLM_ON_CPU.exists(), reason="make vllm sets up vLLM on a CPU")
def test_both_sides_draw_the_same_work(tmp_path: Path) -> None:
    small = "eval.benchmarks=[{name: aime24, samples_per_problem: 2, max_problems: 3}]"
    found = measure(options(tmp_path, small, "eval.max_tokens=16"))
    mine, bare = found["evaluation"], found["bare"]
    assert mine["samples"] == bare["samples"] == 6
    assert mine["tokens"] == bare["tokens"] > 0
    assert found["ratio"] > 0 and min(mine["start_up_s"], bare["start_up_s"]) > 0
    (work,) = (tmp_path / "scratch").rglob("work.json")
    content = json.loads(work.read_text())
    assert len({request["seed"] for request in content["requests"]}) == 6
    assert os.path.isdir(content["arguments"]["model"])
