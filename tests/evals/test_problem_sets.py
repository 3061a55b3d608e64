"""The held-out rows of a run's data: shown exactly as in training."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from evals.problem_sets import ProblemSet, from_held_out
from harness.data.prepare import prepare
from harness.data.rendering import rendered
from harness.paths import ROOT
from harness.spec import Benchmark, Data, Reward
from tests.data.making import ROWS, in_file

TINY = str(ROOT / "harness" / "tiny" / "countdown")
TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Make 5 from [2, 3]: "},
    {"role": "assistant", "content": "2+3"},
]


def held_out(data: Data, folder: Path) -> ProblemSet:
    manifest = prepare(data, tokenizer_path=TINY, folder=folder, sft=False)
    reward = Reward(name="r", function="some.module:reward", tasks=["countdown"])
    wanted = Benchmark(name="held_out", samples_per_problem=2)
    return from_held_out(manifest.path(folder, "test"), wanted, data, reward)


@pytest.mark.parametrize(
    ("changes", "render", "system"),
    [
        ({}, "raw", None),
        ({"render": "chat"}, "chat", None),
        ({"render": "chat", "before": TURNS}, "chat", "Be brief."),
        ({"render": "chat", "before": TURNS[:1], "prefill": "<think>"}, "raw", "Be brief."),
        ({"render": "chat", "prefill": "Let me see.\n<think>"}, "raw", None),
    ],
)
def test_held_out_problems_are_shown_as_in_training(
    changes: dict[str, Any], render: str, system: str | None, tmp_path: Path
) -> None:
    data = in_file(tmp_path, max_prompt_tokens=200, **changes)
    found = held_out(data, tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    assert (found.prompt.render, found.prompt.system) == (render, system)
    for prompt, row in zip(found.prompts, ROWS[3:], strict=True):
        shown = prompt.messages[-1]["content"]
        if render == "chat":
            shown = tokenizer.apply_chat_template(
                prompt.messages, tokenize=False, add_generation_prompt=True
            )
        assert shown == rendered(data, tokenizer, row)[0]
    assert found.truths == {
        "0": {"target": 3, "numbers": [1, 2]},
        "1": {"target": 11, "numbers": [5, 6]},
    }
