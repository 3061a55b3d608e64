"""The memory plan's arithmetic against what torch counts on a CPU: states exactly, activations and
logits within a stated tolerance."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForTokenClassification

from harness.plan.memory.activations import (
    Entropy,
    backward_bytes,
    layer_bytes,
    logits_bytes,
    saved_bytes,
)
from harness.plan.memory.states import (
    LAYER_LINEARS,
    Adapters,
    adapter_parameters,
    critic_state,
    policy_state,
)
from tests.plan.memory.measuring import (
    CHUNK,
    config,
    logits_peak,
    model_of,
    peak_bytes,
    saved_for_backward,
    shape_of,
    state_bytes,
    token_ids,
)

ROOT = Path(__file__).parents[3]
ELEMENTS = {torch.float32: 4, torch.bfloat16: 2}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait for each other take longer than the work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["tiny", "mid"])
def test_weights_gradients_and_moments_are_exact(name: str) -> None:
    tiny = ROOT / "harness" / "tiny" / "countdown"
    chosen = AutoConfig.from_pretrained(tiny) if name == "tiny" else config()
    model, state = model_of(chosen), policy_state(shape_of(chosen), shards=1)
    optimizer = torch.optim.AdamW(model.parameters(), foreach=True)
    model(input_ids=token_ids(chosen, 1, 16), use_cache=False).logits.sum().backward()
    optimizer.step()
    assert sum(weight.nbytes for weight in model.parameters()) == state.weights
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    assert sum(gradient.nbytes for gradient in gradients) == state.gradients
    moments = (tensor for kept in optimizer.state.values() for tensor in kept.values())
    assert state_bytes(moments) == state.moments


def test_what_the_optimizer_allocates_in_a_step() -> None:
    chosen = config(vocab_size=512, num_hidden_layers=2)
    model = model_of(chosen)
    optimizer = torch.optim.AdamW(model.parameters(), foreach=True)
    model(input_ids=token_ids(chosen, 1, 16), use_cache=False).logits.sum().backward()
    optimizer.step()
    planned = policy_state(shape_of(chosen), shards=1).step
    assert peak_bytes(optimizer.step) == pytest.approx(planned, rel=0.01)


def test_a_shard_is_its_share() -> None:
    shape = shape_of(config())
    assert policy_state(shape, shards=8).moments == policy_state(shape, shards=1).moments / 8


@pytest.mark.parametrize("tied", [True, False])
def test_the_value_model_has_one_output_in_place_of_the_head(tied: bool) -> None:
    chosen = config(tie_word_embeddings=tied, num_labels=1)
    with torch.device("meta"):
        model = AutoModelForTokenClassification.from_config(chosen)
    assert critic_state(shape_of(chosen), 1).count == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("modules", [LAYER_LINEARS, ("q_proj", "v_proj")])
def test_adapters_are_counted_as_peft_makes_them(modules: tuple[str, ...]) -> None:
    chosen = config(num_hidden_layers=2)
    with torch.device("meta"):
        adapted = get_peft_model(
            AutoModelForCausalLM.from_config(chosen),
            LoraConfig(r=8, target_modules=list(modules), task_type="CAUSAL_LM"),
        )
    shape, adapters = shape_of(chosen), Adapters(rank=8, modules=modules)
    trained = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    assert adapter_parameters(shape, 8, modules) == trained
    state = policy_state(shape, 1, adapters)
    assert state.count == sum(p.numel() for p in adapted.parameters())
    assert (state.trained, state.moments) == (trained, 8 * trained)


@pytest.mark.parametrize("dtype", list(ELEMENTS))
@pytest.mark.parametrize("checkpointing", [False, True])
def test_saved_activations_within_one_percent(dtype: torch.dtype, checkpointing: bool) -> None:
    chosen = config(vocab_size=512, num_hidden_layers=4)
    model = model_of(chosen, dtype, checkpointing=checkpointing)
    counted = saved_for_backward(model, token_ids(chosen, 2, 64)) / 128
    planned = saved_bytes(shape_of(chosen), ELEMENTS[dtype], checkpointing=checkpointing)
    assert planned == pytest.approx(counted, rel=0.01)


@pytest.mark.parametrize("dtype", list(ELEMENTS))
@pytest.mark.parametrize("checkpointing", [False, True])
def test_peak_of_the_backward_pass_within_a_tenth(dtype: torch.dtype, checkpointing: bool) -> None:
    chosen = config(
        vocab_size=512,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
    )
    model, shape = model_of(chosen, dtype, checkpointing=checkpointing), shape_of(chosen)
    ids, element = token_ids(chosen, 4, 128), ELEMENTS[dtype]

    def step() -> None:
        model.model(input_ids=ids, use_cache=False).last_hidden_state.sum().backward()

    step()
    model.zero_grad(set_to_none=False)  # so that gradients are no part of the peak
    again = layer_bytes(shape, element) if checkpointing else 0
    planned = saved_bytes(shape, element, checkpointing=checkpointing) + again
    planned += backward_bytes(shape, element)
    assert planned == pytest.approx(peak_bytes(step) / ids.numel(), rel=0.1)


ENTROPIES: tuple[Entropy, ...] = ("none", "full", "chunked")


@pytest.mark.parametrize(
    ("precision", "entropy", "gradients", "scaled"),
    list(product(("autocast", "fp32"), ENTROPIES, (True, False), (True, False))),
)
def test_peak_around_the_logits_within_a_third_of_a_byte(
    precision: str, entropy: Entropy, gradients: bool, scaled: bool
) -> None:
    counted = logits_peak(entropy, precision, gradients=gradients, scaled=scaled)
    planned = logits_bytes(
        128,
        8192,
        entropy,
        gradients=gradients,
        scaled=scaled,
        element=2 if precision == "autocast" else 4,
        chunk_tokens=CHUNK,
    )
    assert planned / (128 * 8192) == pytest.approx(counted, abs=0.3)
