"""The figures of docs/scale.md are those of the recipes: what a plan prints, where it refuses."""

import re

import pytest

from harness.chain import legs
from harness.errors import ConfigError
from harness.paths import ROOT
from harness.plan.batches import batches
from harness.verl.emit import emit
from tests.composing import spec_of

PAGE = (ROOT / "docs" / "scale.md").read_text()
RECIPES = ("open_reasoner_zero", "dapo", "deepscaler")
KEYS = re.findall(r"`\+(verl\.[\w.]+)=[<\d]", PAGE)


def cells(row: str) -> dict[str, str]:
    """The cells of a row of the first table, by recipe."""
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| {row} |"))
    return dict(zip(RECIPES, line.strip("| ").split(" | ")[1:], strict=True))


def hardware(recipe: str) -> str:
    """The hardware profile in the head of the first table."""
    found = re.search(rf"{recipe}, (\d+x\w+)", PAGE)
    assert found
    return found[1]


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_batches_are_those_of_the_plan(recipe: str) -> None:
    spec = spec_of(f"+repro={recipe}", f"hardware={hardware(recipe)}")
    for leg in legs(spec):
        found = batches(leg.spec)
        assert f"= {found.responses:,}" in cells("responses a step")[recipe]
        assert str(found.optimizer_updates) in cells("updates a step")[recipe]
        millions = f"{found.max_tokens / 1e6:.{1 if found.max_tokens < 1e7 else 0}f} M"
        assert millions in cells("tokens a step, at most")[recipe]
        packs = str(found.max_micro_batches_per_gpu)
        assert packs in cells("tokens a GPU and step, at most")[recipe]


@pytest.mark.parametrize("recipe", RECIPES)
def test_beyond_the_most_gpus_the_recipe_is_refused(recipe: str) -> None:
    most = re.search(r"\*\*(\d+)\*\*", cells("**most GPUs**")[recipe])
    assert most
    words = [f"+repro={recipe}", f"hardware={hardware(recipe)}"]
    nodes = int(most[1]) // 8
    assert spec_of(*words, f"hardware.nodes={nodes}").hardware.nodes == nodes
    with pytest.raises(ConfigError, match=str(2 * int(most[1]))):
        spec_of(*words, f"hardware.nodes={2 * nodes}")


@pytest.mark.parametrize("key", KEYS)
def test_the_keys_to_set_reach_verl(key: str) -> None:
    spec = spec_of("+repro=dapo", "hardware=128xH20", f"+{key}=77")
    assert emit(spec, ROOT / "outputs" / "run", 1)[key.removeprefix("verl.")] == 77


def test_the_page_names_keys() -> None:
    assert KEYS == ["verl.transfer_queue.backend.SimpleStorage.total_storage_size"]


def test_helpers_grow_with_the_nodes() -> None:
    found = {}
    for nodes in (1, 4, 16):
        spec = spec_of("+repro=dapo", "hardware=128xH20", f"hardware.nodes={nodes}")
        keys = emit(spec, ROOT / "outputs" / "run", 1)
        found[nodes] = [
            keys["actor_rollout_ref.rollout.agent.num_workers"],
            keys["reward.num_workers"],
            keys.get("transfer_queue.backend.SimpleStorage.num_data_storage_units", "verl's"),
        ]
    assert found == {1: [8, 8, "verl's"], 4: [8, 8, "verl's"], 16: [16, 32, 32]}
