"""The GPUs that conf/hardware/gpu describes: the calibration takes their facts, changes.py tries
larger ones."""

from functools import cache

from pydantic import PositiveFloat

from harness.cards import Fact
from harness.explain import CONF_DIR
from harness.files import read_yaml
from harness.spec import Hardware

GPUS = CONF_DIR / "hardware/gpu"


class Gpu(Fact):
    """A GPU as its file describes it."""

    gpu: str
    gpu_mem_gb: PositiveFloat
    bf16_tflops: PositiveFloat
    memory_gb_per_s: PositiveFloat
    usd_per_gpu_hour: PositiveFloat | None
    price_source: str | None


@cache
def gpu_kinds() -> dict[str, Gpu]:
    """File name, without its ending -> what it says."""
    return {path.stem: Gpu.model_validate(read_yaml(path)) for path in sorted(GPUS.glob("*.yaml"))}


def gpu_name(hardware: Hardware) -> str | None:
    """The file that describes a run's GPU; null where none does."""
    for name, found in gpu_kinds().items():
        if (found.gpu, found.gpu_mem_gb) == (hardware.gpu, hardware.gpu_mem_gb):
            return name
    return None
