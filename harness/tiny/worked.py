"""Right and wrong ways to solve the generated problems, from which a tiny base learns."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from harness.tiny.traces import candidates, listing

Row = Mapping[str, Any]

NEAR = (-2, -1, 1, 2)
"""How far a wrong value lies from the right one."""
OTHER_ROLE = {"knight": "knave", "knave": "knight"}


class Worked(NamedTuple):
    """A way to solve a problem."""

    work: str
    answer: str


class Ways(NamedTuple):
    """Ways to solve one problem."""

    right: list[Worked]
    wrong: list[Worked]


def calculation(row: Row) -> Ways:
    """The calculation with its value, or with a value near it."""
    asked = row["problem"].removeprefix("What is ").removesuffix("?")
    value = int(row["answer"])
    near = [value + step for step in NEAR if value + step >= 0]
    right, *wrong = [Worked(f"{asked} = {found}", str(found)) for found in (value, *near)]
    return Ways([right], wrong)


def puzzle(row: Row) -> Ways:
    """Everybody's role, or with one role mistaken; how to find them is not shown."""
    lines = row["solution_text_format"].split("\n")
    mistaken = []
    for place, line in enumerate(lines):
        person, role = line.rsplit(" ", 1)
        changed = [*lines[:place], f"{person} {OTHER_ROLE[role]}", *lines[place + 1 :]]
        mistaken.append(Worked("", "\n".join(changed)))
    return Ways([Worked("", "\n".join(lines))], mistaken)


def countdown(row: Row) -> Ways:
    """All candidates with their values, then one that reaches the target, or one that does not."""
    work, target = listing(row["numbers"]), row["target"]
    ways = Ways([], [])
    for expression, value in candidates(row["numbers"]):
        (ways.right if value == target else ways.wrong).append(Worked(work, expression))
    return ways


WAYS: dict[str, Callable[[Row], Ways]] = {
    "arithmetic": calculation,
    "countdown": countdown,
    "knights_and_knaves": puzzle,
}
"""Name in data.source.generator -> the ways to solve one of its rows."""
