"""`action=eval` and `action=score` by their command lines, on the tiny model: benchmarks with
k > 1, what is drawn again, a broken instrument, control and contamination inside a run."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.evals.backends.server import deaf, serving
from tests.test_end_to_end import ROOT, SMALL, check_complete, finish, only_run

VLLM = ROOT / ".venv-vllm" / "bin" / "python"
BENCHMARKS = ROOT.parent / "shared" / "benchmarks"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the benchmarks' problems are not here"),
]

VARIED = ("eval.sampling.temperature=1.5", "eval.sampling.top_p=1.0", "eval.max_tokens=24")


def protocol(k: int, *names: str, problems: int = 5) -> str:
    """The override for the first problems of some benchmarks."""
    entries = ", ".join(
        f"{{name: {name}, samples_per_problem: {k}, max_problems: {problems}}}" for name in names
    )
    return f"eval.benchmarks=[{entries}]"


def evaluate(root: Path, *overrides: str) -> tuple[int, str]:
    """`action=eval eval=aime24` with the benchmarks' files at hand."""
    return finish(root, "action=eval", "eval=aime24", f"eval.folder={BENCHMARKS}", *overrides)


def drawn(root: Path) -> dict[str, int]:
    """Lines of every sample file, by benchmark."""
    return {
        path.parent.name: len(path.read_text().splitlines())
        for path in only_run(root).rglob("samples-model-*.jsonl")
    }


def test_three_benchmarks_then_more_samples_then_nothing(tmp_path: Path) -> None:
    names = ("aime24", "amc23", "math500")
    code, output = evaluate(tmp_path, *VARIED, protocol(2, *names))
    assert code == 0, output
    for name in names:
        assert f"{name}, 5 problems, in percent" in output
    assert "to look at" in output and "truncated" in output
    assert drawn(tmp_path) == dict.fromkeys(names, 10)
    before = {path: path.read_text() for path in tmp_path.rglob("samples-*.jsonl")}

    code, output = evaluate(tmp_path, *VARIED, protocol(3, *names))
    assert code == 0, output
    assert drawn(tmp_path) == dict.fromkeys(names, 15)
    for path, text in before.items():
        assert path.read_text().startswith(text)

    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("samples-*.jsonl")}
    code, output = evaluate(tmp_path, *VARIED, protocol(3, *names))
    assert code == 0, output
    assert {path: path.stat().st_mtime_ns for path in written} == written
    page = (only_run(tmp_path) / "report.html").read_text()
    assert "math500" in page and "Training steps" not in page


def test_countdown_gives_real_numbers(tmp_path: Path) -> None:
    code, output = finish(tmp_path, "action=eval", "eval=countdown_small")
    assert code == 0, output
    (path,) = only_run(tmp_path).rglob("scores.json")
    (model,) = json.loads(path.read_text())["models"]
    assert 0 < model["accuracy"]["value"] < 1
    assert model["accuracy"]["low"] < model["accuracy"]["value"] < model["accuracy"]["high"]
    assert model["run_sd"] > 0


def test_copies_of_one_sample_make_the_score_invalid(tmp_path: Path) -> None:
    code, output = evaluate(
        tmp_path, "eval.sampling.temperature=1e-3", "eval.max_tokens=8", protocol(3, "aime24")
    )
    assert code == 1
    assert "INVALID" in output and "one sample counted k times" in output
    status = json.loads((only_run(tmp_path) / "status.json").read_text())
    assert status["state"] == "failed"
    assert "INVALID" in (only_run(tmp_path) / "report.html").read_text()


def test_a_missing_benchmark_names_three_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("REPRISE_BENCHMARKS", raising=False)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    code, output = finish(tmp_path / "out", "action=eval", "eval=aime24", *VARIED)
    assert code == 1
    assert "Three ways to provide it" in output and "eval.folder=" in output


def test_a_log_of_somebody_else_is_scored(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    for line in (BENCHMARKS / "aime24.jsonl").read_text().splitlines():
        row = json.loads(line)
        for sample in range(2):
            answer = row["answer"] if sample == 0 else "-1"
            response = f"Try {sample}: it is $\\boxed{{{answer}}}$."
            rows.append({"problem": row["problem"], "response": response})
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    wanted = ("action=score", f"samples={log}", "eval=aime24", f"eval.folder={BENCHMARKS}")
    code, output = finish(tmp_path / "out", *wanted)
    assert code == 0, output
    assert "50.0 [" in output and "math_verify 50.0%" in output
    log.write_text("".join(json.dumps(row) + "\n" for row in rows[:-2]))
    code, output = finish(tmp_path / "out", *wanted)
    assert code == 1 and "1 of 30 have none" in output


def test_a_run_with_control_benchmark_and_contamination(tmp_path: Path) -> None:
    code, output = finish(
        tmp_path, "+repro=tinyzero", "algorithm=grpo", "algorithm.prompts_per_step=4",
        "algorithm.mini_batch_prompts=4", "algorithm.group_size=4", "schedule.steps=2", *SMALL,
        "control.enabled=true", "control.model=harness/tiny/countdown",
        f"eval.folder={BENCHMARKS}",
        "eval.benchmarks=[{name: held_out, samples_per_problem: 2, max_problems: 8}, "
        "{name: aime24, samples_per_problem: 2, max_problems: 3, "
        "prompt: {render: raw, template: '{problem}'}}]",
        "eval.sampling.temperature=1.5",
    )  # fmt: skip
    assert code == 0, output
    check_complete(only_run(tmp_path), 2)
    assert "control" in output and "no claim to hold it against" in output
    assert "contamination of aime24: 0 problems occur whole in the training set" in output
    assert "aime24, 3 problems" in output and "held_out, 8 problems" in output


def test_an_evaluation_needs_no_training_packages() -> None:
    code = (
        "import sys, harness.evaluation, harness.scoring;"
        "print({'torch', 'verl', 'ray', 'vllm'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "set()"


def test_a_server_on_loopback_and_one_that_repeats_itself(tmp_path: Path) -> None:
    with serving() as server:
        wanted = (
            "backend=openai", f"backend.url={server.url}", "model.path=tiny", *VARIED,
            protocol(4, "aime24"),
        )  # fmt: skip
        code, output = evaluate(tmp_path / "varied", *wanted)
        assert code == 0, output
        server.answer = deaf
        code, output = evaluate(tmp_path / "same", *wanted)
    assert code == 1 and "one sample counted k times" in output, output
    code, output = evaluate(tmp_path / "down", *wanted)
    assert code == 1 and server.url in output, output


@pytest.mark.skipif(not VLLM.exists(), reason="make vllm sets up vLLM on a CPU")
def test_vllm_in_its_own_environment(tmp_path: Path) -> None:
    code, output = finish(
        tmp_path, "action=eval", "eval=countdown_small", "backend=vllm", f"backend.python={VLLM}"
    )
    assert code == 0, output
    (path,) = only_run(tmp_path).rglob("scores.json")
    (model,) = json.loads(path.read_text())["models"]
    assert 0.2 < model["accuracy"]["value"] < 0.4
    (attempt,) = model["generation"]["attempts"]
    assert attempt["engine"] == "vllm" and attempt["sampling"]["temperature"] == 1.0
