"""Rules between fields: each broken one is refused with its arithmetic and what to set."""

import pytest

from harness.errors import ConfigError
from tests.composing import eval_spec_of, spec_of

GPU = ("+repro=tinyzero", "hardware=4xA800")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["algorithm.mini_batch_prompts=512"], r"512 prompts does not fit .* 256 prompts: set"),
        (["algorithm.mini_batch_prompts=60"], r"256 = 4 x 60 \+ 16.*one of 1, 2, 4, 8"),
        (["algorithm.mini_batch_prompts=2"], r"2 prompts x 1 responses = 2 .* over 4 GPUs"),
        (["data.max_response_tokens=40000"], r"256 prompt \+ 40000 response .* 40256 exceed"),
        (["hardware.tokens_per_gpu=512"], r"256 \+ 1024 = 1280 tokens exceeds"),
        (["algorithm.critic=null"], "needs a critic"),
        (["algorithm.advantage=grpo"], "does not use a critic"),
        (["algorithm=grpo", "algorithm.group_size=1"], "group_size >= 2"),
        (["algorithm.sampling.temperature=0"], "cannot learn"),
        (["reward=multiply_tinyzero"], "scores multiply"),
        (["eval.max_tokens=40000"], r"eval.max_tokens <= 32512"),
        (["hardware.rollout.engine=hf_cpu"], "engine=vllm"),
        (["hardware.rollout.tensor_parallel=3"], "set a divisor"),
        (["hardware.attention=sdpa"], "needs flash attention"),
        (["eval.benchmarks=[{name: aime42, samples_per_problem: 1}]"], "did you mean aime2[45]"),
        (["eval.benchmarks=[{name: aime24, samples_per_problem: 1}]"], "does not say how to show"),
        (
            [
                "eval.benchmarks=[{name: held_out, samples_per_problem: 1},{name: held_out, "
                "samples_per_problem: 2}]"
            ],
            "held_out more than once",
        ),
        (["eval=aime24", "eval.sampling.temperature=0"], "draws the same response every time"),
        (["eval.sampling.top_k=-5"], "top_k"),
        (["eval.stop=['']"], "at least 1 character"),
        (["eval=aime24", "eval.grader=sympy"], "grader sympy does not exist; choose one of repr"),
        (["eval=aime24"], r"eval.max_tokens <= 32767"),
    ],
)
def test_broken_rules(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        spec_of(*GPU, *overrides)


def test_all_broken_rules_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        spec_of(*GPU, "algorithm.mini_batch_prompts=60", "data.max_response_tokens=40000")
    assert "60" in str(caught.value) and "40256" in str(caught.value)


def test_a_cpu_generates_with_a_whole_model_in_each_process() -> None:
    assert spec_of("hardware.gpus_per_node=2", "hardware.nodes=2").hardware.nodes == 2
    with pytest.raises(ConfigError, match="a whole model in each process"):
        spec_of("hardware.gpus_per_node=2", "hardware.rollout.tensor_parallel=2")


@pytest.mark.parametrize("hardware", ["cpu", "8xA100"])
def test_sft_trains_on_one_node(hardware: str) -> None:
    with pytest.raises(ConfigError, match=r"one node, and hardware.nodes=2"):
        spec_of(
            "algorithm=sft", "data=countdown_demonstrations", f"hardware={hardware}",
            "hardware.nodes=2",
        )  # fmt: skip


def test_an_evaluation_alone_has_no_held_out_data() -> None:
    with pytest.raises(ConfigError, match=r"action=eval has no run.*eval=aime24"):
        eval_spec_of()


def test_an_evaluation_alone_needs_a_response_limit() -> None:
    with pytest.raises(ConfigError, match=r"set eval.max_tokens"):
        eval_spec_of("eval=aime24", "eval.max_tokens=null")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["backend.engine=openai"], "set backend.url="),
        (["backend=lm_eval", "backend.model=null"], "set backend.model="),
        (
            ["backend=lm_eval", "backend.model=x", "backend.arguments={auth_token: s3cret}"],
            r"auth_token, which would be written to disk.*api_key_env",
        ),
    ],
)
def test_broken_rules_of_a_back_end(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        eval_spec_of("eval=aime24", *overrides)
    assert "s3cret" not in str(caught.value)
