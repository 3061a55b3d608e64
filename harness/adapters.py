"""Low-rank adapters folded into the weights they adapt; the CPU weight sync and the export call it.

Works on weights as PEFT names them, so it needs neither the model nor PEFT.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from harness.files import write_json

if TYPE_CHECKING:
    from torch import Tensor

PREFIX = "base_model.model."
BASE, ADAPTED = ".base_layer.", ".base_layer.weight"
DOWN, UP = ".lora_A.default.weight", ".lora_B.default.weight"


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
