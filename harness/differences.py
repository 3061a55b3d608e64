"""Differences between two nested configurations as lines of text; refusals of foreign directories
and checkpoints show them."""

from typing import Any


def differences(theirs: Any, ours: Any, prefix: str = "") -> list[str]:
    """One line for each dotted key whose values differ: theirs "there", ours "here"."""
    if not (isinstance(theirs, dict) and isinstance(ours, dict)):
        return [] if theirs == ours else [f"  {prefix}: {theirs!r} there, {ours!r} here"]
    lines = []
    for key in sorted(theirs.keys() | ours.keys()):
        name = f"{prefix}.{key}" if prefix else key
        lines += differences(theirs.get(key), ours.get(key), name)
    return lines
