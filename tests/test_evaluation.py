"""Under which protocol each set of a run is measured: stop texts of training, and where they go."""

from pathlib import Path
from typing import Any

import pytest

from evals.problem_sets import ProblemSet
from evals.run import Measurement, protocol_of
from harness import evaluation
from harness.evaluation import held_out_protocol, measure_run
from harness.spec import RunSpec
from tests.composing import spec_of
from tests.evals.measuring import toy_set

STOP = "algorithm.sampling.stop=['</answer>']"
BOTH = (
    "eval.benchmarks=[{name: aime24, samples_per_problem: 1},"
    "{name: held_out, samples_per_problem: 1}]"
)
SHOWN = "eval.prompt={render: chat, template: '{problem}'}"


def named(name: str) -> ProblemSet:
    found = toy_set()
    return ProblemSet(
        **{field: getattr(found, field) for field in found.__slots__} | {"name": name}
    )


def protocols(spec: RunSpec, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, list[str]]]:
    """For each measurement that a run makes: set -> stop texts in the protocol that is hashed."""
    made: list[Measurement] = []

    class Scored:
        def __init__(self, benchmark: str) -> None:
            self.benchmark = benchmark

    def measure(measurement: Measurement, **_: Any) -> list[Scored]:
        made.append(measurement)
        return [Scored(problems.name) for problems in measurement.sets]

    sets = [named(benchmark.name) for benchmark in spec.eval.benchmarks]
    monkeypatch.setattr(evaluation, "sets_of_run", lambda *_: sets)
    monkeypatch.setattr(evaluation, "measure", measure)
    scores = measure_run(
        spec, [], test_parquet=Path("t"), folder=Path("f"), on_progress=lambda *_: None
    )
    assert [score.benchmark for score in scores] == [s.name for s in sets]
    return [{s.name: protocol_of(m, s)["stop"] for s in m.sets} for m in made]


def test_held_out_responses_end_where_they_end_in_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = spec_of("algorithm=grpo", STOP)
    assert protocols(spec, monkeypatch) == [{"held_out": ["</answer>"]}]


def test_benchmarks_keep_the_named_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of("algorithm=grpo", STOP, BOTH, SHOWN)
    assert protocols(spec, monkeypatch) == [{"held_out": ["</answer>"]}, {"aime24": []}]


def test_without_stop_texts_there_is_one_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    assert protocols(spec_of("algorithm=grpo", BOTH, SHOWN), monkeypatch) == [
        {"aime24": [], "held_out": []}
    ]


def test_stop_texts_of_the_protocol_come_first() -> None:
    spec = spec_of("algorithm=grpo", STOP, "eval.stop=['\\n\\n']")
    assert held_out_protocol(spec) == spec.eval
