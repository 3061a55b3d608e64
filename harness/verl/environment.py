"""Environment of a training process, as data with a reason for each; read by the pipeline."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

Settings = dict[str, tuple[str, str]]
"""Name -> (value, reason)."""

ALWAYS: Settings = {
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
    "VERL_USE_EXTERNAL_MODULES": ("harness.verl.cpu", "verl imports the plug-in everywhere"),
    "OMP_NUM_THREADS": ("1", "helper processes compute nothing worth a second thread"),
    "OMP_WAIT_POLICY": ("PASSIVE", "idle threads must not spin on a core another process needs"),
    "MALLOC_TRIM_THRESHOLD_": ("4294967296", "keep freed activations: returning them costs faults"),
    "MALLOC_MMAP_THRESHOLD_": ("4294967296", "as above, for large tensors"),
    "TQ_NUM_THREADS": ("1", "TransferQueue sets torch's threads and warns when it differs"),
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": ("0", "Ray's switch for loopback as the only address"),
    "RAY_raylet_start_wait_time_s": ("180", "a loaded small machine starts its daemons slowly"),
    "RAY_enable_worker_prestart": ("0", "prestarted workers import Ray and are thrown away"),
    "RAY_prestart_worker_first_driver": ("0", "as above, for those of the first driver"),
    "GLOO_SOCKET_IFNAME": ("lo", "training processes talk on this machine only"),
}


def environment(
    base: Mapping[str, str],
    *,
    run_id: str,
    device: Literal["cpu", "cuda"],
    threads: int,
    metrics_path: Path,
    reward_log: Path,
    sample_every: int = 8,
    model_is_local: bool,
    code_root: Path,
) -> dict[str, str]:
    """The base environment with everything a training process of this run needs."""
    settings = ALWAYS | (CPU if device == "cpu" else {})
    # A Ray cluster that happens to run on this machine is not this run's.
    base = {k: v for k, v in base.items() if device != "cpu" or k != "RAY_ADDRESS"}
    python_path = [str(code_root), *filter(None, [base.get("PYTHONPATH")])]
    result = {
        **base,
        **{name: value for name, (value, _) in settings.items()},
        "PYTHONPATH": ":".join(python_path),
        "REPRISE_RUN_ID": run_id,
        "REPRISE_REWARD_LOG": str(reward_log),
        "REPRISE_SAMPLE_EVERY": str(sample_every),
        "VERL_FILE_LOGGER_PATH": str(metrics_path),
    }
    if device == "cpu":
        result["REPRISE_COMPUTE_THREADS"] = str(threads)
    if model_is_local:
        # A hub id must still be looked up; a folder never needs the network.
        result["HF_HUB_OFFLINE"] = "1"
    return result
