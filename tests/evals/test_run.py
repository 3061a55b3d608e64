"""The evaluation stage on hand-made samples: grading, invariants, scores, the child's death."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from evals import run, stats
from evals.job import GeneratedSample, Generation, Job
from evals.scores import Scores
from harness.errors import ConfigError, EvaluationError
from harness.rewards import Sample, Score
from harness.spec import RunSpec

PROBLEMS, K = 20, 4
Writer = Callable[[Job, str, int, int], str]


def exact(sample: Sample, *, bonus: float = 0.0) -> Score:
    """The reward of these tests: the response is the answer, then anything after a bar."""
    answer = sample.response.split("|")[0]
    right = answer == sample.ground_truth["answer"]
    return Score(value=float(right) + bonus, correct=right, extracted=answer)


def explodes(sample: Sample) -> Score:
    raise RuntimeError("cannot read this")


@pytest.fixture
def spec() -> RunSpec:
    return make_spec()


def make_spec(**changes: Any) -> RunSpec:
    sft = {"kind": "sft", "name": "sft", "sequences_per_step": 1, "optimizer": {"lr": 1e-6}}
    parts: dict[str, Any] = {
        "seed": 0,
        "output_root": "outputs",
        "model": {"name": "tiny", "path": "tiny", "context_length": 128, "parameters_b": 0.001},
        "algorithm": sft,
        "reward": {"name": "exact", "function": f"{__name__}:exact", "tasks": ["toy"]},
        "data": {
            "name": "toy", "task": "toy", "source": {"kind": "file", "path": "toy.jsonl"},
            "train_rows": None, "test_rows": PROBLEMS, "columns": {}, "template": "{question}",
            "render": "raw", "ground_truth": ["answer"], "max_prompt_tokens": 32,
            "max_response_tokens": 16,
        },
        "hardware": {
            "name": "cpu", "device": "cpu", "nodes": 1, "gpus_per_node": 1, "precision": "fp32",
            "attention": "sdpa", "remove_padding": False, "gradient_checkpointing": False,
            "tokens_per_gpu": 1024, "rollout": {"engine": "hf_cpu"},
        },
        "eval": {
            "name": "toy",
            "benchmarks": [{"name": "held_out", "samples_per_problem": K}],
            "sampling": {"temperature": 1.0},
        },
        "launch": {"kind": "local"},
        "tracking": {"name": "none"},
        "schedule": {"steps": 1, "epochs": 1, "save_every": 1},
    }  # fmt: skip
    return RunSpec.model_validate(parts | changes)


@pytest.fixture
def test_parquet(tmp_path: Path) -> Path:
    rows = [
        {
            "data_source": "toy",
            "prompt": [{"role": "user", "content": f"{i} + 1 ="}],
            "reward_model": {"style": "rule", "ground_truth": json.dumps({"answer": str(i + 1)})},
            "extra_info": {"index": i, "split": "test"},
        }
        for i in range(PROBLEMS)
    ]
    path = tmp_path / "test.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def improving(job: Job, label: str, problem: int, sample: int) -> str:
    """base is right once in four, trained three times; every response is different."""
    right = sample == 0 if label == "base" else sample < 3
    return f"{problem + 1 if right else 'wrong'}|{sample}"


def write_samples(job: Job, folder: Path, response: Writer) -> None:
    """What the generation child would leave behind."""
    for model in job.models:
        lines = [
            GeneratedSample(
                id=str(i), sample=k, prompt=f"{i} + 1 =", response=response(job, model.label, i, k),
                response_tokens=k + 1, truncated=k == 3,
            ).model_dump_json()
            for i in range(PROBLEMS) for k in range(K)
        ]  # fmt: skip
        (folder / f"samples-{model.label}.jsonl").write_text("\n".join(lines) + "\n")
        record = Generation(
            identity=job.identity(model), model=model, stop_token_ids=[1], template="raw",
            engine_arguments={"do_sample": True, "temperature": 1.0, "top_p": 1.0, "top_k": 0},
            ignored_generation_config={}, dtype="float32", threads=1, versions={}, seconds=1.0,
        )  # fmt: skip
        (folder / f"generation-{model.label}.json").write_text(record.model_dump_json())


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Callable[[Writer], list[Job]]:
    """Replace the child; returns the jobs that it was started with."""

    def install(response: Writer) -> list[Job]:
        jobs: list[Job] = []

        def fake(job: Job, folder: Path, on_progress: run.Progress) -> None:
            jobs.append(job)
            write_samples(job, folder, response)
            on_progress(job.models[0].label, PROBLEMS * K, PROBLEMS * K)

        monkeypatch.setattr(run, "run_child", fake)
        return jobs

    return install


def evaluated(spec: RunSpec, test_parquet: Path, **models: str) -> Scores:
    return run.evaluate(
        spec,
        models=models or {"base": "org/base", "trained": "org/trained"},
        test_parquet=test_parquet,
        folder=test_parquet.parent / "evaluation",
        on_progress=lambda label, done, total: None,
    )


def test_scores_of_before_and_after(
    spec: RunSpec, test_parquet: Path, child: Callable[[Writer], list[Job]]
) -> None:
    jobs = child(improving)
    scores = evaluated(spec, test_parquet)
    base, trained = scores.models
    assert (base.accuracy.value, trained.accuracy.value) == (0.25, 0.75)
    assert base.accuracy.method == "wilson"
    assert base.pass_at[4].value == 1.0
    assert base.pass_at[2].value == pytest.approx(0.5)
    assert (base.truncation_rate, base.mean_response_tokens) == (0.25, 2.5)
    assert scores.difference is not None
    assert scores.difference.paired.value == 0.5
    assert scores.verdict.startswith("improved")
    assert "do not overlap" in scores.verdict
    assert jobs[0].max_tokens == 16
    verdicts = test_parquet.parent / "evaluation" / "verdicts-base.jsonl"
    assert json.loads(verdicts.read_text().splitlines()[1])["extracted"] == "wrong"


def test_second_call_returns_the_scores_without_work(
    spec: RunSpec, test_parquet: Path, child: Callable[[Writer], list[Job]]
) -> None:
    jobs = child(improving)
    first = evaluated(spec, test_parquet)
    assert evaluated(spec, test_parquet) == first
    assert len(jobs) == 1


def test_other_grader_model_or_seed_is_not_taken_from_disk(
    spec: RunSpec, test_parquet: Path, child: Callable[[Writer], list[Job]]
) -> None:
    jobs = child(improving)
    first = evaluated(spec, test_parquet)
    reward = spec.reward.model_copy(update={"arguments": {"bonus": 1.0}})
    bonus = evaluated(spec.model_copy(update={"reward": reward}), test_parquet)
    assert bonus.models[0].mean_reward.value == first.models[0].mean_reward.value + 1
    assert bonus.protocol_hash != first.protocol_hash
    seeded = spec.model_copy(update={"eval": spec.eval.model_copy(update={"seed": 1})})
    assert evaluated(seeded, test_parquet).protocol_hash == first.protocol_hash
    evaluated(spec, test_parquet, base="org/base", trained="org/other")
    assert len(jobs) == 4


def test_fingerprint_follows_the_files(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"1")
    first = run.model_fingerprint(str(tmp_path), None)
    (tmp_path / "build.log").write_text("not a part of the model")
    assert run.model_fingerprint(str(tmp_path), None) == first
    (tmp_path / "model.safetensors").write_bytes(b"2")
    assert run.model_fingerprint(str(tmp_path), None) != first


def test_identical_samples_everywhere_are_an_error(
    spec: RunSpec, test_parquet: Path, child: Callable[[Writer], list[Job]]
) -> None:
    child(lambda job, label, problem, sample: f"{problem}|same")
    with pytest.raises(EvaluationError, match="samples are identical for most problems"):
        evaluated(spec, test_parquet)


def test_one_model_without_variety_is_a_note(
    spec: RunSpec, test_parquet: Path, child: Callable[[Writer], list[Job]]
) -> None:
    child(lambda job, label, problem, sample: f"{problem}|{sample if label == 'base' else 0}")
    (check,) = [c for c in evaluated(spec, test_parquet).checks if not c.passed]
    assert "base 0%, trained 100%" in check.detail


@pytest.mark.parametrize("change", ["drop", "double", "foreign"])
def test_wrong_number_of_samples_is_an_error(
    spec: RunSpec, test_parquet: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    def fake(job: Job, folder: Path, on_progress: run.Progress) -> None:
        write_samples(job, folder, improving)
        path = folder / "samples-base.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        foreign = lines[0].replace('"id":"0"', '"id":"99"')
        changed = {"drop": lines[1:], "double": [*lines, lines[0]], "foreign": [*lines, foreign]}
        path.write_text("".join(changed[change]))

    monkeypatch.setattr(run, "run_child", fake)
    with pytest.raises(EvaluationError, match=r"base: .*wanted 20 problems x 4"):
        evaluated(spec, test_parquet)


@pytest.mark.parametrize(("name", "value"), [("temperature", 0.7), ("top_k", 50), ("top_p", None)])
def test_sampling_that_was_not_asked_for_is_an_error(
    spec: RunSpec, test_parquet: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    def fake(job: Job, folder: Path, on_progress: run.Progress) -> None:
        write_samples(job, folder, improving)
        path = folder / "generation-base.json"
        record = json.loads(path.read_text())
        record["engine_arguments"][name] = value
        path.write_text(json.dumps(record))

    monkeypatch.setattr(run, "run_child", fake)
    with pytest.raises(EvaluationError, match="base: the engine received"):
        evaluated(spec, test_parquet)


def test_reward_that_raises_names_the_sample(
    test_parquet: Path, child: Callable[[Writer], list[Job]]
) -> None:
    child(improving)
    reward = {"name": "bad", "function": f"{__name__}:explodes", "tasks": ["toy"]}
    with pytest.raises(EvaluationError, match="problem 0, sample 0: RuntimeError: cannot read"):
        evaluated(make_spec(reward=reward), test_parquet)


def test_unknown_benchmark_names_what_exists(test_parquet: Path) -> None:
    protocol = {
        "name": "x",
        "benchmarks": [{"name": "aime24", "samples_per_problem": 4}],
        "sampling": {},
    }
    with pytest.raises(ConfigError, match=r"aime24.*there is only held_out"):
        evaluated(make_spec(eval=protocol), test_parquet)


def test_reward_that_cannot_be_imported_is_refused(test_parquet: Path) -> None:
    reward = {"name": "bad", "function": "nowhere:nothing", "tasks": ["toy"]}
    with pytest.raises(ConfigError, match="nowhere:nothing"):
        evaluated(make_spec(reward=reward), test_parquet)


def test_death_of_the_child_shows_its_own_traceback(spec: RunSpec, tmp_path: Path) -> None:
    job = run.make_job(spec, {"base": "org/base"}, [], tmp_path)
    job = job.model_copy(update={"prompts": str(tmp_path / "gone.jsonl")})
    with pytest.raises(EvaluationError) as caught:
        run.run_child(job, tmp_path, lambda label, done, total: None)
    assert "exit code 1" in str(caught.value)
    assert "FileNotFoundError" in str(caught.value)
    assert "gone.jsonl" in (tmp_path / "generation.log").read_text()


def test_vllm_gets_one_child_for_each_model(
    spec: RunSpec, test_parquet: Path, child: Callable[[Writer], list[Job]]
) -> None:
    jobs = child(improving)
    rollout = spec.hardware.rollout.model_copy(update={"engine": "vllm"})
    hardware = spec.hardware.model_copy(update={"rollout": rollout})
    folder = test_parquet.parent
    models = {"base": "org/base", "trained": "org/trained"}
    job = run.make_job(spec.model_copy(update={"hardware": hardware}), models, [], folder)
    run.generate_all(job, folder, lambda label, done, total: None)
    assert [[model.label for model in started.models] for started in jobs] == [
        ["base"],
        ["trained"],
    ]


def test_evaluation_stage_imports_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys, evals.run, harness.report.page; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          cwd=run.ROOT)  # fmt: skip
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("changed", "words"), [(5, "not distinguishable: 5 problems"), (6, "improved")]
)
def test_few_changed_problems_are_no_improvement(changed: int, words: str) -> None:
    before = [[0.0, 0.0]] * 12
    after = [[1.0, 0.0]] * changed + [[0.0, 0.0]] * (12 - changed)
    paired = stats.paired_difference(before, after)
    assert paired.low > 0
    told = run.verdict(stats.accuracy(before), stats.accuracy(after), paired, changed)
    assert told.startswith(words)
