"""Budgets in prompts: where their text stands, and a set of problems for each."""

from typing import Any

import pytest

from evals.benchmarks import Problem
from evals.budgets import asked, asked_tokens, named, with_budget
from evals.problem_sets import from_problems, messages
from harness.budget_rules import budget_violations
from harness.spec import Evaluation, PromptBudgets, PromptFormat

CHAT = PromptFormat(name="chat", render="chat", template="{problem} Box it.")
PROBLEMS = [Problem(id="0", problem="1 + 1 = {budget}?", truth={"answer": "2"})]


def budgets(**texts: str) -> PromptBudgets:
    return PromptBudgets(tokens=[512, 1024], **texts)


def protocol(**fields: Any) -> Evaluation:
    stated = {
        "name": "toys",
        "benchmarks": [{"name": "toy", "samples_per_problem": 4}],
        "prompt": CHAT,
        "sampling": {},
        "max_tokens": 4096,
    }
    return Evaluation.model_validate(stated | fields)


def shown(prompt: PromptFormat, **texts: str) -> PromptFormat:
    return with_budget(prompt, asked("toy", budgets(**texts), 512))


def test_the_text_stands_at_the_end_of_the_user_message() -> None:
    found = shown(CHAT, suffix=" Think for {tokens} tokens.")
    assert found.template == "{problem} Box it. Think for 512 tokens."
    assert found.system is None


def test_the_text_stands_where_the_template_wants_it() -> None:
    raw = PromptFormat(render="raw", template="User: {problem}{budget}\nAssistant:")
    assert shown(raw, suffix=" ({tokens})").template == "User: {problem} (512)\nAssistant:"
    assert messages(raw, "1 + 1")[0]["content"] == "User: 1 + 1\nAssistant:"


def test_the_text_stands_at_the_end_of_the_system_message() -> None:
    text = "Stay within {tokens} tokens."
    assert shown(CHAT, system=text).system == "Stay within 512 tokens."
    polite = CHAT.model_copy(update={"system": "Be kind. "})
    assert shown(polite, system=text).system == "Be kind. Stay within 512 tokens."


def test_each_budget_is_a_set_of_problems_of_its_own() -> None:
    asking = protocol(budgets=budgets(suffix=" Use {tokens}."))
    first, second = (
        from_problems("toy", PROBLEMS, asking, origin="a test", tokens=tokens)
        for tokens in asked_tokens(asking)
    )
    assert (first.name, second.name) == ("toy@512", "toy@1024")
    # what a problem says itself is never taken for a place
    assert first.prompts[0].messages[-1]["content"] == "1 + 1 = {budget}? Box it. Use 512."
    assert first.sha256 != second.sha256 and first.texts == second.texts
    assert first.budget is not None and first.budget.benchmark == "toy"


def test_a_response_may_end_at_a_multiple_of_its_budget() -> None:
    twice = budgets(suffix="{tokens}").model_copy(update={"longest": 2.0})
    assert [asked("toy", twice, tokens).max_tokens for tokens in (512, 1024)] == [1024, 2048]
    assert asked("toy", budgets(suffix="{tokens}"), 512).max_tokens is None


def test_without_budgets_nothing_is_named_anew() -> None:
    plain = protocol()
    assert asked_tokens(plain) == [None] and named("toy", None) == "toy"
    found = from_problems("toy", PROBLEMS, plain, origin="a test")
    assert found.budget is None and found.prompt == CHAT


RAW = {"name": "frame", "render": "raw", "template": "User: {problem}"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"limits": [512, 8192]}, "eval.limits has 8192, and responses end at eval.max_tokens"),
        (
            {"benchmarks": [{"name": "held_out", "samples_per_problem": 1}],
             "budgets": budgets(suffix="{tokens}")},
            "asks nobody: held_out is always shown as in training",
        ),
        (
            {"budgets": budgets(suffix="{tokens}").model_copy(update={"longest": 5.0})},
            "largest budget have 5120 tokens, and eval.max_tokens=4096",
        ),
        ({"prompt": RAW, "budgets": budgets(suffix="{tokens}")}, "write {budget} into its templ"),
        ({"prompt": RAW, "budgets": budgets(system="{tokens}")}, "needs a system message"),
    ],
)  # fmt: skip
def test_budgets_without_a_place_are_refused(fields: dict[str, Any], said: str) -> None:
    (found,) = budget_violations(protocol(**fields))
    assert said in found


def test_budgets_with_a_place_are_not() -> None:
    raw = RAW | {"template": "User: {problem}{budget}"}
    for fields in ({}, {"prompt": raw}):
        assert not [*budget_violations(protocol(budgets=budgets(suffix="{tokens}"), **fields))]
