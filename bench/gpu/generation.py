"""The part `evaluate`: an AIME24-shaped problem set sampled by the project's evaluation with vLLM
and by a bare LLM.generate, each in a process of its own; tokens a second of both and their ratio.

Both get the same rendered prompts, seeds, sampling and engine arguments, and start from empty
compilation caches. Weights are random, so nearly every response runs to the limit.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir

from bench.gpu import aime_shaped, bare_generation, generation_marks
from bench.gpu.options import Options
from bench.gpu.record import write_part
from bench.gpu.shapes import model_folder
from evals.children import child_environment, generate_all
from evals.job import Generation, Job
from evals.problem_sets import ProblemSet, from_problems
from evals.run import Measurement, make_job
from evals.sample_files import read_generations, read_samples
from harness.compose import at_the_door, to_eval_spec
from harness.errors import EvaluationError
from harness.evaluation import subject_of
from harness.explain import CONF_DIR
from harness.paths import ROOT
from harness.spec import EvalSpec

PART = "evaluate"
BUDGET = 0.97
"""Least share of the bare script's tokens a second that evaluation may have."""
VLLM_ON_CPU = ROOT / ".venv-vllm" / "bin" / "python"
ON_GPU = (
    "eval.benchmarks=[{name: aime24, samples_per_problem: 16}]",
    "eval.max_tokens=4096",
    "backend.data_parallel=1",
)
ON_CPU = (
    "eval.benchmarks=[{name: aime24, samples_per_problem: 2, max_problems: 8}]",
    "eval.max_tokens=48",
)
LOG_TAIL = 25
TELL_EVERY_S = 10.0


def measure(options: Options) -> dict[str, Any]:
    """Evaluation first, then the bare script on what evaluation was asked.

    Raises:
        EvaluationError: one of them ended with an error, shown with the end of its log.
    """
    if not options.on_gpu and not VLLM_ON_CPU.exists():
        return {"not_run": f"{VLLM_ON_CPU} does not exist: `make vllm` sets up vLLM on a CPU"}
    options.scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="evaluate-", dir=options.scratch)).resolve()
    spec = eval_spec(options, model_folder(options.model, options.scratch))
    job = job_of(spec, folder / "ours")
    python = spec.backend.python or sys.executable
    ours = evaluation(job, folder / "ours", python)
    say("evaluation", ours)
    write_part(options, PART, {"evaluation": ours})
    bare = bare_script(job, folder, python)
    say("LLM.generate", bare)
    (task,) = job.tasks
    return {
        "samples_per_problem": task.samples_per_problem,
        "problems": ours["samples"] // task.samples_per_problem,
        "max_tokens": job.max_tokens,
        "sampling": job.sampling.model_dump(),
        **compared(ours, bare),
    }


def eval_spec(options: Options, model: Path) -> EvalSpec:
    """What a user's `action=eval backend=vllm` with these overrides would be."""
    sizes = ON_GPU if options.on_gpu else (*ON_CPU, f"backend.python={VLLM_ON_CPU}")
    words = [
        f"hardware={options.hardware}", f"model.path={model}", "eval=aime24", "backend=vllm",
        *sizes, *options.overrides,
    ]  # fmt: skip
    with initialize_config_dir(str(CONF_DIR), version_base=None):
        return to_eval_spec(compose("config", at_the_door(words)), words)


def job_of(spec: EvalSpec, folder: Path) -> Job:
    """The job of the generation process, on problems of AIME's shape."""
    measurement = Measurement(
        protocol=spec.eval,
        max_tokens=spec.eval.max_tokens or 0,
        sets=[problem_set(spec)],
        subjects=[subject_of(spec)],
        backend=spec.backend,
        hardware=spec.hardware,
    )
    return make_job(measurement, folder)


def problem_set(spec: EvalSpec) -> ProblemSet:
    """As many problems and samples as the protocol's first benchmark asks for."""
    (wanted, *_) = spec.eval.benchmarks
    made = aime_shaped.problems(wanted.max_problems or aime_shaped.PROBLEMS)
    shown = from_problems(aime_shaped.NAME, made, spec.eval, origin="made by rule")
    return replace(shown, samples_per_problem=wanted.samples_per_problem)


