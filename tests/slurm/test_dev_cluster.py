"""The development cluster for real: daemons, nodes that crash, preemption, accounting."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import DEV, Cluster, dev_cluster

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("slurm_installed")]

JOB_DEADLINE_S = 60.0
SYSTEM_PYTHON = "/usr/bin/python3"


def eventually(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + JOB_DEADLINE_S
    while not done():
        assert time.monotonic() < deadline, f"not within {JOB_DEADLINE_S:.0f} s: {what}"
        time.sleep(0.2)


def submit(cluster: Cluster, body: str, *options: str) -> str:
    """Submit a batch job whose output goes nowhere; its id."""
    quiet = ("--parsable", "--output=/dev/null", "--chdir=/tmp")
    return cluster.run("sbatch", *quiet, *options, f"--wrap={body}").strip()


def job_field(cluster: Cluster, job: str, field: str) -> str:
    words = cluster.run("scontrol", "show", "job", "--oneliner", job).split()
    return next(w.partition("=")[2] for w in words if w.startswith(f"{field}="))


def node_state(cluster: Cluster, node: str) -> str:
    return cluster.run("sinfo", "-h", "-N", "-p", "debug", "-n", node, "-o", "%T").strip()


def refusal(cluster: Cluster, *options: str) -> str:
    """What sbatch complains about; the test fails where it accepts the job."""
    words = ("sbatch", "--output=/dev/null", "--chdir=/tmp", *options, "--wrap=true")
    environment = os.environ | {"SLURM_CONF": str(cluster.slurm_conf)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert done.returncode != 0, done.stdout
    return done.stderr


def processes_of(folder: Path) -> list[str]:
    """The command lines of all live processes that were started for that folder's cluster."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and str(folder).encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_text().replace("\0", " "))
    return found


def network_cards() -> set[str]:
    return {name for _, name in socket.if_nameindex()}


def lives(pid: str) -> bool:
    """A dead process that nobody waited for is listed still, without a command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place for a cluster of the test's own, which is stopped should the test fail."""
    path = Path(tempfile.mkdtemp(prefix="reprise-slurm-", dir="/tmp"))
    yield path
    if path.exists():
        dev_cluster("stop", "--folder", str(path), check=False)
        shutil.rmtree(path, ignore_errors=True)


def start(folder: Path, *options: str) -> Cluster:
    """Start a small cluster without accounting."""
    words = ("--folder", str(folder), "--accounting", "no", "--lifetime-min", "10")
    dev_cluster("start", *words, *options)
    return Cluster(folder)


def test_start_is_idempotent_and_stop_leaves_nothing(folder: Path, cluster: Cluster) -> None:
    beside = start(folder, "--nodes", "cpu", "cpu")
    slot = json.loads((folder / "cluster.json").read_text())["slot"]
    cards = {f"rs{slot}", f"rs{slot}n1", f"rs{slot}n2"}
    assert not beside.isolated or cards <= network_cards()
    daemons = (folder / "run/slurmctld.pid").read_text()
    start(folder, "--nodes", "cpu", "cpu")
    assert (folder / "run/slurmctld.pid").read_text() == daemons
    assert beside.run("srun", "-N2", "echo", "beside").split() == ["beside"] * 2
    assert cluster.run("srun", "-N3", "echo", "session").split() == ["session"] * 3
    submit(beside, "setsid sleep 300 & sleep 300", "-N1")
    assert processes_of(folder)
    dev_cluster("stop", "--folder", str(folder))
    assert not folder.exists()
    assert processes_of(folder) == []
    assert not cards & network_cards()
    dev_cluster("stop", "--folder", str(folder))


def test_a_start_that_was_killed_half_way_is_made_good_by_the_next(folder: Path) -> None:
    words = ("start", "--folder", str(folder), "--accounting", "no", "--nodes", "cpu")
    with subprocess.Popen([sys.executable, str(DEV / "cluster.py"), *words]) as killed:
        eventually((folder / "run/munged.pid").exists, "the first daemon was started")
        killed.kill()
    assert start(folder, "--nodes", "cpu").run("srun", "echo", "up") == "up\n"
    dev_cluster("stop", "--folder", str(folder))
    assert processes_of(folder) == []


def test_another_cluster_in_the_same_folder_is_refused(folder: Path) -> None:
    start(folder, "--nodes", "cpu")
    with pytest.raises(AssertionError, match="is up with another --nodes"):
        start(folder, "--nodes", "cpu", "cpu")


