"""The table lists what a person has to look at, and says what to do next."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console as RichConsole

from harness.console import Console
from harness.submit.decide import FINAL, RunState
from harness.submit.table import aligned, commands, duration, short_names, show


def run(name: str = "a", state: Any = "running", **fields: Any) -> RunState:
    usual: dict[str, Any] = {"final": state in FINAL, "job": "7_0", "in_slurm": state not in FINAL}
    return RunState(folder=Path("/out") / name, name=name, state=state, **usual | fields)


def printed(runs: list[RunState], width: int = 160, **options: Any) -> str:
    console = Console()
    console.rich = RichConsole(width=width, highlight=False, soft_wrap=True, no_color=True)
    with console.rich.capture() as capture:
        show(console, runs, **options)
    return capture.get()


def test_all_that_is_known_of_a_run_is_in_its_row() -> None:
    text = printed([run(step=8, steps=12, reward=0.25, eta_s=7500.0, node="node3", attempt=2)])
    row = next(line for line in text.splitlines() if line.startswith("a"))
    for cell in ("running", "8/12", "0.250", "2h 05m", "node3", "2", "7_0"):
        assert cell in row.split() or cell in row


def test_reasons_stand_in_the_table_where_there_is_room_and_below_where_not() -> None:
    runs = [
        run(f"r{i}", "failed", reason="ValueError: a longer story of failure") for i in range(2)
    ]
    wide, narrow = printed(runs), printed(runs, width=40)
    assert wide.count("a longer story") == 2
    assert narrow.count("r0, r1: ValueError: a longer story of failure") == 1


def test_columns_that_nobody_fills_are_left_out() -> None:
    text = printed([run(state="queued", job="")])
    assert "reward" not in text and "state" in text


def test_many_runs_are_counted_and_only_the_loud_ones_listed() -> None:
    runs = [run(f"q{i}", "queued") for i in range(30)] + [run(f"d{i}", "done") for i in range(10)]
    runs.append(run("bad", "failed", reason="ValueError: x"))
    text = printed(runs)
    assert text.startswith("30 queued, 10 done, 1 failed")
    assert "bad" in text and "q3" not in text
    assert "not listed: 40 queued or done" in text


def test_what_could_not_be_known_is_told() -> None:
    text = printed([run(state="lost")], note="no accounting (sacct: disabled)")
    assert "no accounting (sacct: disabled): the reason" in text


def test_text_of_a_run_is_no_markup() -> None:
    assert "[red]boom[/nothing]" in printed([run(state="failed", reason="[red]boom[/nothing]")])


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([run()], ["action=wait runs=out", "action=cancel runs=out"]),
        ([run(state="done")], ["action=collect runs=out"]),
        ([run(state="failed")], ["action=collect runs=out", "again=true"]),
        ([run(state="failed", job="local")], ["action=collect runs=out"]),
        ([run(state="not submitted", job="")], ["again=true"][:0]),
    ],
)
def test_the_next_commands(runs: list[RunState], words: list[str]) -> None:
    said = commands(runs, Path("out"))
    assert len(said) == len(words)
    assert all(word in line for word, line in zip(words, said, strict=True))


def test_a_command_can_be_copied_whatever_the_folder_is_called() -> None:
    said = commands([run()], Path("/out/my runs"))
    assert shlex.split(said[0])[:4] == ["python", "run.py", "action=wait", "runs=/out/my runs"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.6, "1m"), (7500, "2h 05m"), (3 * 86400 + 4 * 3600, "3d 4h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_aligned_lines_are_never_cut() -> None:
    long = "x" * 300
    assert aligned(["run", "n"], [["a", "1"], [long, "2"]])[2] == f"{long}  2"
    assert aligned(["run", "n"], [["a", "1"]]) == ["run  n", "a    1"]


def test_names_lose_what_they_share() -> None:
    names = ["tinyzero-qwen-grpo-s1-aa", "tinyzero-qwen-grpo-s2-bb"]
    assert short_names(names) == ["…s1-aa", "…s2-bb"]
    assert short_names(["a-1", "a-2"]) == ["a-1", "a-2"]
    assert short_names([names[0]]) == [names[0]]
    assert short_names([names[0], names[0]]) == [names[0], names[0]]
