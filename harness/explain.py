"""Readable refusals: pydantic's and Hydra's errors in the words of RunSpec, with the nearest name;
compose.py and chain.py raise what this says."""

import difflib
import re
from pathlib import Path
from typing import Any

from hydra.errors import OverrideParseException
from pydantic import BaseModel, ValidationError

from harness.errors import ConfigError
from harness.spec import RunSpec

CONF_DIR = Path(__file__).parents[1] / "conf"
UNION_TAGS = ("rl", "sft", "local", "slurm")
"""What pydantic puts into a field's path to say which member of a union it read."""


def options(group: str) -> list[str]:
    """The choices of a configuration group, in alphabetical order."""
    return sorted(path.stem for path in (CONF_DIR / group).glob("*.yaml"))


def explain(error: ValidationError) -> str:
    """What a configuration got wrong, one line a field."""
    lines = []
    for problem in error.errors():
        path = [str(part) for part in problem["loc"] if part not in UNION_TAGS]
        name = ".".join(path)
        if problem["type"] == "extra_forbidden":
            lines.append(f"unknown key {name}{_nearest(path)}")
        elif problem["type"] == "missing":
            lines.append(f"{name} is missing: set {name}=...")
        else:
            lines.append(f"{name}={problem['input']!r}: {problem['msg']}{_field_text(path)}")
    return "\n".join(lines)


def _nearest(path: list[str]) -> str:
    names = [name for model in _models_at(path[:-1]) for name in model.model_fields]
    near = difflib.get_close_matches(path[-1], names, n=1, cutoff=0.5)
    prefix = ".".join([*path[:-1], ""])
    if near:
        return f"; did you mean {prefix}{near[0]}?"
    return f"; {prefix}* has: {', '.join(dict.fromkeys(names))}" if names else ""


def _field_text(path: list[str]) -> str:
    fields = [model.model_fields.get(path[-1]) for model in _models_at(path[:-1])]
    texts = [field.description for field in fields if field and field.description]
    return f"  ({texts[0]})" if texts else ""


def _models_at(path: list[str]) -> list[type[BaseModel]]:
    """The spec classes below a dotted path; several where a union stands."""
    found: list[type[BaseModel]] = [RunSpec]
    for part in path:
        annotations = [m.model_fields[part].annotation for m in found if part in m.model_fields]
        found = [inner for annotation in annotations for inner in _models_in(annotation)]
    return found


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for inner in getattr(annotation, "__args__", ()) for m in _models_in(inner)]


def explain_hydra(error: Exception) -> ConfigError:
    """Hydra's refusal of a command line, with the nearest group, option or key."""
    text = str(error).split("Config search path:")[0].strip()
    if isinstance(error, OverrideParseException):
        return ConfigError(_unreadable(error.override.removeprefix("++")))
    if match := re.match(r"Ambiguous value for argument '([\w.+]+)=", text):
        return ConfigError(
            f"{match.group(1).lstrip('+')} was given several values: add -m to run one after the "
            "other"
        )
    if match := re.search(r"Could not (?:find|load) '([\w/.-]+)/([^'/]+)'", text):
        group, choice = match.group(1).removesuffix("/miniature"), match.group(2)
        return ConfigError(_unknown_choice(group, choice))
    if match := re.search(r"Could not override '([\w./]+)'", text) or re.search(
        r"Could not append to config.*?'([\w./]+)'", text
    ):
        path = match.group(1).split(".")
        if path[0] == "hydra":
            return ConfigError(
                f"{match.group(1)} is not there to be set: what a run needs belongs in hardware= "
                "and launch.*, which are honoured for each run of a sweep"
            )
        return ConfigError(f"unknown key {match.group(1)}{_nearest(path)}")
    return ConfigError(text)


def _unreadable(word: str) -> str:
    key, sign, value = word.partition("=")
    if sign and not value.startswith(("'", '"')):
        return (
            f"{word} is not understood: a value with braces, brackets, commas, quotes or = needs "
            f"quotes of its own within those of the shell: '{key}=\"{value}\"'"
        )
    return (
        f"{word} is not understood: write group=choice, key=value or +repro=name (recipes: "
        f"{', '.join(options('repro'))}); `python run.py --help` lists them"
    )


def _unknown_choice(group: str, choice: str) -> str:
    allowed = options(group)
    near = difflib.get_close_matches(choice, allowed, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{group}={choice} does not exist; {hint}Choices: {', '.join(allowed)}"
