"""The GPUs of conf/hardware/gpu: every profile's is one of them."""

import pytest

from harness.explain import options
from harness.plan.gpus import gpu_kinds, gpu_name
from tests.composing import config_of, spec_of


def test_the_gpu_of_a_profile_is_found_by_name_and_memory() -> None:
    assert gpu_name(spec_of("hardware=1xA100-40G").hardware) == "a100_40g"
    assert gpu_name(spec_of("hardware=8xA100").hardware) == "a100"
    assert gpu_name(spec_of("hardware=8xA100", "hardware.gpu=Other").hardware) is None


@pytest.mark.parametrize("profile", sorted(set(options("hardware")) - {"cpu"}))
def test_every_profile_has_a_gpu_that_is_described(profile: str) -> None:
    hardware = config_of(f"hardware={profile}").hardware
    known = {(found.gpu, found.gpu_mem_gb): found for found in gpu_kinds().values()}
    assert known[hardware.gpu, hardware.gpu_mem_gb].bf16_tflops == hardware.bf16_tflops
