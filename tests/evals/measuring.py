"""A measurement of hand-made samples: what the tests of the evaluation's orchestration share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from evals.children import Progress
from evals.job import GeneratedSample, Generation, Job, Prompt, effective
from evals.judges import GraderJudge, Judge, RewardJudge
from evals.models import Subject
from evals.problem_sets import ProblemSet
from evals.run import Measurement, measure
from evals.scores import Scores
from harness.rewards import Sample, Score
from harness.spec import Backend, Evaluation, Hardware, PromptFormat, Reward

PROBLEMS, K = 20, 4
Writer = Callable[[Job, str, int, int], str]


def exact(sample: Sample, *, bonus: float = 0.0) -> Score:
    """The reward of these tests: the response is the answer, then anything after a bar."""
    answer = sample.response.split("|")[0]
    right = answer == sample.ground_truth["answer"]
    return Score(value=float(right) + bonus, correct=right, extracted=answer)


def explodes(sample: Sample) -> Score:
    """A reward that fails."""
    raise RuntimeError("cannot read this")


def reward_judge(function: str = "exact", **arguments: Any) -> RewardJudge:
    """One of the rewards above."""
    name = f"{__name__}:{function}"
    return RewardJudge(Reward(name=function, function=name, arguments=arguments, tasks=["toy"]))


def toy_set(judge: Judge | None = None, *, k: int = K, second: str | None = None) -> ProblemSet:
    """i + 1 = ?"""
    ids = [str(i) for i in range(PROBLEMS)]
    return ProblemSet(
        name="toy",
        task="math",
        prompts=[Prompt(id=i, messages=[{"role": "user", "content": f"{i} + 1 ="}]) for i in ids],
        texts={i: f"{i} + 1 =" for i in ids},
        truths={i: {"answer": str(int(i) + 1)} for i in ids},
        prompt=PromptFormat(render="raw", template="{problem}"),
        judge=judge or reward_judge(),
        second=GraderJudge(second) if second else None,
        samples_per_problem=k,
        origin="a test",
        sha256="0",
    )


def measurement(*sets: ProblemSet, seed: int = 0, **models: str) -> Measurement:
    """Of base and trained unless models are named; on the CPU profile."""
    hardware = {
        "name": "cpu", "device": "cpu", "nodes": 1, "gpus_per_node": 1, "precision": "fp32",
        "attention": "sdpa", "remove_padding": False, "gradient_checkpointing": False,
        "tokens_per_gpu": 1024, "rollout": {"engine": "hf_cpu"},
    }  # fmt: skip
    protocol = {
        "name": "toy",
        "benchmarks": [{"name": "toy", "samples_per_problem": K}],
        "sampling": {"temperature": 1.0},
        "seed": seed,
    }
    named = models or {"base": "org/base", "trained": "org/trained"}
    return Measurement(
        protocol=Evaluation.model_validate(protocol),
        max_tokens=16,
        sets=sets or (toy_set(),),
        subjects=[Subject(label=label, path=path) for label, path in named.items()],
        backend=Backend(name="auto", engine="auto"),
        hardware=Hardware.model_validate(hardware),
    )


def measured(folder: Path, wanted: Measurement) -> Scores:
    """The scores of the one set of a measurement."""
    (scores,) = measure(wanted, folder=folder, on_progress=lambda label, done, total: None)
    return scores


def improving(job: Job, label: str, problem: int, sample: int) -> str:
    """base is right once in four, trained three times; every response is different."""
    right = sample == 0 if label == "base" else sample < 3
    return f"{problem + 1 if right else 'wrong'}|{sample}"


def write_samples(job: Job, response: Writer) -> None:
    """What the generation processes would leave behind."""
    for task in job.tasks:
        for model in job.models:
            lines = [
                GeneratedSample(
                    id=str(i), sample=k, seed=None, prompt=f"{i} + 1 =",
                    response=response(job, model.label, i, k),
                    response_tokens=k + 1, truncated=k == 3, finish="stop",
                ).model_dump_json()
                for i in range(PROBLEMS) for k in range(task.samples_per_problem)
            ]  # fmt: skip
            folder = Path(task.folder)
            (folder / f"samples-{model.label}-0.jsonl").write_text("\n".join(lines) + "\n")
            record = Generation(
                identity=job.identity(task, model), task=task.name, model=model, engine=job.engine,
                sampling=effective(job.sampling), engine_arguments={}, loaded={},
                stop_token_ids=[1], ignored_generation_config={}, template="raw", dtype="float32",
                versions={}, shard=0, shards=1, samples=len(lines), seconds=1.0,
            )  # fmt: skip
            path = folder / f"generation-{model.label}-0.jsonl"
            path.write_text(record.model_dump_json() + "\n")


class FakeChildren:
    """Stands for evals.children.generate_all: writes samples, remembers the jobs."""

    def __init__(self, response: Writer) -> None:
        self.response = response
        self.jobs: list[Job] = []

    def __call__(
        self, job: Job, *, log_folder: Path, python: str | None, on_progress: Progress
    ) -> None:
        self.jobs.append(job)
        write_samples(job, self.response)
        on_progress(job.models[0].label, PROBLEMS * K, PROBLEMS * K)
