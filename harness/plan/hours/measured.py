"""What finished runs measured, as rows of the calibration: `python bench/plan_calibration.py --runs
<output root>` writes them into a file of that folder, and every plan there counts with them."""

from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median
from typing import Any

import yaml

from harness.chain import Leg, legs
from harness.files import write_text
from harness.plan.gpus import gpu_name
from harness.plan.hours.reported import Reported, Row, SourcedRange, Training, read_rows
from harness.plan.hours.workload import Workload, machine, workload
from harness.rundir import RUN_FILE, read_events, read_record
from harness.spec import RunSpec
from harness.verl.keys import VERL_VERSION

FILE = "measured.yaml"
"""In an output root."""
HEAD = "# Seconds a step of the runs in this folder; written by bench/plan_calibration.py.\n"
WARM_UP_STEPS = 2
"""Steps at the start that compile and fill caches, and do not count."""


def own_rows(output_root: Path) -> tuple[Row, ...]:
    """The measured trainings of an output root; none where nobody has collected them.

    Raises:
        ConfigError: the file is malformed.
    """
    path = output_root / FILE
    return read_rows(path) if path.is_file() else ()


def collect(output_root: Path) -> tuple[Row, ...]:
    """Writes the rows of every run below an output root, and returns them."""
    runs = sorted(path.parent for path in output_root.glob(f"*/{RUN_FILE}"))
    found = tuple(row for run in runs for row in measured_rows(run))
    content = [row.model_dump(mode="json", exclude_unset=True) for row in found]
    write_text(output_root / FILE, HEAD + yaml.safe_dump(content, sort_keys=False))
    return found


def measured_rows(run_dir: Path) -> Iterator[Row]:
    """One row for each training of a run that ran on a known GPU for more than a few steps."""
    spec = RunSpec.model_validate(read_record(run_dir / RUN_FILE)["spec"])
    for leg in legs(spec):
        events = read_events(leg.folder(run_dir) / "events.jsonl")
        steps = [event["metrics"] for event in events if event["kind"] == "step"]
        counted = [found for found in steps[WARM_UP_STEPS:] if "response_length/mean" in found]
        row = _row(run_dir.name, leg, counted) if counted else None
        if row:
            yield row


def _row(run: str, leg: Leg, steps: list[dict[str, Any]]) -> Row | None:
    spec = leg.spec
    gpu, sits, work = gpu_name(spec.hardware), machine(spec), workload(spec, leg.name)
    if gpu is None or sits is None or work is None:
        return None
    source = f"verl=={VERL_VERSION}:{run}/{leg.name or 'train'}"
    return Row(
        id=f"{run}/{leg.name}".rstrip("/"),
        project=spec.repro or "own",
        what=f"measured over {len(steps)} steps",
        source=source,
        reported=Reported(seconds_per_step=median(step["timing_s/step"] for step in steps)),
        gpu=gpu,
        gpus=sits.gpus,
        gpus_per_node=sits.gpus_per_node,
        split=None,
        engine="vllm",
        use="calibrate",
        includes=["train"],
        trainings=[_training(spec, work, sits.tensor_parallel, steps, source)],
        assumed=[],
    )


def _training(
    spec: RunSpec, work: Workload, tensor_parallel: int, steps: list[dict[str, Any]], source: str
) -> Training:
    length = mean(step["response_length/mean"] for step in steps)
    return Training(
        model=spec.model.path,
        kind="rl",
        steps=len(steps),
        prompts=work.prompts,
        group=work.group,
        generated_prompts=work.generated_prompts,
        generation_batches=work.generation_batches,
        prompt_tokens=mean(step["prompt_length/mean"] for step in steps),
        response_tokens=SourcedRange(low=length, mid=length, high=length, source=source),
        max_response_tokens=work.max_response_tokens,
        updates_per_step=1,
        epochs=work.epochs,
        critic=work.critic,
        reference=work.reference,
        recomputes_log_probs=work.recomputes_log_probs,
        gradient_checkpointing=work.gradient_checkpointing,
        micro_batch_tokens=work.micro_batch_tokens,
        tensor_parallel=tensor_parallel,
        lora=work.lora,
    )
