"""Shapes of models and the parameters that follow, against published totals and transformers."""

import json
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.explain import options
from harness.plan.shape import (
    known_shapes,
    model_facts,
    parameters,
    shape_of,
    shape_of_config,
)
from tests.composing import spec_of

ROOT = Path(__file__).parents[2]
MODELS = [name for name in options("model")]


@pytest.mark.parametrize("row", model_facts(), ids=lambda row: row["models"][0])
def test_parameters_are_the_published_ones(row: dict[str, object]) -> None:
    for model in row["models"]:  # type: ignore[attr-defined]
        assert parameters(known_shapes()[model]).total == row["parameters"]


def test_no_model_has_two_shapes() -> None:
    names = [model for row in model_facts() for model in row["models"]]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("choice", MODELS)
def test_every_model_of_the_configuration_is_known(choice: str) -> None:
    model = spec_of(f"model={choice}", "data.max_response_tokens=64").model
    shape = shape_of(model.path, model.parameters_b)
    assert not shape.approximate
    assert parameters(shape).total == pytest.approx(model.parameters_b * 1e9, rel=0.001, abs=5e5)


def test_the_shipped_models_are_read_from_their_folder() -> None:
    assert parameters(shape_of("harness/tiny/countdown", 0.001)).total == 704_768
    assert parameters(shape_of("harness/tiny/forms", 0.001)).total == 726_016


@pytest.mark.parametrize("name", ["Qwen2.5-0.5B", "Qwen2.5-7B", "Qwen3-8B", "Llama-3.1-8B"])
def test_transformers_builds_as_many(name: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config, Qwen3Config

    path, shape = next(item for item in known_shapes().items() if item[0].endswith(f"/{name}"))
    kinds = {"Qwen2.5": Qwen2Config, "Qwen3": Qwen3Config, "Llama": LlamaConfig}
    config = next(kind for start, kind in kinds.items() if name.startswith(start))(
        vocab_size=shape.vocab,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        tie_word_embeddings=shape.tied,
    )
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert sum(weight.numel() for weight in model.parameters()) == parameters(shape).total, path
    layer = sum(weight.numel() for weight in model.model.layers[0].parameters())
    assert layer == parameters(shape).layer
    assert shape_of_config(config.to_dict(), shape.source) == shape


def test_a_model_in_the_hub_cache_is_read_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = json.loads((ROOT / "harness/tiny/countdown/config.json").read_text())
    snapshot = tmp_path / "hub/models--owner--name/snapshots/abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 2}))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    found = shape_of("owner/name", 0.001)
    assert (found.layers, found.source) == (2, str(snapshot / "config.json"))


def test_an_unknown_model_is_scaled_and_says_so() -> None:
    found = shape_of("owner/unknown", 9.0)
    assert found.approximate and "owner/unknown" in found.source
    assert parameters(found).total == pytest.approx(9e9, rel=0.02)


def test_a_kind_of_model_that_is_not_known_has_no_shape() -> None:
    assert shape_of_config({"model_type": "mixtral"}, "test") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [("{oops", "Expecting property name"), ('{"model_type": "qwen2"}', "num_attention_heads")],
)
def test_a_broken_config_is_named(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ConfigError, match=rf"config\.json does not describe a model .*{said}"):
        shape_of(str(tmp_path), 3.0)
