"""Are the GPUs that were asked for here? The pipeline and evaluations ask before they start."""

from harness import provenance
from harness.errors import ConfigError
from harness.spec import Hardware

TRAINING = (
    "  hardware=cpu            the recipe in miniature, here, now\n"
    "  action=plan             what the full run would do (action=emit: its verl keys)\n"
    "  the same command        on a machine that has the GPUs (in a SLURM allocation, for example)"
)
EVALUATION = (
    "  hardware=cpu            Hugging Face generation here, for small models\n"
    "  backend=openai          a server elsewhere: backend.url=http://host:8000/v1\n"
    "  the same command        on a machine that has the GPUs (in a SLURM allocation, for example)"
)


def refuse_missing_gpus(hardware: Hardware, ways_on: str = TRAINING) -> None:
    """Raises ConfigError when this machine lacks the GPUs that are asked for."""
    if hardware.device == "cpu":
        return
    present = provenance.gpus()
    if hardware.nodes > 1 or len(present) < hardware.gpus_per_node:
        raise ConfigError(
            f"hardware={hardware.name} asks for {hardware.nodes} x {hardware.gpus_per_node} "
            f"{hardware.gpu} GPUs, and this machine has {len(present)}"
            f"{' (' + ', '.join(present) + ')' if present else ''}. Three ways on:\n{ways_on}"
        )
