"""`action=eval` at token budgets on the tiny model: killed, resumed, held against a claimed curve,
then read out at token limits without drawing again."""

import json
import signal
import time
from pathlib import Path

import pytest

from tests.test_end_to_end import finish, only_run, start

pytestmark = pytest.mark.slow

ASKED = (
    "action=eval", "eval=countdown_budgets", "eval.budgets.tokens=[32,96]",
    "eval.budgets.longest=1.25", "backend.batch_size=20",
    "eval.benchmarks=[{name: countdown_small, samples_per_problem: 4, max_problems: 40}]",
)  # fmt: skip
CURVE = (
    "claim={kind: curve, x: prompt_budget, metric: avg@4, samples_per_problem: 4, "
    "points: [{tokens: 32, value: 99}, {tokens: 96, value: 0}]}"
)


def drawn(root: Path) -> dict[str, str]:
    """The sample files, by the score that they belong to."""
    return {path.parent.name: path.read_text() for path in root.rglob("samples-model-0.jsonl")}


def killed_between_budgets(root: Path) -> dict[str, str]:
    """Ends the evaluation when some responses are there, but not all of them."""
    child = start(root, *ASKED)
    while child.poll() is None:
        if "".join(drawn(root).values()).count("\n") >= 20:
            child.send_signal(signal.SIGTERM)
            break
        time.sleep(0.02)
    child.communicate(timeout=120)
    return drawn(root)


def test_a_curve_over_budgets_is_resumed_judged_and_cut(tmp_path: Path) -> None:
    before = killed_between_budgets(tmp_path)
    assert 20 <= "".join(before.values()).count("\n") < 320
    code, output = finish(tmp_path, *ASKED, CURVE)
    assert code == 0, output
    after = drawn(tmp_path)
    assert {name: text.count("\n") for name, text in after.items()} == {
        "countdown_small@32": 160, "countdown_small@96": 160,
    }  # fmt: skip
    for name, text in before.items():
        assert after[name].startswith(text[: text.rfind("\n") + 1])

    assert "countdown_small@32, 40 problems" in output
    assert "asked for 32 tokens: off by" in output
    assert "avg@4 at a budget of 32 tokens, the command line): BELOW" in output
    # The tiny model knows no budgets, and their text makes it answer nothing right.
    assert "avg@4 at a budget of 96 tokens, the command line): REPRODUCED" in output
    scores = {
        json.loads(path.read_text())["benchmark"]: json.loads(path.read_text())
        for path in tmp_path.rglob("scores.json")
    }
    small, large = scores["countdown_small@32"], scores["countdown_small@96"]
    assert (small["protocol"]["max_tokens"], large["protocol"]["max_tokens"]) == (40, 120)
    lengths = [
        json.loads(line)["response_tokens"] for line in after["countdown_small@32"].splitlines()
    ]
    assert max(lengths) == 40 == small["models"][0]["lengths"]["longest"]
    error = sum(abs(length - 32) / 32 for length in lengths) / len(lengths)
    assert small["models"][0]["budget"]["error"]["value"] == pytest.approx(error)
    prompt = json.loads(after["countdown_small@32"].splitlines()[0])["prompt"]
    assert " Think for 32 tokens.\nAssistant:" in prompt
    run = only_run(tmp_path)
    (curve,) = json.loads((run / "report.json").read_text())["curves"]
    assert [point["tokens"] for point in curve["points"]] == [32, 96]
    assert "of 2 claimed points 1 reproduced, 1 below" in (run / "report.html").read_text()

    code, output = finish(tmp_path, *ASKED, "eval.limits=[20,40]")
    assert code == 0 and "cut at 20 tokens, not asked again: model " in output, output
    assert drawn(tmp_path) == after


def test_a_log_is_read_out_at_limits(tmp_path: Path) -> None:
    code, output = finish(
        tmp_path / "drawn", "action=eval", "eval=countdown_small",
        "eval.benchmarks=[{name: countdown_small, samples_per_problem: 4, max_problems: 20}]",
    )  # fmt: skip
    assert code == 0, output
    (log,) = (tmp_path / "drawn").rglob("samples-model-0.jsonl")
    code, output = finish(
        tmp_path / "scored", "action=score", f"samples={log}", "eval=countdown_small",
        "eval.benchmarks=[{name: countdown_small, samples_per_problem: 4, max_problems: 20}]",
        "eval.limits=[30,128]",
    )  # fmt: skip
    assert code == 0, output
    (path,) = (tmp_path / "scored").rglob("scores.json")
    (model,) = json.loads(path.read_text())["models"]
    cut, whole = model["limits"]
    assert whole["accuracy"]["value"] == model["accuracy"]["value"] > cut["accuracy"]["value"]
    assert (whole["longer"], model["tokens"]["all"]["value"]) == (0.0, model["lengths"]["mean"])
