"""Are the GPUs and nodes that were asked for here? The pipeline and evaluations ask before they
start."""

import os

from harness import provenance
from harness.errors import ConfigError
from harness.spec import Hardware

RAY_NODES_VARIABLE = "REPRISE_RAY_NODES"
"""Nodes of the Ray at RAY_ADDRESS; set by slurm/ray_cluster once it has found them all."""

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
NODES = (
    "  launch=slurm            SLURM gives the nodes, and Ray is brought up over them\n"
    "  hardware.nodes=1        what fits onto this machine (hardware=cpu: in miniature)\n"
    "  action=plan             what the full run would do (action=emit: its verl keys)"
)


def refuse_missing_gpus(hardware: Hardware, ways_on: str = TRAINING) -> None:
    """Raises ConfigError when the GPUs or nodes that are asked for are not here."""
    if hardware.nodes > 1:
        _refuse_missing_nodes(hardware)
    elif hardware.device == "cuda":
        _refuse_missing(hardware, ways_on)


def _refuse_missing(hardware: Hardware, ways_on: str) -> None:
    present = provenance.gpus()
    if len(present) < hardware.gpus_per_node:
        raise ConfigError(
            f"hardware={hardware.name} asks for {hardware.nodes} x {hardware.gpus_per_node} "
            f"{hardware.gpu} GPUs, and this machine has {len(present)}"
            f"{' (' + ', '.join(present) + ')' if present else ''}. Three ways on:\n{ways_on}"
        )


def _refuse_missing_nodes(hardware: Hardware) -> None:
    """Only who brought Ray up knows its nodes and has counted their GPUs: this trusts the count."""
    address, nodes = os.environ.get("RAY_ADDRESS"), os.environ.get(RAY_NODES_VARIABLE)
    if address and nodes == str(hardware.nodes):
        return
    here = f"the Ray at {address} has {nodes}" if address and nodes else "no Ray over them is up"
    raise ConfigError(
        f"hardware={hardware.name} asks for {hardware.nodes} nodes, and {here} "
        f"(RAY_ADDRESS={address or ''}, {RAY_NODES_VARIABLE}={nodes or ''}). "
        f"Three ways on:\n{NODES}"
    )
