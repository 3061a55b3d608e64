"""The tasks for plain lm-eval: they match the cards, grade every sample, and run for real."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from evals.benchmarks import BenchmarkCard, describe, grader_of, load_problems, names
from evals.grading import Item, Verdict, grade_all
from evals.lm_eval import reprise
from evals.sample_logs import match, read_log

ROOT = Path(__file__).parents[2]
TASKS = ROOT / "evals" / "lm_eval"
SHARED = ROOT.parent / "shared" / "benchmarks"
TINY = ROOT / "harness" / "tiny" / "countdown"


class Loader(yaml.SafeLoader):
    """Reads a task file the way lm-eval does, without importing it."""


Loader.add_constructor(
    "!function", lambda _, node: getattr(reprise, str(node.value).removeprefix("reprise."))
)


def task(name: str) -> dict[str, Any]:
    shared, own = (
        yaml.load((TASKS / file).read_text(), Loader)
        for file in ("_reprise.yaml", f"reprise_{name}.yaml")
    )
    assert own.pop("include") == "_reprise.yaml"
    return {**shared, **own}


def test_every_benchmark_is_a_task() -> None:
    assert {path.stem for path in TASKS.glob("reprise_*.yaml")} == {f"reprise_{n}" for n in names()}


@pytest.mark.parametrize("name", names())
def test_a_task_matches_its_card(name: str) -> None:
    content, k = task(name), describe(name).samples_per_problem
    assert content["task"] == f"reprise_{name}" and content["metadata"]["benchmark"] == name
    assert content["repeats"] == k
    assert content["filter_list"] == [
        {"name": "all", "filter": [{"function": "take_first_k", "k": k}]}
    ]
    generation = content["generation_kwargs"]
    assert generation["seed"] is None and generation["until"] == []
    assert generation["do_sample"] is True
    assert (content["doc_to_text"] is reprise.boxed) == (describe(name).task == "math")


def test_the_request_for_a_box_is_the_protocols() -> None:
    assert reprise.boxed({"problem": "Is {x} 1?"}).startswith("Is {x} 1?\nPlease reason")


def doc(name: str, **truth: Any) -> dict[str, str]:
    return {"id": "1", "problem": "?", "benchmark": name, "truth": json.dumps(truth)}


def test_the_target_is_the_answer_or_the_whole_truth() -> None:
    assert reprise.target(doc("aime24", answer="204")) == "204"
    assert reprise.target(doc("countdown", numbers=[1, 2], target=3)) == (
        '{"numbers": [1, 2], "target": 3}'
    )


def test_all_samples_are_graded(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[Item], str]] = []

    def exact(items: list[Item], *, grader: str) -> list[Verdict]:
        seen.append((items, grader))
        return [
            Verdict(correct=item.response == item.truth["answer"], extracted=None, how="text")
            for item in items
        ]

    monkeypatch.setattr(reprise, "grade_all", exact)
    found = reprise.score(doc("aime24", answer="7"), [["7", "8", "7", "9"]])
    ((items, grader),) = seen
    assert grader == "reprise" and [item.response for item in items] == ["7", "8", "7", "9"]
    assert found["avg@k"] == 0.5 and found["pass@k"] == 1.0
    assert found["k"] == 4 and found["distinct"] == 0.75
    wrong = reprise.score(doc("aime24", answer="7"), [["8"] * 4])
    assert wrong["pass@k"] == 0.0 and wrong["distinct"] == 0.25
    intervals = [found["avg@k_low"], wrong["avg@k_low"]] * 20
    assert 0.0 < reprise.low(intervals) < 0.25 < reprise.high(intervals) < 0.5


def test_the_data_set_keeps_the_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    if not SHARED.is_dir():
        pytest.skip("no ../shared/benchmarks")
    monkeypatch.delenv("REPRISE_BENCHMARKS", raising=False)
    rows = reprise.problems("olympiadbench", folder=str(SHARED), version=1.0, pretrained="x")
    loaded = load_problems("olympiadbench", SHARED).problems
    assert [row["problem"] for row in rows["test"]] == [problem.problem for problem in loaded]
    assert [json.loads(row["truth"]) for row in rows["test"]] == [p.truth for p in loaded]


def lm_eval(folder: Path, *arguments: str) -> dict[str, Any]:
    """Runs the real command on the tiny model; the results file."""
    command = Path(sys.executable).with_name("lm_eval")
    if not command.exists():
        pytest.skip("lm-eval is not installed")
    options = {
        "--include_path": TASKS,
        "--model": "hf",
        "--model_args": f"pretrained={TINY},dtype=float32",
        "--device": "cpu",
        "--limit": 3,
        "--batch_size": 64,
        "--gen_kwargs": "max_gen_toks=48",
        "--output_path": folder,
    }
    given = [str(part) for option in options.items() for part in option]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "REPRISE_CACHE": str(folder / "cache")}
    if SHARED.is_dir():
        environment["REPRISE_BENCHMARKS"] = str(SHARED)
    ran = subprocess.run(
        [str(command), *given, "--apply_chat_template", "--log_samples", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    (results,) = folder.glob("*/results_*.json")
    content: dict[str, Any] = json.loads(results.read_text())
    return content


@pytest.mark.slow
def test_the_real_command_grades_k_distinct_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRISE_CACHE", str(tmp_path / "cache"))
    tasks = "reprise_countdown_small" + (",reprise_math500" if SHARED.is_dir() else "")
    results = lm_eval(tmp_path, "--tasks", tasks)["results"]
    for name, found in results.items():
        card = describe(name.removeprefix("reprise_"))
        (path,) = tmp_path.glob(f"*/samples_{name}_*.jsonl")
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert [len(line["resps"][0]) for line in lines] == [card.samples_per_problem] * 3
        assert found["k,all"] == card.samples_per_problem
        assert found["avg@k_low,all"] <= found["avg@k,all"] <= found["avg@k_high,all"]
        assert found["avg@k,all"] == pytest.approx(regraded(path, card))
    small = results["reprise_countdown_small"]
    assert small["distinct,all"] > 0.3 and small["avg@k,all"] > 0.0


def regraded(log: Path, card: BenchmarkCard) -> float:
    """avg@k of lm-eval's own log, read and graded by us."""
    folder = SHARED if SHARED.is_dir() else None
    truths = {p.id: p for p in load_problems(card.name, folder).problems}
    responses = match(read_log(log), list(truths.values()))
    verdicts = grade_all(
        [
            Item(truth=truths[id_].truth, response=sample.response)
            for id_, samples in responses.items()
            for sample in samples
        ],
        grader=grader_of(card),
    )
    return sum(verdict.correct for verdict in verdicts) / len(verdicts)
