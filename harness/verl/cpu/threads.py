"""Threads of the processes that compute; read by the engines and the rollout server.

Every process of a run starts with OMP_NUM_THREADS=1, because idle helpers that spin cost more than
they give. The trainer and the rollout server, which never compute at the same time, take the rest.
"""

import os

import torch

THREADS_VARIABLE = "REPRISE_COMPUTE_THREADS"


def use_compute_threads() -> None:
    """Let torch use the run's threads in this process."""
    torch.set_num_threads(int(os.environ.get(THREADS_VARIABLE, "1")))
