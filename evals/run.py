"""The evaluation stage: samples in a child process, grades, checks, scores; called by the pipeline.

The child (evals/generate.py) imports torch, this process never does.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet

from evals import BENCHMARKS, stats
from evals.generate import read_samples
from evals.own_reward import Graded, RewardFunction, grade, grader_version, load_reward
from evals.invariants import Samples, check_all
from evals.job import Generation, Job, JobModel, Prompt, canonical_hash
from evals.scores import Difference, ModelScore, Scores
from evals.stats import Interval
from harness.errors import ConfigError, EvaluationError
from harness.files import write_text
from harness.spec import Benchmark, RunSpec

Progress = Callable[[str, int, int], None]

MODEL_FILES = (".safetensors", ".bin", ".json", ".jinja", ".model", ".txt")
ROOT = Path(__file__).parents[1]
SMALL_B = 0.1  # billions of parameters below which more than SMALL_THREADS only wait for each other
SMALL_THREADS = 4
LOG_TAIL = 25
# Generation on a CPU allocates and frees the growing key-value cache at every step; without these
# glibc hands the pages back to the kernel each time, which costs more than the arithmetic.
KEEP_MEMORY = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
    "MALLOC_TOP_PAD_": str(2**26),
}


def the_benchmark(spec: RunSpec) -> Benchmark:
    """The one benchmark of the protocol that exists."""
    named = [benchmark.name for benchmark in spec.eval.benchmarks]
    if named != list(BENCHMARKS):
        raise ConfigError(
            f"eval.benchmarks names {named}; there is only {BENCHMARKS[0]} (the test part "
            "of the run's own data): give it, once"
        )
    return spec.eval.benchmarks[0]


def read_problems(path: Path, limit: int | None) -> tuple[list[Prompt], dict[str, Any]]:
    """Prompts and ground truths of a test.parquet in verl's row format."""
    if not path.exists():
        raise EvaluationError(f"{path} does not exist; run the prepare stage first")
    rows = pyarrow.parquet.read_table(path).to_pylist()[:limit]
    prompts = [
        Prompt(
            id=str(row["extra_info"]["index"]),
            messages=[{"role": m["role"], "content": m["content"]} for m in row["prompt"]],
        )
        for row in rows
    ]
    truths = {
        prompt.id: json.loads(row["reward_model"]["ground_truth"])
        for prompt, row in zip(prompts, rows, strict=True)
    }
    if not prompts or len(truths) < len(prompts):
        raise EvaluationError(
            f"{path} has {len(prompts)} rows with {len(truths)} different extra_info.index; it "
            "needs at least one row and a different index in each"
        )
    return prompts, truths


def model_fingerprint(path: str, revision: str | None) -> str:
    """Hash of the files of a model folder; a hub id stands for itself with its revision."""
    folder = Path(path)
    if not folder.is_dir():
        return f"hub:{path}@{revision or 'main'}"
    total = hashlib.sha256()
    for file in sorted(f for f in folder.iterdir() if f.suffix in MODEL_FILES and f.is_file()):
        with file.open("rb") as content:
            total.update(file.name.encode() + hashlib.file_digest(content, "sha256").digest())
    return total.hexdigest()


def protocol_of(
    spec: RunSpec, prompts: Sequence[Prompt], truths: Mapping[str, Any], function: RewardFunction
) -> dict[str, Any]:
    """How the benchmark is sampled and graded; numbers compare only when all of it is equal."""
    benchmark = the_benchmark(spec)
    problems = [[prompt.messages, truths[prompt.id]] for prompt in prompts]
    return {
        "name": spec.eval.name,
        "benchmark": benchmark.name,
        "problems": len(prompts),
        "problems_sha256": canonical_hash(problems),
        "samples_per_problem": benchmark.samples_per_problem,
        "sampling": spec.eval.sampling.model_dump(),
        "max_tokens": max_tokens(spec),
        "render": spec.data.render,
        "template": spec.data.template,
        "grader": {
            "function": spec.reward.function,
            "arguments": spec.reward.arguments,
            "version": grader_version(function),
        },
    }


def max_tokens(spec: RunSpec) -> int:
    """Longest response of the evaluation."""
    return spec.eval.max_tokens or spec.data.max_response_tokens


