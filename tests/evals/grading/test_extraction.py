"""Where the final answer stands in a free response."""

import pytest

from evals.grading.extraction import extract
from evals.grading.reprise import grade

FOUND = [
    (r"so \boxed{5}", "5", "box"),
    (r"\boxed{4} no wait, \boxed{5}", "5", "box"),
    (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}", "box"),
    (r"\boxed{\{1,2\}}", r"\{1,2\}", "box"),
    (r"\fbox{7}", "7", "box"),
    (r"thus $\boxed 5$", "5", "box"),
    (r"\beginboxed{8\sqrt{6}}", r"8\sqrt{6}", "box"),
    (r"\boxed{\boxed{5}}", r"\boxed{5}", "box"),
    (r"$\boxed{(98, 2)} \quad \text{and} \quad \boxed{(99, 503)}$", "(98, 2), (99, 503)", "box"),
    (r"$\boxed{3}$ and $\boxed{4}$", "3, 4", "box"),
    (r"\boxed{3}. Check: yes. Hence \boxed{3}", "3", "box"),
    (r"\boxed{5} and, empty, \boxed{}", "5", "box"),
    (r"<think>\boxed{4}</think> It is \boxed{5}.", "5", "box"),
    ("<think>the answer is 4</think> The answer is 5.", "5", "cue"),
    (r"<think>\boxed{4}</think>", "4", "box"),
    ("The answer is 5.", "5", "cue"),
    ("Final Answer: The final answer is $5$. I hope it is correct.", "5", "cue"),
    ("**Answer:** 12", "12", "cue"),
    ("The answer is 5. The solution above is correct, but do check every step.", "5", "cue"),
    ("Hence $n = 4$ for every such $n$.", "n = 4", "formula"),
    ("Answer: 1,234", "1,234", "cue"),
    ("She pays 3 + 4 dollars.\n#### 7", "7", "cue"),
    (r"Answer \[ 9 \]", "9", "cue"),
    ("Final Answer: Jane started growing Sphere 3 hours ago. I hope it is correct.", "3", "cue"),
    (r"The answer is $\frac{5}{6}$", r"\frac{5}{6}", "cue"),
    (r"Hence we get \(x = 4\).", "x = 4", "formula"),
    ("she has 12 apples left", "12", "number"),
    ("not 10 which is 1,000.99€", "1,000.99", "number"),
    ("<answer>41</answer> and 42 more", "41", "whole"),
    ("<think>7</think><answer>The answer is 42.</answer>", "42", "cue"),
    ("The correct option is B.", "B", "cue"),
    ("**(B)**", "(B)", "whole"),
    ("Evelyn", "Evelyn", "whole"),
    ("x = 1 or x = 2", "x = 1 or x = 2", "whole"),
    (r"\dfrac{1}{2}", r"\dfrac{1}{2}", "whole"),
    ("f(x) = x^2 + 1", "f(x) = x^2 + 1", "whole"),
    ("The value of $x$ is 5.", "5", "number"),
    ("The circumference is 2π.", "2π", "number"),
    (r"\text{Answer: } 5", "5", "cue"),
    ('{"answer": "5"}', "5", "cue"),
    (r"$m=\boxed{3}$ and $n=\boxed{4}$", "3, 4", "box"),
    ("\\boxed{185\\}", "185", "box"),
    ("Ответ: 5", "5", "cue"),
]


@pytest.mark.parametrize(("response", "text", "sign"), FOUND)
def test_what_is_found(response: str, text: str, sign: str) -> None:
    found = extract(response)
    assert found is not None
    assert (found.text, found.sign) == (text, sign)


@pytest.mark.parametrize("response", ["", " \n", "I do not know.", "<think></think>"])
def test_nothing_is_found(response: str) -> None:
    assert extract(response) is None
    assert grade({"answer": "5"}, response).doubt == "no answer"


def test_a_right_answer_that_was_not_extracted_is_listed() -> None:
    verdict = grade({"answer": "5"}, r"\boxed{5}, or rather, after a second thought: \boxed{6}")
    assert not verdict.correct
    assert verdict.doubt == "right answer seen but not extracted"


def test_several_boxes_do_not_hedge() -> None:
    assert not grade({"answer": "5"}, r"$\boxed{5}$ or $\boxed{6}$").correct


def test_notation_that_cannot_be_read_is_listed() -> None:
    assert grade({"answer": "5.5"}, r"\boxed{5 \# @ 6}").doubt == "parser error"


def test_an_answer_beyond_the_limits_is_listed() -> None:
    assert grade({"answer": "5.5"}, r"\boxed{9^{9^{9^{9}}}}").doubt == "limit reached"
