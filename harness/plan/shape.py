"""The shape of a language model and the parameters that follow from it; memory, hours and cost of
a plan are computed from it. Pure, but for reading a config.json."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from harness.errors import ConfigError
from harness.files import read_yaml
from harness.paths import ROOT

QKV_BIAS = ("qwen2",)
QK_NORM = ("qwen3",)
KNOWN_TYPES = ("llama", "mistral", *QKV_BIAS, *QK_NORM)
"""model_type of the decoders whose parameters `parameters` counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """A decoder with grouped-query attention, a gated MLP and RMS norms (Llama and Qwen)."""

    layers: int
    hidden: int
    intermediate: int
    """Width of the gated MLP."""
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    tied: bool
    """The output head is the embedding matrix."""
    attention_bias: bool = False
    """The projections of queries, keys and values have biases."""
    qk_norm: bool = False
    """Queries and keys pass a norm of head_dim weights."""
    source: str = ""
    """Where the shape stands."""
    approximate: bool = False
    """Scaled from another model's shape, because this one's is not known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Parameters of a model, by component."""

    embedding: int
    attention: int
    mlp: int
    norms: int
    head: int
    """0 where the head is the embedding matrix."""
    layer: int
    """One of the layers, which attention, mlp and norms count together."""

    @property
    def total(self) -> int:
        """All parameters; the embedding counts once where the head shares it."""
        return self.embedding + self.attention + self.mlp + self.norms + self.head


def parameters(shape: ModelShape) -> Parameters:
    """Counts exactly, as transformers builds Qwen2, Qwen3, Llama and Mistral models."""
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    attention = shape.hidden * (2 * queries + 2 * keys)
    attention += queries + 2 * keys if shape.attention_bias else 0
    mlp = 3 * shape.hidden * shape.intermediate
    norms = 2 * shape.hidden + (2 * shape.head_dim if shape.qk_norm else 0)
    embedding = shape.vocab * shape.hidden
    return Parameters(
        embedding=embedding,
        attention=shape.layers * attention,
        mlp=shape.layers * mlp,
        norms=shape.layers * norms + shape.hidden,
        head=0 if shape.tied else embedding,
        layer=attention + mlp + norms,
    )


def kv_bytes(shape: ModelShape, element: int, tensor_parallel: int = 1) -> int:
    """Bytes of keys and values of one token on one GPU of an engine.

    Heads are split over the GPUs, and repeated where there are fewer heads than GPUs.

    Args:
        shape: the model.
        element: bytes of a number.
        tensor_parallel: GPUs of the engine.
    """
    heads = max(1, shape.kv_heads // tensor_parallel)
    return 2 * shape.layers * heads * shape.head_dim * element


def shape_of(path: str, parameters_b: float) -> ModelShape:
    """The shape of a model: from a folder, from the facts, from the hub cache, or approximated.

    Args:
        path: local folder or hub id of a Hugging Face causal language model.
        parameters_b: its parameters in billions; an approximation is scaled to them.

    Raises:
        ConfigError: a config.json is not JSON, or lacks what its model type has.
    """
    local = next((place for base in (ROOT, Path.cwd()) if (place := _config(base, path))), None)
    if local and (found := _read(local)):
        return found
    if known := known_shapes().get(path):
        return known
    for config in _cached(path):
        if found := _read(config):
            return found
    return _scaled(path, parameters_b)


@cache
def known_shapes() -> Mapping[str, ModelShape]:
    """Hub id -> shape, as models.yaml has them."""
    return {
        model: ModelShape(**row["shape"], source=row["source"])
        for row in model_facts()
        for model in row["models"]
    }


@cache
def model_facts() -> list[dict[str, Any]]:
    """The rows of models.yaml: models, source, parameters, shape."""
    rows: list[dict[str, Any]] = read_yaml(Path(__file__).with_name("models.yaml"))
    return rows


def shape_of_config(config: Mapping[str, Any], source: str) -> ModelShape | None:
    """The shape that a config.json describes; nothing for a model type that is not known here."""
    kind = config.get("model_type")
    if kind not in KNOWN_TYPES:
        return None
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    return ModelShape(
        layers=config["num_hidden_layers"],
        hidden=hidden,
        intermediate=config["intermediate_size"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_dim=config.get("head_dim") or hidden // heads,
        vocab=config["vocab_size"],
        tied=config.get("tie_word_embeddings", False),
        attention_bias=kind in QKV_BIAS,
        qk_norm=kind in QK_NORM,
        source=source,
    )


def _read(config: Path) -> ModelShape | None:
    try:
        return shape_of_config(json.loads(config.read_text()), str(config))
    except (ValueError, KeyError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ConfigError(
            f"{config} does not describe a model ({what}): give the folder of a Hugging Face "
            "model as save_pretrained writes it, or repair the file"
        ) from error


def _config(base: Path, path: str) -> Path | None:
    config = base / Path(path).expanduser() / "config.json"
    return config if config.is_file() else None


def _cached(path: str) -> Iterator[Path]:
    """config.json of a model's snapshots in the hub cache (huggingface_hub's layout)."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    folder = hub / f"models--{path.replace('/', '--')}"
    yield from sorted(folder.glob("snapshots/*/config.json"))


def _scaled(path: str, parameters_b: float) -> ModelShape:
    """The nearest known model with more or fewer layers."""
    wanted = parameters_b * 1e9

    def distance(name: str) -> float:
        size = parameters(known_shapes()[name]).total
        return max(size / wanted, wanted / size)

    nearest = min(known_shapes(), key=distance)
    shape = known_shapes()[nearest]
    count = parameters(shape)
    layers = max(1, round((wanted - count.embedding - count.head) / count.layer))
    return replace(
        shape,
        layers=layers,
        approximate=True,
        source=f"approximation: {nearest} with {layers} layers, for the shape of {path} is unknown",
    )
