"""The recipes that a test run takes end to end."""

from pathlib import Path

import pytest

from harness.explain import options
from harness.recipe_files import files_of
from tests.recipe_share import ROOT, a_third, share, touched

RECIPES = options("repro")


def test_three_turns_take_every_recipe() -> None:
    turns = [a_third(RECIPES, turn, []) for turn in (7, 8, 9)]
    assert {name for turn in turns for name in turn} == set(RECIPES)
    assert all(len(turn) == -(-len(RECIPES) // 3) for turn in turns)


def test_what_a_change_touches_goes_first_and_a_third_stays_a_third() -> None:
    third = -(-len(RECIPES) // 3)
    chosen = a_third(RECIPES, 0, ["reproductions/ttrl/card.yaml"])
    assert "ttrl" in chosen and len(chosen) == third
    everything = [a_third(RECIPES, turn, ["conf/algorithm/grpo.yaml"]) for turn in (0, 1, 2)]
    assert all(len(turn) == third for turn in everything)
    touching = {name for name in RECIPES if touched(name, ["conf/algorithm/grpo.yaml"])}
    assert touching <= {name for turn in everything for name in turn}


@pytest.mark.parametrize(
    "path",
    [
        "conf/repro/dapo.yaml",
        "conf/repro/miniature/dapo.yaml",
        "conf/algorithm/dapo.yaml",
        "conf/algorithm/miniature/dapo.yaml",
        "conf/data/dapo_math_17k.yaml",
        "conf/data/miniature/dapo_math_17k.yaml",
        "conf/eval/dapo.yaml",
        "conf/eval/prompt/dapo.yaml",
        "reproductions/dapo/reward.py",
        "reproductions/dapo/upstream/main.yaml",
    ],
)
def test_a_recipe_is_touched_by_the_files_it_reads(path: str) -> None:
    assert (ROOT / path).exists()
    assert touched("dapo", ["README.md", path])
    assert not touched("tinyzero", ["README.md", path])


def test_a_parent_algorithm_touches_all_that_build_on_it() -> None:
    assert {"dapo", "dr_grpo"} <= {
        name for name in RECIPES if touched(name, ["conf/algorithm/grpo.yaml"])
    }


def test_a_shared_task_touches_the_data_options_that_take_it() -> None:
    assert touched("deepscaler", ["conf/data/task/deepscaler.yaml"])
    assert not touched("dapo", ["conf/data/task/deepscaler.yaml"])


def test_a_variant_is_touched_by_its_projects_folder() -> None:
    assert touched("logic_rl_curriculum", ["reproductions/logic_rl/card.yaml"])
    assert Path("conf/repro/logic_rl_curriculum.yaml").resolve() in files_of("logic_rl_curriculum")


def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REPRISE_SHARD", raising=False)
    monkeypatch.setenv("REPRISE_RECIPES", "all")
    assert share(RECIPES) == RECIPES
    monkeypatch.setenv("REPRISE_SHARD", "2/2")
    assert share(RECIPES) == RECIPES[1::2]
    monkeypatch.setenv("REPRISE_RECIPES", "tinyzero,dapo")
    monkeypatch.delenv("REPRISE_SHARD")
    assert share(RECIPES) == ["dapo", "tinyzero"]
    monkeypatch.setenv("REPRISE_RECIPES", "dapo,dapoo")
    with pytest.raises(ValueError, match="dapoo"):
        share(RECIPES)
