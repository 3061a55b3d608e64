"""Starts the generation processes of a job and waits for them; called by evals/run.py.

The children (evals/generate.py) import torch and vllm, this process never does.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from evals.job import Job, JobModel
from evals.sample_files import missing, only_writer, set_aside_others, wanted
from harness.errors import EvaluationError
from harness.files import write_text

Progress = Callable[[str, int, int], None]
Told = dict[str, Any]

ROOT = Path(__file__).parents[1]
LOG_TAIL = 25
# Generation on a CPU allocates and frees the growing key-value cache at every step; without these
# glibc hands the pages back to the kernel each time, which costs more than the arithmetic.
KEEP_MEMORY = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
    "MALLOC_TOP_PAD_": str(2**26),
}
# vLLM on a CPU: the engine in the child itself, threads left to the kernel, a small cache.
VLLM_ON_CPU = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",
}


VLLM_ON_GPU = {
    # FlashInfer's sampler knows no seeds of requests, which ours all have; vLLM would compile it
    # at the start all the same, or fail where the package is not installed.
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
}


def visible_devices(job: Job, shard: int) -> dict[str, str]:
    """The GPUs of one copy of the model, cut from those that this process may see."""
    if job.data_parallel == 1 or job.device == "cpu":
        return {}
    needed = job.data_parallel * job.tensor_parallel
    given = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(needed)))).split(",")
    if len(given) < needed:
        raise EvaluationError(
            f"{job.data_parallel} copies of {job.tensor_parallel} GPUs need {needed} GPUs, "
            f"CUDA_VISIBLE_DEVICES names {len(given)}; lower backend.data_parallel"
        )
    first = shard * job.tensor_parallel
    return {"CUDA_VISIBLE_DEVICES": ",".join(given[first : first + job.tensor_parallel])}


def child_environment(job: Job, shard: int) -> dict[str, str]:
    """The child's environment: this one, quieter, and fit for the job's engine and device."""
    weak = {"TOKENIZERS_PARALLELISM": "false", "VLLM_NO_USAGE_STATS": "1"}
    strong = visible_devices(job, shard)
    if job.device == "cpu" and job.engine == "vllm":
        weak |= VLLM_ON_CPU
    elif job.engine == "vllm":
        weak |= VLLM_ON_GPU
    elif job.device == "cpu":
        strong |= KEEP_MEMORY | {"OMP_WAIT_POLICY": "PASSIVE"}
    if job.threads:
        strong["OMP_NUM_THREADS"] = str(job.threads)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**weak, **os.environ, **strong, "PYTHONPATH": path}


class Child:
    """One running generation process; a thread passes on what it tells."""

    def __init__(
        self, command: list[str], log: Path, environment: dict[str, str], locks: Sequence[TextIO]
    ) -> None:
        self.log = log
        self.log_start = log.stat().st_size if log.exists() else 0
        self.error: str | None = None
        with log.open("a") as file:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                errors="replace",
                env=environment,
                pass_fds=[lock.fileno() for lock in locks],
                start_new_session=True,
            )

    def follow(self, told: "queue.Queue[tuple[Child, Told | None]]") -> None:
        """Queues progress lines, logs every other one, and queues None at the end."""
        assert self.process.stdout is not None
        try:
            with self.log.open("a") as log:
                for line in self.process.stdout:
                    if news := message(line):
                        told.put((self, news))
                    else:
                        log.write(line)
                        log.flush()
        finally:
            told.put((self, None))

    def kill(self) -> None:
        """Ends the child with everything it started; vLLM has workers of its own."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def failure(self) -> EvaluationError | None:
        """Why it ended, in its own words; None when it did its work."""
        code = self.process.wait()
        if not code:
            return None
        kept = "samples so far are kept and the same command continues"
        if self.error:
            return EvaluationError(f"{self.error} ({kept})")
        with self.log.open(errors="replace") as log:
            log.seek(self.log_start)
            said = "".join(log.readlines()[-LOG_TAIL:]).strip()
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return EvaluationError(
            f"the generation process {ended}; {kept}. Full log: {self.log}\n{said}"
        )


def message(line: str) -> Told | None:
    """A progress or error line; None for everything else, a killed child's half line included."""
    if not line.startswith(('{"label"', '{"error"')):
        return None
    try:
        told: Told = json.loads(line)
    except json.JSONDecodeError:
        return None
    return told


def start(job: Job, folder: Path, python: str | None, locks: Sequence[TextIO]) -> list[Child]:
    """One child for each copy of the model."""
    path = folder / "job.json"
    write_text(path, job.model_dump_json(indent=1) + "\n")
    command = [python or sys.executable, "-m", "evals.generate", "--job", str(path.resolve())]
    children: list[Child] = []
    try:
        for shard in range(job.data_parallel):
            log = folder / f"generation-{shard}.log"
            environment = child_environment(job, shard)
            children.append(Child([*command, "--shard", str(shard)], log, environment, locks))
    except OSError as error:
        for child in children:
            child.kill()
        raise EvaluationError(
            f"cannot start {command[0]}: {error}; set backend.python to an interpreter"
        ) from error
    return children


def run_children(
    job: Job, folder: Path, python: str | None, locks: Sequence[TextIO], on_progress: Progress
) -> None:
    """Waits for every copy; the first that fails ends the others, and its reason is raised."""
    children = start(job, folder, python, locks)
    told: queue.Queue[tuple[Child, Told | None]] = queue.Queue()
    for child in children:
        threading.Thread(target=child.follow, args=(told,), daemon=True).start()
    totals = {model.label: wanted_samples(job) for model in job.models}
    done: dict[tuple[str, int], int] = {}
    running = len(children)
    try:
        while running:
            child, news = told.get()
            if news is None:
                running -= 1
                if failure := child.failure():
                    raise failure
            elif "error" in news:
                child.error = news["error"]
            else:
                label = news["label"]
                done[label, children.index(child)] = news["done"]
                counted = sum(count for (of, _), count in done.items() if of == label)
                on_progress(label, counted, totals[label])
    finally:
        for child in children:
            child.kill()


def wanted_samples(job: Job) -> int:
    """Samples of one model over all tasks."""
    return sum(len(wanted(task)) for task in job.tasks)


def incomplete(job: Job, model: JobModel) -> bool:
    """True when a sample of the model is not on disk."""
    return any(missing(task, model.label) for task in job.tasks)


def generate_all(
    job: Job, *, log_folder: Path, python: str | None = None, on_progress: Progress
) -> None:
    """Draws every sample of the job that is not on disk; EvaluationError when a child fails.

    Samples of another model or protocol are set aside first. One child serves all models, except
    with vLLM, which keeps GPU memory until it exits: there each model has its own.
    """
    log_folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        locks = []
        for task in job.tasks:
            for model in job.models:
                lock = Path(task.folder) / f"samples-{model.label}.lock"
                locks.append(held.enter_context(only_writer(lock)))
                set_aside_others(job, task, model)
        todo = [model for model in job.models if incomplete(job, model)]
        for model in job.models:
            if model not in todo:
                on_progress(model.label, wanted_samples(job), wanted_samples(job))
        for group in [[model] for model in todo] if job.engine == "vllm" else [todo]:
            if group:
                part = job.model_copy(update={"models": group})
                run_children(part, log_folder, python, locks, on_progress)
