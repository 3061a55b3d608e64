"""Which recipes a test run takes end to end: all of them, or a rotating third and those that the
latest change touches; tests/test_recipes_end_to_end.py asks."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.recipe_files import files_of

ROOT = Path(__file__).parents[1]
THIRDS = 3


def share(recipes: Sequence[str]) -> list[str]:
    """This run's recipes, by the environment.

    REPRISE_RECIPES=all takes all, REPRISE_RECIPES=<name>,<name> the named ones; by default it is
    the third whose turn it is at this commit and what has changed since REPRISE_SINCE (default: the
    commit before). REPRISE_SHARD=1/2 takes the first half of that.

    Raises:
        ValueError: a name is no recipe's.
    """
    asked = os.environ.get("REPRISE_RECIPES", "")
    if asked == "all":
        chosen = list(recipes)
    elif asked:
        if unknown := sorted(set(asked.split(",")) - set(recipes)):
            raise ValueError(f"REPRISE_RECIPES names no recipe with {', '.join(unknown)}")
        chosen = [name for name in recipes if name in asked.split(",")]
    else:
        since = os.environ.get("REPRISE_SINCE", "HEAD~1")
        changed = git("diff", "--name-only", since).splitlines()
        turn = int(git("rev-list", "--count", "HEAD") or 0)
        chosen = a_third(recipes, turn, changed)
    part, _, parts = os.environ.get("REPRISE_SHARD", "1/1").partition("/")
    return chosen[int(part) - 1 :: int(parts)]


def git(*words: str) -> str:
    """What git says; nothing outside a repository or without the commit asked for."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def a_third(recipes: Sequence[str], turn: int, changed: Sequence[str]) -> list[str]:
    """Every third recipe, starting from the turn, and those that read a changed file."""
    due = set(recipes[turn % THIRDS :: THIRDS])
    return [name for name in recipes if name in due or touched(name, changed)]


def touched(recipe: str, changed: Sequence[str]) -> bool:
    """Does the recipe, or its laptop-size twin, read one of these files?"""
    read = [str(path.relative_to(ROOT)) for path in files_of(recipe)]
    return any(path == one or path.startswith(f"{one}/") for path in changed for one in read)
