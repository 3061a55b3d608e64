"""Arithmetic of model expressions: Python's values, refusals, and answers at once."""

import gc
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.rewards.arithmetic import MAX_LENGTH, ArithmeticRefused, evaluate


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1+2*3", 7),
        ("(1+2)*3", 9),
        ("7/2", 3.5),
        ("-7//2", -4),
        ("2**10", 1024),
        ("2**-1", 0.5),
        ("2**3**2", 512),
        ("--4", 4),
        ("+-+4", -4),
        (".5+3.", 3.5),
        (" \t5", 5),
        ("(1\r+2)", 3),
        ("1**9**9", 1),
        ("0**9**9", 0),
        ("-" * 1000 + "5", 5),
        ("+".join("1" * 1000), 1000),
    ],
)
def test_values(text: str, value: float) -> None:
    assert evaluate(text) == value


def test_integers_stay_integers_and_quotients_are_floats() -> None:
    assert isinstance(evaluate("6*2"), int)
    assert isinstance(evaluate("6/2"), float)
    assert isinstance(evaluate("(0-4)**.5"), complex)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "()",
        "...",
        "(3)(4)",
        "3(4)",
        "1,2",
        "083",
        "3 .1",
        "5/0",
        "0**-1",
        "9.**9999",
        "10**400/3.",
        "2%3",
        "~3",
        "1 if 2 else 3",
        "True",
        "1j",
        "'a'*3",
        "abs(3)",
        "().__class__",
        "__import__('os')",
        "٣+1",
        "(" * 201 + "1" + ")" * 201,
        "-" * 9000 + "1",
        "1" * 5000,
        "1+" * MAX_LENGTH + "1",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ArithmeticRefused):
        evaluate(text)


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9",
        "10**10**10",
        "9**9**9**9",
        "(9**99999)*(9**99999)*(9**99999)*(9**99999)",
        "(-9)**9**9",
    ],
)
def test_power_towers_are_refused_before_anything_is_computed(text: str) -> None:
    with pytest.raises(ArithmeticRefused, match="bits"):
        evaluate(text)


def python_value(text: str) -> object:
    """What Python's own eval says; None where it raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return eval(text, {"__builtins__": None}, {})
    except Exception:
        return None


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet="0123456789+-*/(). ", max_size=9))
def test_any_text_of_allowed_characters_has_pythons_value(text: str) -> None:
    try:
        ours: object = evaluate(text)
    except ArithmeticRefused as refusal:
        # Beyond the size limit Python may still find a value, or never come back.
        ours = "too large" if "bits" in str(refusal) else None
    if ours != "too large":
        theirs = python_value(text)
        expected = theirs if isinstance(theirs, int | float | complex) else None
        assert ours == expected and type(ours) is type(expected)


numbers = st.sampled_from(["0", "1", "2", "3", "7", "12", "100", ".5", "4."])
expressions = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
        inner.map(lambda text: f"-{text}"),
        st.tuples(inner, st.sampled_from(["0", "2", ".5", "-1"])).map(
            lambda parts: f"({parts[0]})**{parts[1]}"
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(expressions)
def test_whole_expressions_have_pythons_value(text: str) -> None:
    try:
        ours: object = evaluate(text)
    except ArithmeticRefused:
        ours = None
    theirs = python_value(text)
    assert repr(ours) == repr(theirs)  # repr: nan equals itself, -0.0 differs from 0.0


def test_threads_do_not_disturb_each_other() -> None:
    """Collections that let another thread run in the middle of a parse, as in a reward worker."""

    def give_way(*_: object) -> None:
        time.sleep(0)

    threshold = gc.get_threshold()
    gc.set_threshold(5)
    gc.callbacks.append(give_way)
    try:
        with ThreadPoolExecutor(8) as pool:
            values = list(pool.map(evaluate, ["((1+2)*(3-4))+((5+6)*(7-8))"] * 4_000))
    finally:
        gc.callbacks.remove(give_way)
        gc.set_threshold(*threshold)
    assert set(values) == {-14}
