"""The stages of a run in order: what is done already is skipped, what is left is done; the `run`
action calls execute() and nothing else."""

import errno
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from evals.models import Subject
from evals.scores import Scores
from evals.statement import Statement
from harness import plan, provenance
from harness.claims import statements
from harness.console import Console, short
from harness.control import released, settled
from harness.data.manifest import prepared
from harness.data.prepare import prepare
from harness.errors import ConfigError, RunDirError
from harness.evaluation import (
    believe,
    measure_run,
    protocol_folder,
    show,
    training_overlaps,
    write_statements,
)
from harness.export import export
from harness.files import write_json
from harness.hardware import refuse_missing_gpus
from harness.interrupts import sigterm_as_interrupt
from harness.paths import model_path
from harness.report.page import write_report
from harness.rundir import RunDir, record, run_name
from harness.spec import RunSpec
from harness.tracking import check_tracking
from harness.training import train

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)


@dataclass(kw_only=True)
class Run:
    """One attempt at one run; each stage leaves here what the next ones need."""

    spec: RunSpec
    directory: RunDir
    console: Console
    steps: int = 0
    scores: list[Scores] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def execute(spec: RunSpec, overrides: list[str]) -> Path:
    """Runs, or continues, one run to its report.

    Args:
        spec: the frozen run.
        overrides: the command line's overrides, for the record.

    Returns:
        The run's directory.

    Raises:
        RepriseError: what went wrong and what to do; the same command continues.
        KeyboardInterrupt: stopped from outside, resumable.
    """
    refuse_missing_gpus(spec.hardware)
    check_tracking(spec.tracking)
    if spec.control.enabled:
        released(spec)
    directory = RunDir(Path(spec.output_root).resolve() / run_name(spec))
    run = Run(spec=spec, directory=directory, console=Console())
    try:
        with sigterm_as_interrupt(), directory.hold(record(spec)):
            write_json(directory.logs / "provenance.json", found := provenance.collect(overrides))
            write_json(directory.path / "provenance.json", found)
            run.console.say(f"{directory.path.name}  attempt {directory.attempt}")
            _all_stages(run)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise RunDirError(
            f"writing {error.filename or 'a file'} failed: {error.strerror or error}. What is in "
            f"{directory.path} is intact; free space or set output_root=, then the same command "
            "continues"
        ) from error
    return directory.path


def _all_stages(run: Run) -> None:
    directory = run.directory
    directory.event("run_started", name=directory.path.name)
    stage = ""
    try:
        for stage, work in STAGES.items():
            directory.status("running", stage=stage, steps=run.steps)
            directory.event("stage_started", stage=stage)
            started = time.monotonic()
            note = work(run)
            run.seconds[stage] = time.monotonic() - started
            directory.event("stage_done", stage=stage, seconds=run.seconds[stage], note=note)
            if note:
                run.console.stage(stage, f"{note}  ({run.seconds[stage]:.0f} s)")
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt)
        reason = "stopped from outside" if stopped else f"{type(error).__name__}: {error}"
        _record_failure(run, stage, reason)
        raise
    directory.event("finished", steps=run.steps)
    directory.status("done", stage=stage, step=run.steps, steps=run.steps)
    write_report(directory.path)
    _show_result(run)


def _record_failure(run: Run, stage: str, reason: str) -> None:
    try:
        run.directory.event("failed", stage=stage, reason=reason)
        run.directory.status("failed", stage=stage, steps=run.steps, reason=reason)
    except OSError as error:
        run.console.say(f"could not record the failure: {error}")


def stage_prepare(run: Run) -> str:
    """Data to parquet."""
    spec, folder = run.spec, run.directory.path / "data"
    sft, tokenizer_path = spec.algorithm.kind == "sft", model_path(spec.model)
    done = prepared(folder, spec.data, tokenizer_path=tokenizer_path, sft=sft)
    with run.console.working(f"preparing {spec.data.name} from {spec.data.source.kind}"):
        manifest = done or prepare(spec.data, tokenizer_path=tokenizer_path, folder=folder, sft=sft)
    train_rows = manifest.splits["train"].rows_out
    run.steps = plan.total_steps(spec, train_rows)
    if run.steps == 0:
        raise ConfigError(
            f"{train_rows} training rows do not fill one step of {plan.batches(spec).prompts} "
            "prompts: set data.train_rows or a smaller batch"
        )
    kept = f"{train_rows} training and {manifest.splits['test'].rows_out} held-out rows"
    return kept + (", done before" if done else f" from {manifest.origin}")


def stage_control(run: Run) -> str:
    """The authors' released model under the claim's protocol: does the instrument find it?"""
    if not run.spec.control.enabled:
        return ""
    folder = run.directory.path / "evaluation" / f"control-{protocol_folder(run.spec)}"
    scores, said = _measured(run, [released(run.spec)], folder)
    show(run.console, scores, said)
    believe(scores)
    return settled(said, stop=run.spec.control.stop)


def stage_train(run: Run) -> str:
    """verl, from the last good checkpoint to the last step."""
    return train(run.spec, run.directory, run.console, run.steps)


def stage_export(run: Run) -> str:
    """The last checkpoint as a Hugging Face folder."""
    return export(run.spec, run.directory, run.steps)


def stage_evaluate(run: Run) -> str:
    """Base and trained model under the same protocol."""
    spec, directory = run.spec, run.directory.path
    base = Subject(label="base", path=model_path(spec.model), revision=spec.model.revision)
    trained = Subject(label="trained", path=str(directory / "model"))
    folder = directory / "evaluation" / protocol_folder(spec)
    run.scores, run.statements = _measured(run, [base, trained], folder)
    believe(run.scores)
    return "; ".join(_change(scores) for scores in run.scores)


def _measured(
    run: Run, subjects: list[Subject], folder: Path
) -> tuple[list[Scores], list[Statement]]:
    data = run.directory.path / "data"
    with run.console.progress(1, "responses") as bar:
        scores = measure_run(
            run.spec,
            subjects,
            test_parquet=data / "test.parquet",
            folder=folder,
            on_progress=lambda _, done, total: bar.advance(done, total),
        )
    said = statements(
        scores,
        folder,
        repro=run.spec.repro,
        miniature=run.spec.miniature,
        overlaps=training_overlaps(data, run.spec.eval),
    )
    write_statements(said, folder)
    return scores, said


def _change(scores: Scores) -> str:
    """Trained against base in percentage points, paired by problem."""
    if scores.difference is None:
        return scores.verdict
    paired = scores.difference.paired
    return (
        f"{scores.benchmark}: {scores.problems} problems x {scores.samples_per_problem} responses: "
        f"{100 * paired.value:+.1f} points [{100 * paired.low:+.1f}, {100 * paired.high:+.1f}]"
    )


def stage_report(run: Run) -> str:
    """The run's page."""
    return str(short(write_report(run.directory.path)))


def _show_result(run: Run) -> None:
    show(run.console, run.scores, run.statements)
    minutes = sum(run.seconds.values()) / 60
    page = short(run.directory.path / "report.html")
    run.console.say(f"{minutes:.1f} minutes in this attempt; report: {page}")


STAGES: dict[str, Callable[[Run], str]] = {
    "prepare": stage_prepare,
    "control": stage_control,
    "train": stage_train,
    "export": stage_export,
    "evaluate": stage_evaluate,
    "report": stage_report,
}
"""Stage -> what it does; the text it returns is shown when it is done."""
