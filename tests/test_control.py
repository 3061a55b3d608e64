"""The control: which model it measures, and what its outcome means for training."""

from typing import Any

import pytest

from evals.intervals import Interval
from evals.statement import ClaimVerdict, Statement
from evals.verdicts import Word
from harness.control import released, settled
from harness.errors import ConfigError, EvaluationError
from tests.composing import spec_of


def said(word: Word, value: float, margin: float = 0.033) -> list[Statement]:
    """A statement with one judged claim."""
    interval = Interval(value=value, low=value - 0.02, high=value + 0.02, method="sampling")
    claim = ClaimVerdict(
        percent=43.1, metric="avg@16", source="a table", word=word, reasons=["Because."],
        differing=[], unknown=[], k_needed=None, difference=interval, margin=margin,
    )  # fmt: skip
    return [Statement(benchmark="aime24", label="released", claims=[claim], independent=None,
                      overlap=None)]  # fmt: skip


def test_a_confirmed_instrument_lets_training_start() -> None:
    assert "instrument confirmed" in settled(said("reproduced", 0.0), stop=True)


def test_released_weights_below_the_claim_stop_the_run() -> None:
    with pytest.raises(EvaluationError, match=r"training towards it would be pointless(.|\n)*stop"):
        settled(said("below", -0.1), stop=True)


def test_the_user_may_train_all_the_same() -> None:
    assert "pointless" in settled(said("below", -0.1), stop=False)


def test_slightly_below_is_no_reason_to_stop() -> None:
    assert "undecided" in settled(said("below", -0.03), stop=True)


def test_without_a_claim_it_only_measures() -> None:
    statement = Statement(benchmark="b", label="released", claims=[], independent=None,
                          overlap=None)  # fmt: skip
    assert "no claim" in settled([statement], stop=True)


@pytest.mark.parametrize("overrides", [[], ["+repro=tinyzero"]])
def test_a_control_without_a_model_is_refused(overrides: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"set control.model="):
        released(spec_of(*overrides, "control.enabled=true"))


def test_the_command_line_names_the_model(tmp_path: Any) -> None:
    subject = released(spec_of("control.enabled=true", f"control.model={tmp_path}"))
    assert (subject.label, subject.path) == ("released", str(tmp_path))


@pytest.mark.parametrize("path", ["/no/such/folder", "./model", "model", "a/b/c"])
def test_a_model_that_is_neither_folder_nor_hub_id_is_refused_before_work_starts(
    path: str,
) -> None:
    with pytest.raises(ConfigError, match=rf"control.model={path} is no folder here and no hub id"):
        released(spec_of("control.enabled=true", f"control.model={path}"))
