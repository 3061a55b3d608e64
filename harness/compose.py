"""Hydra configuration -> RunSpec, and readable errors for everything a user can mistype; read by
run.py and the actions."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from pydantic import BaseModel, ValidationError

from harness.chain import legs
from harness.errors import ConfigError
from harness.explain import CONF_DIR, explain, options
from harness.profiles import with_profile
from harness.rules import backend_violations, benchmark_violations, violations
from harness.spec import EvalSpec, EvaluatedModel, RunSpec

OVERRIDE = re.compile(r"~|\+{0,2}[a-z][\w./@]*=")
Spec = TypeVar("Spec", bound=BaseModel)
DOOR_KEYS = ("action", "cases", "samples", "claim", "runs", "again", "format")
"""Keys of conf/config.yaml that say what to do with a run, and are no part of it."""


def at_the_door(overrides: Sequence[str]) -> list[str]:
    """The command line as Hydra shall see it: recipes in miniature on a laptop, and plain values
    marked `++`, so that every field of RunSpec can be set and an unknown one reaches its checks."""
    named = [f"+{word}" if word.startswith("repro=") else word for word in overrides]
    words = [_settable(override) for override in in_miniature(named)]
    # Flags first: Hydra's parser takes overrides in one piece only.
    return sorted(words, key=lambda word: bool(OVERRIDE.match(word)))


def _settable(override: str) -> str:
    match = re.match(r"([a-z]\w*)(\.[\w.]+)?=", override)
    if not match or match.group(1) == "hydra":
        return override
    is_choice = match.group(2) is None and (CONF_DIR / match.group(1)).is_dir()
    return override if is_choice else f"++{override}"


def in_miniature(overrides: Sequence[str]) -> list[str]:
    """On `hardware=cpu`, replaces each recipe and algorithm by its laptop-size twin, if it has one.

    The twin is `conf/<group>/miniature/<choice>.yaml`. What stands on the command line still wins.

    Raises:
        ConfigError: a sweep mixes cpu with other hardware.
    """
    chosen = [word.split("=", 1)[1] for word in overrides if word.startswith("hardware=")]
    hardware = chosen[-1].split(",") if chosen else ["cpu"]
    if "cpu" not in hardware:
        return list(overrides)
    if len(hardware) > 1:
        raise ConfigError(
            f"hardware={chosen[-1]} sweeps over a laptop and a GPU profile; recipes run in "
            "miniature on cpu and at full size elsewhere, so start two sweeps"
        )
    replaced = [_miniature_choice(override) for override in overrides]
    if not any(re.match(r"\+?(repro|algorithm)=", override) for override in overrides):
        replaced.append("algorithm=miniature/grpo")
    return replaced


def _miniature_choice(override: str) -> str:
    match = re.fullmatch(r"(\+?)(repro|algorithm)=(.+)", override)
    if not match:
        return override
    plus, group, choices = match.groups()
    twins = [_twin(group, choice) for choice in choices.split(",")]
    return f"{plus}{group}={','.join(twins)}"


def _twin(group: str, choice: str) -> str:
    twin = f"miniature/{choice}"
    return twin if (CONF_DIR / group / f"{twin}.yaml").exists() else choice


def to_run_spec(config: DictConfig, *, must_fit: bool = True) -> RunSpec:
    """Freezes a composed configuration.

    Args:
        config: the composed configuration.
        must_fit: refuse what cannot fit into the memory of its GPUs.

    Raises:
        ConfigError: an unknown key (with the nearest name), a wrong type, a missing value, or a
            broken rule between fields (with the arithmetic and what to set).
    """
    fields = {key: value for key, value in _plain(config).items() if key not in DOOR_KEYS}
    fields["verl"] = dict(_flat(fields["verl"]))
    fields["launch"] = with_profile(fields["launch"])
    _refuse_rl_settings_for_sft(fields)
    spec = _validated(RunSpec, fields)
    for leg in legs(spec):
        if broken := violations(leg.spec, must_fit=must_fit):
            where = f"stage {leg.name}: " if leg.name else ""
            raise ConfigError(where + "\n\n".join(broken))
    return spec


def to_eval_spec(
    config: DictConfig, overrides: Sequence[str], *, has_data: bool = False
) -> EvalSpec:
    """Freezes what an evaluation without training needs of a composed configuration.

    Args:
        config: the composed configuration.
        overrides: the command line's; `model.path=` alone names the model by its folder.
        has_data: problems come with the responses, so that held_out means something.

    Raises:
        ConfigError: as to_run_spec; or the protocol measures a run's own data.
    """
    plain = _plain(config)
    fields = {key: plain[key] for key in ("repro", "output_root", "eval", "backend", "hardware")}
    model = {key: plain["model"].get(key) for key in EvaluatedModel.model_fields}
    model = {key: value for key, value in model.items() if value is not None}
    if _given("model.path", overrides) and not _given("model.name", overrides):
        model["name"] = str(model["path"]).rstrip("/").rsplit("/", 1)[-1].lower()
    spec = _validated(EvalSpec, {**fields, "model": model})
    broken = benchmark_violations(spec.eval, has_data=has_data) + backend_violations(spec.backend)
    if broken:
        raise ConfigError("\n\n".join(broken))
    return spec


def _given(key: str, overrides: Sequence[str]) -> bool:
    return any(word.lstrip("+").startswith(f"{key}=") for word in overrides)


def _plain(config: DictConfig) -> dict[str, Any]:
    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise ConfigError(f"{error.full_key} has no value yet: set {error.full_key}=...") from error
    except OmegaConfBaseException as error:
        raise ConfigError(f"the configuration does not resolve: {error}") from error
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _validated(kind: type[Spec], fields: dict[str, Any]) -> Spec:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise ConfigError(explain(error)) from error


def _flat(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _refuse_rl_settings_for_sft(fields: dict[str, Any]) -> None:
    if fields.get("repro") and fields["algorithm"].get("kind") == "sft":
        raise ConfigError(
            f"algorithm=sft with +repro={fields['repro']}: the recipe trains with a reward and its "
            "data has no demonstrations to imitate. Choose an RL algorithm "
            f"({', '.join(option for option in options('algorithm') if option != 'sft')}), or "
            "leave +repro out: algorithm=sft data=countdown_demonstrations"
        )
