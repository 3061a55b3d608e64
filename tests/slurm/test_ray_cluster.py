"""Ray over two real SLURM nodes: it comes up, says what is wrong, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slurm.ray_cluster.scratch import sweep

pytestmark = pytest.mark.slurm

BRING_UP = Path(__file__).resolve().parents[2] / "slurm/ray_cluster"
STEP = ("--ntasks-per-node=1", "--mem=4G", "--cpus-per-task=2", "--time=5")
SIZES = ("--cpus-per-node", "2", "--object-store-gb", "0.1")
TIMEOUT_S = 240  # below the bring-up's own deadline of 600

JOIN = """
import os, signal, sys, time, ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On
ray.init(log_to_driver=False)
nodes = {node["NodeName"]: node["NodeID"] for node in ray.nodes()}

def parents(pid, count):
    for _ in range(count):
        pid = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
    return pid
"""


class Step:
    """One srun of the bring-up with a driver; `logs` is its folder."""

    def __init__(
        self, logs: Path, *more: str, driver: str, nodes: int = 2, gpus: int = 4, wrap: str = ""
    ) -> None:
        self.logs = logs
        srun = ("srun", f"--nodes={nodes}", f"--gres=gpu:a800:{gpus}", *STEP)
        wrapped = ("bash", "-c", f'{wrap}\nexec "$@"', "bash", sys.executable, str(BRING_UP))
        given = ("--logs", str(logs), "--gpus-per-node", str(gpus), *SIZES, *more)
        self.srun = subprocess.Popen(
            [*srun, *wrapped, *given, "--", sys.executable, "-c", driver],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self) -> tuple[int, str]:
        """The driver's exit code as the bring-up recorded it, and what the step printed."""
        output, _ = self.srun.communicate(timeout=TIMEOUT_S)
        code = int((self.logs / "exit_code").read_text())
        assert self.srun.returncode in (code, 137), output  # 137: a test killed a task
        return code, output

    @property
    def job(self) -> str:
        """The job's id, from the name of the folder in which its tasks meet."""
        return next(self.logs.glob("rendezvous-*")).name.removeprefix("rendezvous-").split(".")[0]

    def wait_for(self, text: str, file: str) -> None:
        end = time.monotonic() + TIMEOUT_S
        while not (path := self.logs / file).exists() or text not in path.read_text():
            assert time.monotonic() < end and self.srun.poll() is None, f"no {text!r} in {file}"
            time.sleep(0.2)


@pytest.fixture
def steps(cluster: Any) -> Iterator[list[Step]]:
    """Holds the steps of a test; ends what it left, and fails it when a step left something."""
    if not cluster.isolated:
        pytest.skip("Ray over several nodes needs nodes with addresses of their own")
    started: list[Step] = []
    yield started
    for step in started:
        if step.srun.poll() is None:
            step.srun.terminate()
            step.srun.wait(30)
        assert not left_over(step.job)
        assert not list((step.logs).glob("rendezvous-*/head.json"))


def left_over(job: str) -> list[str]:
    """What still runs of a job, and its temporary folders; waits a moment for it to go."""
    mark = f"SLURM_JOB_ID={job}".encode()
    for _ in range(50):
        found = [str(path) for path in Path("/tmp").glob(f"ray-{job}-*")]
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (path / "environ").read_bytes().split(b"\0"):
                    found.append((path / "cmdline").read_text().replace("\0", " "))
            except OSError:
                pass
        if not found:
            break
        time.sleep(0.2)
    return found


def test_driver_sees_every_node_and_its_code_comes_back(steps: list[Step], tmp_path: Path) -> None:
    driver = f"""{JOIN}
@ray.remote(num_gpus=4)
def place(): return os.uname().nodename
places = [place.options(scheduling_strategy=On(node, soft=False)) for node in nodes.values()]
ran = sorted(ray.get([p.remote() for p in places]))
print("ran", ran, ray.cluster_resources()["GPU"], os.environ["REPRISE_RAY_NODES"])
sys.exit(3)
"""
    steps.append(Step(tmp_path, driver=driver))
    code, output = steps[0].end()
    assert code == 3, output
    assert "ran ['node1', 'node2'] 8.0 2" in output
    rows = [json.loads(line) for line in (tmp_path / "phases.jsonl").read_text().splitlines()]
    assert [(row["phase"], row["node"]) for row in rows] == [
        ("script_started", "node1"),
        ("head_up", "node1"),
        ("node_joined", "node2"),
        ("all_nodes_up", "node1"),
        ("driver_started", "node1"),
        ("driver_ended", "node1"),
        ("torn_down", "node1"),
    ]
    seconds = [row["seconds_since_start"] for row in rows]
    assert seconds == sorted(seconds)
    assert "Ray runtime started" in (tmp_path / "node-1.log").read_text()


