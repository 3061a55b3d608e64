"""Environment of a training process, as data with a reason for each; read by the pipeline."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from harness.paths import ROOT, model_path
from harness.plan.batches import batches
from harness.spec import RunSpec

METRICS_LOG = "metrics.jsonl"
REWARD_LOG = "rewards"
TEXTS_PER_STEP = 4
"""Responses of a step whose texts go into the reward's record; of the rest only the scores do."""

Settings = dict[str, tuple[str, str]]
"""Name -> (value, reason)."""

ALWAYS: Settings = {
    "VERL_USE_EXTERNAL_MODULES": (
        "harness.verl.plugins",
        "verl imports our trainer, estimators and agent loop in every process",
    ),
    "HYDRA_FULL_ERROR": ("1", "a refused verl key shows where it was refused"),
    "PYTHONUNBUFFERED": ("1", "the log is complete when a process dies"),
    "PYTHONWARNINGS": ("ignore", "hundreds of deprecation lines hide the messages of a run"),
    "RAY_USAGE_STATS_ENABLED": ("0", "no usage statistics leave the machine"),
    "RAY_DEDUP_LOGS": ("0", "Ray would drop parts of repeated tracebacks"),
    "RAY_COLOR_PREFIX": ("0", "the log is read as text"),
    "TOKENIZERS_PARALLELISM": ("false", "tokenizers' own threads fight the workers'"),
    "VERL_USE_EXTERNAL_PLUGINS": ("none", "an installed plug-in must not change a run unseen"),
}

CPU: Settings = {
    "VERL_PLATFORM": ("cpu", "selects the platform of harness.verl.cpu"),
    "VERL_USE_EXTERNAL_MODULES": (
        "harness.verl.plugins,harness.verl.cpu",
        "verl imports the plug-ins in every process",
    ),
    "OMP_NUM_THREADS": ("1", "helper processes compute nothing worth a second thread"),
    "OMP_WAIT_POLICY": ("PASSIVE", "idle threads must not spin on a core another process needs"),
    "MALLOC_TRIM_THRESHOLD_": ("4294967296", "keep freed activations: returning them costs faults"),
    "MALLOC_MMAP_THRESHOLD_": ("4294967296", "as above, for large tensors"),
    "TQ_NUM_THREADS": ("1", "TransferQueue sets torch's threads and warns when it differs"),
    "RAY_raylet_start_wait_time_s": ("180", "a loaded small machine starts its daemons slowly"),
    "RAY_enable_worker_prestart": ("0", "prestarted workers import Ray and are thrown away"),
    "RAY_prestart_worker_first_driver": ("0", "as above, for those of the first driver"),
}

GPU: Settings = {
    "VLLM_NO_USAGE_STATS": ("1", "as for Ray: no usage statistics leave the machine"),
    "VLLM_USE_FLASHINFER_SAMPLER": (
        "0",
        "log-probabilities of what was sampled rule it out; some models would still import it",
    ),
}

ONE_NODE_CPU: Settings = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": ("0", "Ray's switch for loopback as the only address"),
    "GLOO_SOCKET_IFNAME": ("lo", "training processes talk on this machine only"),
}

JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Ray's name of the variable whose runtime environment every process of a Ray job gets."""


def assignments(spec: RunSpec, run_dir: Path, logs: Path) -> dict[str, str]:
    """Variables that the printed verl command needs beside it.

    Args:
        spec: the frozen run.
        run_dir: folder of the run; its run.json goes into the manifests of checkpoints.
        logs: folder of the attempt; metrics and the reward's record go there.
    """
    hardware = spec.hardware
    settings = ALWAYS | (CPU if hardware.device == "cpu" else GPU)
    if hardware.device == "cpu" and hardware.nodes == 1:
        settings |= ONE_NODE_CPU
    result = {name: value for name, (value, _) in settings.items()}
    result |= {
        "REPRISE_RUN_FILE": str(run_dir / "run.json"),
        "REPRISE_REWARD_LOG": str(logs / REWARD_LOG),
        "REPRISE_SAMPLE_EVERY": str(max(1, batches(spec).responses // TEXTS_PER_STEP)),
        "VERL_FILE_LOGGER_PATH": str(logs / METRICS_LOG),
        "PYTHONPATH": str(ROOT),
    }
    if hardware.device == "cpu":
        threads = len(os.sched_getaffinity(0)) // hardware.gpus_per_node
        result["REPRISE_COMPUTE_THREADS"] = str(max(1, threads))
    if spec.starts_from or Path(model_path(spec.model)).is_dir():
        # A hub id must still be looked up; a folder never needs the network.
        result["HF_HUB_OFFLINE"] = "1"
    if hardware.nodes > 1:
        # The workers of a Ray that was up before inherit nothing from the training command.
        result[JOB_CONFIG] = _job_config(result)
    return result


def _job_config(variables: Mapping[str, str]) -> str:
    return json.dumps({"runtime_env": {"env_vars": dict(variables)}})


def environment(base: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """The base environment with a run's assignments, and without what must not reach it."""
    kept = dict(base)
    if JOB_CONFIG not in added:
        # A Ray that happens to run on this machine is not this run's: it lacks its variables.
        kept.pop("RAY_ADDRESS", None)
    python_path = [added["PYTHONPATH"], *filter(None, [base.get("PYTHONPATH")])]
    added = {**added, "PYTHONPATH": os.pathsep.join(python_path)}
    if base.get("CUDA_VISIBLE_DEVICES") and base.get("ROCR_VISIBLE_DEVICES"):
        # SLURM sets both, whatever the make of the GPUs, and verl refuses to choose.
        added["ROCR_VISIBLE_DEVICES"] = ""
    if JOB_CONFIG in added:
        added[JOB_CONFIG] = _job_config({k: v for k, v in added.items() if k != JOB_CONFIG})
    return {**kept, **added}
