"""Makes run directories as the pipeline leaves them; for the tests and benchmarks of the report."""

import json
import random
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

Json = dict[str, Any]

HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} \u2028 "quoted"'
"""Text that would run, load or break something if it became markup."""
WORDS = ("we", "add", "two", "numbers", "and", "check", "that", "the", "sum", "of", "both", "is")
VOCABULARY = (*(20 * WORDS), *map(str, range(240)))


def lines(rows: Iterable[Json]) -> str:
    """JSON lines, ASCII."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def interval(value: float, low: float, high: float) -> Json:
    """An evals.intervals.Interval."""
    return {"value": value, "low": low, "high": high, "method": "bootstrap"}


def model(label: str, value: float, **fields: Any) -> Json:
    """An evals.scores.ModelScore."""
    return {
        "label": label,
        "path": f"/models/{label}",
        "fingerprint": label,
        "samples": 1200,
        "generation": {},
        "accuracy": interval(value, value - 0.04, value + 0.04),
        "pass_at": {"1": interval(value, 0, 1), "4": interval(value + 0.1, 0, 1)},
        "sampling": interval(value, value - 0.02, value + 0.02),
        "run_sd": 0.01,
        "detectable": 0.05,
        "majority": interval(value, 0, 1),
        "mean_reward": interval(value, 0, 1),
        "right": [1],
        "drawn": [4],
        "truncation_rate": 0.01,
        "no_answer_rate": 0.0,
        "lengths": {"mean": 61.5, "median": 60.0, "p95": 90.0, "longest": 128},
        "doubts": {"truncated": 12},
        "second": None,
        **fields,
    }


def scores(benchmark: str = "held_out", **fields: Any) -> Json:
    """An evals.scores.Scores of a base and a trained model."""
    return {
        "benchmark": benchmark,
        "protocol": {
            "grader": {"name": "rewards:one"},
            "sampling": {"temperature": 1.0},
            "max_tokens": 128,
            "prompt": {"render": "raw"},
        },
        "protocol_hash": "abc",
        "key": "def",
        "seed": 0,
        "problem_ids": ["0"],
        "origin": "made for a test",
        "samples_per_problem": 4,
        "models": [model("base", 0.31), model("trained", 0.62)],
        "difference": {
            "before": "base",
            "after": "trained",
            "paired": interval(0.31, 0.26, 0.36),
            "sampling": interval(0.31, 0.28, 0.34),
            "verdict": "improved: the 95 % interval of the paired difference excludes zero",
        },
        "checks": [{"name": "generations per problem", "passed": True, "detail": "1200 of 1200"}],
        **fields,
    }


BUDGETS = (512, 1024, 2048)


def asked(tokens: int, **fields: Any) -> Json:
    """scores() on aime25 with prompts that ask for a budget; the trained model keeps to it."""
    gain, kept = {512: 0.1, 1024: 0.2, 2048: 0.3}[tokens], interval(0.1, 0.08, 0.12)
    means = {"right": None, "wrong": None}
    models = [
        model(label, value, tokens=means | {"all": interval(mean, 0.9 * mean, 1.1 * mean)},
              budget={"error": kept, "above": interval(0.25, 0.2, 0.3)})
        for label, value, mean in (("base", 0.2, 1900.0), ("trained", 0.1 + gain, tokens + 10.0))
    ]  # fmt: skip
    budget = {
        "benchmark": "aime25",
        "tokens": tokens,
        "suffix": " {tokens}",
        "system": None,
        "max_tokens": None,
    }
    protocol = scores()["protocol"] | {"budget": budget}
    return scores(
        f"aime25@{tokens}", budget=budget, protocol=protocol, models=models, key=f"at{tokens}",
        **fields,
    )  # fmt: skip


def point_statement(tokens: int, percent: float, word: str, x: str = "prompt_budget") -> Json:
    """A statement that holds the trained model at one budget against one claimed point."""
    claim = {
        "percent": percent, "metric": "avg@4", "at": {"x": x, "tokens": tokens},
        "source": "arXiv:1", "word": word, "reasons": ["because"], "differing": [], "unknown": [],
        "k_needed": None, "difference": interval(0.01, -0.01, 0.03), "margin": 0.02,
    }  # fmt: skip
    return {"benchmark": f"aime25@{tokens}", "label": "trained", "claims": [claim],
            "independent": None, "overlap": None, "sentences": [f"claimed {percent}"]}  # fmt: skip


def add_curve(folder: Path) -> Path:
    """A run with scores at three budgets beside the one it has, each with a claimed point."""
    evaluation = folder / "evaluation" / "budgets-0"
    words = ("reproduced", "reproduced", "below")
    said = []
    for tokens, claimed, word in zip(BUDGETS, (20.0, 30.5, 55.0), words, strict=True):
        place = evaluation / f"aime25@{tokens}"
        place.mkdir(parents=True)
        (place / "scores.json").write_text(json.dumps(asked(tokens)))
        said.append(point_statement(tokens, claimed, word))
    (evaluation / "statement.json").write_text(json.dumps({"statements": said}))
    return folder


def step(number: int, attempt: int, score: float) -> Json:
    """A step event of events.jsonl."""
    metrics = {
        "critic/score/mean": score,
        "reward/accuracy": score,
        "response_length/mean": 60.0 + number,
        "actor/entropy": 1 / number,
        "actor/ppo_kl": 0.001 * number,
        "actor/pg_clipfrac": 0.01,
        "perf/throughput": 900.0,
        "timing_s/step": 6.5,
    }
    return {"time": 10.0 * number, "attempt": attempt, "kind": "step", "stage": "train",
            "step": number, "metrics": metrics}  # fmt: skip


def events(note: str = "done") -> list[Json]:
    """Nine steps in two attempts, the second one from step 5 on, and the stages."""
    done = {"kind": "stage_done", "attempt": 2, "note": note}
    return [
        *(step(number, 1, 0.3 + 0.01 * number) for number in range(1, 7)),
        *(step(number, 2, 0.5) for number in range(5, 10)),
        {**done, "stage": "train", "seconds": 71.0},
        {**done, "stage": "evaluate", "seconds": 30.0},
    ]


def sample(problem: int, label: str = "base", number: int = 0, **fields: Any) -> Json:
    """A sample with its verdict, as harness.report.read joins them."""
    return {
        "label": label,
        "benchmark": "held_out",
        "id": str(problem),
        "sample": number,
        "prompt": f"Problem {problem}: what is {problem} + {problem}?",
        "response": f"Two times {problem} is {2 * problem}.",
        "response_tokens": 50 + problem,
        "truncated": False,
        "truth": {"answer": str(2 * problem)},
        "value": 1.0,
        "correct": True,
        "extracted": str(2 * problem),
        "doubt": None,
        "second": None,
        **fields,
    }


def samples(problems: int, per_problem: int = 1, characters: int = 0) -> list[Json]:
    """Samples of base and trained, right at random; responses as long as asked for."""
    chance = random.Random(0)
    made = []
    for problem in range(problems):
        for label, share in (("base", 0.3), ("trained", 0.7)):
            for number in range(per_problem):
                right = chance.random() < share
                words = " ".join(chance.choices(VOCABULARY, k=characters // 4))[:characters]
                text = f"{words} So {problem} + {problem} is {2 * problem if right else 'unknown'}."
                answer = str(2 * problem) if right else None
                made.append(
                    sample(problem, label, number, response=text, extracted=answer, correct=right,
                           value=float(right), truncated=chance.random() < 0.1,
                           response_tokens=len(text) // 4)
                )  # fmt: skip
    return made


def write_samples(folder: Path, rows: Sequence[Json]) -> None:
    """samples-*.jsonl, verdicts-*.jsonl and truths.jsonl of one benchmark."""
    folder.mkdir(parents=True, exist_ok=True)
    verdict = ("value", "correct", "extracted", "doubt", "second", "components")
    for label, group in groupby(sorted(rows, key=label_of), key=label_of):
        one = [{key: row[key] for key in row if key not in ("label", "benchmark")} for row in group]
        drawn = [{key: row[key] for key in row if key not in (*verdict, "truth")} for row in one]
        judged = [{k: row[k] for k in row if k in ("id", "sample", *verdict)} for row in one]
        (folder / f"samples-{label}-0.jsonl").write_text(lines(drawn))
        (folder / f"verdicts-{label}.jsonl").write_text(lines(judged))
    truths = {row["id"]: row["truth"] for row in rows if "truth" in row}
    (folder / "truths.jsonl").write_text(
        lines({"id": name, "truth": truth} for name, truth in truths.items())
    )


def label_of(row: Json) -> str:
    """The model that a sample is from."""
    return str(row["label"])


def make_run(
    folder: Path,
    *,
    rows: Sequence[Json],
    name: str = "a run",
    note: str = "done",
    repro: str | None = None,
    score: Json | None = None,
    sentences: Sequence[str] = (),
) -> Path:
    """A finished run of two attempts with one evaluation.

    Args:
        folder: where it goes.
        rows: samples of the benchmark held_out.
        name: of the run.
        note: of its stages.
        repro: id of a card, or none.
        score: scores.json, when not scores().
        sentences: what the statement says about the trained model.
    """
    spec = {"repro": repro, "miniature": True, "data": {"name": "countdown", "template": note}}
    run = {"identity": "0123456789abcdef", "name": name, "spec": spec}
    provenance = {
        "command": ["python", "run.py"],
        "code": {"commit": "abc"},
        "packages": {"a": "1"},
    }
    (folder / "train").mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "status.json").write_text(json.dumps({"state": "done", "attempt": 2}))
    (folder / "provenance.json").write_text(json.dumps(provenance))
    (folder / "train" / "command.txt").write_text(note)
    (folder / "events.jsonl").write_text(lines(events(note)) + '{"half')
    evaluation = folder / "evaluation" / "held_out-0"
    write_samples(evaluation / "held_out", rows)
    (evaluation / "held_out" / "scores.json").write_text(json.dumps(score or scores()))
    said = {"benchmark": "held_out", "label": "trained", "sentences": list(sentences)}
    (evaluation / "statement.json").write_text(json.dumps({"statements": [said]}))
    return folder
