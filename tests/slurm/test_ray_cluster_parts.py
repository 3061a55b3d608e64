"""The parts of the Ray bring-up that need neither SLURM nor Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slurm.ray_cluster import main, processes, raynode, scratch
from slurm.ray_cluster.failure import NODE_LOST, NOT_ALL_UP, Failed
from slurm.ray_cluster.head import lacking
from slurm.ray_cluster.journal import Journal
from slurm.ray_cluster.options import Options
from slurm.ray_cluster.rendezvous import Address, Rendezvous
from slurm.ray_cluster.step import Step, expand
from slurm.ray_cluster.stop import Stop
from slurm.ray_cluster.watcher import RayNode
from slurm.ray_cluster.worker import Worker

ADDRESS = Address("10.0.0.1", 20000, "secret")
IN_A_STEP = {
    "SLURM_JOB_ID": "7",
    "SLURM_JOB_NODELIST": "node[1-3]",
    "SLURM_STEP_NODELIST": "node[1-2]",
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_STEP_ID": "0",
    "SLURM_PROCID": "1",
}


@pytest.mark.parametrize(
    ("nodelist", "names"),
    [
        ("node1", ["node1"]),
        ("node[1-3]", ["node1", "node2", "node3"]),
        ("gpu[08-10,12],cpu-7", ["gpu08", "gpu09", "gpu10", "gpu12", "cpu-7"]),
        ("r[1-2]n[1-2]x", ["r1n1x", "r1n2x", "r2n1x", "r2n2x"]),
    ],
)
def test_node_lists(nodelist: str, names: list[str]) -> None:
    assert list(expand(nodelist)) == names


def test_step_has_its_own_nodes_and_a_key_for_each_start() -> None:
    step = Step.read(IN_A_STEP)
    assert (step.node, step.nodes, step.key) == ("node2", ("node1", "node2"), "7.0.0")
    assert Step.read(IN_A_STEP | {"SLURM_RESTART_COUNT": "1"}).key == "7.0.1"


@pytest.mark.parametrize(
    ("environment", "message"),
    [({}, "not a SLURM job"), (IN_A_STEP | {"SLURM_STEP_NUM_TASKS": "4"}, "--ntasks-per-node=1")],
)
def test_step_says_how_to_be_run(environment: dict[str, str], message: str) -> None:
    with pytest.raises(Failed, match=message) as failed:
        Step.read(environment)
    assert failed.value.code == 2


def test_command_line_keeps_the_drivers_own_options() -> None:
    given = ["--logs", "logs", "--gpus-per-node", "8", "--", "python", "-c", "x", "--", "--logs=y"]
    options = main.parse(given)
    assert options.driver == ("python", "-c", "x", "--", "--logs=y")
    assert (options.logs, options.gpus_per_node) == (Path("logs").absolute(), 8)
    assert (options.deadline_s, options.grace_s) == (600, 30)


def test_ports_lie_outside_the_ephemeral_range_and_differ_by_job() -> None:
    for low, high in [(32768, 60999), (1024, 40000), (15000, 65535)]:
        ports = list(raynode.candidates(123, low, high))
        assert all(1024 < port < 65535 and port % 2 == 0 for port in ports)
        assert not [port for port in ports if low <= port <= high or low <= port + 1 <= high]
        assert len(set(ports)) == len(ports) > 1000
    first = [next(raynode.candidates(job, 32768, 60999)) for job in range(1000)]
    assert len(set(first)) == 1000


def test_a_taken_port_is_passed_over() -> None:
    import socket

    wanted = raynode.free_ports(123)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", wanted + 1))
        holder.listen()
        assert not raynode.is_free(wanted + 1)
        assert raynode.free_ports(123) not in (wanted, wanted + 1)


def test_own_address() -> None:
    assert raynode.own_address(None) == raynode.own_address("127.0.0.1") == "127.0.0.1"
    with pytest.raises(Failed, match="getent ahostsv4"):
        raynode.own_address("no-such-node.invalid")


def test_a_dead_gpu_is_told_by_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: A800 (UUID: GPU-1)'\necho 'Unable to reach 1' >&2\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    raynode.check_gpus("node1", 1)
    with pytest.raises(Failed, match=r"node1 has 1 working GPUs, 2 are asked.*\n.*\n.*Unable"):
        raynode.check_gpus("node1", 2)


def test_barrier_names_what_each_node_lacks() -> None:
    up = RayNode(4, "10.0.0.1", 1)
    assert lacking(("a", "b"), {"a": up, "b": up}, 4) == {}
    short = RayNode(2, "10.0.0.2", 1)
    assert lacking(("a", "b", "c"), {"a": up, "b": short}, 4) == {
        "b": "2 of 4 GPUs",
        "c": "Ray is not up",
    }


def test_rendezvous_hides_the_token_and_takes_it_away(tmp_path: Path) -> None:
    head, worker = Rendezvous(tmp_path, "7.0.0"), Rendezvous(tmp_path, "7.0.0")
    assert worker.head() is None
    head.publish(ADDRESS)
    assert worker.head() == ADDRESS
    assert (head.folder / "head.json").stat().st_mode & 0o777 == 0o600
    assert Rendezvous(tmp_path, "7.0.1").head() is None  # a later start does not believe it
    worker.mark("failed", 12, "why")
    assert head.marked("failed") == {12: "why"} and head.marked("started") == {}
    before = worker.heard()
    head.beat()
    assert worker.heard() != before
    assert not worker.ended()
    head.end()
    assert worker.ended()
    assert not any("secret" in path.read_text() for path in head.folder.iterdir())


def make_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **given: float) -> Worker:
    """Rank 1 of two nodes, with no time to wait and signals left alone."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr("slurm.ray_cluster.worker.WAIT_FOR_END_S", 0.0)
    monkeypatch.setattr("slurm.ray_cluster.worker.TICK_S", 0.01)
    monkeypatch.setattr("slurm.ray_cluster.worker.kill_descendants", lambda: [])
    times = {"deadline_s": 0.0, "grace_s": 0.0} | given
    options = Options(tmp_path, 0, 1, None, driver=("true",), **times)
    step = Step.read(IN_A_STEP)
    journal = Journal(tmp_path, step, time.monotonic())
    return Worker(step, options, Rendezvous(tmp_path, step.key), journal, Stop(), tmp_path)


