"""Rules between fields: each broken one is refused with its arithmetic and what to set."""

import pytest

from harness.errors import ConfigError
from tests.composing import eval_spec_of, spec_of

DENSE = "+reward.dense={function: 'm:f', gamma: 0.9}"
GRPO = "algorithm=grpo"
FILTER = "+algorithm.filter_groups={metric: reward, prompts_per_batch: 8}"
ENTROPY = "+algorithm.adaptive_entropy={target: 0.2, delta: 0.01, max_coef: 0.1}"
PAIRS = "+algorithm.preference_loss={level: level, beta: 0.1}"
LORA = "+algorithm.lora={rank: 8, alpha: 16}"
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
        (["hardware.attention=sdpa"], "remove_padding=true packs"),
        (["hardware.precision=fp32"], "half precision only on a GPU"),
        (["hardware.remove_padding=false"], "computes packed sequences only"),
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
        ([DENSE, "algorithm.lam=0.95"], r"set algorithm.lam=1, or reward.dense=null"),
        ([DENSE, "algorithm=grpo"], r"one of gae, reinforce_plus_plus, or reward.dense=null"),
        ([LORA, "algorithm.lora.rank=1024"], r"more than vLLM can serve.*rank <= 512"),
        ([LORA, "algorithm.lora.target_modules=[]"], "nothing would be trained"),
        ([LORA, "algorithm.lora.target_modules=[q_proj,lm_head]"], "names lm_head"),
        ([GRPO, "algorithm.train_group_size=9"], r"=9 responses cannot be taken from a group of"),
        ([GRPO, "algorithm.train_group_size=1"], r"train_group_size=1 leaves nothing to compare"),
        ([GRPO, "+algorithm.pruning={rate: 0.95}"], r"keeps 0 of .*set algorithm.pruning.rounding"),
        (
            [GRPO, "algorithm.drop_groups=reward", FILTER, "schedule.steps=9"],
            r"replaces the groups .*drop_groups=reward leaves out",
        ),
        (
            [GRPO, "algorithm.drop_groups=reward", "algorithm.shuffle_mini_batches=true"],
            r"shuffle_mini_batches=true mixes responses",
        ),
        (
            [DENSE, "algorithm.drop_groups=reward"],
            r"adds to advantages after responses were chosen",
        ),
        ([ENTROPY, "algorithm.entropy_coef=0.01"], r"0.01 is a fixed weight.*set entropy_coef=0"),
        (
            [ENTROPY, "algorithm.entropy_coef=0", "algorithm.adaptive_entropy.min_coef=2"],
            r"min_coef=2 above max_coef=0.1",
        ),
        ([GRPO, "+algorithm.pruning={rate: 0.1, rounding: up}"], r"up keeps all 8 responses"),
        (["algorithm.drop_groups=reward"], r"differ, and there is one: set algorithm.group_size"),
        ([GRPO, PAIRS, DENSE], r"reads no reward, so that reward.dense would change nothing"),
        (
            [GRPO, PAIRS, "reward.group=math:fsum", "+algorithm.kl_in_reward={coef: 0.1}"],
            r"set reward.group=null and algorithm.kl_in_reward=null",
        ),
        (
            ["eval.limits=[512,2048]"],
            r"limits has 2048, and responses end at data.max_response_tokens=1024",
        ),
        ([PAIRS], r"has no use for a value model"),
        ([GRPO, PAIRS, "algorithm.drop_groups=reward"], r"takes every response"),
        ([GRPO, PAIRS, "algorithm.group_size=1"], r"preference_loss compares .*group_size=1"),
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