def evaluation(job: Job, folder: Path, python: str) -> dict[str, Any]:
    """The project's own generation of a job, with the moments that its process noted."""
    started = told = time.time()

    def on_progress(label: str, done: int, total: int) -> None:
        nonlocal told
        if done == total or time.time() - told > TELL_EVERY_S:
            told = time.time()
            print(f"  evaluation: {done} of {total} responses", flush=True)

    interpreter = marked_interpreter(folder, python)
    generate_all(job, log_folder=folder, python=str(interpreter), on_progress=on_progress)
    ended = time.time()
    (task,), (model,) = job.tasks, job.models
    samples = read_samples(task.folder, model.label)
    drawn = {
        "marks": json.loads((folder / generation_marks.MARKS).read_text()),
        "samples": len(samples),
        "tokens": sum(sample.response_tokens or 0 for sample in samples),
        "at_limit": sum(bool(sample.truncated) for sample in samples),
        "engine": engine_of(read_generations(task.folder, model.label)[-1]),
    }
    return side(drawn, started, ended)


def engine_of(generation: Generation) -> dict[str, Any]:
    """How evaluation's engine was set up, as far as the bare script tells too."""
    return {
        name: generation.loaded[name]
        for name in ("max_num_seqs", "max_num_batched_tokens", "enforce_eager")
    }


def marked_interpreter(folder: Path, python: str) -> Path:
    """An interpreter for the generation process that notes its moments into `folder`."""
    assignments = [
        f"{name}={shlex.quote(value)}"
        for name, value in {
            generation_marks.FOLDER: str(folder),
            **empty_caches(folder),
        }.items()
    ]
    path = folder / "python"
    words = ["exec", "env", *assignments, shlex.quote(python), "-m", generation_marks.__name__]
    path.write_text(f'#!/bin/sh\n{" ".join(words)} "$@"\n')
    path.chmod(0o755)
    return path


def empty_caches(folder: Path) -> dict[str, str]:
    """Variables for a compilation cache of one's own, so that neither side finds the other's."""
    return {
        "VLLM_CACHE_ROOT": str(folder / "vllm-cache"),
        "TRITON_CACHE_DIR": str(folder / "triton-cache"),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor-cache"),
    }


def bare_script(job: Job, folder: Path, python: str) -> dict[str, Any]:
    """LLM.generate in a process of its own, on the work that evaluation has noted."""
    place, log = folder / "bare", folder / "bare.log"
    place.mkdir()
    work, result = folder / "ours" / generation_marks.WORK, place / "result.json"
    words = [python, "-m", bare_generation.__name__, str(work), str(result)]
    environment = {**child_environment(job, 0), **empty_caches(place)}
    print(f"  LLM.generate: started, log {log}", flush=True)
    started = time.time()
    with log.open("w") as file:
        done = subprocess.run(words, stdout=file, stderr=file, env=environment, cwd=os.sep)
    if done.returncode:
        said = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL:])
        raise EvaluationError(
            f"the bare script ended with exit code {done.returncode}; whole log: {log}\n{said}"
        )
    return side(json.loads(result.read_text()), started, time.time())


def side(drawn: dict[str, Any], started: float, ended: float) -> dict[str, Any]:
    """Seconds and tokens a second of one side, from what its process told.

    Start-up is from the start of the process to the loaded engine; generation from there to the
    last sample.
    """
    marks = drawn["marks"]
    generation_s = marks["generated"] - marks["engine_ready"]
    return {
        "start_up_s": round(marks["engine_ready"] - started, 2),
        "generation_s": round(generation_s, 2),
        "in_all_s": round(ended - started, 2),
        "samples": drawn["samples"],
        "tokens": drawn["tokens"],
        "at_limit": drawn["at_limit"],
        "tokens_per_s": round(drawn["tokens"] / generation_s, 1),
        "machine_load": round(os.getloadavg()[0], 1),
        "engine": drawn["engine"],
    }


def compared(ours: dict[str, Any], bare: dict[str, Any]) -> dict[str, Any]:
    """Both sides and the ratio; it means nothing where they did not draw the same number."""
    same = ours["samples"] == bare["samples"]
    ratio = round(ours["tokens_per_s"] / bare["tokens_per_s"], 3) if same else None
    differing = {
        name: f"{ours['engine'][name]} against {bare['engine'][name]}"
        for name in ours["engine"]
        if ours["engine"][name] != bare["engine"][name]
    }
    return {
        "evaluation": ours,
        "bare": bare,
        "ratio": ratio,
        "budget": BUDGET,
        "ok": ratio is not None and ratio >= BUDGET,
        "engines_differ": differing,
    }


def say(name: str, found: dict[str, Any]) -> None:
    """One side in a line."""
    print(
        f"  {name}: {found['start_up_s']:.1f} s to the loaded engine, {found['tokens']:,} tokens "
        f"in {found['generation_s']:.1f} s = {found['tokens_per_s']:,.0f} tokens/s, "
        f"{found['at_limit']} of {found['samples']} at the limit",
        flush=True,
    )
