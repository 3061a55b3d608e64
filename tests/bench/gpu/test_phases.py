"""Phase marks: what is appended around verl's timers, and reading it back."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.gpu.phases import TIMED, Mark, marking, marks
from bench.gpu.training_numbers import PHASES


@contextmanager
def timer(name: str, seen: dict[str, str], color: str = "") -> Iterator[None]:
    yield
    seen[name] = color


def test_a_wrapped_timer_still_times_and_marks_both_edges(tmp_path: Path) -> None:
    path, seen = tmp_path / "marks.jsonl", dict[str, str]()
    marked = marking(timer, str(path))
    with marked("gen", seen, color="red"):
        pass
    with pytest.raises(ValueError), marked("adv", seen):
        raise ValueError
    found = marks(path.read_text().splitlines())
    assert seen == {"gen": "red"} and [mark.phase for mark in found] == ["gen", "adv"]
    assert all(mark.begin <= mark.end for mark in found)


def test_nested_repeated_and_unfinished_phases() -> None:
    lines = [
        '{"phase": "step", "edge": "begin", "time": 1}',
        '{"phase": "gen", "edge": "begin", "time": 2}',
        '{"phase": "gen", "edge": "end", "time": 3}',
        '{"phase": "step", "edge": "end", "time": 4}',
        '{"phase": "gen", "edge": "begin", "time": 5}',
        '{"phase": "ge',
    ]
    assert marks(lines) == [Mark("gen", 2, 3), Mark("step", 1, 4)]


def test_verl_times_the_phases_by_the_name_that_is_wrapped() -> None:
    """Read, not imported: the trainers take long, and the slow test runs them."""
    text = "".join(source(module) for module in TIMED)
    for module in TIMED:
        assert "import marked_timer" in source(module), module
    for phase in PHASES:
        assert f'with marked_timer("{phase}", ' in text, phase


def source(module: str) -> str:
    package, _, rest = module.partition(".")
    origin = Path(str(find_spec(package).origin)).parent  # type: ignore[union-attr]
    return origin.joinpath(*rest.split(".")).with_suffix(".py").read_text()
