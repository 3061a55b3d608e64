"""The report: hostile model output, missing and broken files, attempts, numbers."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.report import curves
from harness.report.page import (
    attempt_starts,
    claims,
    script_json,
    step_metrics,
    write_report,
)

SCORES_FILE = "evaluation/held_out-0/held_out/scores.json"
HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} \u2028 "quoted"'


def interval(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "method": "bootstrap"}


def model(label: str, value: float) -> dict[str, Any]:
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
    }


SCORES: dict[str, Any] = {
    "benchmark": "held_out",
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
    "origin": HOSTILE,
    "samples_per_problem": 4,
    "models": [model("base", 0.31), model("trained", 0.62)],
    "difference": {
        "before": "base",
        "after": "trained",
        "paired": interval(0.31, 0.26, 0.36),
        "sampling": interval(0.31, 0.28, 0.34),
        "verdict": "improved: the 95 % interval of the paired difference excludes zero",
    },
    "checks": [{"name": "generations per problem", "passed": True, "detail": HOSTILE}],
}


def step(number: int, attempt: int, score: float) -> dict[str, Any]:
    metrics = {"critic/score/mean": score, "response_length/mean": 60.0 + number}
    return {"time": 0.0, "attempt": attempt, "kind": "step", "stage": "train", "step": number,
            "metrics": metrics}  # fmt: skip


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A finished run of two attempts whose every text is hostile."""
    evaluation = tmp_path / "evaluation" / "held_out-0" / "held_out"
    evaluation.mkdir(parents=True)
    (tmp_path / "train").mkdir()
    spec = {"repro": None, "miniature": True, "data": {"template": HOSTILE}}
    run = {"identity": "0123456789abcdef", "name": HOSTILE, "spec": spec}
    (tmp_path / "run.json").write_text(json.dumps(run))
    (tmp_path / "status.json").write_text(json.dumps({"state": "done", "attempt": 2}))
    (tmp_path / "train" / "command.txt").write_text(HOSTILE)
    events = [step(n, 1, 0.3 + 0.01 * n) for n in range(1, 7)]
    events += [step(n, 2, 0.5) for n in range(5, 10)]
    events += [
        {"kind": "stage_done", "attempt": 2, "stage": "train", "seconds": 71.0, "note": HOSTILE}
    ]
    (tmp_path / "events.jsonl").write_text(lines(events) + '{"half')
    (evaluation / "scores.json").write_text(json.dumps(SCORES))
    said = {"benchmark": "held_out", "label": "trained", "sentences": [f"a claim {HOSTILE}"]}
    (evaluation.parent / "statement.json").write_text(json.dumps({"statements": [said]}))
    for label in ("base", "trained"):
        rows = [
            {"id": str(i), "sample": 0, "prompt": HOSTILE, "response": HOSTILE,
             "response_tokens": 50 + i, "truncated": False}
            for i in range(5)
        ]  # fmt: skip
        verdicts = [
            {"id": str(i), "sample": 0, "value": 1.0, "correct": i % 2 == 0, "extracted": HOSTILE}
            for i in range(5)
        ]
        (evaluation / f"samples-{label}-0.jsonl").write_text(lines(rows))
        (evaluation / f"verdicts-{label}.jsonl").write_text(lines(verdicts))
    return tmp_path


def test_hostile_text_never_becomes_markup(run_dir: Path) -> None:
    page = write_report(run_dir).read_text()
    assert "<img" not in page
    assert "<script>alert" not in page
    assert len(re.findall(r"</script", page)) == 2
    assert "49" not in re.findall(r"<h1>.*?</h1>", page, re.S)[0]


def test_sample_data_survives_the_escaping(run_dir: Path) -> None:
    page = write_report(run_dir).read_text()
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert data is not None
    samples = json.loads(data.group(1))
    assert len(samples) == 10
    assert {sample["label"] for sample in samples[:2]} == {"base", "trained"}
    assert samples[0]["response"] == HOSTILE
    assert samples[0]["correct"] is True


def test_page_needs_no_network(run_dir: Path) -> None:
    page = write_report(run_dir).read_text()
    assert not re.search(r'(?:src|href)\s*=\s*"|@import|url\(', page.replace("src=x", ""))
    assert "default-src 'none'" in page


def test_verdict_comes_first_with_both_intervals(run_dir: Path) -> None:
    page = write_report(run_dir).read_text()
    assert page.index("excludes zero") < page.index("Training")
    assert "+31.0 points on held_out" in page
    assert "[27.0 %, 35.0 %]" in page
    assert "[+26.0, +36.0]" in page


def test_empty_directory_says_not_run(tmp_path: Path) -> None:
    page = write_report(tmp_path).read_text()
    for said in ("Evaluation: not run", "Training steps: not run", "Samples: not run",
                 "run.json is not there"):  # fmt: skip
        assert said in page


@pytest.mark.parametrize("name", ["run.json", "status.json", "events.jsonl"])
@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "null", '{"spec": 3, "kind": "step"}'])
def test_broken_files_are_no_exception(run_dir: Path, name: str, content: str) -> None:
    (run_dir / name).write_text(content)
    assert write_report(run_dir).exists()


def test_scores_of_another_shape_are_said_and_not_raised(run_dir: Path) -> None:
    (run_dir / SCORES_FILE).write_text('{"models": [{"label": "base"}]}')
    page = write_report(run_dir).read_text()
    assert "Evaluation: not run" in page
    assert "cannot be shown" in page


