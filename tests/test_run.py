"""run.py as a user meets it: help, plan, emit, wrong input; and that it stays light."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import run as door

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "verl", "vllm", "ray", "wandb", "submitit", "transformers", "lm_eval", "datasets"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "run.py", *arguments], cwd=ROOT, capture_output=True, text=True
    )


def test_help_names_groups_choices_actions_and_examples() -> None:
    text = run("--help").stdout
    for word in ("hardware", "4xA800", "tinyzero", "action=NAME", "conformance"):
        assert word in text
    assert text.count("python run.py") >= 3


def test_action_help() -> None:
    assert "needs no GPU" in run("action=plan", "--help").stdout


@pytest.mark.parametrize("arguments", [["--help"], ["+repro=tinyzero", "action=plan"], []])
def test_nothing_heavy_is_imported(arguments: list[str]) -> None:
    code = (
        "import sys, run\n"
        f"sys.argv = ['run.py', *{arguments!r}]\n"
        f"code = run.main({arguments!r}) if {arguments!r} else 0\n"
        f"print('heavy', sorted({HEAVY!r} & set(sys.modules)), code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.endswith("heavy [] 0\n"), done.stdout[-200:] + done.stderr


def test_plan_of_the_full_run() -> None:
    done = run("+repro=tinyzero", "hardware=4xA800", "action=plan")
    assert done.returncode == 0, done.stderr
    for word in ("256 prompts x 1 = 256", "4 optimizer updates", "19,200", "verl.trainer.main_ppo"):
        assert word in done.stdout


def test_emit_prints_json_and_nothing_else() -> None:
    done = run("+repro=tinyzero", "hardware=4xA800", "action=emit")
    assert json.loads(done.stdout)["train"]["algorithm.adv_estimator"] == "gae"


def test_list_names_tinyzero() -> None:
    assert "tinyzero" in run("action=list").stdout


def test_conformance_of_the_shipped_cases() -> None:
    cases = "cases=reproductions/tinyzero/golden.jsonl"
    done = run("+repro=tinyzero", "action=conformance", cases)
    assert done.returncode == 0 and " agree" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["+repro=tinyzro"], "did you mean tinyzero?"),
        (["model=tiny"], "did you mean tiny_forms?"),
        (["tinyzero"], "+repro=name (recipes: "),
        (["algorithm=ppo,grpo"], "add -m"),
        (["algorithm.optimizer.lrr=1"], "did you mean algorithm.optimizer.lr?"),
        (["action=pln"], "did you mean plan?"),
        (["seed=abc"], "valid integer"),
        (["action=conformance"], "needs a recipe"),
        (["+repro=tinyzero", "hardware=4xA800"], "Three ways on"),
        (["tracking=wandb", "tracking.wandb_mode=online"], "WANDB_API_KEY"),
        (["model.path=/nowhere"], "is no folder here"),
    ],
)
def test_wrong_input_is_told_clearly(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["run.py"])
    door.exit_codes.clear()
    assert door.main([*arguments, f"output_root={tmp_path}/out"]) == 2
    assert message in capsys.readouterr().err


def test_an_error_is_a_line_and_an_exit_code() -> None:
    done = run("+repro=tinyzro")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr
