"""What models are measured on: vLLM decodes more sequences at a time on large GPUs."""

import pytest

from harness.plan.hours.evaluating import evaluation_machine
from tests.composing import spec_of


@pytest.mark.parametrize(
    ("hardware", "sequences"),
    [("4xA800", 1024), ("8xH100", 1024), ("8xA100", 256), ("1xA100-40G", 256), ("2xL40S", 256)],
)
def test_sequences_at_a_time(hardware: str, sequences: int) -> None:
    spec = spec_of(
        "+repro=tinyzero",
        f"hardware={hardware}",
        "model=qwen2_5_0_5b",
        "hardware.tokens_per_gpu=2048",
    )
    found = evaluation_machine(spec, apart=False)
    assert found is not None and found.max_sequences == sequences
