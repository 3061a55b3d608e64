"""The claimants' graders agree with the installed originals, on labelled pairs and on any text."""

import contextlib
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.grading import Item, grade_all
from evals.grading.claimants import dapo, gsm8k_strict, minerva_text, strict_box
from evals.grading.claimants.boxes import last_box_of_math
from tests.evals.grading.claimants.golden_cases import differing, pairs, response


@cache
def original(name: str) -> Any:
    """A module of the installed verl, loaded alone: importing verl itself takes seconds."""
    package = importlib.util.find_spec("verl")
    if package is None or not package.submodule_search_locations:
        pytest.skip("verl is not installed")
    file = Path(package.submodule_search_locations[0]) / "utils" / "reward_score" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"verl_{name}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMMANDS = (
    r"\frac \frac12 \dfrac \sqrt \sqrt3 \left( \right) \boxed \boxed{ \fbox{ \text{ \mbox \% \$"
)
TEXTS = r"\\ \! ^\circ \overline{ \textbf{ 0.5 .5 1/2 1,234 x= units cm} Answer: ####"
PIECES = [*"0123456789abxyz+-/^_={}()[],.$% \n", *COMMANDS.split(), *TEXTS.split()]
LATEX_LIKE = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


def quietly(function: Any, *arguments: Any) -> Any:
    """The originals print."""
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*arguments)


@settings(max_examples=150, deadline=None)
@given(text=LATEX_LIKE, gold=LATEX_LIKE)
def test_strict_box_is_verls_math_reward(text: str, gold: str) -> None:
    module = original("math_reward")
    assert strict_box.equal(text, gold) == quietly(module.is_equiv, text, gold)
    verdict = strict_box.grade({"answer": gold}, text)
    assert verdict.correct == (quietly(module.compute_score, text, gold) == 1.0)


@settings(max_examples=150, deadline=None)
@given(text=LATEX_LIKE)
def test_dapo_is_verls_math_dapo(text: str) -> None:
    module = original("math_dapo")
    assert minerva_text.normal_form_of_verl(text) == module.normalize_final_answer(text)
    assert (
        dapo.equal(dapo.answer_line(text) or "[INVALID]", "7")
        == (module.is_correct_minerva(text[-300:], "7")[0])
    )


@settings(max_examples=150, deadline=None)
@given(text=LATEX_LIKE)
def test_gsm8k_strict_is_verls_gsm8k(text: str) -> None:
    assert gsm8k_strict.marked_number(text) == original("gsm8k").extract_solution(text)


def test_verls_verdicts_on_labelled_pairs() -> None:
    module, verdicts = original("math_reward"), []
    for row in pairs():
        text, gold = response(row, r"\boxed{%s}"), row["gold"]
        want = quietly(module.compute_score, text, gold) == 1.0
        verdicts.append((row, strict_box.grade({"answer": gold}, text).correct, want))
    assert differing(verdicts) == []


def test_dapos_verdicts_on_labelled_pairs() -> None:
    module, verdicts = original("math_dapo"), []
    for row in pairs():
        text, gold = response(row, "Answer: %s"), row["gold"]
        want = module.is_correct_minerva(text[-300:], gold)[0]
        verdicts.append((row, dapo.grade({"answer": gold}, text).correct, want))
    assert differing(verdicts) == []


@cache
def lm_eval_minerva() -> Any:
    """lm-eval's normal form; its module as a whole refuses to load without antlr 4.11."""
    package = importlib.util.find_spec("lm_eval")
    if package is None or not package.submodule_search_locations:
        pytest.skip("lm-eval is not installed")
    file = Path(package.submodule_search_locations[0]) / "tasks" / "minerva_math" / "utils.py"
    source = file.read_text()
    module: dict[str, Any] = {"re": re}
    exec(source[source.index("SUBSTITUTIONS = [") :], module)
    return module["normalize_final_answer"]


@settings(max_examples=150, deadline=None)
@given(text=LATEX_LIKE)
def test_normal_form_is_lm_evals(text: str) -> None:
    assert minerva_text.normal_form_of_lm_eval(text) == lm_eval_minerva()(text)


ORIGINAL_MINERVA = """
import json, sys, time
from lm_eval.tasks.minerva_math import utils
form = utils.normalize_final_answer
for line in sys.stdin:
    gold, text = json.loads(line)
    start = time.perf_counter()
    equal = utils.is_equiv(form(utils.get_unnormalized_answer(text)), form(gold))
    print(json.dumps([bool(equal), time.perf_counter() - start]))
"""


@pytest.mark.slow
def test_minerva_is_lm_evals_minerva_math(tmp_path: Path) -> None:
    """With the antlr that lm-eval insists on, installed beside for the original only."""
    folder = str(tmp_path)
    wheel = "antlr4-python3-runtime==4.11.0"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder, wheel]
    if subprocess.run(command, check=False).returncode:
        pytest.skip(f"{wheel} cannot be installed")
    rows = pairs()
    form = "Final Answer: The final answer is %s. I hope it is correct."
    asked = [(row["gold"], response(row, form)) for row in rows]
    done = subprocess.run(
        [sys.executable, "-c", ORIGINAL_MINERVA],
        input="".join(json.dumps(pair) + "\n" for pair in asked),
        env={**os.environ, "PYTHONPATH": folder},
        capture_output=True,
        check=True,
        text=True,
    )
    wanted = [json.loads(line) for line in done.stdout.splitlines()]
    items = [Item(truth={"answer": gold}, response=text) for gold, text in asked]
    ours = [verdict.correct for verdict in grade_all(items, grader="minerva")]
    in_time = [  # the original's own limit is 5 s, which decides by how busy the machine is
        (row, our, want)
        for row, our, (want, taken_s) in zip(rows, ours, wanted, strict=True)
        if taken_s < 4
    ]
    assert len(in_time) > 0.99 * len(rows)
    assert differing(in_time) == []


def test_a_box_without_braces_counts_for_math_only() -> None:
    assert last_box_of_math(r"so \boxed 5$ done") == "5"
