"""Training over two nodes on the CPU profile: two raylets with addresses of their own, each with
one training process and one rollout server. Gloo over a real network is tests/slurm's part."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.scored import ScoredResponses
from tests.test_end_to_end import PPO, check_complete, only_run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
HEAD, OTHER = "127.0.0.2", "127.0.0.3"
"""Linux answers on all of 127.0.0.0/8, and Ray takes these for two machines."""
STEPS, RESPONSES = 2, 16


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HEAD, 0))
        return int(probe.getsockname()[1])


def raylet(address: str, *arguments: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A node's Ray, up; harness.verl.guard ends all of it, also when this process is killed."""
    log = Path(environment["RAY_TMPDIR"]) / f"{address}.log"
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *arguments]
    command += ["--node-ip-address", address, "--num-cpus", "16", "--num-gpus", "1"]
    command += ["--object-store-memory", "300000000", "--dashboard-agent-listen-port", "0"]
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "harness.verl.guard", str(os.getpid()), *command],
            env=environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    for _ in range(900):
        if "Ray runtime started" in log.read_text():
            return child
        assert child.poll() is None, log.read_text()
        time.sleep(0.1)
    child.terminate()
    raise AssertionError(f"Ray never came up on {address}")


@pytest.fixture
def two_nodes() -> Iterator[dict[str, str]]:
    """The environment that slurm/ray_cluster gives a driver once two nodes are up."""
    folder, port = tempfile.mkdtemp(prefix="ray-", dir="/tmp"), free_port()
    environment = os.environ | {
        "RAY_ADDRESS": f"{HEAD}:{port}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_TMPDIR": folder,
        "RAY_USAGE_STATS_ENABLED": "0",
        "GLOO_SOCKET_IFNAME": "lo",
        "REPRISE_RAY_NODES": "2",
    }
    head = ("--head", "--port", str(port), "--include-dashboard", "false",
            "--ray-client-server-port", str(free_port()))  # fmt: skip
    nodes = [raylet(HEAD, *head, environment=environment)]
    try:
        nodes.append(raylet(OTHER, "--address", f"{HEAD}:{port}", environment=environment))
        yield environment
        assert [node.poll() for node in nodes] == [None, None], (
            "the run has ended a Ray not its own"
        )
    finally:
        for node in nodes:
            node.terminate()
        for node in nodes:
            node.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def test_two_nodes_train_one_model(two_nodes: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "run.py", *PPO, f"schedule.steps={STEPS}", "hardware.nodes=2",
         f"output_root={tmp_path}"],
        env=two_nodes, cwd=ROOT, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    run = only_run(tmp_path)
    logged = check_complete(run, STEPS)
    scored = ScoredResponses(run / "logs" / "attempt_1" / "rewards")
    assert [scored.scored(step) for step in logged] == [RESPONSES] * STEPS
    for metrics in logged.values():
        # Each server samples from the weights that its own trainer gathered from both.
        assert metrics["training/rollout_probs_diff_max"] < 1e-3
    log = (run / "logs" / "attempt_1" / "verl.log").read_text()
    assert f"LLMServerManager: ['{HEAD}:0', '{OTHER}:1']" in log
    manifest = json.loads((run / f"checkpoints/global_step_{STEPS}/reprise.json").read_text())
    for role in ("actor", "critic"):
        for kind in ("model", "optim", "extra_state"):
            shards = {f"{role}/{kind}_world_size_2_rank_{rank}.pt" for rank in (0, 1)}
            assert shards <= manifest["files"].keys()