def test_a_foreign_folder_is_left_alone(folder: Path) -> None:
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(AssertionError, match="is no cluster's"):
        start(folder, "--nodes", "cpu")
    with pytest.raises(AssertionError, match="nothing in it is touched"):
        dev_cluster("stop", "--folder", str(folder))
    assert (folder / "thesis.tex").read_text() == "years of work"


def test_a_process_that_took_over_an_id_is_not_ended(folder: Path) -> None:
    start(folder, "--nodes", "cpu")
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            (folder / "run/stranger.pid").write_text(f"{stranger.pid} 1\n")
            dev_cluster("stop", "--folder", str(folder))
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_forgotten_cluster_ends_itself(folder: Path) -> None:
    dev_cluster("start", "--folder", str(folder), "--nodes", "cpu", "--lifetime-min", "0.05")
    eventually(lambda: not folder.exists() and not processes_of(folder), "the cluster is gone")


def test_a_cluster_whose_folder_was_removed_ends_itself(folder: Path) -> None:
    start(folder, "--nodes", "cpu")
    shutil.rmtree(folder)
    eventually(lambda: not processes_of(folder), "the processes are gone")


def test_run_hands_on_the_exit_code_and_stops(folder: Path) -> None:
    words = ("run", "--folder", str(folder), "--accounting", "no", "--nodes", "cpu", "--")
    script = [sys.executable, str(DEV / "cluster.py"), *words, "srun", "sh", "-c", "exit 7"]
    assert subprocess.run(script, capture_output=True).returncode == 7
    assert not folder.exists()


def test_each_node_runs_steps_under_its_own_name(cluster: Cluster) -> None:
    for node in ("node1", "node2", "node3"):
        shown = cluster.run("srun", "-w", node, "sh", "-c", 'echo "$SLURMD_NODENAME"').strip()
        assert shown == node
        if cluster.isolated:
            assert cluster.run("srun", "-w", node, "hostname").strip() == node


def test_isolated_nodes_reach_each_other_by_name(cluster: Cluster) -> None:
    if not cluster.isolated:
        pytest.skip("bare nodes share the machine's name and address")
    listen = "import socket; s = socket.create_server(('', 5555)); s.accept()[0].sendall(b'hello')"
    server = submit(cluster, f'{sys.executable} -c "{listen}"', "-w", "node2")
    eventually(lambda: job_field(cluster, server, "JobState") == "RUNNING", "the server runs")
    ask = (
        "import socket, time; time.sleep(0.5);"
        "print(socket.create_connection(('node2', 5555)).recv(9).decode())"
    )
    assert cluster.run("srun", "-w", "node1", sys.executable, "-c", ask).strip() == "hello"


def test_gpus_are_numbered_for_the_job(cluster: Cluster, tmp_path: Path) -> None:
    out = tmp_path / "gpus"
    body = f'echo "$CUDA_VISIBLE_DEVICES" > {out}.new; mv {out}.new {out}'
    submit(cluster, body, "--gres=gpu:a800:3")
    eventually(out.exists, "the job ran")
    assert out.read_text() == "0,1,2\n"


def test_what_the_cluster_lacks_is_refused_at_submission(cluster: Cluster) -> None:
    assert "Invalid partition name" in refusal(cluster, "-p", "nowhere")
    assert "Invalid account" in refusal(cluster, "-A", "nobodys")
    assert "Invalid qos" in refusal(cluster, "--qos", "golden")
    assert "node configuration is not available" in refusal(cluster, "--gres=gpu:h100:1")
    assert "time limit is invalid" in refusal(cluster, "-p", "short", "-t", "6")
    assert "Invalid job array" in refusal(cluster, "--array=0-1001")


def test_a_crashed_node_is_down_and_its_job_goes_on_elsewhere(
    cluster: Cluster, tmp_path: Path
) -> None:
    out = tmp_path / "starts"
    body = f'echo "$SLURMD_NODENAME" >> {out}; [ -n "$SLURM_RESTART_COUNT" ] || sleep 300'
    job = submit(cluster, body, "--gres=gpu:4")
    eventually(out.exists, "the job runs")
    crashed = out.read_text().strip()
    try:
        cluster.crash(crashed)
        assert node_state(cluster, crashed) == "down"
        eventually(lambda: job_field(cluster, job, "JobState") == "COMPLETED", "it ran again")
        assert len(out.read_text().split()) == 2 and out.read_text().split()[1] != crashed
        assert job_field(cluster, job, "Restarts") == "1"
    finally:
        cluster.revive(crashed)
    assert node_state(cluster, crashed) == "idle"


