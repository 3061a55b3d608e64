"""slurm/job.sh under stand-ins for SLURM's commands: notices, exit codes, and another attempt."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from harness.paths import ROOT
from tests.submit.stub import Stubs

GOES_ON = 'touch "$S/ready"; while :; do sleep 0.02; done'
STOPS_WHEN_TOLD_TWICE = (
    'trap \'echo >>"$S/told"; [ "$(wc -l <"$S/told")" = 2 ] && exit 75\' TERM; ' + GOES_ON
)
STOPS_WHEN_TOLD = f"trap 'exit 75' TERM; {GOES_ON}"


class Job:
    """A batch script that runs in a private SLURM."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.run = folder, folder / "the run"
        self.stubs = Stubs(folder / "bin", monkeypatch)
        self.stubs.add("srun", 'echo $$ >"$S/step.pid"; . "$S/step"')
        self.stubs.add("scancel", 'kill "-${1#--signal=}" "$(cat "$S/step.pid")"')
        self.stubs.add("scontrol", "exit 1")  # what ends a job that SLURM starts again
        (folder / "1.runs").write_text(f"{folder / 'other'}\n{self.run}\n")
        self.variables = {
            "SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "1", "SLURM_JOB_ID": "12",
            "SLURM_JOB_NODELIST": "node1", "SLURM_JOB_NUM_NODES": "1", "SLURM_CPUS_PER_TASK": "8",
            "REPRISE_CODE": str(ROOT), "REPRISE_RUNS": str(folder / "1.runs"),
            "REPRISE_GPUS_PER_NODE": "4", "REPRISE_NOTICE_S": "30", "REPRISE_MAX_ATTEMPTS": "3",
        }  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None
        self.limit("1:00:00")

    def limit(self, limit: str, started: float | None = None) -> None:
        """What squeue says of the task; it lists the whole array when asked by the job's id."""
        start = datetime.fromtimestamp(started or time.time()).strftime("%Y-%m-%dT%H:%M:%S")
        self.stubs.add(
            "squeue",
            f'[ "$3" = 12_1 ] || echo "2000-01-01T00:00:00|1:00"\necho "{start}|{limit}"',
        )

    def start(self, step: str) -> None:
        """Starts the script; `step` is what srun runs."""
        (self.stubs.folder / "step").write_text(step)
        text = f"SRUN_OPTIONS=(--mpi 'a b')\nPYTHON=(wrap 'my image' python)\n. {ROOT}/slurm/job.sh"
        self.process = subprocess.Popen(
            ["bash", "-c", text],
            env={**os.environ, **self.variables},
            stdout=(self.folder / "output").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def ready(self) -> None:
        """Waits until the step runs."""
        self._until(lambda: (self.stubs.folder / "ready").exists())

    def send(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def told(self) -> None:
        """Waits until the run has been told to stop."""
        self._until(lambda: (self.stubs.folder / "told").exists())

    def heard(self, signals: int) -> None:
        """Waits until the script has heard so many signals; each makes it ask for the time left."""
        self._until(lambda: len(self.stubs.calls("squeue")) == signals)

    def tell(self) -> None:
        """Tells the run to stop, as SLURM does at the end."""
        os.kill(int((self.stubs.folder / "step.pid").read_text()), signal.SIGTERM)

    def _until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not true():
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.01)

    def end(self) -> int:
        assert self.process
        return self.process.wait(timeout=20)

    def output(self) -> str:
        return (self.folder / "output").read_text()

    def cause(self) -> str | None:
        path = self.run / "notice.json"
        return str(json.loads(path.read_text())["cause"]) if path.exists() else None

    def asked_again(self) -> bool:
        return ["requeue", "12_1"] in self.stubs.calls("scontrol")

    def close(self) -> None:
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            self.process.wait()


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    found = Job(tmp_path, monkeypatch)
    yield found
    found.close()


def test_a_run_that_ends_well(job: Job) -> None:
    job.run.mkdir()
    (job.run / "notice.json").write_text('{"cause": "time_limit"}')
    job.start("exit 0")
    assert job.end() == 0
    assert job.cause() is None and not job.asked_again()
    (call,) = job.stubs.calls("srun")
    logs = job.run / "logs" / "slurm" / "12_1-0"
    assert call == [
        "--nodes=1", "--ntasks-per-node=1", "--cpus-per-task=8", "--unbuffered",
        f"--output={logs}/job.log", "--mpi", "a b",
        "wrap", "my image", "python", "-m", "harness.submit.job", str(job.run),
    ]  # fmt: skip
    phases = [json.loads(line) for line in (logs / "phases.jsonl").read_text().splitlines()]
    assert [phase["phase"] for phase in phases] == ["script_started", "script_ended"]
    assert all(abs(phase["time"] - time.time()) < 100 for phase in phases)


def test_what_the_step_sees(job: Job) -> None:
    job.variables |= {"PYTHONHOME": "/gone", "SLURM_RESTART_COUNT": "2"}
    job.start('env >"$S/seen"')
    assert job.end() == 0
    seen = (job.stubs.folder / "seen").read_text().splitlines()
    assert f"PYTHONPATH={ROOT}" in seen and "PYTHONSAFEPATH=1" in seen
    assert f"REPRISE_LOGS={job.run}/logs/slurm/12_1-2" in seen
    assert not any(line.startswith("PYTHONHOME") for line in seen)


def test_several_nodes_start_ray_and_the_container_once(job: Job) -> None:
    job.variables["SLURM_JOB_NUM_NODES"] = "2"
    job.start("exit 0")
    assert job.end() == 0
    (call,) = job.stubs.calls("srun")
    words = call[call.index("wrap") :]
    assert words[:4] == ["wrap", "my image", "python", f"{ROOT}/slurm/ray_cluster"]
    assert words[words.index("--") :] == ["--", "python", "-m", "harness.submit.job", str(job.run)]
    assert words[words.index("--gpus-per-node") + 1] == "4"
    assert (ROOT / "slurm" / "ray_cluster" / "__main__.py").exists()


@pytest.mark.parametrize("code", [1, 2, 75, 76])
def test_a_run_that_fails_is_not_tried_again(job: Job, code: int) -> None:
    job.start(f"exit {code}")
    assert job.end() == code
    assert not job.asked_again()


@pytest.mark.parametrize("limit", ["1:00", "01:00", "0-00:01:00", "1:00:00", "1-00:00:00"])
def test_near_the_limit_the_notice_is_of_the_limit(job: Job, limit: str) -> None:
    seconds = {"1:00:00": 3600, "1-00:00:00": 86400}.get(limit, 60)
    job.limit(limit, started=time.time() + 40 - seconds)
    job.start(STOPS_WHEN_TOLD)
    job.ready()
    job.send(signal.SIGUSR2)
    assert job.end() == 75
    assert job.cause() == "time_limit" and job.asked_again()
    assert job.stubs.calls("scancel") == [["--signal=TERM", "12.0"]]


def test_a_controller_that_answers_late_is_asked_again(job: Job) -> None:
    start = datetime.fromtimestamp(time.time()).strftime("%Y-%m-%dT%H:%M:%S")
    job.stubs.add(
        "squeue", f'[ -e "$S/asked" ] && echo "{start}|1:00" || {{ touch "$S/asked"; exit 1; }}'
    )
    job.start(STOPS_WHEN_TOLD)
    job.ready()
    job.send(signal.SIGUSR2)
    job.end()
    assert job.cause() == "time_limit" and job.asked_again()


def test_of_a_longer_notice_the_run_has_most_to_save_its_step(job: Job) -> None:
    job.variables["REPRISE_NOTICE_S"] = "120"
    job.limit("1:00", started=time.time() + 60)
    job.start('touch "$S/ready"; until [ -f "$S/saved" ]; do sleep 0.02; done; exit 75')
    job.ready()
    job.send(signal.SIGUSR2)
    job._until(lambda: job.cause() == "time_limit")
    (job.stubs.folder / "saved").touch()
    assert job.end() == 75 and job.asked_again()
    assert job.stubs.calls("scancel") == [], "it stopped by itself before it was told to"


@pytest.mark.parametrize("limit", ["30:00", "2-00:00:00", "UNLIMITED"])
def test_far_from_the_limit_the_notice_is_of_a_preemption(job: Job, limit: str) -> None:
    job.limit(limit)
    job.start(STOPS_WHEN_TOLD)
    job.ready()
    job.send(signal.SIGUSR2)
    assert job.end() == 75
    assert job.cause() == "preemption" and job.asked_again()


def test_a_cancelled_run_is_told_and_stays_cancelled(job: Job) -> None:
    job.start(STOPS_WHEN_TOLD)
    job.ready()
    job.send(signal.SIGTERM)
    assert job.end() == 75
    assert job.cause() == "terminated" and not job.asked_again()


def test_the_limit_that_was_announced_is_no_cancellation(job: Job) -> None:
    job.limit("1:00", started=time.time() - 57)
    job.start(STOPS_WHEN_TOLD_TWICE)
    job.ready()
    job.send(signal.SIGUSR2)
    job.told()
    job.send(signal.SIGTERM)
    job.heard(2)
    job.tell()
    assert job.end() == 75
    assert job.cause() == "time_limit" and job.asked_again()


@pytest.mark.parametrize(("limit", "cause"), [("1:20", "terminated"), ("1:00:00", "preemption")])
def test_what_is_cancelled_after_a_notice_is_not_asked_for_again(
    job: Job, limit: str, cause: str
) -> None:
    job.limit(limit)
    job.start(STOPS_WHEN_TOLD_TWICE)
    job.ready()
    job.send(signal.SIGUSR2)
    job.told()
    job.send(signal.SIGTERM)
    job.heard(2)
    if cause == "preemption":
        job.tell()
    assert job.end() == 75
    assert job.cause() == cause and not job.asked_again()


def test_a_run_that_does_not_stop_is_killed(job: Job) -> None:
    job.variables["REPRISE_NOTICE_S"] = "1"  # two thirds of it are the run's
    job.start(f"trap '' TERM; {GOES_ON}")
    job.ready()
    job.send(signal.SIGUSR2)
    assert job.end() == 128 + signal.SIGKILL
    assert job.stubs.calls("scancel")[-1] == ["--signal=KILL", "12.0"]
    assert job.asked_again()


def test_the_exit_code_is_the_runs_when_it_ends_during_the_notice(job: Job) -> None:
    job.stubs.add("scancel", 'kill "-${1#--signal=}" "$(cat "$S/step.pid")"; sleep 0.5')
    job.start(f"trap 'exit 0' TERM; {GOES_ON}")
    job.ready()
    job.send(signal.SIGUSR2)
    assert job.end() == 0
    assert not job.asked_again()


def test_the_drivers_exit_code_wins_over_the_steps(job: Job) -> None:
    job.start(f'echo 3 >"{job.run}/logs/slurm/12_1-0/exit_code"; exit 143')
    assert job.end() == 3
    job.start(f'echo 0 >"{job.run}/logs/slurm/12_1-0/exit_code"; exit 143')
    assert job.end() == 0


@pytest.mark.parametrize(
    ("code", "restart", "again"),
    [(90, 0, True), (91, 1, True), (90, 2, False), (91, 2, False)],
)
def test_a_lost_node_is_tried_again_until_the_attempts_are_used_up(
    job: Job, code: int, restart: int, again: bool
) -> None:
    job.variables["SLURM_RESTART_COUNT"] = str(restart)
    job.start(f"exit {code}")
    assert job.end() == code
    assert job.asked_again() == again


def test_a_folder_that_the_node_does_not_see(job: Job) -> None:
    (job.folder / "the run").write_text("no folder")
    job.start("exit 0")
    assert job.end() == 74
    assert "cannot reach the run of task 12_1" in job.output() and "output_root=" in job.output()
    job.variables["REPRISE_RUNS"] = str(job.folder / "gone.runs")
    job.start("exit 0")
    assert job.end() == 74
    assert f"its list {job.folder}/gone.runs" in job.output()
    assert job.stubs.calls("srun") == []
