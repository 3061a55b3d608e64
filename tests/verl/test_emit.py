"""Emission: golden files, upstream's effective values, and text that Hydra reads back unchanged."""

import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from harness.chain import legs
from harness.errors import ConfigError
from harness.explain import options
from harness.plan.batches import planned_steps
from harness.verl.command import command, override, printable
from harness.verl.emit import RAW_CHAT_TEMPLATE, emit
from tests.composing import on_gpus, spec_of

GOLDEN = Path(__file__).parents[1] / "golden"
RUN = Path("/run")


def emitted(*overrides: str) -> dict[str, Any]:
    spec = spec_of(*overrides)
    return emit(spec, RUN, planned_steps(spec))


@pytest.mark.parametrize("recipe", options("repro"))
def test_golden_emission(recipe: str) -> None:
    """REPRISE_UPDATE_GOLDEN=1 rewrites the file; read the difference before committing it."""
    spec = on_gpus(recipe, "hardware.gpu_mem_gb=2000")
    keys = {
        leg.name or "train": emit(leg.spec, leg.folder(RUN), planned_steps(leg.spec))
        for leg in legs(spec)
    }
    golden = GOLDEN / f"{recipe}.verl.json"
    if os.environ.get("REPRISE_UPDATE_GOLDEN"):
        golden.write_text(json.dumps(keys, indent=1) + "\n")
    assert keys == json.loads(golden.read_text())


def test_golden_emission_over_two_nodes_of_cpus() -> None:
    """ray.init refuses sizes of a Ray that it joins; the rest differs in the number of nodes."""
    one_node = ("+repro=tinyzero", "model=qwen2_5_0_5b")
    keys = emit(spec_of(*one_node, "hardware.nodes=2"), RUN, 2)
    golden = GOLDEN / "tinyzero.cpu_2_nodes.verl.json"
    if os.environ.get("REPRISE_UPDATE_GOLDEN"):
        golden.write_text(json.dumps(keys, indent=1) + "\n")
    assert keys == json.loads(golden.read_text())
    alone = emit(spec_of(*one_node), RUN, 2)
    assert {key for key in alone.keys() | keys if alone.get(key) != keys.get(key)} == {
        "trainer.nnodes", "ray_kwargs.ray_init.num_cpus", "ray_kwargs.ray_init.num_gpus",
        "ray_kwargs.ray_init.object_store_memory", "ray_kwargs.ray_init.include_dashboard",
    }  # fmt: skip


def test_extra_keys_win_and_are_checked() -> None:
    keys = emitted("+verl.actor_rollout_ref.actor.policy_loss.loss_mode=gspo")
    assert keys["actor_rollout_ref.actor.policy_loss.loss_mode"] == "gspo"
    with pytest.raises(ConfigError, match="ignored"):
        emitted("+verl.custom_reward_function.path=x")


@pytest.mark.parametrize(
    "value",
    [RAW_CHAT_TEMPLATE, "it's", "a b", "1.0", "null", "true", "/a/b-c.d", "", "k=v,w", "[x]",
     "back\\", 1e-6, 1000000.0, True, None, [0.9, 0.999], ["a", "b c"], {"a": 1, "b": "x y"}],
)  # fmt: skip
def test_hydra_reads_back_what_is_quoted(value: Any) -> None:
    text = override("rl", "trainer.project_name", value)
    assert OverridesParser.create().parse_override(text).value() == value


def test_command_is_one_process_with_every_key() -> None:
    spec = spec_of("+repro=tinyzero", "hardware=4xA800")
    keys = emit(spec, RUN, 10)
    words = command(spec, keys, RUN / "hydra")
    assert words[1:3] == ["-m", "verl.trainer.main_ppo"]
    assert len(words) == 3 + len(keys) + 2
    text = printable(words, {"NAME": "a b"})
    assert text.splitlines()[1:3] == ["  NAME='a b' \\", "  python -m verl.trainer.main_ppo \\"]
    assert shlex.split(text.replace("\\\n", ""))[2:] == ["python", *words[1:]]


def test_sft_runs_under_torchrun() -> None:
    spec = spec_of("algorithm=sft", "data=countdown_demonstrations")
    words = command(spec, emit(spec, RUN, 10), RUN / "hydra")
    # torchrun would wait for the address of the host's name, which may have none.
    assert "--local-addr=127.0.0.1" in words
    assert "torch.distributed.run" in words and "verl.trainer.sft_trainer" in words


@pytest.mark.parametrize(("first", "emitted"), [("null", None), ("8", None), ("4", 4)])
def test_the_whole_group_is_no_selection(first: str, emitted: int | None) -> None:
    spec = spec_of("+repro=ttrl", f"algorithm.train_group_size={first}")
    keys = emit(spec, Path("/run"), steps=2)
    assert keys["reprise.selection.train_group_size"] == emitted
