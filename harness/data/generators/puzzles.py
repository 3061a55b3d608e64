"""Puzzles of knights and knaves with one solution each, by reasoning-gym; training data and the
generated benchmark are made of them."""

import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from harness.data.generators.draws import Draw, Row, different_rows, stable_hash
from harness.errors import DataError

FORMAT_HINT = re.compile(r"\s*\(Format your answer like: .*\)\s*$", re.DOTALL)
WORDS = {
    "knight": "knight",
    "knave": "knave",
    "a_knight": "a knight",
    "a_knave": "a knave",
    "Knight": "Knight",
    "Knave": "Knave",
}
"""The words of the puzzle that this task is known by; reasoning-gym draws one of seven pairs."""


def puzzle_items(people: int, start: int) -> Iterator[dict[str, Any]]:
    """An endless stream of reasoning-gym items; item i is seeded with start + i."""
    from reasoning_gym.logic.knights_knaves import KnightsKnavesConfig, KnightsKnavesDataset

    dataset = KnightsKnavesDataset(KnightsKnavesConfig(n_people=people, seed=start))
    return (dataset[index] for index in count())


def quiz_of(item: dict[str, Any]) -> str:
    """The puzzle in words, about knights and knaves whatever pair was drawn."""
    terms = item["metadata"]["knight_knave_terms"]
    text = FORMAT_HINT.sub("", item["question"])
    if terms["knight"] == "knight":
        return text
    ours = {str(terms[name]): word for name, word in WORDS.items()}
    # With the article first: "an angel" becomes "a knight".
    theirs = "|".join(sorted(map(re.escape, ours), key=len, reverse=True))
    return re.sub(rf"\b({theirs})(?=s?\b)", lambda found: ours[found[1]], text)


def numbered_solution(names: Sequence[str], knights: Sequence[bool]) -> str:
    """One numbered statement a line: "(1) Zoey is a knave"."""
    return "\n".join(
        f"({number}) {name} is a {'knight' if knight else 'knave'}"
        for number, (name, knight) in enumerate(zip(names, knights, strict=True), start=1)
    )


def puzzle_draws(people: int, seed: int) -> Iterator[Draw]:
    """Puzzles and what makes them: the statements, whoever is said to make them."""
    # Another stream than the benchmark's, and far from those of neighbouring seeds.
    for item in puzzle_items(people, stable_hash(("training", seed, people)) % 2**31):
        metadata = item["metadata"]
        names = [str(name) for name in metadata["names"]]
        yield (
            metadata["statements"],
            {
                "quiz": quiz_of(item),
                "names": names,
                "solution_text_format": numbered_solution(names, metadata["solution"]),
            },
        )


def knights_and_knaves(
    rows: int, *, seed: int, split: str, people: int | Sequence[int]
) -> list[Row]:
    """Puzzles {quiz, names, solution_text_format}, each with exactly one solution.

    Args:
        people: Inhabitants of each puzzle; with several numbers they take turns.

    Raises:
        DataError: `people` is empty or below 2, or there are too few different test puzzles.
    """
    sizes = [people] if isinstance(people, int) else list(people)
    if not sizes or min(sizes) < 2:
        raise DataError(
            f"knights_and_knaves: people={people}; give a number from 2 up, or a list of them"
        )
    made = []
    for place, size in enumerate(sizes):
        share = len(range(place, rows, len(sizes)))
        name = f"knights_and_knaves of {size} people"
        draws = puzzle_draws(size, seed)
        made.append(different_rows(name, draws, share, split=split, seed=seed) if share else [])
    return [made[row % len(sizes)][row // len(sizes)] for row in range(rows)]
