"""What is said of a run that was killed and continued, from its event log, its log and its export;
at the end one algorithm really."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bench.gpu.children import processes_of
from bench.gpu.options import Options
from bench.gpu.runs import RunOutcome
from bench.gpu.stop_checks import (
    DIFFERENCE,
    GONE_S,
    Case,
    durations,
    exported,
    header_parameters,
    start_up,
    verdict,
)
from bench.gpu.stops import cases, measure, one
from tests.composing import spec_of

CASE = Case(name="ppo", overrides=("seed=1",), steps=6, save_every=2, kill_after=3)
LOG = "Resuming from /runs/one/checkpoints/global_step_2, setting global step to 2"


def options(tmp_path: Path, hardware: str = "cpu") -> Options:
    return Options(
        hardware=hardware, model="tiny", steps=3, out=tmp_path / "out", scratch=tmp_path / "scratch"
    )


def started(attempt: int, start: int) -> dict[str, Any]:
    return {"kind": "train_started", "attempt": attempt, "start": start}


def stepped(attempt: int, *steps: int) -> list[dict[str, Any]]:
    return [
        {"kind": "step", "attempt": attempt, "step": step, "time": 100.0 + step, "metrics": {}}
        for step in steps
    ]


BEFORE = [started(1, 0), *stepped(1, 1, 2, 3)]
EXPORTED = {"kind": "stage_done", "attempt": 2, "stage": "export"}
AFTER = [*BEFORE, started(2, 2), *stepped(2, 3, 4, 5, 6), EXPORTED]


def test_a_run_that_continued_at_its_checkpoint() -> None:
    assert verdict(CASE, BEFORE, AFTER, LOG, 1.0) == []


def test_the_step_of_the_kill_may_have_been_saved_already() -> None:
    events = [*BEFORE, started(2, 4), *stepped(1, 4), *stepped(2, 5, 6), EXPORTED]
    assert verdict(CASE, BEFORE, events, "global_step_4", 1.0) == []


@pytest.mark.parametrize(
    ("events", "log", "gone_s", "said"),
    [
        ([*BEFORE, started(2, 0), *stepped(2, 1, 2, 3, 4, 5, 6), EXPORTED], "global_step_0", 1.0,
         r"began at steps \[0, 0\]"),
        ([*BEFORE, started(2, 2), *stepped(2, 4, 5, 6), EXPORTED], LOG, 1.0, "did steps"),
        ([*BEFORE, started(2, 2), *stepped(2, 3, 4, 5), EXPORTED], LOG, 1.0, "instead of 1 to 6"),
        (AFTER[:-1], LOG, 1.0, "nothing was exported"),
        (AFTER, "started anew", 1.0, "does not name the checkpoint of step 2"),
        (AFTER, LOG, GONE_S, "alive after 60 s"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    events: list[dict[str, Any]], log: str, gone_s: float, said: str
) -> None:
    found = "; ".join(verdict(CASE, BEFORE, events, log, gone_s))
    assert re.search(said, found), found


def test_the_last_step_may_be_logged_twice() -> None:
    assert verdict(CASE, BEFORE, [*AFTER, *stepped(2, 6)], LOG, 1.0) == []


def test_a_kill_that_came_too_late_says_nothing_of_resuming() -> None:
    late = [started(1, 0), *stepped(1, *range(1, 7))]
    assert "before the kill" in verdict(CASE, late, [*late, started(2, 6), EXPORTED], LOG, 1.0)[0]


def weights(path: Path, *, cut: int = 0) -> Path:
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]},
        "b": {"dtype": "BF16", "shape": [], "data_offsets": [12, 14]},
    }
    text = json.dumps(header).encode()
    content = len(text).to_bytes(8, "little") + text + bytes(14)
    path.write_bytes(content[: len(content) - cut])
    return path


def test_parameters_by_the_header(tmp_path: Path) -> None:
    assert header_parameters(weights(tmp_path / "model.safetensors")) == 7


@pytest.mark.parametrize("cut", [1, 60])
def test_weights_that_are_cut_off(tmp_path: Path, cut: int) -> None:
    with pytest.raises(ValueError, match=r"its header says|cut off"):
        header_parameters(weights(tmp_path / "model.safetensors", cut=cut))


def test_an_export(tmp_path: Path) -> None:
    weights(tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    (problem,) = exported(tmp_path).problems
    assert "tokenizer.json is missing" in problem
    (tmp_path / "tokenizer.json").write_text("{}")
    assert (exported(tmp_path).files, exported(tmp_path).parameters) == (3, 7)
    assert exported(tmp_path).problems == ()
    assert "holds no weights" in exported(tmp_path / "nothing").problems[-1]


def test_durations_of_both_attempts(tmp_path: Path) -> None:
    for attempt, seconds in ((1, [9.0, 1.0]), (2, [2.0])):
        folder = tmp_path / "logs" / f"attempt_{attempt}"
        folder.mkdir(parents=True)
        lines = [
            json.dumps({"step": number, "data": {"timing_s/step": value, DIFFERENCE: value / 1e7}})
            for number, value in enumerate(seconds, start=1)
        ]
        (folder / "metrics.jsonl").write_text("\n".join(lines))
    assert durations(tmp_path, AFTER) == {
        "s_per_step": 2.0, "save_s": None, "probability_difference_mean": 9e-7
    }  # fmt: skip


def test_a_trainer_that_logs_no_seconds_is_timed_by_its_events(tmp_path: Path) -> None:
    nothing = {"s_per_step": None, "save_s": None, "probability_difference_mean": None}
    assert durations(tmp_path, AFTER) == nothing | {"s_per_step": 1.0}
    assert durations(tmp_path, BEFORE) == nothing
    outcome = RunOutcome(
        run_dir=tmp_path, log=tmp_path / "log", metrics=tmp_path / "none", started_at=90.0,
        seconds=20.0, step_ends={},
    )  # fmt: skip
    assert start_up(outcome, AFTER) == 12.0


def test_gpu_settings_are_for_gpus_alone(tmp_path: Path) -> None:
    on_cpu, on_gpu = cases(options(tmp_path)), cases(options(tmp_path, "1xH200"))
    assert (
        [case.name for case in on_cpu] == [case.name for case in on_gpu] == ["ppo", "grpo", "sft"]
    )
    assert not any("memory_fraction" in word for case in on_cpu for word in case.words)
    assert any("memory_fraction" in word for word in on_gpu[0].words)
    for case in (*on_cpu, *on_gpu):
        assert case.save_every <= case.kill_after < case.steps


@pytest.mark.parametrize("hardware", ["cpu", "1xH100"])
def test_every_case_is_a_run_that_may_start(tmp_path: Path, hardware: str) -> None:
    for case in cases(options(tmp_path, hardware)):
        spec = spec_of(*case.words)
        assert (spec.schedule.steps, spec.model.name) == (case.steps, "tiny-countdown")
        assert spec.hardware.name == hardware


def test_a_case_that_fails_is_told_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(chosen: Options, case: Case, root: Path) -> dict[str, Any]:
        if case.name == "grpo":
            raise OSError("no space left")
        return {"steps": case.steps, "ok": True, "why_not": []}

    monkeypatch.setattr("bench.gpu.stops.one", failing)
    numbers = measure(options(tmp_path))
    assert numbers["grpo"] == {"steps": 6, "ok": False, "why_not": ["no space left"]}
    assert numbers["sft"]["ok"] and numbers["error"] == "not ok: grpo"
    (file,) = (tmp_path / "out").rglob("algorithms.json")
    assert set(json.loads(file.read_text())["numbers"]) == {"ppo", "grpo", "sft"}


@pytest.mark.slow
def test_sft_is_killed_and_continues(tmp_path: Path) -> None:
    (case,) = (case for case in cases(options(tmp_path)) if case.name == "sft")
    root = tmp_path / "scratch" / "sft"
    root.mkdir(parents=True)
    found = one(options(tmp_path), case, root)
    assert found["ok"], found["why_not"]
    assert found["killed_after"] >= case.kill_after
    assert found["resumed_from"] >= case.kill_after - case.save_every
    assert found["export_parameters"] > 500_000
    assert found["s_per_step"] > 0 and found["resume_start_up_s"] > 0
    (run,) = root.iterdir()
    assert processes_of(run) == []
