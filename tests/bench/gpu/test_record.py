"""Result files: where they go, what they say about code and device, and reading them back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.gpu import record
from bench.gpu.machine import device_facts
from bench.gpu.options import Options
from harness.errors import RepriseError
from harness.paths import ROOT

CODE = {"commit": "0123456789abcdef", "diff": None, "untracked": []}


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    monkeypatch.setattr(record, "code", lambda: CODE)
    return Options(
        hardware="cpu", model="tiny", steps=3, out=tmp_path / "out", scratch=tmp_path / "scratch"
    )


def test_a_part_is_written_and_read_back(options: Options) -> None:
    path = record.write_part(options, "train", {"s_per_step": 1.5})
    assert path == options.out / "cpu-0123456" / "train.json"
    record.write_part(options, "train", {"s_per_step": 2.5})
    (found,) = record.read_parts(options.out)
    assert found["numbers"] == {"s_per_step": 2.5} and found["folder"] == "cpu-0123456"
    assert found["dirty"] is False and found["commit"] == CODE["commit"]
    assert found["device"]["name"] is None and found["device"]["cpus"] > 0
    assert found["versions"]["python"] and found["arguments"]["model"] == "tiny"


def test_a_copy_without_git_is_told_its_commit(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "code", lambda: CODE | {"commit": None, "untracked": None})
    path = record.write_part(replace(options, commit="fedcba9876"), "train", {})
    assert path.parent.name == "cpu-fedcba9"
    assert record.part_folder(replace(options, commit="fedcba9876")) == path.parent
    (found,) = record.read_parts(options.out)
    assert found["commit"] == "fedcba9876" and found["dirty"] is None
    assert record.part_folder(options).name == "cpu-nocommit"


def test_other_json_files_are_no_results(options: Options) -> None:
    record.write_part(options, "check", {})
    (options.out / "cpu-0123456" / "scores.json").write_text("[1]")
    assert [found["part"] for found in record.read_parts(options.out)] == ["check"]


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text('{"part": ')
    with pytest.raises(RepriseError, match=r"train\.json"):
        record.read_parts(tmp_path)


@pytest.mark.parametrize(
    ("name", "count", "slug"),
    [
        ("NVIDIA H200", 1, "nvidia-h200"),
        ("NVIDIA H100 80GB HBM3", 1, "nvidia-h100-80gb-hbm3"),
        ("NVIDIA A100-SXM4-80GB", 8, "8x-nvidia-a100-sxm4-80gb"),
        (None, None, "no-gpu"),
    ],
)
def test_the_folder_is_named_after_the_device(
    name: str | None, count: int | None, slug: str
) -> None:
    assert record.slug({"name": name, "count": count}, on_gpu=True) == slug


def test_results_inside_the_project_do_not_make_it_dirty(options: Options) -> None:
    inside = replace(options, out=ROOT / "bench" / "results")
    state = CODE | {"untracked": ["bench/results/cpu-0123456/train.json"]}
    assert not record.is_dirty(state, inside)
    assert record.is_dirty(CODE | {"untracked": ["harness/new.py"]}, inside)
    assert record.is_dirty(CODE | {"diff": "-a\n+b"}, inside)
    assert record.is_dirty(CODE | {"commit": None}, inside) is None


def test_facts_can_be_written_as_json() -> None:
    assert json.loads(json.dumps(device_facts(on_gpu=True)))["host_memory_gb"] > 0
