"""The run's page as a whole: hostile model output, missing and broken files, what comes where."""

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.report.run.page import write_report
from tests.report.making import HOSTILE, lines, make_run, model, sample, scores

SCORES_FILE = "evaluation/held_out-0/held_out/scores.json"
ROWS = [
    sample(problem, label, prompt=HOSTILE, response=HOSTILE, extracted=HOSTILE)
    for label in ("base", "trained")
    for problem in range(5)
]


def spoil(run_dir: Path, **fields: Any) -> None:
    """Writes other scores into a run."""
    (run_dir / SCORES_FILE).write_text(json.dumps(scores(**fields)))


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A finished run of two attempts whose every text is hostile."""
    folder = tmp_path / "run"
    score = scores(origin=HOSTILE, checks=[{"name": "a", "passed": True, "detail": HOSTILE}])
    return make_run(
        folder, rows=ROWS, name=HOSTILE, note=HOSTILE, score=score, sentences=[f"a claim {HOSTILE}"]
    )


def page_of(run_dir: Path) -> str:
    """The page without its scripts, styles and packed libraries."""
    text = write_report(run_dir).read_text()
    return re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.S)


def test_hostile_text_never_becomes_markup(run_dir: Path) -> None:
    text = write_report(run_dir).read_text()
    assert "<img" not in text
    assert "<script>alert" not in text
    assert text.count("<script") == text.count("</script")
    assert "49" not in re.findall(r"<h1>.*?</h1>", text, re.S)[0]


def test_hostile_text_is_no_markup_in_the_summary(run_dir: Path) -> None:
    write_report(run_dir)
    short = (run_dir / "report.md").read_text()
    assert not re.search(r"(?<!\\)[<>]", short)


def test_halves_of_surrogate_pairs_and_nul_are_no_exception(run_dir: Path) -> None:
    run = json.loads((run_dir / "run.json").read_text()) | {"name": "a\ud800b\0c"}
    (run_dir / "run.json").write_text(json.dumps(run))
    assert "a?b" in page_of(run_dir)


def test_page_needs_no_network(run_dir: Path) -> None:
    text = page_of(run_dir)
    assert not re.search(r'src\s*=|href\s*=\s*"(?!#)|@import|url\(', text.replace("src=x", ""))
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy[0].startswith("default-src 'none'")
    assert "eval" not in policy[0] and "http" not in policy[0]


def test_verdict_comes_first_with_both_intervals(run_dir: Path) -> None:
    text = page_of(run_dir)
    assert text.index("held_out: improved, +31.0 points") < text.index("Training</h2>")
    assert "+31.0 points on held_out" in text
    assert "[27.0 %, 35.0 %]" in text
    assert "[+26.0, +36.0]" in text


def test_sections_have_anchors_and_headings_in_order(run_dir: Path) -> None:
    text = page_of(run_dir)
    anchors = re.findall(r'<li><a href="#([\w-]+)">', text)
    assert anchors[0] == "result" and anchors[-1] == "provenance"
    assert all(f'id="{anchor}"' in text for anchor in anchors)
    levels = [int(level) for level in re.findall(r"<h([1-6])", text)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_no_id_is_there_twice(run_dir: Path) -> None:
    ids = re.findall(r'\sid="([^"]+)"', page_of(run_dir))
    assert len(ids) == len(set(ids))


def test_empty_directory_says_not_run(tmp_path: Path) -> None:
    text = page_of(tmp_path)
    for said in (
        "Evaluation: not run",
        "Training steps: not run",
        "Samples: not run",
        "Stages: not run",
        "Provenance: not written",
        "run.json is not there",
    ):
        assert said in text


@pytest.mark.parametrize(
    "name", ["run.json", "status.json", "events.jsonl", "provenance.json", "plan.json"]
)
@pytest.mark.parametrize(
    "content",
    ["", "{", "[1, 2]", "null", '{"spec": 3, "kind": "step", "stages": 3, "total": 3, "code": 3}',
     '{"spec": {"stages": 3, "repro": 3, "hardware": 3, "data": [1]}, "stages": [3], "price": 1}'],
)  # fmt: skip
def test_broken_files_are_no_exception(run_dir: Path, name: str, content: str) -> None:
    (run_dir / name).write_text(content)
    assert "Provenance" in page_of(run_dir)


def test_unknown_recipes_and_old_configurations_are_said_and_not_raised(run_dir: Path) -> None:
    for spec in ({"repro": "nobody"}, {"repro": "tinyzero", "variant": 7}, {"repro": "tinyzero"}):
        run = {"name": "r", "identity": "i", "spec": spec}
        (run_dir / "run.json").write_text(json.dumps(run))
        assert "fidelity could not be computed" in page_of(run_dir)


def test_scores_of_another_shape_are_said_and_not_raised(run_dir: Path) -> None:
    (run_dir / SCORES_FILE).write_text('{"models": [{"label": "base"}]}')
    text = page_of(run_dir)
    assert "Evaluation: not run" in text
    assert f"{SCORES_FILE} cannot be shown" in text


def test_reproduction_names_claim_and_differences(run_dir: Path) -> None:
    run = {"name": "r", "identity": "i", "spec": {"repro": "tinyzero", "miniature": True}}
    (run_dir / "run.json").write_text(json.dumps(run))
    text = page_of(run_dir)
    assert "Upstream publishes no number" in text
    assert "Not as upstream" in text
    assert "in miniature" in text
    assert re.search(r"\d+ same", text)


def test_a_miniature_says_that_it_says_nothing_about_the_claims(run_dir: Path) -> None:
    run = {"name": "r", "identity": "i", "spec": {"repro": "deepscaler", "miniature": True}}
    (run_dir / "run.json").write_text(json.dumps(run))
    text = page_of(run_dir)
    assert "says nothing about the published claims" in text
    assert text.count('<span class="word open">not run</span>') == 5
    assert "43.1 %" in text


def test_without_a_card_nobody_says_that_nothing_departs(run_dir: Path) -> None:
    run = {"name": "r", "identity": "i", "spec": {"repro": "nobody"}}
    (run_dir / "run.json").write_text(json.dumps(run))
    text = page_of(run_dir)
    assert "no known difference" not in text
    assert "What departs from upstream is not known" in text


def test_a_loss_that_is_no_number_is_said(run_dir: Path) -> None:
    event = {"kind": "step", "step": 10, "attempt": 2, "metrics": {"train/loss": float("nan")}}
    with (run_dir / "events.jsonl").open("a") as log:
        log.write("\n" + lines([event]))
    assert "train/loss was nan or infinite at 1 of 1 steps" in page_of(run_dir)


def test_gpus_of_a_stage_that_holds_fewer_are_named(run_dir: Path) -> None:
    hardware = {"device": "cuda", "nodes": 1, "gpus_per_node": 8}
    run = {"name": "r", "identity": "i", "spec": {"repro": None, "hardware": hardware}}
    (run_dir / "run.json").write_text(json.dumps(run))
    stages = [{"name": "train", "gpus": 8}, {"name": "evaluate", "gpus": 1}]
    (run_dir / "plan.json").write_text(json.dumps({"stages": stages}))
    assert "8 GPUs, 1 for evaluate." in page_of(run_dir)


def test_what_is_said_about_a_score_is_shown(run_dir: Path) -> None:
    assert "a claim &lt;/script" in page_of(run_dir)


def test_an_evaluation_by_itself_shows_no_training(run_dir: Path) -> None:
    run = {"kind": "evaluation", "name": "e", "identity": "i", "spec": {"repro": None}}
    (run_dir / "run.json").write_text(json.dumps(run))
    (run_dir / "train" / "command.txt").unlink()
    text = page_of(run_dir)
    for absent in ("Seconds per step", "Training steps", "veRL", "Fidelity", "Time and cost"):
        assert absent not in text
    assert "+31.0 points on held_out" in text


def test_a_spoilt_score_is_called_invalid(run_dir: Path) -> None:
    broken = {"name": "canaries", "passed": False, "detail": "wrong on 7", "spoils": True}
    spoil(run_dir, checks=[broken])
    text = page_of(run_dir)
    assert "INVALID, for this does not hold: canaries" in text
    assert "canaries: wrong on 7" in text
    assert "The numbers below are no result." in text
    assert "<strong>62.0 %" not in text and "scores-chart" not in text
    assert '<p class="headline bad">The scores are invalid.</p>' in text


def test_each_protocol_keeps_its_own_statements_and_samples(run_dir: Path) -> None:
    first = run_dir / "evaluation" / "held_out-0"
    second = run_dir / "evaluation" / "held_out-1"
    shutil.copytree(first, second)
    (second / "held_out" / "scores.json").write_text(json.dumps(scores(key="g", seed=7)))
    said = {"benchmark": "held_out", "label": "trained", "sentences": ["said under seed 7"]}
    (second / "statement.json").write_text(json.dumps({"statements": [said]}))
    text = page_of(run_dir)
    assert text.count("said under seed 7") == 1
    assert text.count(">a claim") == 1
    assert text.index(">a claim") < text.index("seed 0") < text.index("said under seed 7")
    assert {"held_out (held_out-0)", "held_out (held_out-1)"} <= set(
        re.findall(r">([^<]*)</option>", text)
    )


def test_samples_set_aside_or_beyond_k_are_not_shown(run_dir: Path) -> None:
    folder = run_dir / "evaluation" / "held_out-0" / "held_out"
    (folder / "stale-12345678-1").mkdir()
    file = folder / "samples-base-0.jsonl"
    shutil.copy(file, folder / "stale-12345678-1")
    with file.open("a") as more:
        more.write(json.dumps({"id": "0", "sample": 1, "prompt": "p", "response": "r"}) + "\n")
    text = page_of(run_dir)
    assert "stale-" not in text
    assert "All 10 samples" in text
    assert "held_out: 1 sample(s) of base have no verdict and are left out" in text


@pytest.mark.parametrize(("detectable", "said"), [(0.05, "from 5.0 points on"), (1.98, "So few")])
def test_resolution_is_a_difference_that_shares_can_have(
    run_dir: Path, detectable: float, said: str
) -> None:
    spoil(run_dir, models=[model("base", 0.3, detectable=detectable)], difference=None)
    assert said in page_of(run_dir)


def test_all_numbers_of_a_score_are_shown(run_dir: Path) -> None:
    second = {"grader": "lighteval", "accuracy": 0.345, "only_first": 3, "only_second": 9}
    spoil(run_dir, models=[model("base", 0.3, second=second, run_sd=0.017)], difference=None)
    text = page_of(run_dir)
    for said in ("avg@4", "pass@k", "@4 40.0 %", "maj@4", "1.7 %", "0.300", "61.5", "lighteval"):
        assert said in text
    assert "34.5 %; 3 responses judged differently are right by the first only, 9 by the" in text


def test_the_data_say_what_the_page_says(run_dir: Path) -> None:
    text = page_of(run_dir)
    said = json.loads((run_dir / "report.json").read_text())
    assert said["verdict"]["headline"] in text
    assert said["scores"][0]["models"][1]["accuracy"]["value"] == 0.62
    assert "right" not in said["scores"][0]["models"][1]
    curve = next(one for one in said["learning"]["curves"] if one["title"] == "Reward")
    assert curve["steps"] == 9 and curve["finding"] in text
    assert [one["name"] for one in said["learning"]["boundaries"]] == ["attempt 2"]


def test_numbers_that_json_has_not_are_null(run_dir: Path) -> None:
    event = {"kind": "stage_done", "stage": "late", "attempt": 1, "seconds": float("nan")}
    with (run_dir / "events.jsonl").open("w") as log:
        log.write(lines([event]))
    write_report(run_dir)
    text = (run_dir / "report.json").read_text()
    assert json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert "late" in text


def test_what_is_about_a_benchmark_is_said_once(run_dir: Path) -> None:
    said = [
        {"benchmark": "held_out", "label": label, "sentences": ["an overlap of 3 problems"]}
        for label in ("base", "trained")
    ]
    path = run_dir / "evaluation/held_out-0/statement.json"
    path.write_text(json.dumps({"statements": said}))
    assert page_of(run_dir).count("an overlap of 3 problems") == 1


def test_sources_that_differ_in_case_only_are_two(run_dir: Path) -> None:
    claim = {"percent": 43.1, "metric": "avg@4", "word": "below", "reasons": ["why"],
             "differing": [], "unknown": [], "k_needed": None, "difference": None,
             "margin": None}  # fmt: skip
    claims = [claim | {"source": f"a/b@c:{name}"} for name in ("README.md", "readme.md")]
    said = {"benchmark": "held_out", "label": "trained", "claims": claims, "independent": None,
            "overlap": None}  # fmt: skip
    path = run_dir / "evaluation/held_out-0/statement.json"
    path.write_text(json.dumps({"statements": [said]}))
    text = page_of(run_dir)
    assert '<li id="source-1">a/b@c:README.md</li><li id="source-2">a/b@c:readme.md</li>' in text
