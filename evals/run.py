"""Measures models on problem sets: prompts out, samples back, graded, checked, scored; the
evaluation stage of a run and `action=eval` call it.

Generation happens in child processes (evals/children.py); this process never imports torch.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evals import assess
from evals.children import Progress, generate_all
from evals.invariants import canaries, check_samples, mean_is_independent_of_grouping
from evals.job import GeneratedSample, Job, Task, canonical_hash
from evals.judges import Graded, judged
from evals.models import Subject, threads
from evals.problem_sets import ProblemSet
from evals.sample_files import read_generations, read_samples
from evals.scores import Check, Scores
from harness.files import write_text
from harness.spec import Backend, Evaluation, Hardware

Engine = Literal["hf", "vllm", "openai", "lm_eval"]
TAIL_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What to measure, and how."""

    protocol: Evaluation
    """Sampling and seed."""
    max_tokens: int
    """Longest response."""
    sets: Sequence[ProblemSet]
    """Problems, prompts and judges."""
    subjects: Sequence[Subject]
    """Models."""
    backend: Backend
    """What generates."""
    hardware: Hardware
    """The machine that generates."""
    trust_remote_code: bool = False
    """Run Python code shipped with the models."""


def protocol_of(measurement: Measurement, problems: ProblemSet) -> dict[str, Any]:
    """How a benchmark is sampled and graded; numbers compare only when all of it is equal."""
    budget = problems.budget
    return {
        "benchmark": problems.name,
        **({"budget": budget.model_dump()} if budget else {}),
        "problems": len(problems.prompts),
        "problems_sha256": problems.sha256,
        "samples_per_problem": problems.samples_per_problem,
        "sampling": measurement.protocol.sampling.model_dump(),
        "max_tokens": (budget and budget.max_tokens) or measurement.max_tokens,
        "stop": measurement.protocol.stop,
        "prompt": problems.prompt.model_dump(),
        "grader": problems.judge.describe(),
    }


def chosen_engine(backend: Backend, hardware: Hardware) -> Engine:
    """What generates: auto is vLLM on GPUs and Hugging Face generation on a CPU."""
    if backend.engine == "auto":
        return "vllm" if hardware.device == "cuda" else "hf"
    return backend.engine


