"""Which recipes a test run takes end to end: all of them, or a third, of which what the latest
change touches comes first; tests/test_recipes_end_to_end.py asks."""

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
    a third: what has changed since REPRISE_SINCE (default: the commit before), and those whose turn
    it is at this commit. REPRISE_SHARD=1/2 takes the first half of that.

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
    """A third of the recipes: those that read a changed file, then every third from the turn on."""
    first = [name for name in recipes if touched(name, changed)]
    rest = [name for name in recipes if name not in first]
    # Each list starts with its own third whose turn it is: a change may touch more than a third.
    ranked = [name for names in (first, rest) for name in [*names[turn % THIRDS :: THIRDS], *names]]
    chosen = list(dict.fromkeys(ranked))[: -(-len(recipes) // THIRDS)]
    return [name for name in recipes if name in chosen]


def touched(recipe: str, changed: Sequence[str]) -> bool:
    """Does the recipe, or its laptop-size twin, read one of these files?"""
    read = [str(path.relative_to(ROOT)) for path in files_of(recipe)]
    return any(path == one or path.startswith(f"{one}/") for path in changed for one in read)