def test_latest_attempt_wins_and_attempts_are_marked() -> None:
    events = [step(n, 1, 0.1) for n in range(1, 7)] + [step(n, 2, 0.9) for n in range(5, 9)]
    metrics = step_metrics(events)
    assert [metrics[n]["critic/score/mean"] for n in (4, 5, 6, 8)] == [0.1, 0.9, 0.9, 0.9]
    assert attempt_starts(events) == [5]


def test_reproduction_names_claim_and_differences(run_dir: Path) -> None:
    run = {"name": "r", "identity": "i", "spec": {"repro": "tinyzero", "miniature": True}}
    (run_dir / "run.json").write_text(json.dumps(run))
    page = write_report(run_dir).read_text()
    assert "Upstream publishes no number" in page
    assert "Not as upstream" in page
    assert "miniature" in page


def test_script_json_has_no_markup_characters() -> None:
    assert not set("<>&\u2028") & set(script_json({"a": HOSTILE}))


@pytest.mark.parametrize("values", [[1.0], [2.0, 2.0], [0.0, 0.0], [1e-9, 5e6], [-1.0, 3.0]])
def test_line_chart_holds_for_any_range(values: list[float]) -> None:
    chart = curves.line_chart("t", [(float(i), v) for i, v in enumerate(values)], [1.0])
    assert chart.startswith("<svg")
    assert "nan" not in chart


def test_line_chart_leaves_out_what_is_not_a_number() -> None:
    assert curves.line_chart("t", [(1.0, float("nan"))]) == ""
    assert "nan" not in curves.line_chart("t", [(1.0, 1.0), (2.0, float("inf")), (3.0, 2.0)])


def test_histogram_with_one_value_and_with_none() -> None:
    assert curves.histogram("t", []) == ""
    assert curves.histogram("t", [("base", [5.0, 5.0])]).startswith("<svg")


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.0, 17.0), (0.00012, 0.00037)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    found = curves.ticks(low, high)
    assert 2 <= len(found) <= 6
    assert all(low <= tick <= high for tick in found)


def test_what_is_said_about_a_score_is_shown(run_dir: Path) -> None:
    assert "<p>a claim &lt;/script" in write_report(run_dir).read_text()


def test_an_evaluation_by_itself_shows_no_training(run_dir: Path) -> None:
    run = {"kind": "evaluation", "name": "e", "identity": "i", "spec": {"repro": None}}
    (run_dir / "run.json").write_text(json.dumps(run))
    (run_dir / "train" / "command.txt").unlink()
    page = write_report(run_dir).read_text()
    assert "Seconds per step" not in page and "Training steps" not in page and "veRL" not in page
    assert "+31.0 points on held_out" in page


def test_a_spoilt_score_is_called_invalid(run_dir: Path) -> None:
    broken = {"name": "canaries", "passed": False, "detail": "wrong on 7", "spoils": True}
    (run_dir / SCORES_FILE).write_text(json.dumps({**SCORES, "checks": [broken]}))
    page = write_report(run_dir).read_text()
    assert "INVALID, for this does not hold: canaries" in page
    assert "canaries: wrong on 7" in page


def test_each_protocol_keeps_its_own_statements_and_samples(run_dir: Path) -> None:
    first = run_dir / "evaluation" / "held_out-0"
    second = run_dir / "evaluation" / "held_out-1"
    shutil.copytree(first, second)
    (second / "held_out" / "scores.json").write_text(json.dumps(SCORES | {"key": "g", "seed": 7}))
    said = {"benchmark": "held_out", "label": "trained", "sentences": ["said under seed 7"]}
    (second / "statement.json").write_text(json.dumps({"statements": [said]}))
    page = write_report(run_dir).read_text()
    assert page.count("said under seed 7") == 1
    assert page.count("<p>a claim") == 1
    assert page.index("<p>a claim") < page.index("seed 0") < page.index("said under seed 7")
    assert {"held_out (held_out-0)", "held_out (held_out-1)"} <= set(
        re.findall(r"<option>(.*?)</option>", page)
    )


def test_samples_set_aside_or_beyond_k_are_not_shown(run_dir: Path) -> None:
    folder = run_dir / "evaluation" / "held_out-0" / "held_out"
    (folder / "stale-12345678-1").mkdir()
    file = folder / "samples-base-0.jsonl"
    shutil.copy(file, folder / "stale-12345678-1")
    with file.open("a") as more:
        more.write(json.dumps({"id": "0", "sample": 1, "prompt": "p", "response": "r"}) + "\n")
    page = write_report(run_dir).read_text()
    assert "stale-" not in page
    assert "10 of 10 samples" in page


def test_a_long_path_breaks_instead_of_widening_a_narrow_page(run_dir: Path) -> None:
    assert re.search(r"p, li \{ overflow-wrap: anywhere; \}", write_report(run_dir).read_text())


@pytest.mark.parametrize(("detectable", "said"), [(0.05, "from 5.0 points on"), (1.98, "So few")])
def test_resolution_is_a_difference_that_shares_can_have(
    run_dir: Path, detectable: float, said: str
) -> None:
    models = [one | {"detectable": detectable} for one in SCORES["models"]]
    (run_dir / SCORES_FILE).write_text(json.dumps(SCORES | {"models": models}))
    assert said in write_report(run_dir).read_text()


def test_a_claim_shows_what_it_states_and_nothing_else() -> None:
    (line,) = claims({"claims": [{"benchmark": "aime24", "value": 43.1, "note": None}]})
    assert line == "benchmark: aime24; value: 43.1"