def test_worker_without_a_head_says_that_the_folder_may_not_be_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = make_worker(tmp_path, monkeypatch)
    assert worker.run() == NOT_ALL_UP
    said = capsys.readouterr().err
    assert "node1's task did not start" in said
    assert f"{tmp_path} is not a folder that node1 and node2 share" in said
    assert worker.rendezvous.marked("failed")[1] in said


def test_worker_reports_its_ray_that_died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = make_worker(tmp_path, monkeypatch, deadline_s=5)
    worker.rendezvous.publish(ADDRESS)
    monkeypatch.setattr(raynode, "answers", lambda *_: True)
    monkeypatch.setattr(raynode, "own_address", lambda _: "10.0.0.2")
    dying = [sys.executable, "-c", "print('no shared memory'); exit(4)"]
    monkeypatch.setattr(
        raynode, "start", lambda *_: processes.spawn(dying, os.environ, worker.journal.file)
    )
    assert worker.run() == 1
    reason = worker.rendezvous.marked("failed")[1]
    assert reason.startswith("Ray ended with 4") and "no shared memory" in reason


@pytest.mark.parametrize("answers", [True, False])
def test_worker_ends_when_the_head_is_silent_and_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    worker = make_worker(tmp_path, monkeypatch)
    monkeypatch.setattr("slurm.ray_cluster.worker.HEAD_SILENT_S", 0.05)
    asked = []

    def answer(*_: object) -> bool:
        asked.append(1)
        if answers and len(asked) == 3:
            worker.rendezvous.end()
        return answers

    monkeypatch.setattr(raynode, "answers", answer)
    ray = processes.spawn(["sleep", "30"], os.environ)
    try:
        if answers:  # only the folder is slow
            worker._hold(ray, ADDRESS)
            assert len(asked) >= 3
        else:
            with pytest.raises(Failed, match="the head on node1 is gone") as failed:
                worker._hold(ray, ADDRESS)
            assert failed.value.code == NODE_LOST
    finally:
        ray.kill()
        ray.wait()


def test_descendants() -> None:
    assert sorted(processes.descendants(1, {2: 1, 3: 2, 4: 2, 5: 9, 9: 0})) == [2, 3, 4]
    assert processes.parents()[os.getpid()] == os.getppid()


def test_orphans_are_ended_and_children_die_with_their_parent(tmp_path: Path) -> None:
    code = """
import os, signal
from slurm.ray_cluster.processes import adopt_orphans, kill_descendants, spawn
adopt_orphans()
open("ids", "w").close()
quiet = open(os.devnull, "wb")
orphans = "for i in 1 2; do setsid sleep 20 & echo $! >>ids; done"
spawn(["bash", "-c", orphans], os.environ, quiet).wait()
child = spawn(["sleep", "20"], os.environ, quiet)
open("ids", "a").write(str(child.pid))
"""

    def ids_after(last: str) -> list[int]:
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-c", code + last]
        subprocess.run(command, cwd=tmp_path, env=environment, timeout=10)
        return [int(word) for word in (tmp_path / "ids").read_text().split()]

    ended = ids_after("assert kill_descendants() == []")
    assert len(ended) == 3 and not any(map(runs, ended))
    orphan, other, child = ids_after("os.kill(os.getpid(), signal.SIGKILL)")
    for pid in (orphan, other):
        os.kill(pid, signal.SIGKILL)
    assert not runs(child)


def runs(pid: int) -> bool:
    """Whether it still does after a moment, zombies aside."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
        except OSError:
            return False
        time.sleep(0.01)
    return True


def test_scratch_is_removed_at_the_end_or_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "PARENT", tmp_path)
    (tmp_path / "ray-of-someone-else").mkdir()
    killed = tmp_path / "ray-6-0-abcdefgh"
    killed.mkdir()
    (killed / scratch.LOCK).touch()
    with scratch.scratch(7, 1) as first, scratch.scratch(7, 1) as second:
        assert not killed.exists()
        assert first.exists() and second.exists() and first != second
        assert first.name.startswith("ray-7-1-") and first.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in tmp_path.iterdir()] == ["ray-of-someone-else"]
    longest = len("/tmp/ray-4294967295-9999-abcdefgh/session_2026-01-01_00-00-00_000000_4194304")
    assert longest + len("/sockets/plasma_store") <= 107
