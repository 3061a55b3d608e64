"""What is said where vLLM is not installed."""

import sys

import pytest

from evals.backends.vllm import VLLMEngine
from harness.errors import EvaluationError


def test_a_missing_vllm_names_the_interpreter_and_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    engine = object.__new__(VLLMEngine)
    with pytest.raises(EvaluationError, match=r"cannot import vllm .*set backend\.python"):
        _ = engine.max_length
