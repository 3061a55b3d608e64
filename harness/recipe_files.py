"""The files that a recipe is made of, found by its defaults lists; the choice of recipes for a test
run and bench/recipe_size.py ask."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.cards import REPRODUCTIONS
from harness.explain import CONF_DIR
from harness.files import read_yaml


def files_of(recipe: str) -> Iterator[Path]:
    """The YAML files below conf/ that a recipe composes, and its folder below reproductions/."""
    seen: set[Path] = set()
    waiting = [CONF_DIR / "repro" / folder / f"{recipe}.yaml" for folder in (".", "miniature")]
    while waiting:
        path = waiting.pop().resolve()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        content = read_yaml(path) or {}
        waiting += [CONF_DIR / f"{name}.yaml" for name in parents(content, path)]
        if "repro" in content:
            seen.add(REPRODUCTIONS / content["repro"])
    yield from sorted(seen)


def parents(content: Mapping[str, Any], path: Path) -> Iterator[str]:
    """The files that a defaults list names, relative to conf/, without their suffix."""
    group = path.relative_to(CONF_DIR).parts[0]  # where Hydra looks for names without a slash
    for entry in content.get("defaults", []):
        named = {"": entry} if isinstance(entry, str) else entry
        for key, choice in named.items():
            words = [word.split("@")[0] for word in (key.removeprefix("override "), str(choice))]
            name = "/".join(word for word in words if word)
            yield name.lstrip("/") if name.startswith("/") else f"{group}/{name}"