def make_job(
    spec: RunSpec, models: Mapping[str, str], prompts: Sequence[Prompt], folder: Path
) -> Job:
    """The child's job; writes the prompts file beside the samples."""
    text = "".join(prompt.model_dump_json() + "\n" for prompt in prompts)
    path = folder / "prompts.jsonl"
    write_text(path, text)
    vllm = spec.hardware.rollout.engine == "vllm"
    small = spec.model.parameters_b < SMALL_B
    return Job(
        models=[
            JobModel(
                label=label,
                path=path,
                revision=None if Path(path).is_dir() else spec.model.revision,
                fingerprint=model_fingerprint(path, spec.model.revision),
            )
            for label, path in models.items()
        ],
        prompts=str(path.resolve()),
        prompts_sha256=hashlib.sha256(text.encode()).hexdigest(),
        folder=str(folder.resolve()),
        samples_per_problem=the_benchmark(spec).samples_per_problem,
        sampling=spec.eval.sampling,
        max_tokens=max_tokens(spec),
        seed=spec.eval.seed,
        render=spec.data.render,
        backend="vllm" if vllm else "hf",
        device=spec.hardware.device,
        dtype="bfloat16" if spec.hardware.precision == "bf16" else "float32",
        batch_size=4 * spec.hardware.rollout.max_sequences if vllm else 256,
        threads=min(SMALL_THREADS, os.cpu_count() or 1) if small else None,
        trust_remote_code=spec.model.trust_remote_code,
        tensor_parallel=spec.hardware.rollout.tensor_parallel,
    )


def child_environment(job: Job) -> dict[str, str]:
    """The child's environment: this one, quieter, with a memory allocator that keeps its pages."""
    extra = {"TOKENIZERS_PARALLELISM": "false", "VLLM_NO_USAGE_STATS": "1"}
    if job.device == "cpu":
        extra |= KEEP_MEMORY | {"OMP_WAIT_POLICY": "PASSIVE"}
    if job.threads:
        extra["OMP_NUM_THREADS"] = str(job.threads)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **extra, "PYTHONPATH": path}


def follow(child: "subprocess.Popen[str]", log: Any, on_progress: Progress) -> None:
    """Pass the child's progress lines on; everything else it prints goes to the log."""
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith('{"label"'):
            told = json.loads(line)
            on_progress(told["label"], told["done"], told["total"])
        else:
            log.write(line)
            log.flush()


def run_child(job: Job, folder: Path, on_progress: Progress) -> None:
    """Start the generation child and wait for it; its death is an EvaluationError."""
    path, log_path = folder / "job.json", folder / "generation.log"
    write_text(path, job.model_dump_json(indent=1) + "\n")
    command = [sys.executable, "-m", "evals.generate", "--job", str(path.resolve())]
    with log_path.open("a") as log:
        start = log.tell()
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=child_environment(job)
        )
        try:
            follow(child, log, on_progress)
            code = child.wait()
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    if code:
        with log_path.open() as log:
            log.seek(start)
            said = "".join(log.readlines()[-LOG_TAIL:]).strip()
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        raise EvaluationError(
            f"the generation process {ended}; samples so far are kept and the same command "
            f"continues. Full log: {log_path}\n{said}"
        )


def generate_all(job: Job, folder: Path, on_progress: Progress) -> None:
    """One child for all models; one for each with vLLM, which keeps GPU memory until it exits."""
    if job.backend == "hf":
        run_child(job, folder, on_progress)
        return
    for model in job.models:
        run_child(job.model_copy(update={"models": [model]}), folder, on_progress)


def powers(k: int) -> list[int]:
    """The k of pass@k: powers of two, and the number of samples."""
    return sorted({2**n for n in range(k.bit_length()) if 2**n <= k} | {k})


def by_problem(graded: Sequence[Graded], ids: Sequence[str], field: str) -> list[list[float]]:
    """A score matrix: one list per problem, in the order of ids."""
    found: dict[str, list[float]] = {problem: [] for problem in ids}
    for line in sorted(graded, key=lambda line: line.sample):
        found[line.id].append(float(getattr(line, field)))
    return list(found.values())


