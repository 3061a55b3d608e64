"""Worker processes: bounded items, order, threads, forks, and an end with the parent."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from evals import grading
from evals.grading import Item, Verdict, grade, grade_all, is_correct, pool, worker
from harness.errors import ConfigError, EvaluationError

ROOT = Path(__file__).parents[3]
HALF = Item(truth={"answer": r"\frac12"}, response=r"\boxed{\sin 30^\circ}")


def moody(truth: Mapping[str, Any], response: str) -> Verdict:
    """A grader that does what the response says."""
    if response == "hang":
        while True:
            pass
    if response == "big":
        return Verdict(correct=bool(3 ** (10**9)), extracted=None, how="big")
    if response == "die":
        os._exit(1)
    if response == "eat":
        return Verdict(correct=bool(bytearray(2**34)), extracted=None, how="eat")
    if response == "raise":
        raise ValueError("no")
    if response == "print":
        print("x" * 100_000, flush=True)
    return Verdict(correct=True, extracted=response, how="text")


@pytest.fixture
def moods(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a grader that misbehaves, in workers of its own."""
    monkeypatch.setattr(pool, "_pool", pool.Pool())
    monkeypatch.setitem(grading.GRADERS, "moody", f"{__name__}:moody")
    monkeypatch.setattr(pool, "COMMAND", [sys.executable, str(Path(__file__)), "serve"])
    yield "moody"
    pool._pool.close()


def test_an_item_that_hangs_costs_only_itself(moods: str) -> None:
    told = ["a", "hang", "b", "big", "c", "die", "d", "eat", "e", "raise", "f", "print", "g"]
    items = [Item(truth={}, response=response) for response in told]
    verdicts = grade_all(items, grader=moods, workers=1)
    by_word = dict(zip(told, verdicts, strict=True))
    for word in ("hang", "big", "die", "eat"):
        assert by_word[word].doubt == "limit reached", word
    assert by_word["raise"].doubt == "parser error"
    assert [by_word[word].extracted for word in "abcdefg"] == list("abcdefg")
    assert by_word["print"].correct


def test_an_unknown_grader_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'reprise'"):
        grade("1", "1", grader="reprice")


def test_a_grader_that_cannot_be_loaded_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(grading.GRADERS, "gone", "evals.grading.gone:grade")
    with pytest.raises(EvaluationError, match="gone"):
        grade("1", "1", grader="gone")


def test_a_truth_without_answer_is_an_error() -> None:
    with pytest.raises(ConfigError, match="answer"):
        grade_all([Item(truth={"target": 3}, response="1")])


def test_verdicts_do_not_depend_on_workers_or_order() -> None:
    golds = [rf"\frac{{{n}}}{{7}}" for n in range(60)]
    items = [
        Item(truth={"answer": gold}, response=rf"\boxed{{\frac{{{2 * (n - n % 3)}}}{{14}}}}")
        for n, gold in enumerate(golds)
    ]
    one, two = grade_all(items, workers=1), grade_all(items, workers=2)
    assert one == two == grade_all(items[::-1], workers=2)[::-1]
    assert [verdict.correct for verdict in one] == [n % 3 == 0 for n in range(60)]


def test_any_thread_may_grade() -> None:
    results: list[bool] = []

    def grade_some() -> None:
        results.extend(is_correct(r"\frac12", rf"\boxed{{{n}/{2 * n}}}") for n in range(1, 8))

    threads = [threading.Thread(target=grade_some) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 56


def test_a_forked_child_grades_with_workers_of_its_own() -> None:
    assert grade_all([HALF])[0].correct
    child = os.fork()
    if child == 0:
        os._exit(0 if grade_all([HALF])[0].correct else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert grade_all([HALF])[0].correct


def test_workers_are_kept_between_calls() -> None:
    grade_all([HALF])
    before = [worker.process.pid for worker in pool._pool.idle]
    grade_all([HALF])
    assert [worker.process.pid for worker in pool._pool.idle] == before


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("ending", ["pass", "os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_workers_end_with_their_parent(ending: str) -> None:
    script = (
        "import os\nfrom evals.grading import grade, pool\n"
        r"grade('\\frac12', '\\boxed{\\sin 30^\\circ}')"
        f"\nprint(pool._pool.idle[0].process.pid, flush=True)\n{ending}\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    pid = int(done.stdout)
    deadline = time.monotonic() + 5
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(pid), done.stderr


def test_importing_is_light() -> None:
    script = (
        "import sys, evals.grading\n"
        "heavy = ('sympy', 'mpmath', 'math_verify', 'torch')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


if __name__ == "__main__" and sys.argv[1:] == ["serve"]:
    sys.path.insert(0, str(ROOT))
    grading.GRADERS["moody"] = "__main__:moody"
    worker.CPU_LIMIT_S["moody"] = 0.3
    worker.main()
