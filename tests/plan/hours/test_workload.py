"""What a recipe computes and on what, as the estimate of its hours takes it."""

import pytest

from harness.plan.hours.workload import known_steps, machine, workload
from tests.composing import spec_of


def test_ppo_has_a_critic_and_computes_log_probabilities() -> None:
    work = workload(spec_of("+repro=tinyzero", "hardware=4xA800"))
    assert work is not None
    assert (work.kind, work.prompts, work.group, work.generation_batches) == ("rl", 256, 1, 1)
    assert work.critic and work.reference and work.recomputes_log_probs
    assert work.steps == 327680 // 256 * 15


def test_ratios_against_the_engine_need_no_forward_pass() -> None:
    work = workload(spec_of("+repro=oat_zero", "hardware=8xA100"))
    assert work is not None
    assert not work.recomputes_log_probs


def test_dynamic_sampling_draws_whole_batches() -> None:
    one = workload(spec_of("+repro=dapo", "hardware=128xH800"))
    assert one is not None
    assert (one.prompts, one.generated_prompts, one.generation_batches) == (512, 1536, 1)
    small = "algorithm.filter_groups.prompts_per_batch=512"
    two = workload(spec_of("+repro=dapo", "hardware=128xH800", small))
    assert two is not None
    assert (two.generated_prompts, two.generation_batches) == (1024, 2)


@pytest.mark.parametrize(
    ("words", "share"),
    [
        ((), 1.0),
        (("algorithm.train_group_size=4",), 0.5),
        (("+algorithm.pruning={rate: 0.75}",), 0.25),
        (("algorithm.train_group_size=4", "+algorithm.pruning={rate: 0.5}"), 0.25),
        (("algorithm.drop_groups=reward",), 0.5),  # by what dynamic sampling is expected to keep
    ],
)
def test_responses_that_are_left_out_are_generated_and_not_trained_on(
    words: tuple[str, ...], share: float
) -> None:
    grpo = ("model=qwen2_5_3b", "hardware=8xA100", "algorithm=grpo", "algorithm.group_size=8")
    work = workload(spec_of(*grpo, *words))
    assert work is not None
    assert (work.group, work.trained_share) == (8, share)


def test_pairs_need_the_reference_model() -> None:
    pairs = "+algorithm.preference_loss={level: level, beta: 0.1}"
    words = ("model=qwen2_5_3b", "hardware=8xA100", "algorithm=grpo", "algorithm.kl_loss=null")
    alone, compared = workload(spec_of(*words)), workload(spec_of(*words, pairs))
    assert alone is not None and compared is not None
    assert (alone.reference, compared.reference) == (False, True)


def test_fine_tuning_generates_nothing() -> None:
    words = ("algorithm=sft", "data=countdown_demonstrations", "model=qwen2_5_0_5b")
    work = workload(spec_of(*words, "reward=countdown_tinyzero", "hardware=1xH100"))
    assert work is not None
    assert (work.kind, work.group, work.generated_prompts) == ("sft", 1, 0)


def test_steps_from_the_rows_that_are_published() -> None:
    spec = spec_of("+repro=open_reasoner_zero", "hardware=32xA800")
    assert spec.data.train_rows is None and spec.schedule.steps is None
    assert known_steps(spec) == (57000 - 64) // 128 * 20
    few, many = (
        spec_of("+repro=open_reasoner_zero", "hardware=32xA800", f"schedule.steps={steps}")
        for steps in (100, 100_000)
    )
    assert (known_steps(few), known_steps(many)) == (100, (57000 - 64) // 128 * 20)


def test_a_chain_that_grows_has_lengths_of_its_own() -> None:
    spec = spec_of("+repro=deepscaler", "hardware=8xA100")
    short, long = workload(spec, "8k"), workload(spec, "24k")
    assert short is not None and long is not None
    assert short.response_tokens.mid < long.response_tokens.mid


def test_the_machine_of_a_profile() -> None:
    found = machine(spec_of("+repro=dr_grpo", "hardware=32xA800"))
    assert found is not None
    assert (found.gpus, found.gpus_per_node, found.bf16_tflops) == (32, 8, 312)
    assert found.train_gpus == found.generate_gpus == 32


def test_nothing_is_known_about_a_cpu() -> None:
    assert machine(spec_of("+repro=tinyzero", "hardware=cpu")) is None


@pytest.mark.parametrize("missing", ["bf16_tflops", "memory_gb_per_s"])
def test_a_gpu_without_facts_is_no_machine(missing: str) -> None:
    assert machine(spec_of("+repro=dr_grpo", "hardware=8xA100", f"hardware.{missing}=null")) is None
