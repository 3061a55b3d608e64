"""Process control with small fake commands: metrics, failures, stopping, orphans."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from harness.errors import TrainingError
from harness.verl.guard import descendants
from harness.verl.process import Tail, _failure, failure_cause, parse_metrics, run_training
from harness.verl.traceback_text import last_traceback

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
STOP_LIMIT_S = 15

TREE = """
import subprocess, sys, time
from pathlib import Path
# A daemon in a session of its own, orphaned at once, as Ray's daemons are.
daemon = (
    "import os, signal, sys, time\\n"
    "if sys.argv[2] == 'stubborn': signal.signal(signal.SIGTERM, signal.SIG_IGN)\\n"
    "open(sys.argv[1], 'w').write(str(os.getpid()))\\n"
    "time.sleep(300)\\n"
)
middle = (
    "import subprocess, sys\\n"
    f"command = [sys.executable, '-c', {daemon!r}, *sys.argv[1:]]\\n"
    "subprocess.Popen(command, start_new_session=True)\\n"
)
subprocess.run([sys.executable, "-c", middle, *sys.argv[1:]], check=True)
while not (Path(sys.argv[1]).exists() and Path(sys.argv[1]).read_text()):
    time.sleep(0.05)
print("ready", flush=True)
time.sleep(0 if sys.argv[2] == "leave" else 300)
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: object, limit_s: float = STOP_LIMIT_S) -> bool:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def run(tmp_path: Path, code: str, *arguments: str) -> list[tuple[int, dict[str, float]]]:
    script = tmp_path / "child.py"
    script.write_text(textwrap.dedent(code))
    seen: list[tuple[int, dict[str, float]]] = []
    run_training(
        [sys.executable, str(script), *arguments],
        environment=ENVIRONMENT,
        log_path=tmp_path / "log.txt",
        metrics_path=tmp_path / "metrics.jsonl",
        on_metrics=lambda step, data: seen.append((step, data)),
    )
    return seen


def test_metrics_are_passed_on_in_order(tmp_path: Path) -> None:
    seen = run(
        tmp_path,
        """
        import sys
        with open(sys.argv[1], "w") as file:
            file.write('{"step": 1, "data": {"a": 1, "text": "x"}}\\n{"step": 2, "da')
            file.flush()
            file.write('ta": {"a": 2.5}}\\n')
        """,
        str(tmp_path / "metrics.jsonl"),
    )
    assert seen == [(1, {"a": 1.0}), (2, {"a": 2.5})]


def test_tail_keeps_a_partial_line(tmp_path: Path) -> None:
    path = tmp_path / "m"
    tail = Tail(path)
    assert list(tail.lines()) == []
    path.write_text("one\ntw")
    assert list(tail.lines()) == ["one"]
    with path.open("a") as file:
        file.write("o\n")
    assert list(tail.lines()) == ["two"]


def test_null_metrics_are_left_out() -> None:
    assert parse_metrics('{"step": 3, "data": {"a": null, "b": 1}}') == (3, {"b": 1.0})


def test_failure_carries_the_traceback_the_log_and_advice(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as caught:
        run(tmp_path, "def f(): return 1 / 0\nf()")
    message = str(caught.value)
    assert "ZeroDivisionError: division by zero" in message
    assert str(tmp_path / "log.txt") in message
    assert "same command" in message


def test_failure_of_an_earlier_attempt_is_not_reported(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text(
        "Traceback (most recent call last):\n  File\nOSError: earlier\n"
    )
    with pytest.raises(TrainingError) as caught:
        run(tmp_path, "import sys; print('no good'); sys.exit(3)")
    assert "OSError" not in str(caught.value)
    assert "no good" in str(caught.value) and "exit code 3" in str(caught.value)


def test_daemons_are_gone_after_a_normal_end(tmp_path: Path) -> None:
    run(tmp_path, TREE, str(tmp_path / "pid"), "leave")
    assert not alive(int((tmp_path / "pid").read_text()))


def start_parent(tmp_path: Path, daemon_is: str) -> tuple[subprocess.Popen[str], int]:
    """A process in run_training, and the daemon below its command."""
    script = tmp_path / "tree.py"
    script.write_text(TREE)
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(f"""
                import os, sys
                from pathlib import Path
                from harness.verl.process import run_training
                command = [{str(script)!r}, {str(tmp_path / "pid")!r}, {daemon_is!r}]
                run_training([sys.executable, *command],
                    environment=os.environ, log_path=Path({str(tmp_path / "log.txt")!r}),
                    metrics_path=Path({str(tmp_path / "m")!r}), on_metrics=print)
            """),
        ],
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    )
    log = tmp_path / "log.txt"
    assert wait_for(lambda: log.exists() and "ready" in log.read_text(), 60)
    return parent, int((tmp_path / "pid").read_text())


