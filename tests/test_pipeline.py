"""What stops a run before or between its stages, and that it says so."""

from pathlib import Path

import pytest

from harness import provenance
from harness.console import Console
from harness.errors import ConfigError, RunDirError
from harness.evaluation import evaluate_alone
from harness.hardware import refuse_missing_gpus
from harness.pipeline import Run, Training, execute, in_order
from harness.plan.run_plan import plan
from harness.plan.text import text
from harness.rundir import RunDir, run_name
from tests.composing import eval_spec_of, spec_of


@pytest.mark.parametrize(("present", "refused"), [(["A800"] * 4, False), (["A800"] * 3, True)])
def test_gpus_asked_for_against_gpus_present(
    present: list[str], refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "gpus", lambda: present)
    spec = spec_of("+repro=tinyzero", "hardware=4xA800")
    if not refused:
        refuse_missing_gpus(spec.hardware)
        return
    with pytest.raises(ConfigError, match=r"4 A800 GPUs, and this machine has 3") as caught:
        refuse_missing_gpus(spec.hardware)
    assert all(way in str(caught.value) for way in ("hardware=cpu", "action=plan", "same command"))


@pytest.mark.parametrize("hardware", ["cpu", "8xA100"])
@pytest.mark.parametrize(
    ("address", "nodes", "said"),
    [
        (None, None, "no Ray over them is up"),
        ("10.0.0.1:6379", None, "no Ray over them is up"),
        (None, "2", "no Ray over them is up"),
        ("10.0.0.1:6379", "3", "the Ray at 10.0.0.1:6379 has 3"),
        ("10.0.0.1:6379", "2", None),
    ],
)
def test_nodes_asked_for_against_the_ray_that_is_up(
    hardware: str,
    address: str | None,
    nodes: str | None,
    said: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("RAY_ADDRESS", address), ("REPRISE_RAY_NODES", nodes)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    spec = spec_of("+repro=tinyzero", f"hardware={hardware}", "hardware.nodes=2")
    if said is None:
        refuse_missing_gpus(spec.hardware)
        return
    with pytest.raises(ConfigError, match=rf"asks for 2 nodes, and {said}") as caught:
        refuse_missing_gpus(spec.hardware)
    assert "launch=slurm" in str(caught.value)


def test_an_evaluation_is_shown_its_own_ways_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "gpus", lambda: [])
    spec = eval_spec_of("eval=aime24", "hardware=4xA800", "model=qwen2_5_3b")
    with pytest.raises(ConfigError, match=r"backend=openai"):
        evaluate_alone(spec, [])


def test_a_full_disk_is_told_and_resumable(tmp_path: Path) -> None:
    spec = spec_of("+repro=tinyzero", f"output_root={tmp_path}")
    run = tmp_path / run_name(spec)
    run.mkdir()
    (run / "events.jsonl").symlink_to("/dev/full")
    with pytest.raises(RunDirError, match=r"No space left.*the same command continues"):
        execute(spec, [])


def test_the_plan_names_the_stages_that_run() -> None:
    spec = spec_of("+repro=tinyzero")
    directory = RunDir(Path("/nowhere"))
    trainings = [Training(name="", spec=spec, directory=directory)]
    run = Run(spec=spec, directory=directory, trainings=trainings, console=Console())
    (planned,) = [
        s.split("\n") for s in text(plan(spec), spec).split("\n\n") if s.startswith("prepare")
    ]
    assert [line.split()[0] for line in planned] == [stage for stage, _ in in_order(run)]


@pytest.mark.parametrize("field", ["function", "group", "check"])
def test_a_reward_that_is_not_there_is_told_before_anything_starts(
    field: str, tmp_path: Path
) -> None:
    spec = spec_of("algorithm=grpo", f"reward.{field}=no.such:thing", f"output_root={tmp_path}/o")
    with pytest.raises(ConfigError, match=rf"reward.{field}=no.such:thing cannot be imported"):
        execute(spec, [])
    assert not (tmp_path / "o").exists()