def test_a_node_that_never_comes_is_named_at_the_deadline(
    steps: list[Step], tmp_path: Path
) -> None:
    hang = 'if [ "$SLURM_PROCID" = 1 ]; then exec sleep 14; fi'
    steps.append(Step(tmp_path, "--deadline-s", "12", driver="print('driver ran')", wrap=hang))
    code, output = steps[0].end()
    assert code == 90, output
    assert "of 2 nodes are not up after 1" in output
    assert "node2: its task has not started, or does not see" in output
    assert "driver ran" not in output


def test_a_node_without_ray_fails_at_once_with_its_own_words(
    steps: list[Step], tmp_path: Path
) -> None:
    (tmp_path / "path/ray").mkdir(parents=True)
    (tmp_path / "path/ray/__init__.py").write_text("raise ImportError('libcudart.so is missing')")
    spoil = f'if [ "$SLURM_PROCID" = 1 ]; then export PYTHONPATH={tmp_path}/path; fi'
    steps.append(Step(tmp_path, driver="print('driver ran')", wrap=spoil))
    code, output = steps[0].end()
    assert code == 90, output
    assert "node2 failed before every node was up: Ray ended with 1" in output
    assert "libcudart.so is missing" in output
    assert "driver ran" not in output


@pytest.mark.parametrize("waits", [True, False], ids=["driver hangs", "driver fails"])
def test_a_lost_node_ends_the_driver(steps: list[Step], tmp_path: Path, waits: bool) -> None:
    # A task's parent is the raylet: once that one is killed, once all of the worker's script.
    driver = f"""{JOIN}
@ray.remote(num_cpus=1, max_retries=0)
def kill():
    os.kill(parents(os.getpid(), {1 if waits else 3}), signal.SIGKILL)
    time.sleep(600)  # a task that returns at once may be faster than its raylet's death
try:
    ray.get(kill.options(scheduling_strategy=On(nodes["node2"], soft=False)).remote())
except ray.exceptions.RayError as error:
    print("the driver saw", type(error).__name__, flush=True)
    time.sleep({600 if waits else 0})
    sys.exit(1)
"""
    steps.append(Step(tmp_path, "--grace-s", "5", driver=driver))
    code, output = steps[0].end()
    assert code == 91, output
    assert "lost while the driver ran" in output
    assert "node2: " in output
    if not waits:  # nobody was left to remove its folder: the next start there does
        assert list(Path("/tmp").glob(f"ray-{steps[0].job}-1-*"))
        sweep()


def test_scancel_leaves_nothing(steps: list[Step], tmp_path: Path) -> None:
    steps.append(Step(tmp_path, driver=f"{JOIN}\nprint('up', flush=True)\ntime.sleep(600)"))
    steps[0].wait_for("driver_started", "phases.jsonl")
    time.sleep(2)
    subprocess.run(["scancel", steps[0].job], check=True)
    output, _ = steps[0].srun.communicate(timeout=TIMEOUT_S)
    assert "torn_down" in (tmp_path / "phases.jsonl").read_text(), output


def test_two_jobs_side_by_side_on_the_same_nodes(steps: list[Step], tmp_path: Path) -> None:
    driver = f"""{JOIN}
from pathlib import Path
print("nodes", sorted(nodes), ray.cluster_resources()["GPU"])
here = Path("{tmp_path}")
(here / ("driver-" + os.environ["SLURM_JOB_ID"])).touch()
while len(list(here.glob("driver-*"))) < 2:  # neither ends before both have come so far
    time.sleep(0.2)
"""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        steps.append(Step(tmp_path / name, gpus=2, driver=driver))
    for step in steps:
        code, output = step.end()
        assert code == 0, output
        assert "nodes ['node1', 'node2'] 4.0" in output


def test_one_node_passes_sigterm_on_to_the_driver(steps: list[Step], tmp_path: Path) -> None:
    driver = f"""{JOIN}
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
os.kill(os.getppid(), signal.SIGTERM)
time.sleep(600)
"""
    steps.append(Step(tmp_path, nodes=1, driver=driver))
    code, output = steps[0].end()
    assert code == 75, output
    assert "signal 15: SIGTERM to the driver" in output
