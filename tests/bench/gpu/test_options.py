"""The command line of the GPU measurements: what it accepts, and what it refuses with a way on."""

from pathlib import Path

import pytest

from bench.gpu.options import MEASURED, PARTS, parse
from harness.errors import ConfigError


def test_overrides_may_stand_between_options() -> None:
    part, found = parse(
        ["train", "seed=3", "--hardware", "cpu", "--model", "tiny", "+verl.x=1", "--steps", "3"]
    )
    assert part == "train" and found.overrides == ("seed=3", "+verl.x=1")
    assert (found.hardware, found.model, found.steps) == ("cpu", "tiny", 3)
    assert not found.on_gpu and found.out.is_absolute()


def test_defaults_are_a_gpu_and_a_published_shape() -> None:
    part, found = parse(["all"])
    assert part == "all" and found.on_gpu
    assert (found.model, found.steps) == ("qwen2_5_0_5b", 24)


def test_folders_are_absolute_because_runs_have_other_working_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, found = parse(["check", "--out", "results", "--scratch", "runs"])
    assert found.out == tmp_path / "results" and found.scratch == tmp_path / "runs"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--hardware", "1xB9"], "1xH100"),
        (["--model", "gpt"], "qwen2_5_0_5b"),
        (["--steps", "0"], "at least 1"),
    ],
)
def test_what_is_unknown_is_refused_with_the_choices(words: list[str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        parse(["train", *words])


def test_all_is_every_part_that_measures() -> None:
    assert set(PARTS) - set(MEASURED) == {"all", "table"}