@pytest.mark.parametrize(
    ("number", "daemon_is"),
    [
        (signal.SIGINT, "polite"),
        (signal.SIGTERM, "polite"),
        (signal.SIGKILL, "polite"),
        pytest.param(signal.SIGTERM, "stubborn", marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, "stubborn", marks=pytest.mark.slow),
    ],
)
def test_nothing_survives_the_parent(
    tmp_path: Path, number: signal.Signals, daemon_is: str
) -> None:
    parent, daemon = start_parent(tmp_path, daemon_is)
    parent.send_signal(number)
    _, errors = parent.communicate(timeout=240)
    if number != signal.SIGKILL:
        assert "KeyboardInterrupt" in errors
        assert not alive(daemon)
    assert wait_for(lambda: not alive(daemon))


@pytest.mark.slow
def test_a_guard_without_processor_time_is_waited_for(tmp_path: Path) -> None:
    parent, daemon = start_parent(tmp_path, "polite")
    (guard,) = descendants(parent.pid)[:1]
    os.kill(guard, signal.SIGSTOP)
    parent.send_signal(signal.SIGINT)
    time.sleep(12)
    os.kill(guard, signal.SIGCONT)
    parent.communicate(timeout=240)
    assert not alive(daemon)


RAY_LOG = """\
(TaskRunnerV1 pid=11) progress
\x1b[36m(AgentLoopWorkerTQ pid=12)\x1b[0m ERROR: Error in _run_prompt for uid=1
(AgentLoopWorkerTQ pid=12) Traceback (most recent call last):
(AgentLoopWorkerTQ pid=12)   File "agent_loop.py", line 1026, in _compute_score
(AgentLoopWorkerTQ pid=12)     result = await handle.compute_score.remote(data)
(AgentLoopWorkerTQ pid=12) ray.exceptions.RayTaskError(ValueError): ray::RewardLoopWorker.compute_score() (pid=9, ip=127.0.0.1)
(AgentLoopWorkerTQ pid=12)   File "reward.py", line 3, in score
(AgentLoopWorkerTQ pid=12)     raise ValueError("no answer")
(AgentLoopWorkerTQ pid=12) ValueError: no answer
Error executing job with overrides: []
Traceback (most recent call last):
  File "main_ppo.py", line 90, in run_ppo
    ray.get(runner.run.remote(config))
ray.exceptions.RayTaskError(RolloutFailed): ray::TaskRunnerV1.run() (pid=11, ip=127.0.0.1)
  File "replay_buffer.py", line 30, in sample
    raise RolloutFailed
harness.verl.replay_buffer.RolloutFailed: 1 prompt(s) failed
"""  # noqa: E501


def test_the_cause_is_found_behind_its_consequence() -> None:
    assert last_traceback(RAY_LOG) == (
        "Traceback (most recent call last):\n"
        '  File "reward.py", line 3, in score\n'
        '    raise ValueError("no answer")\n'
        "ValueError: no answer"
    )


TORCHRUN_LOG = """\
[rank0]: Traceback (most recent call last):
[rank0]:   File "sft_trainer.py", line 488, in <module>
[rank0]:     main()
[rank0]: ValueError: no such schedule
E1121 20:11:38.520000 188 torch/distributed/elastic/api.py:1002] failed (exitcode: 1) local_rank: 0
Traceback (most recent call last):
  File "torch/distributed/run.py", line 1032, in <module>
    raise ChildFailedError(
torch.distributed.elastic.multiprocessing.errors.ChildFailedError: 
============================================================
"""
KILLED_BELOW_TORCHRUN = (
    TORCHRUN_LOG[TORCHRUN_LOG.index("E1121") :]
    + """\
Root Cause (first observed failure):
[0]:
  exitcode  : -9 (pid: 1234)
  traceback : Signal 9 (SIGKILL) received by PID 1234
"""
)


def test_the_cause_is_found_before_torchruns_own_exception() -> None:
    assert last_traceback(TORCHRUN_LOG) == (
        "Traceback (most recent call last):\n"
        '  File "sft_trainer.py", line 488, in <module>\n'
        "    main()\n"
        "ValueError: no such schedule"
    )
    assert failure_cause(1, TORCHRUN_LOG) == "error"
    out_of_memory = TORCHRUN_LOG.replace("ValueError: no such", "torch.OutOfMemoryError: CUDA")
    assert failure_cause(1, out_of_memory) == "out_of_memory"


def test_a_process_killed_below_torchrun_is_told_as_killed(tmp_path: Path) -> None:
    assert failure_cause(1, KILLED_BELOW_TORCHRUN) == "signal"
    said = _failure(1, KILLED_BELOW_TORCHRUN, tmp_path / "verl.log")
    assert said.startswith("Training ended with signal 9.")


def test_a_log_without_traceback_has_none() -> None:
    assert last_traceback("all is well\n") is None
