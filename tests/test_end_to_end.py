"""The whole loop on the CPU profile with the real stack: every trainer, kill and resume, damage."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.rundir import read_events
from harness.steps import effective_steps

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SMALL = (
    "data.train_rows=64",
    "data.test_rows=16",
    "eval.benchmarks=[{name: held_out, samples_per_problem: 2, max_problems: 8}]",
)
PPO = ("+repro=tinyzero", "algorithm.prompts_per_step=16", "algorithm.mini_batch_prompts=8", *SMALL)


def start(root: Path, *overrides: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "run.py", *overrides, f"output_root={root}"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def finish(root: Path, *overrides: str) -> tuple[int, str]:
    child = start(root, *overrides)
    output, _ = child.communicate(timeout=900)
    return child.returncode, output


def only_run(root: Path) -> Path:
    (run,) = root.iterdir()
    return run


def status(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "status.json").read_text())
    return content


def check_complete(run: Path, steps: int) -> dict[int, dict[str, float]]:
    assert status(run)["state"] == "done" and status(run)["step"] == steps
    for name in (
        "run.json",
        "provenance.json",
        "train/verl.json",
        "train/command.txt",
        "report.html",
    ):
        assert (run / name).stat().st_size > 0, name
    assert list((run / "model").glob("*.safetensors"))
    logged = effective_steps(read_events(run / "events.jsonl"))
    assert list(logged) == list(range(1, steps + 1))
    assert not list(run.rglob("*.partial"))
    return logged


def wait_for_step(run_root: Path, child: subprocess.Popen[str], step: int) -> Path:
    """Waits until the event log shows a step."""
    for _ in range(3000):
        runs = list(run_root.iterdir()) if run_root.exists() else []
        if runs and step in effective_steps(read_events(runs[0] / "events.jsonl")):
            return runs[0]
        assert child.poll() is None, child.communicate()[0]
        time.sleep(0.1)
    raise AssertionError("the step never came")


def processes_of(run: Path) -> list[str]:
    """Command lines of living processes that belong to a run, by their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(run).encode() in environment and command:
                found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_ppo_with_critic_and_kl_then_the_same_command_does_nothing_again(tmp_path: Path) -> None:
    code, output = finish(tmp_path, *PPO, "schedule.steps=3", "tracking=tensorboard")
    assert code == 0, output
    run = only_run(tmp_path)
    logged = check_complete(run, 3)
    assert {"critic/score/mean", "actor/entropy", "response_length/mean"} <= set(logged[1])
    assert any("critic/vf_loss" in name for name in logged[1])
    assert list((run / "tensorboard").iterdir())
    code, output = finish(tmp_path, *PPO, "schedule.steps=3", "tracking=tensorboard")
    assert code == 0 and "done before" in output, output
    assert status(run)["attempt"] == 2
    assert not (run / "logs" / "attempt_2" / "verl.log").exists()


def test_grpo_with_wandb_offline(tmp_path: Path) -> None:
    code, output = finish(
        tmp_path, "+repro=tinyzero", "algorithm=grpo", "algorithm.prompts_per_step=4",
        "algorithm.mini_batch_prompts=4", "algorithm.group_size=4", "schedule.steps=2",
        "tracking=wandb", *SMALL,
    )  # fmt: skip
    assert code == 0, output
    run = only_run(tmp_path)
    check_complete(run, 2)
    assert list((run / "wandb").glob("offline-run-*"))


def test_sft(tmp_path: Path) -> None:
    code, output = finish(
        tmp_path, "algorithm=sft", "data=countdown_demonstrations", "schedule.steps=3",
        "algorithm.sequences_per_step=16", *SMALL,
    )  # fmt: skip
    assert code == 0, output
    check_complete(only_run(tmp_path), 3)


def kill_at_step(root: Path, step: int, *arguments: str) -> Path:
    """SIGKILLs a run after a step and waits until nothing of it is left."""
    child = start(root, *arguments)
    run = wait_for_step(root, child, step)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    for _ in range(150):
        if not processes_of(run):
            break
        time.sleep(0.1)
    assert processes_of(run) == []
    return run


def test_sft_killed_in_the_middle_continues(tmp_path: Path) -> None:
    arguments = (
        "algorithm=sft", "data=countdown_demonstrations", "schedule.steps=60",
        "schedule.save_every=5", "algorithm.sequences_per_step=16", *SMALL,
    )  # fmt: skip
    run = kill_at_step(tmp_path, 12, *arguments)
    code, output = finish(tmp_path, *arguments)
    assert code == 0, output
    check_complete(run, 60)
    starts = [e["start"] for e in read_events(run / "events.jsonl") if e["kind"] == "train_started"]
    assert starts[0] == 0 and starts[1] >= 10


def test_kill_in_the_middle_then_the_same_command_finishes(tmp_path: Path) -> None:
    arguments = (*PPO, "schedule.steps=6", "schedule.save_every=2")
    run = kill_at_step(tmp_path, 3, *arguments)
    code, output = finish(tmp_path, *arguments)
    assert code == 0, output
    check_complete(run, 6)
    events = read_events(run / "events.jsonl")
    starts = [e["start"] for e in events if e["kind"] == "train_started"]
    assert starts[0] == 0 and starts[1] >= 2
    second = [e["step"] for e in events if e["kind"] == "step" and e["attempt"] == 2]
    assert second == list(range(starts[1] + 1, 7))


def test_ctrl_c_stops_everything_and_truncation_is_refused(tmp_path: Path) -> None:
    arguments = (*PPO, "schedule.steps=50", "schedule.save_every=1")
    child = start(tmp_path, *arguments)
    run = wait_for_step(tmp_path, child, 2)
    second_code, second = finish(tmp_path, *arguments)
    assert second_code == 1 and f"held by process {child.pid}" in second
    child.send_signal(signal.SIGINT)
    output, _ = child.communicate(timeout=120)
    assert child.returncode == 130 and "the same command continues" in output
    assert processes_of(run) == []
    assert status(run)["state"] == "failed" and "stopped" in status(run)["reason"]
    step = (run / "checkpoints" / "latest_checkpointed_iteration.txt").read_text()
    weights = next((run / "checkpoints" / f"global_step_{step}" / "actor").glob("model*.pt"))
    weights.write_bytes(weights.read_bytes()[:-1])
    code, output = finish(tmp_path, *arguments)
    assert code == 1 and weights.name in output and "instead of" in output, output


def test_a_reward_that_raises_is_the_failure_that_is_shown(tmp_path: Path) -> None:
    code, output = finish(
        tmp_path, *PPO, "schedule.steps=2", "reward.function=tests.failing_reward:failing"
    )
    assert code == 1
    assert "the reward met a response it cannot read" in output
    assert status(only_run(tmp_path))["state"] == "failed"
