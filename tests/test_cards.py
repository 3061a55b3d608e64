"""Cards: what a card must state, and whether it vouches for every number of a run."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cards import REPRODUCTIONS, card_ids, catalogue, load_card, read_card, unsourced
from harness.errors import ConfigError
from harness.spec import RunSpec


def spec(**changes: Any) -> RunSpec:
    """A small valid run; keyword `algorithm__clip_low=0.1` sets a nested field."""
    optimizer = {"lr": 1e-6}
    values: dict[str, Any] = {
        "seed": 1,
        "output_root": "outputs",
        "model": {"name": "m", "path": "m", "context_length": 512, "parameters_b": 0.1},
        "algorithm": {
            "kind": "rl",
            "name": "ppo",
            "advantage": "gae",
            "prompts_per_step": 256,
            "mini_batch_prompts": 64,
            "entropy_coef": 0.001,
            "kl_in_reward": {"coef": 0.001, "estimator": "k1"},
            "optimizer": optimizer,
            "critic": {"optimizer": {"lr": 1e-5}},
        },
        "reward": {"name": "r", "function": "a:b", "tasks": ["countdown"]},
        "data": {
            "name": "d",
            "task": "countdown",
            "source": {"kind": "hub", "dataset": "x/y"},
            "train_rows": 327680,
            "test_rows": 1024,
            "columns": {"numbers": "nums"},
            "template": "{numbers}",
            "render": "raw",
            "ground_truth": ["numbers"],
            "max_prompt_tokens": 256,
            "max_response_tokens": 1024,
            "overlong_prompts": "error",
        },
        "hardware": {
            "name": "h",
            "device": "cuda",
            "nodes": 1,
            "gpus_per_node": 2,
            "precision": "bf16",
            "attention": "sdpa",
            "remove_padding": False,
            "gradient_checkpointing": False,
            "tokens_per_gpu": 16384,
            "rollout": {"engine": "vllm"},
        },
        "eval": {
            "name": "e",
            "benchmarks": [{"name": "b", "samples_per_problem": 1}],
            "sampling": {},
        },
        "backend": {"name": "auto", "engine": "auto"},
        "launch": {"kind": "local"},
        "tracking": {"name": "none"},
        "schedule": {"steps": None, "epochs": 15, "save_every": 100, "validate_every": 100},
    }
    for name, value in changes.items():
        *path, last = name.split("__")
        place = values
        for part in path:
            place = place[part]
        place[last] = value
    return RunSpec.model_validate(values)


@pytest.mark.parametrize("id", card_ids())
def test_every_card_loads(id: str) -> None:
    card = load_card(id)
    assert card.id == id
    assert card.claims or card.claims_note


def test_the_card_vouches_for_the_published_recipe() -> None:
    assert unsourced(spec(), load_card("tinyzero")) == []


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("algorithm__optimizer__lr", 2e-6, "algorithm.optimizer.lr: the run has 2e-06"),
        ("algorithm__clip_low", 0.1, "algorithm.clip_low"),
        ("algorithm__dual_clip", 3.0, "algorithm.dual_clip: the run has 3.0, the card None"),
        ("algorithm__shuffle_mini_batches", True, "algorithm.shuffle_mini_batches"),
        ("algorithm__loss_aggregation", "seq-mean-token-sum", "algorithm.loss_aggregation"),
        ("algorithm__optimizer__betas", (0.9, 0.95), "algorithm.optimizer.betas"),
        ("schedule__epochs", 14, "schedule.epochs"),
        ("data__max_prompt_tokens", 512, "data.max_prompt_tokens"),
        ("data__render", "chat", "data.render"),
        ("data__source", {"kind": "generator", "generator": "g"}, "data.source.seed: the run"),
    ],
)
def test_a_changed_number_is_named(field: str, value: Any, shown: str) -> None:
    (problem,) = unsourced(spec(**{field: value}), load_card("tinyzero"))
    assert problem.startswith(shown)


def test_a_switched_off_part_is_named() -> None:
    problems = unsourced(spec(algorithm__kl_in_reward=None), load_card("tinyzero"))
    assert "algorithm.kl_in_reward: the run has None, the card no provenance" in problems
    assert any(p.startswith("algorithm.kl_in_reward.coef: the card has") for p in problems)


def test_names_and_paths_need_no_provenance() -> None:
    changed = spec(algorithm__name="other", data__name="other", model__path="elsewhere")
    assert unsourced(changed, load_card("tinyzero")) == []


def test_a_miniature_may_change_what_the_card_explains_and_nothing_else() -> None:
    changes = {"data__train_rows": 100, "algorithm__optimizer__lr": 1e-3, "schedule__steps": 20}
    card = load_card("tinyzero")
    assert len(unsourced(spec(**changes), card)) == 3
    assert unsourced(spec(miniature=True, **changes), card) == []
    (problem,) = unsourced(spec(miniature=True, algorithm__clip_low=0.1, **changes), card)
    assert problem.startswith("algorithm.clip_low")


def changed_card(folder: Path, field: str, value: Any) -> Path:
    """The card of tinyzero with one provenance replaced."""
    content = yaml.safe_load((REPRODUCTIONS / "tinyzero/card.yaml").read_text())
    content["recipe"][field] = value
    path = folder / "card.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize(
    ("provenance", "message"),
    [
        ({"value": 1, "from": "script"}, "needs a source"),
        ({"value": 1, "from": "ours"}, "needs a reason"),
        ({"value": "1e-6", "from": "ours", "reason": "r"}, "is text in YAML"),
        ({"value": 1, "from": "script", "source": "somewhere"}, "source"),
        ({"value": 1, "from": "guess", "source": "a/b@1234567:c"}, "from"),
        ({"value": 1, "from": "ours", "reason": "r", "why": "x"}, "why"),
    ],
)
def test_a_provenance_must_be_complete(
    provenance: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        read_card(changed_card(tmp_path, "algorithm.gamma", provenance))


def test_a_provenance_for_no_field_is_named(tmp_path: Path) -> None:
    stray = {"value": 1, "from": "ours", "reason": "r"}
    problems = unsourced(spec(), read_card(changed_card(tmp_path, "algorithm.gama", stray)))
    assert problems == ["algorithm.gama: the card has a provenance, the run no such field"]


def test_an_unknown_id_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="tinyzero"):
        load_card("tinyzeroo")


def test_the_catalogue_names_every_card_once() -> None:
    entries = catalogue()
    ids = [entry.id for entry in entries]
    assert len(set(ids)) == len(ids)
    assert {entry.id for entry in entries if entry.status == "recipe"} == set(card_ids())
    assert all((REPRODUCTIONS.parent / entry.card).is_file() for entry in entries if entry.card)