def model_score(
    model: JobModel, ids: Sequence[str], samples: Samples, graded: Sequence[Graded], record: Path
) -> ModelScore:
    """Everything that is said about one model."""
    lines = samples[model.label]
    correct = by_problem(graded, ids, "correct")
    return ModelScore(
        label=model.label,
        path=model.path,
        fingerprint=model.fingerprint,
        accuracy=stats.accuracy(correct),
        pass_at={k: stats.pass_at_k(correct, k) for k in powers(len(correct[0]))},
        mean_reward=stats.mean(by_problem(graded, ids, "value")),
        truncation_rate=sum(line.truncated for line in lines) / len(lines),
        mean_response_tokens=sum(line.response_tokens for line in lines) / len(lines),
        samples=len(lines),
        generation=json.loads(record.read_bytes()),
    )


def verdict(before: Interval, after: Interval, paired: Interval, changed: int) -> str:
    """The paired difference in words; `changed` problems are scored differently by the two."""
    if changed < stats.FEWEST_CHANGED:
        return (
            f"not distinguishable: {changed} problems changed, and fewer than "
            f"{stats.FEWEST_CHANGED} cannot tell a difference from chance (exact sign test)"
        )
    if paired.low <= 0 <= paired.high:
        return "not distinguishable: the 95 % interval of the paired difference contains zero"
    direction = "improved" if paired.value > 0 else "got worse"
    separate = "overlap" if stats.overlap(before, after) else "do not overlap"
    return (
        f"{direction}: the 95 % interval of the paired difference excludes zero, and the two "
        f"intervals {separate}"
    )


def difference(
    ids: Sequence[str], scores: Sequence[ModelScore], graded: Mapping[str, Sequence[Graded]]
) -> Difference | None:
    """trained - base, when both were evaluated."""
    found = {score.label: score for score in scores}
    if not {"base", "trained"} <= set(found):
        return None
    before = by_problem(graded["base"], ids, "correct")
    after = by_problem(graded["trained"], ids, "correct")
    paired = stats.paired_difference(before, after)
    changed = sum(sum(first) != sum(second) for first, second in zip(before, after, strict=True))
    words = verdict(found["base"].accuracy, found["trained"].accuracy, paired, changed)
    return Difference(before="base", after="trained", paired=paired, verdict=words)


def already_scored(path: Path, job: Job, protocol_hash: str) -> Scores | None:
    """The scores on disk, if they are of the same protocol, seed and model files."""
    if not path.exists():
        return None
    scores = Scores.model_validate_json(path.read_bytes())
    had = {score.label: score.fingerprint for score in scores.models}
    wanted = {model.label: model.fingerprint for model in job.models}
    same = scores.protocol_hash == protocol_hash and scores.seed == job.seed and had == wanted
    return scores if same else None


def evaluate(
    spec: RunSpec,
    *,
    models: dict[str, str],
    test_parquet: Path,
    folder: Path,
    on_progress: Progress,
) -> Scores:
    """Sample, grade, check and score every model; done before means nothing to do."""
    benchmark = the_benchmark(spec)
    function = load_reward(spec.reward)
    prompts, truths = read_problems(test_parquet, benchmark.max_problems)
    protocol = protocol_of(spec, prompts, truths, function)
    folder.mkdir(parents=True, exist_ok=True)
    job = make_job(spec, models, prompts, folder)
    path = folder / "scores.json"
    if done := already_scored(path, job, canonical_hash(protocol)):
        return done
    generate_all(job, folder, on_progress)

    ids = [prompt.id for prompt in prompts]
    records = {label: folder / f"generation-{label}.json" for label in models}
    samples = {label: read_samples(folder / f"samples-{label}.jsonl") for label in models}
    checks = check_all(
        job,
        ids,
        samples,
        {k: Generation.model_validate_json(v.read_bytes()) for k, v in records.items()},
    )
    graded = {label: grade(samples[label], truths, spec.reward, function) for label in models}
    for label, lines in graded.items():
        text = "".join(line.model_dump_json() + "\n" for line in lines)
        write_text(folder / f"verdicts-{label}.jsonl", text)
    found = [model_score(m, ids, samples, graded[m.label], records[m.label]) for m in job.models]
    scores = Scores(
        benchmark=benchmark.name,
        protocol=protocol,
        protocol_hash=canonical_hash(protocol),
        seed=job.seed,
        problems=len(ids),
        samples_per_problem=benchmark.samples_per_problem,
        models=found,
        difference=difference(ids, found, graded),
        checks=checks,
    )
    write_text(path, scores.model_dump_json(indent=1) + "\n")
    return scores
