"""Fast composition against Hydra's own: the same configuration, or the same refusal."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.errors import HydraException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import Container, DictConfig, OmegaConf

from harness.sweep.composing import SweepComposer
from tests.sweep.sweeping import master

SWEEP = ["+repro=tinyzero,logic_rl", "hardware=4xA800,8xA100", "seed=1,2"]


def described(node: Any) -> Any:
    """A configuration with all that decides how it behaves: types, flags, what may be set."""
    facts = {k: v for k, v in vars(node._metadata).items() if k != "resolver_cache"}
    if not isinstance(node, Container) or node._is_none() or node._is_missing():
        return type(node), facts, node._value()
    if isinstance(node, DictConfig):
        keys = [str(key) for key in node]
        return type(node), facts, {key: described(node._get_node(key)) for key in keys}
    return type(node), facts, [described(node._get_node(i)) for i in range(len(node))]


def outcome(compose: Any, words: list[str]) -> Any:
    """What composing gives: a description and the resolved values, or the refusal."""
    try:
        config = compose(words)
    except (HydraException, ValueError) as error:
        return type(error), str(error)
    values = OmegaConf.create({k: v for k, v in config.items_ex(resolve=False) if k != "hydra"})
    return described(config), OmegaConf.to_container(values, resolve=True)


@dataclass
class Both:
    """The two ways to compose the runs of one sweep."""

    loader: ConfigLoaderImpl
    sweep: DictConfig
    composer: SweepComposer

    def agree(self, words: list[str]) -> bool:
        """Asked twice, since a run may leave no trace in those after it."""
        theirs = outcome(lambda w: self.loader.load_sweep_config(self.sweep, w), words)
        ours = [outcome(self.composer.compose, words) for _ in range(2)]
        return ours == [theirs, theirs]


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    """Of one sweep, so that runs of different tests meet in it."""
    with master(*SWEEP, "hydra.verbose=false") as (loader, sweep):
        yield Both(loader, sweep, SweepComposer(loader, sweep))


def test_the_runs_of_real_recipes_are_equal(both: Both) -> None:
    recipes, hardware = ("tinyzero", "deepscaler", "logic_rl"), ("4xA800", "8xA100")
    for recipe, machine, seed in itertools.product(recipes, hardware, (1, 2, 3)):
        assert both.agree([f"+repro={recipe}", f"hardware={machine}", f"++seed={seed}"])


@pytest.mark.parametrize(
    "words",
    [
        ["++model.name=m-${seed}", "++seed=7"],
        ["++seed=7", "++output_root=out/${seed}/${hardware.name}"],
        ["~claim"],
        ["~data.source"],
        ["~tracking"],
        ["~launch=local"],
        ["+verl.a.b=1", "+verl.a.c=[1,{x:2}]"],
        ["+verl={a:1}", "++verl={b:2}"],
        ["data={train_rows:5}"],
        ["schedule={steps:3}", "schedule.steps=4"],
        ["++schedule.steps=3", "++schedule.steps=5"],
        ["eval=aime24,aime24"],
        ["eval/prompt=qwen_math"],
        ["reward=dapo", "algorithm=dapo", "reward=gsm8k_rlvr"],
        ["'++claim={value: 43.1, metric: \"avg@16\"}'"],
        ["++claim={value: 43.1, metric: avg@16}"],
        ["++seed='a,b'"],
        ["hydra.job.name=other"],
        ["hydra/help=default", "hydra.verbose=true"],
        # refusals
        ["+seed=4"],
        ["seeed=4"],
        ["~nothing"],
        ["~seed=99"],
        ["model=none_such"],
        ["+model=tiny_forms"],
        ["model@elsewhere=tiny_forms"],
        ["seed@elsewhere=1"],
        ["++seed.x=1", "++seed.x.y=2"],
        ["seed=1,2"],
        ["model=[tiny_forms]"],
        ["model=3"],
        ["~model=tiny_forms"],
        ["a b=3"],
        [],
    ],
    ids=" ".join,
)
def test_every_kind_of_override_is_equal(both: Both, words: list[str]) -> None:
    assert both.agree(words)


WORDS = st.sampled_from(
    [
        "hardware=4xA800",
        "hardware=8xA100",
        "+repro=tinyzero",
        "+repro=logic_rl",
        "algorithm=ppo",
        "model=tiny_forms",
        "~tracking",
        "~stages",
        "++seed=3",
        "++schedule.steps=${seed}",
        "++model.path=/m/${schedule.steps}",
        "+verl.x=[${seed}]",
        "verl={y:{z:1}}",
        "+data.limit=3",
        "nonsense=1",
    ]
)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(WORDS, max_size=6))
def test_any_overrides_are_equal(both: Both, words: list[str]) -> None:
    assert both.agree(words)


def test_hydra_composes_each_set_of_choices_once(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed: list[list[str]] = []
    own = ConfigLoaderImpl.load_configuration

    def counted(self: ConfigLoaderImpl, name: str, overrides: list[str], *rest: Any) -> DictConfig:
        composed.append(overrides[-1:])
        return own(self, name, overrides, *rest)

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", counted)
    composer = SweepComposer(both.loader, both.sweep)
    for seed in range(50):
        composer.compose(["hardware=4xA800", f"++seed={seed}"])
        with pytest.raises(HydraException):
            composer.compose(["hardware=none_such", f"++seed={seed}"])
    assert composed == [["hardware=4xA800"], ["hardware=none_such"]]


def test_what_reads_hydra_is_known(both: Both) -> None:
    assert not both.composer.reads_hydra(["+repro=tinyzero", "++seed=3"])
    assert both.composer.reads_hydra(["+repro=tinyzero", "++seed=${hydra:job.num}"])
