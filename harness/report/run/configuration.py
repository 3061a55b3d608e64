"""Every value of a run with where it comes from, and what the numbers depend on besides; summary.py
reads it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from evals.job import Frozen
from evals.scores import Scores
from harness.cards import Card
from harness.report.read import Json, flattened, listed, mapping


class Setting(Frozen):
    """One field of the frozen RunSpec."""

    field: str
    value: str
    origin: str
    """ours, script, paper, ... with its source or reason; empty where the card says nothing."""


class Fact(Frozen):
    """Something that a number can be traced by."""

    name: str
    value: str


def flat(value: Json) -> list[tuple[str, str]]:
    """A nested mapping as dotted names with their values as text."""
    return [(name, as_text(inner)) for name, inner in flattened(value).items()]


def as_text(value: Any) -> str:
    """A value as the page shows it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def settings(spec: Json, card: Card | None) -> list[Setting]:
    """The fields of a run with their origin by the card."""
    pairs = flat(spec) if spec else []
    return [
        Setting(field=field, value=value, origin=_origin(field, value, card, spec))
        for field, value in pairs
    ]


def _origin(field: str, value: str, card: Card | None, spec: Json) -> str:
    """Where a value comes from, and upstream's where this run has another."""
    if card is None:
        return ""
    said = card.recipe.get(field)
    origin = f"{said.origin}: {said.source or said.reason}" if said else ""
    differs = said is not None and as_text(said.value).lower() != value.lower()
    if said is not None and differs and said.value is not None:
        origin += f" (card: {as_text(said.value)})"
    small = card.miniature.get(field) if spec.get("miniature") else None
    return "; ".join(filter(None, (f"miniature: {small}" if small else "", origin)))


SHOWN_PACKAGES = ("verl", "torch", "vllm", "transformers", "ray", "lm_eval", "math-verify")
"""Packages that a reader looks for first; all of them are in the page."""
SHOWN_FILES = 3
"""Untracked files that are named; of more the number is said."""


def facts(provenance: Json, scores: Sequence[Scores], manifests: Mapping[str, Json]) -> list[Fact]:
    """Command, code, machine, versions and hashes: what a number can be traced by.

    Args:
        provenance: the content of provenance.json.
        scores: as measured.
        manifests: of the data of each training, by stage.
    """
    code, machine = mapping(provenance.get("code")), mapping(provenance.get("machine"))
    packages = mapping(provenance.get("packages"))
    command = provenance.get("command")
    found = {
        "command": " ".join(map(str, command)) if isinstance(command, list) else command,
        "started": provenance.get("started_at"),
        "commit": _commit(code),
        "Python": provenance.get("python"),
        "packages": ", ".join(f"{n} {packages[n]}" for n in SHOWN_PACKAGES if n in packages),
        "machine": _machine(machine),
        **{key: provenance[key] for key in provenance if key not in KNOWN},
    }
    hashes: dict[str, Any] = {
        f"model {m.label}": m.fingerprint for score in scores for m in score.models
    }
    hashes |= {f"protocol of {score.benchmark}": score.protocol_hash for score in scores}
    for stage, manifest in manifests.items():
        for split, content in mapping(manifest.get("splits")).items():
            hashes[" ".join(filter(None, ("data", stage, split)))] = mapping(content).get("sha256")
    return [
        Fact(name=name, value=as_text(value))
        for name, value in (found | {f"sha256, {n}": v for n, v in hashes.items()}).items()
        if value
    ]


KNOWN = {"command", "started_at", "code", "python", "packages", "machine", "overrides"}
"""Parts of provenance.json that have a line of their own."""


def _commit(code: Json) -> str:
    """The commit and what is not in it."""
    said = [str(code["commit"])] if code.get("commit") else []
    if isinstance(code.get("diff"), str):
        said.append(f"changed by {len(code['diff'].splitlines())} lines, kept in provenance.json")
    untracked = [str(name) for name in listed(code.get("untracked"))]
    if untracked:
        names = ", ".join(untracked) if len(untracked) <= SHOWN_FILES else f"{len(untracked)} files"
        said.append(f"untracked: {names}")
    return "; ".join(said)


def _machine(machine: Json) -> str:
    """Platform, processors, memory and GPUs."""
    gpus = Counter(str(gpu) for gpu in listed(machine.get("gpus")))
    parts = [
        as_text(machine["platform"]) if machine.get("platform") else "",
        f"{machine['cpus']} CPUs" if machine.get("cpus") else "",
        f"{machine['memory_gb']} GB memory" if machine.get("memory_gb") else "",
        ", ".join(f"{count} x {gpu}" for gpu, count in gpus.items()),
    ]
    if machine and not gpus:
        parts.append("no GPU")
    return "; ".join(filter(None, parts))


def versions(packages: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Package and version."""
    return [(str(name), as_text(version)) for name, version in packages.items()]
