"""Composition: what wins over what, and what a mistyped command line is told."""

from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from pydantic import TypeAdapter

from harness.compose import at_the_door, in_miniature
from harness.errors import ConfigError
from harness.explain import CONF_DIR, options
from harness.spec import RLAlgorithm, RunSpec
from tests.composing import eval_spec_of, on_gpus, spec_of

OPTIONS = [
    (group.name, path.stem)
    for group in sorted(CONF_DIR.iterdir())
    if group.is_dir() and group.name != "repro"
    for path in sorted(group.glob("*.yaml"))
    if path.stem in options(group.name)
]


GIVEN = {
    ("backend", "openai"): ["++backend.url=http://127.0.0.1:1/v1"],
    ("backend", "lm_eval"): ["++backend.model=local-completions"],
    ("data", "countdown_file"): ["++data.source.path=x.parquet"],
}
"""What the user must add to an option."""


@pytest.mark.filterwarnings("ignore:.*Defaults list is missing")
@pytest.mark.parametrize(("group", "choice"), OPTIONS)
def test_every_option_composes_to_a_valid_part(group: str, choice: str) -> None:
    with initialize_config_dir(str(CONF_DIR), version_base=None):
        config = compose(f"{group}/{choice}", GIVEN.get((group, choice), []))
    if group == "reward":  # its arguments may quote the data's limits and the run's seed
        OmegaConf.set_struct(config, False)
        config.data = {"max_response_tokens": 64}
        config.seed = 1
    part = OmegaConf.to_container(config[group], resolve=True, throw_on_missing=True)
    adapter: TypeAdapter[Any] = TypeAdapter(RunSpec.model_fields[group].annotation)
    assert getattr(adapter.validate_python(part), "name", choice)


@pytest.mark.parametrize("recipe", options("repro"))
def test_a_recipe_is_a_miniature_on_the_laptop_and_nowhere_else(recipe: str) -> None:
    small = spec_of(f"+repro={recipe}")
    large = on_gpus(recipe, "hardware.gpu_mem_gb=2000")
    assert (small.miniature, large.miniature) == (True, False)
    assert small.repro == large.repro and small.variant == large.variant
    assert recipe == "_".join(filter(None, (large.repro, large.variant)))


def test_cpu_means_miniature_and_gpus_mean_full_size() -> None:
    assert spec_of("+repro=tinyzero").model.name == "tiny-countdown"
    assert spec_of("+repro=tinyzero", "hardware=4xA800").model.path == "Qwen/Qwen2.5-3B"


def test_miniature_keeps_the_recipe_and_changes_only_sizes() -> None:
    full = spec_of("+repro=tinyzero", "hardware=1xH100")
    small = spec_of("+repro=tinyzero")
    assert isinstance(full.algorithm, RLAlgorithm) and isinstance(small.algorithm, RLAlgorithm)
    sizes = {"prompts_per_step", "mini_batch_prompts", "group_size", "optimizer", "critic"}
    assert full.algorithm.model_dump(exclude=sizes) == small.algorithm.model_dump(exclude=sizes)
    assert full.data.template == small.data.template
    assert full.reward == small.reward


def test_command_line_wins_over_recipe_and_miniature() -> None:
    spec = spec_of(
        "+repro=tinyzero", "model=qwen2_5_0_5b", "algorithm=grpo", "algorithm.optimizer.lr=0.5"
    )
    assert spec.model.name == "qwen2.5-0.5b"
    assert isinstance(spec.algorithm, RLAlgorithm)
    assert spec.algorithm.advantage == "grpo" and spec.algorithm.critic is None
    assert spec.algorithm.optimizer.lr == 0.5


def test_miniature_rewrites_each_choice_of_a_sweep() -> None:
    assert in_miniature(["+repro=tinyzero", "algorithm=ppo,grpo", "seed=1,2"]) == [
        "+repro=miniature/tinyzero",
        "algorithm=miniature/ppo,miniature/grpo",
        "seed=1,2",
    ]


def test_a_recipe_is_named_with_or_without_the_plus() -> None:
    assert at_the_door(["repro=tinyzero"]) == at_the_door(["+repro=tinyzero"])


def test_sweep_over_cpu_and_gpus_is_refused() -> None:
    with pytest.raises(ConfigError, match="two sweeps"):
        in_miniature(["hardware=cpu,4xA800"])


def test_sft_over_a_recipe_is_refused_with_a_way_out() -> None:
    with pytest.raises(ConfigError, match=r"no demonstrations.*data=countdown_demonstrations"):
        spec_of("+repro=tinyzero", "algorithm=sft")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("algorithm.optimizer.lrr=1", "did you mean algorithm.optimizer.lr"),
        ("data.tempalte=x", "did you mean data.template"),
        ("algorithm.gamma=high", "valid number"),
        ("algorithm.gamma=2", "less than or equal to 1"),
        ("schedule.stepz=4", "did you mean schedule.steps"),
        ("algorithm.prompts_per_step=0", "greater than 0"),
        ("data=countdown_file", r"set data\.source\.path=\.\.\."),
    ],
)
def test_wrong_values_are_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        spec_of(override)


def test_extra_verl_keys_arrive_flat() -> None:
    spec = spec_of("+verl.actor_rollout_ref.actor.policy_loss.loss_mode=gspo")
    assert spec.verl == {"actor_rollout_ref.actor.policy_loss.loss_mode": "gspo"}


@pytest.mark.parametrize(
    "benchmark",
    [b for path in sorted((CONF_DIR / "eval").glob("*.yaml")) for b in [path.stem]
     if not b.startswith("held_out")],
)  # fmt: skip
def test_every_protocol_measures_a_model_by_itself(benchmark: str) -> None:
    spec = eval_spec_of(f"eval={benchmark}", "model.path=some/Model-7B")
    assert spec.eval.prompt is not None and spec.eval.max_tokens
    assert spec.model.name == "model-7b"


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (
            ["--cfg", "job", "eval=aime24", "-p", "eval"],
            ["--cfg", "job", "-p", "eval", "eval=aime24", "algorithm=miniature/grpo"],
        ),
        (["seed=1,2", "-m"], ["-m", "++seed=1,2", "algorithm=miniature/grpo"]),
        (["eval/prompt=qwen_math", "-m"], ["-m", "eval/prompt=qwen_math",
                                           "algorithm=miniature/grpo"]),
    ],
)  # fmt: skip
def test_flags_come_before_overrides_for_hydras_parser(given: list[str], seen: list[str]) -> None:
    assert at_the_door(given) == seen
