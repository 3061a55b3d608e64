"""DeepScaleR's chain: what each stage changes, at full size and in miniature."""

from functools import cache

from harness.chain import legs
from harness.spec import RLAlgorithm, RunSpec
from tests.composing import spec_of


@cache
def small() -> RunSpec:
    return spec_of("+repro=deepscaler")


@cache
def full() -> RunSpec:
    return spec_of("+repro=deepscaler", "hardware=32xA100")


def table(spec: RunSpec) -> list[tuple[str, str | None, int, int, int | None]]:
    """Name, predecessor, response limit, group size and exported step of each stage."""
    found = []
    for leg in legs(spec):
        assert isinstance(leg.spec.algorithm, RLAlgorithm)
        assert leg.spec.schedule.steps == leg.spec.schedule.export_step
        found.append(
            (
                leg.name,
                leg.spec.starts_from,
                leg.spec.data.max_response_tokens,
                leg.spec.algorithm.group_size,
                leg.spec.schedule.export_step,
            )
        )
    return found


def test_the_chain_lengthens_responses() -> None:
    assert table(full()) == [
        ("8k", None, 8192, 8, 1040),
        ("16k", "8k", 16384, 16, 480),
        ("24k", "16k", 24576, 16, 230),
    ]


def test_validation_follows_the_stage() -> None:
    schedules = [leg.spec.schedule for leg in legs(full())]
    assert [s.validation_samples for s in schedules] == [8, 16, 16]
    assert [s.validate_every for s in schedules] == [20, 10, 10]


def test_the_miniature_keeps_the_chain_and_the_algorithm() -> None:
    order = [(name, before) for name, before, *_ in table(small())]
    assert order == [(name, before) for name, before, *_ in table(full())]
    little, large = small().algorithm, full().algorithm
    assert isinstance(little, RLAlgorithm) and isinstance(large, RLAlgorithm)
    assert little.kl_loss == large.kl_loss and little.sampling == large.sampling
    assert small().data.template == full().data.template and small().reward == full().reward
