"""Low-rank adapters folded into the weights they adapt, or cut out of them in PEFT's format; the
CPU weight sync and the export call it.

Works on weights as PEFT names them, so it needs no model.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from harness.files import write_json

if TYPE_CHECKING:
    from torch import Tensor

    from harness.spec import LoRA

PREFIX = "base_model.model."
BASE, ADAPTED = ".base_layer.", ".base_layer.weight"
DOWN, UP = ".lora_A.default.weight", ".lora_B.default.weight"
ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
"""PEFT's names of an adapter's files."""


def merged(weights: "Mapping[str, Tensor]", scale: float) -> "dict[str, Tensor]":
    """The weights of the model without adapters that computes the same.

    W + scale * B A (Hu et al. 2021, LoRA, section 4.1), in the dtype of W.

    Args:
        weights: weights of an adapted model by PEFT's names; every adapter with its W.
        scale: alpha / rank.

    Raises:
        KeyError: an adapter or the weight that it adapts is missing.
        ValueError: an adapter of another kind than a linear layer's.
    """
    result = {}
    for name, weight in weights.items():
        if name.endswith((DOWN, UP)):
            _check_adapted(name, weights)
            continue
        if ".lora_" in name:
            raise ValueError(f"{name}: only adapters of linear layers can be merged")
        if name.endswith(ADAPTED):
            module = name.removesuffix(ADAPTED)
            delta = weights[module + UP].float() @ weights[module + DOWN].float()
            weight = (weight.float() + scale * delta).to(weight.dtype)
        result[name.removeprefix(PREFIX).replace(BASE, ".")] = weight
    return result


def merge_files(folder: Path, scale: float) -> None:
    """Merges the adapters in a folder of safetensors, one file at a time, each replaced whole.

    Args:
        folder: Hugging Face weights by PEFT's names, as verl exports them.
        scale: alpha / rank.
    """
    from safetensors import safe_open
    from safetensors.torch import save_file

    places: dict[str, str] = {}
    with ExitStack() as stack:
        files = {
            path: stack.enter_context(safe_open(path, "pt"))
            for path in sorted(folder.glob("*.safetensors"))
        }
        home = {name: file for file in files.values() for name in file.keys()}  # noqa: SIM118
        for path, file in files.items():
            names = _with_adapters(file.keys(), home)
            weights = merged({name: home[name].get_tensor(name) for name in names}, scale)
            fresh = path.with_suffix(".merged")
            save_file(weights, fresh, metadata={"format": "pt"})
            fresh.replace(path)
            places |= dict.fromkeys(weights, path.name)
    index = folder / "model.safetensors.index.json"
    if index.exists():
        content = json.loads(index.read_text())
        write_json(index, content | {"weight_map": places})


def write_adapter(
    source: Path, target: Path, *, base: str, revision: str | None, lora: "LoRA"
) -> None:
    """Writes the adapters alone as PEFT and vLLM load them: adapter_config.json and weights.

    Args:
        source: folder of safetensors by PEFT's names, as verl exports them.
        target: folder for the adapter; is made.
        base: folder or hub id of the model that the adapters belong to.
        revision: hub commit of that model.
        lora: rank and scale; the modules are those that have an adapter.

    Raises:
        KeyError: there is no adapter.
    """
    from peft import LoraConfig
    from safetensors import safe_open
    from safetensors.torch import save_file

    weights: dict[str, Tensor] = {}
    for path in sorted(source.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            names = [name for name in file.keys() if name.endswith((DOWN, UP))]  # noqa: SIM118
            weights |= {name.replace(".default.", "."): file.get_tensor(name) for name in names}
    if not weights:
        raise KeyError(f"{source} holds no adapters")
    modules = sorted({name.split(".")[-3] for name in weights})
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        target_modules=modules,
        task_type="CAUSAL_LM",
        base_model_name_or_path=base,
        revision=revision,
        inference_mode=True,
    )
    config.save_pretrained(str(target))
    # PEFT keeps the modules as a set, and a file's hash tells one adapter from another.
    path = target / ADAPTER_CONFIG
    write_json(path, json.loads(path.read_text()) | {"target_modules": modules})
    save_file(weights, target / ADAPTER_WEIGHTS, metadata={"format": "pt"})


def _with_adapters(names: Iterable[str], home: Mapping[str, object]) -> Iterator[str]:
    """The weights of one file, and the adapters of these, which may lie in another."""
    for name in names:
        if name.endswith((DOWN, UP)):
            _check_adapted(name, home)
            continue
        yield name
        if name.endswith(ADAPTED):
            yield from (name.removesuffix(ADAPTED) + part for part in (DOWN, UP))


def _check_adapted(adapter: str, weights: Mapping[str, object]) -> None:
    """An adapter without its weight would be lost unseen."""
    base = adapter.removesuffix(DOWN).removesuffix(UP) + ADAPTED
    if base not in weights:
        raise KeyError(f"{adapter} adapts {base}, which is missing")
