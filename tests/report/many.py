"""Run directories of a sweep for the tests of the pages over many runs: small, and scored by the
real statistics."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evals import stats
from evals.intervals import Interval
from evals.scores import Check, Difference, ModelScore, Scores
from evals.verdicts import compare

PROBLEMS, K = 20, 4
PROTOCOL = "f" * 64


def model(label: str, matrix: stats.Matrix, path: str = "org/model") -> ModelScore:
    """The score of 0/1 samples, a row a problem."""
    accuracy = stats.accuracy(matrix)
    return ModelScore(
        label=label, path=path, fingerprint=label, accuracy=accuracy,
        sampling=stats.sampling_interval(matrix), run_sd=None, detectable=0.1,
        pass_at={1: accuracy}, majority=accuracy, mean_reward=None,
        right=[int(sum(row)) for row in matrix], drawn=[len(row) for row in matrix],
        truncation_rate=0.0, no_answer_rate=0.0, lengths=None, doubts={}, second=None,
        samples=sum(len(row) for row in matrix), generation={},
    )  # fmt: skip


def matrix(share: float, *, seed: int, problems: int = PROBLEMS, k: int = K) -> list[list[float]]:
    """Samples that are right with this chance."""
    rng = random.Random(seed)
    return [[float(rng.random() < share) for _ in range(k)] for _ in range(problems)]


def scores(
    base: float = 0.2,
    trained: float = 0.6,
    *,
    seed: int = 0,
    benchmark: str = "toy",
    protocol_hash: str = PROTOCOL,
    problems: int = PROBLEMS,
    k: int = K,
    checks: Sequence[Check] = (),
) -> Scores:
    """A base and a trained model on one benchmark."""
    before = matrix(base, seed=7, problems=problems, k=k)
    after = matrix(trained, seed=100 + seed, problems=problems, k=k)
    found = compare(before, after)
    return Scores(
        benchmark=benchmark, protocol={}, protocol_hash=protocol_hash, key=f"{seed}{benchmark}",
        seed=0, problem_ids=[str(i) for i in range(problems)], origin="a test",
        samples_per_problem=k, models=[model("base", before), model("trained", after)],
        difference=Difference(
            before="base", after="trained", paired=found.paired, sampling=found.sampling,
            verdict=found.sentence,
        ),
        checks=list(checks),
    )  # fmt: skip


def spec_of(**fields: Any) -> dict[str, Any]:
    """A configuration with the fields that the pages read."""
    spec: dict[str, Any] = {
        "repro": None, "variant": None, "miniature": False, "seed": 1, "output_root": "out",
        "stages": [], "model": {"name": "small", "path": "org/small"},
        "algorithm": {"name": "grpo", "optimizer": {"lr": 1e-6}, "kl": 0.001},
        "data": {"max_response_tokens": 1024},
        "hardware": {"device": "cuda", "nodes": 1, "gpus_per_node": 8},
    }  # fmt: skip
    for name, value in fields.items():
        *parents, last = name.split("__")
        at = spec
        for parent in parents:
            at = at[parent]
        at[last] = value
    return spec


def make_run(
    folder: Path,
    spec: dict[str, Any],
    *,
    state: str = "done",
    measured: Sequence[Scores] = (),
    statements: Sequence[dict[str, Any]] = (),
    reason: str = "",
    steps: int = 10,
    overrides: Sequence[str] = (),
    kind: str | None = None,
) -> Path:
    """A run's directory: configuration, status, events, scores and statements."""
    folder.mkdir(parents=True)
    named = {"kind": kind} if kind else {}
    write(folder / "run.json", {"identity": "0" * 16, "name": folder.name, "spec": spec, **named})
    status = {"state": state, "attempt": 1, "pid": 0, "host": "elsewhere", "step": steps,
              "steps": 10, "reason": reason, "updated_at": "2026-01-01T00:00:00+0000"}  # fmt: skip
    write(folder / "status.json", status)
    write(folder / "provenance.json", {"overrides": list(overrides)})
    events = [
        {"time": 3600.0 * step / 10, "attempt": 1, "kind": "step", "step": step,
         "metrics": {"critic/score/mean": 0.1 + 0.05 * step, "response_length/mean": 100.0 + step}}
        for step in range(1, steps + 1)
    ]  # fmt: skip
    start = {"time": 0.0, "attempt": 1, "kind": "run_started"}
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in [start, *events]))
    for found in measured:
        write(folder / "evaluation/p-0" / found.benchmark / "scores.json", found.model_dump())
    if statements:
        write(folder / "evaluation/p-0/statement.json", {"statements": list(statements)})
    return folder


def statement(benchmark: str, label: str = "trained", **claim: Any) -> dict[str, Any]:
    """A statement with one verdict on a claim."""
    usual = {"percent": 43.1, "metric": "avg@16", "source": "somewhere", "word": "below",
             "reasons": ["why"], "differing": [], "unknown": [], "k_needed": None,
             "difference": None, "margin": None}  # fmt: skip
    return {"benchmark": benchmark, "label": label, "claims": [usual | claim],
            "independent": None, "overlap": None}  # fmt: skip


def shares(value: float, low: float, high: float) -> Interval:
    """An interval."""
    return Interval(value=value, low=low, high=high, method="bootstrap")


def write(path: Path, content: Any) -> None:
    """A JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