def make_job(measurement: Measurement, folder: Path) -> Job:
    """The generation processes' job; writes the prompts files."""
    backend, hardware = measurement.backend, measurement.hardware
    engine = chosen_engine(backend, hardware)
    tensor_parallel = hardware.rollout.tensor_parallel or 1
    copies = 1
    if engine == "vllm" and hardware.device == "cuda":
        copies = backend.data_parallel or max(1, hardware.gpus_per_node // tensor_parallel)
    return Job(
        models=[subject.job_model() for subject in measurement.subjects],
        tasks=[make_task(problems, folder / problems.name) for problems in measurement.sets],
        sampling=measurement.protocol.sampling,
        max_tokens=measurement.max_tokens,
        stop=measurement.protocol.stop,
        seed=measurement.protocol.seed,
        engine=engine,
        device=hardware.device,
        dtype="bfloat16" if hardware.precision == "bf16" else "float32",
        trust_remote_code=measurement.trust_remote_code,
        threads=threads(list(measurement.subjects)),
        batch_size=backend.batch_size or 256,
        data_parallel=copies,
        tensor_parallel=tensor_parallel,
        memory_fraction=backend.memory_fraction,
        url=backend.url,
        api_key_env=backend.api_key_env,
        concurrency=backend.concurrency,
        timeout_s=backend.timeout_s,
        retries=backend.retries,
        lm_eval_model=backend.model,
        lm_eval_arguments=backend.arguments,
    )


def make_task(problems: ProblemSet, folder: Path) -> Task:
    """One benchmark of the job, its prompts on disk."""
    text = "".join(prompt.model_dump_json() + "\n" for prompt in problems.prompts)
    path = folder / "prompts.jsonl"
    write_text(path, text)
    return Task(
        name=problems.name,
        prompts=str(path.resolve()),
        prompts_sha256=hashlib.sha256(text.encode()).hexdigest(),
        samples_per_problem=problems.samples_per_problem,
        render=problems.prompt.render,
        folder=str(folder.resolve()),
        max_tokens=problems.budget.max_tokens if problems.budget else None,
    )


def measure(measurement: Measurement, *, folder: Path, on_progress: Progress) -> list[Scores]:
    """Samples, grades, checks and scores; what is on disk already is not done again.

    Args:
        measurement: problem sets, models, protocol.
        folder: holds one folder a benchmark with prompts, samples, verdicts and scores.json.
        on_progress: is told (label, done, total) while responses are drawn.

    Raises:
        EvaluationError: generation failed, or samples are missing.
    """
    job = make_job(measurement, folder)
    scored = [already_scored(measurement, problems, job, folder) for problems in measurement.sets]
    tasks = [task for task, done in zip(job.tasks, scored, strict=True) if done is None]
    if tasks:
        generate_all(
            job.model_copy(update={"tasks": tasks}),
            log_folder=folder,
            python=measurement.backend.python,
            on_progress=on_progress,
        )
    return [
        done or score(measurement, problems, job, task)
        for problems, task, done in zip(measurement.sets, job.tasks, scored, strict=True)
    ]


def already_scored(
    measurement: Measurement, problems: ProblemSet, job: Job, folder: Path
) -> Scores | None:
    """The scores on disk, if they are of the same protocol, seed, models and back end."""
    path = folder / problems.name / "scores.json"
    if not path.exists():
        return None
    scores = Scores.model_validate_json(path.read_bytes())
    return scores if scores.key == key_of(measurement, problems, job) else None


def key_of(measurement: Measurement, problems: ProblemSet, job: Job) -> str:
    """What scores depend on, as a hash; the token limits too, which no draw depends on."""
    second = problems.second.describe() if problems.second else None
    protocol = protocol_of(measurement, problems)
    models = [[model.label, model.fingerprint] for model in job.models]
    limits = [measurement.protocol.limits] if measurement.protocol.limits else []
    return canonical_hash([protocol, job.seed, job.engine, job.url, models, second, *limits])


def score(measurement: Measurement, problems: ProblemSet, job: Job, task: Task) -> Scores:
    """Grades and checks the samples of one benchmark, and writes what was found beside them."""
    folder = Path(task.folder)
    ids = [prompt.id for prompt in problems.prompts]
    wanted = {(problem, number) for problem in ids for number in range(task.samples_per_problem)}
    samples = {
        # Samples beyond k stay on disk for a protocol that asks for more.
        model.label: [s for s in read_samples(folder, model.label) if (s.id, s.sample) in wanted]
        for model in job.models
    }
    records = {model.label: read_generations(folder, model.label) for model in job.models}
    checks = check_samples(job, task, ids, samples, records)
    checks += canaries(problems.judge, problems.task)
    graded = {label: verdicts_on(problems, lines) for label, lines in samples.items()}
    generation = {
        label: {"attempts": [line.model_dump(mode="json") for line in lines]}
        for label, lines in records.items()
    }
    scores = assemble(measurement, problems, job, samples, graded, generation, checks)
    write_verdicts(folder, problems, samples, graded)
    write_text(folder / "scores.json", scores.model_dump_json(indent=1) + "\n")
    return scores


def verdicts_on(problems: ProblemSet, samples: Sequence[GeneratedSample]) -> list[Graded]:
    """Both graders' verdicts on samples of a problem set."""
    return judged(problems.judge, problems.second, samples, problems.truths)


def assemble(
    measurement: Measurement,
    problems: ProblemSet,
    job: Job,
    samples: Mapping[str, Sequence[GeneratedSample]],
    graded: Mapping[str, Sequence[Graded]],
    generation: Mapping[str, dict[str, Any]],
    checks: list[Check],
) -> Scores:
    """Everything that was found on one benchmark."""
    ids = [prompt.id for prompt in problems.prompts]
    protocol = protocol_of(measurement, problems)
    second = problems.second.name if problems.second else None
    models = [
        assess.model_score(
            model,
            ids,
            samples[model.label],
            graded[model.label],
            second,
            generation[model.label],
            ballot=problems.ballot,
            # What a longer response would have been, no sample says.
            limits=[n for n in measurement.protocol.limits if n <= protocol["max_tokens"]],
            budget=problems.budget.tokens if problems.budget else None,
        )
        for model in job.models
    ]
    k = problems.samples_per_problem
    by_run = [
        mean_is_independent_of_grouping(m.label, graded[m.label], m.accuracy.value, k)
        for m in models
    ]
    return Scores(
        benchmark=problems.name,
        budget=problems.budget,
        protocol=protocol,
        protocol_hash=canonical_hash(protocol),
        key=key_of(measurement, problems, job),
        seed=job.seed,
        problem_ids=ids,
        origin=problems.origin,
        samples_per_problem=problems.samples_per_problem,
        models=models,
        difference=assess.difference(ids, graded, samples),
        checks=[*checks, *by_run],
    )


def write_verdicts(
    folder: Path,
    problems: ProblemSet,
    samples: Mapping[str, Sequence[GeneratedSample]],
    graded: Mapping[str, Sequence[Graded]],
) -> None:
    """truths.jsonl, verdicts-<label>.jsonl and, for a person to look at, doubtful-<label>.jsonl."""
    truths = [{"id": prompt.id, "truth": problems.truths[prompt.id]} for prompt in problems.prompts]
    write_text(folder / "truths.jsonl", json_lines(truths))
    for label, lines in graded.items():
        text = "".join(line.model_dump_json() + "\n" for line in lines)
        write_text(folder / f"verdicts-{label}.jsonl", text)
        doubtful = [
            {
                "id": line.id,
                "sample": line.sample,
                "doubt": line.doubt,
                "truth": problems.truths[line.id],
                "extracted": line.extracted,
                "correct": line.correct,
                "second": line.second,
                "response_end": sample.response[-TAIL_CHARACTERS:],
            }
            for line, sample in zip(lines, samples[label], strict=True)
            if line.doubt
        ]
        write_text(folder / f"doubtful-{label}.jsonl", json_lines(doubtful))


def json_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