def test_an_urgent_job_preempts_and_the_other_is_requeued(cluster: Cluster, tmp_path: Path) -> None:
    warned = tmp_path / "warned"
    body = f"trap 'touch {warned}' USR2; sleep 300 & while ! wait $!; do :; done"
    low = submit(cluster, body, "-w", "node1", "--exclusive", "--signal=B:USR2@10")
    eventually(lambda: job_field(cluster, low, "JobState") == "RUNNING", "the low job runs")
    urgent = submit(cluster, "true", "-p", "urgent", "-w", "node1", "--exclusive")
    eventually(lambda: job_field(cluster, urgent, "JobState") == "COMPLETED", "the urgent job ran")
    try:
        assert warned.exists()
        assert job_field(cluster, low, "Restarts") == "1"
    finally:
        cluster.run("scancel", low)


def test_a_hidden_folder_is_empty_on_that_node_until_it_comes_back(
    cluster: Cluster, tmp_path: Path
) -> None:
    if not cluster.isolated:
        pytest.skip("bare nodes see what the machine sees")
    (tmp_path / "data").touch()
    cluster.hide("node3", tmp_path)
    assert cluster.run("srun", "-w", "node3", "ls", str(tmp_path)) == ""
    assert cluster.run("srun", "-w", "node1", "ls", str(tmp_path)) == "data\n"
    cluster.crash("node3")
    cluster.revive("node3")
    assert cluster.run("srun", "-w", "node3", "ls", str(tmp_path)) == "data\n"


def test_sacct_knows_what_ran(cluster: Cluster) -> None:
    job = submit(cluster, "exit 3", "--comment=a note")
    asked = ("sacct", "-n", "-X", "-P", "-j", job, "-o", "state,exitcode,comment")
    eventually(lambda: cluster.run(*asked).strip() == "FAILED|3:0|a note", "sacct knows the job")


def test_sacct_is_refused_without_accounting(cluster_without_accounting: Cluster) -> None:
    assert cluster_without_accounting.run("srun", "-N3", "echo", "up").split() == ["up"] * 3
    with pytest.raises(AssertionError, match="accounting storage is disabled"):
        cluster_without_accounting.run("sacct")


def plain_user() -> list[str]:
    """The words that run a command as an account without rights; skips where there is no way."""
    modern = "import sys; sys.exit(sys.version_info < (3, 11))"
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root, to act as another user")
    words = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    if subprocess.run([*words, SYSTEM_PYTHON, "-c", modern], cwd="/").returncode != 0:
        pytest.skip(f"{SYSTEM_PYTHON} is older than 3.11 or missing")
    return words


def test_a_plain_user_gets_bare_nodes_and_stop_leaves_nothing(folder: Path) -> None:
    words = [*plain_user(), SYSTEM_PYTHON, "-B", str(DEV / "cluster.py")]
    options = ["--folder", str(folder), "--nodes", "a800:2", "cpu", "--accounting", "no"]
    shutil.chown(folder, "nobody")
    escaped = "(setsid sleep 300 > /dev/null 2>&1 &)"
    script = f'{escaped}; cd /; id -un; echo "$CUDA_VISIBLE_DEVICES"'
    job = ["srun", "-w", "node1", "--gres=gpu:2", "sh", "-c", script]
    done = subprocess.run(
        [*words, "run", *options, "--", *job], capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["nobody", "0,1"]
    assert not folder.exists()
    assert processes_of(folder) == []


def test_a_bare_node_crashes_with_what_left_its_process_tree(folder: Path, tmp_path: Path) -> None:
    bare = start(folder, "--nodes", "cpu", "cpu", "--isolate", "no")
    assert not bare.isolated
    started = {node: tmp_path / node for node in ("node1", "node2")}
    for node, path in started.items():
        body = f"(setsid sleep 300 > /dev/null 2>&1 & echo $! > {path}.new; mv {path}.new {path})"
        submit(bare, f"{body}; sleep 300", "-w", node)
    eventually(lambda: all(path.exists() for path in started.values()), "both jobs run")
    pids = {node: path.read_text().strip() for node, path in started.items()}
    assert all(map(lives, pids.values()))
    bare.crash("node1")
    assert node_state(bare, "node1") == "down"
    assert not lives(pids["node1"]) and lives(pids["node2"])
