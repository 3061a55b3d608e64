"""The stages of a run in order: what is done already is skipped, what is left is done; the `run`
action calls execute() and nothing else."""

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from evals.models import Subject
from evals.scores import Scores
from evals.statement import Statement
from harness import provenance
from harness.chain import Leg, legs
from harness.checkpoints import latest_step
from harness.claims import statements
from harness.console import Console, short
from harness.control import released, settled
from harness.data.filters import losses
from harness.data.manifest import prepared
from harness.data.monitor import write_monitor
from harness.data.prepare import prepare
from harness.errors import ConfigError, RunDirError, TrainingError
from harness.evaluation import (
    believe,
    measure_run,
    protocol_folder,
    show,
    training_overlaps,
    write_statements,
)
from harness.export import export
from harness.fidelity.departures import FILE as DEPARTURES
from harness.fidelity.departures import departures
from harness.files import write_json
from harness.functions import find_reward_functions
from harness.hardware import refuse_missing_gpus
from harness.interrupts import sigterm_as_interrupt
from harness.paths import model_path
from harness.plan.batches import batches, total_steps
from harness.plan.run_plan import FILE as PLAN
from harness.plan.run_plan import as_json, plan
from harness.report.run.page import write_report
from harness.report.tables import tables
from harness.rundir import RunDir, identity, read_status, record, run_path
from harness.spec import Hardware, RunPart, RunSpec, SlurmLaunch
from harness.tracking import check_tracking, log_tables
from harness.training import train

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)


@dataclass(kw_only=True)
class Training:
    """One training of the run: its own data, checkpoints and exported model."""

    name: str
    """The chain's stage; empty for a run that trains once."""
    spec: RunSpec
    directory: RunDir
    steps: int = 0


@dataclass(kw_only=True)
class Run:
    """One attempt at one run; each stage leaves here what the next ones need."""

    spec: RunSpec
    directory: RunDir
    trainings: list[Training]
    console: Console
    part: RunPart = "all"
    scores: list[Scores] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def execute(spec: RunSpec, overrides: list[str], part: RunPart = "all") -> Path:
    """Runs, or continues, one run to its report.

    Args:
        spec: the frozen run.
        overrides: the command line's overrides, for the record.
        part: train ends with the exported model, evaluate asks that this has been done.

    Returns:
        The run's directory.

    Raises:
        RepriseError: what went wrong and what to do; the same command continues.
        KeyboardInterrupt: stopped from outside, resumable.
    """
    refuse_missing_gpus(_hardware(spec, part))
    check_tracking(spec.tracking)
    for leg in legs(spec):
        find_reward_functions(leg.spec.reward)
    if spec.control.enabled:
        released(spec)
    directory = RunDir(run_path(spec))
    trainings = [_training(leg, directory) for leg in legs(spec)]
    run = Run(spec=spec, directory=directory, trainings=trainings, console=Console(), part=part)
    try:
        with sigterm_as_interrupt(), _held(run):
            write_json(directory.logs / "provenance.json", origin := provenance.collect(overrides))
            write_json(directory.path / "provenance.json", origin)
            if spec.repro:
                write_json(directory.path / DEPARTURES, {"departures": departures(spec)})
            _keep_plan(run)
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


def _keep_plan(run: Run) -> None:
    """The plan as it was before anything was spent; later attempts leave it alone."""
    path = run.directory.path / PLAN
    if not path.exists():
        write_json(path, as_json(plan(run.spec)))


def _hardware(spec: RunSpec, part: RunPart) -> Hardware:
    """What this process may use: the evaluation of a split run has a job of its own."""
    if part != "evaluate" or not isinstance(spec.launch, SlurmLaunch):
        return spec.hardware
    return spec.hardware.model_copy(update={"nodes": 1, "gpus_per_node": spec.launch.eval_gpus})


def _training(leg: Leg, directory: RunDir) -> Training:
    own = RunDir(leg.folder(directory.path)) if leg.name else directory
    return Training(name=leg.name, spec=leg.spec, directory=own)


@contextmanager
def _held(run: Run) -> Iterator[None]:
    """The run's directory, and those of a chain's trainings, for this attempt."""
    with ExitStack() as held:
        held.enter_context(run.directory.hold(record(run.spec)))
        for training in run.trainings:
            if training.name:
                held.enter_context(training.directory.hold(record(training.spec)))
        yield


def in_order(run: Run) -> Iterator[tuple[str, Callable[[], str]]]:
    """Every piece of work of the run with its name; data come first, so that what is missing shows
    before anything trains."""
    for training in run.trainings:
        yield f"prepare {training.name}".strip(), partial(prepare_data, run, training)
    yield "control", partial(measure_control, run)
    for training in run.trainings:
        if run.part == "evaluate":
            yield f"train {training.name}".strip(), partial(require_model, training)
            continue
        yield f"train {training.name}".strip(), partial(train_model, run, training)
        yield f"export {training.name}".strip(), partial(export_model, run, training)
    if run.part == "train":
        return
    yield "evaluate", partial(measure_models, run)
    yield "report", partial(page, run)


def _all_stages(run: Run) -> None:
    directory = run.directory
    directory.event("run_started", name=directory.path.name)
    stage = ""
    try:
        for stage, work in in_order(run):
            directory.status("running", stage=stage, steps=_steps(run))
            directory.event("stage_started", stage=stage)
            started = time.monotonic()
            note = work()
            run.seconds[stage] = time.monotonic() - started
            directory.event("stage_done", stage=stage, seconds=run.seconds[stage], note=note)
            if note:
                run.console.stage(stage, f"{note}  ({run.seconds[stage]:.0f} s)")
    except BaseException as error:
        _record_failure(run, stage, error)
        raise
    if run.part == "train":
        directory.status("waiting", stage="evaluate", step=_steps(run), steps=_steps(run))
        return
    directory.event("finished", steps=_steps(run))
    directory.status("done", stage=stage, step=_steps(run), steps=_steps(run))
    write_report(directory.path)
    _show_result(run)


def _steps(run: Run) -> int:
    return sum(training.steps for training in run.trainings)


def _record_failure(run: Run, stage: str, error: BaseException) -> None:
    stopped = isinstance(error, KeyboardInterrupt)
    reason = "stopped from outside" if stopped else f"{type(error).__name__}: {error}"
    cause = "terminated" if stopped else getattr(error, "cause", "error")
    try:
        run.directory.event("failed", stage=stage, reason=reason, cause=cause)
        reached = {"step": step} if (step := read_status(run.directory.path).get("step")) else {}
        far = {"stage": stage, **reached, "steps": _steps(run)}
        run.directory.status("failed", **far, reason=reason, cause=cause)
    except OSError as failed:
        run.console.say(f"could not record the failure: {failed}")


def prepare_data(run: Run, training: Training) -> str:
    """Data to parquet."""
    spec, folder = training.spec, training.directory.path / "data"
    sft, tokenizer_path = spec.algorithm.kind == "sft", model_path(spec.model)
    check = spec.reward.check
    done = prepared(folder, spec.data, tokenizer_path=tokenizer_path, sft=sft, check=check)
    with run.console.working(f"preparing {spec.data.name} from {spec.data.source.kind}"):
        manifest = done or prepare(
            spec.data,
            tokenizer_path=tokenizer_path,
            folder=folder,
            sft=sft,
            check=check,
            benchmarks=Path(spec.eval.folder) if spec.eval.folder else None,
        )
    if monitor := spec.schedule.monitor:
        seed = spec.seed if spec.data.subset_seed is None else spec.data.subset_seed
        write_monitor(folder, monitor.rows, seed)
    train_rows = manifest.splits["train"].rows_out
    training.steps = total_steps(spec, train_rows)
    if training.steps == 0:
        raise ConfigError(
            f"{train_rows} training rows do not fill one step of {batches(spec).prompts} "
            "prompts: set data.train_rows or a smaller batch"
        )
    kept = f"{train_rows} training and {manifest.splits['test'].rows_out} held-out rows"
    kept += ", done before" if done else f" from {manifest.origin}"
    return "; ".join([kept, *losses(manifest)])


def measure_control(run: Run) -> str:
    """The authors' released model under the claim's protocol: does the instrument find it?"""
    if not run.spec.control.enabled:
        return ""
    protocol = protocol_folder(run.trainings[-1].spec)
    folder = run.directory.path / "evaluation" / f"control-{protocol}"
    scores, said = _measured(run, [released(run.spec)], folder)
    show(run.console, scores, said)
    believe(scores)
    return settled(said, stop=run.spec.control.stop)


def train_model(run: Run, training: Training) -> str:
    """verl, from the last good checkpoint to the last step."""
    return train(training.spec, training.directory, run.console, training.steps)


def require_model(training: Training) -> str:
    """The exported model of a training that another job did; this one does not train."""
    folder = training.directory.path
    reached = latest_step(folder / "checkpoints")
    if reached < training.steps or not (folder / "model" / "config.json").exists():
        raise TrainingError(
            f"the evaluation of {folder} was started when {reached} of {training.steps} steps were "
            "saved, or before the model was exported: finish its training first (`action=status` "
            "shows its job)"
        )
    return f"{training.steps} steps, done before"


def export_model(run: Run, training: Training) -> str:
    """The last checkpoint, or the one the schedule names, as a Hugging Face folder."""
    step = training.spec.schedule.export_step or training.steps
    return export(training.spec, training.directory, min(step, training.steps))


def measure_models(run: Run) -> str:
    """Base and trained model under the same protocol."""
    spec, directory = run.trainings[-1].spec, run.directory.path
    base = Subject(label="base", path=model_path(spec.model), revision=spec.model.revision)
    trained = Subject(label="trained", path=str(run.trainings[-1].directory.path / "model"))
    folder = directory / "evaluation" / protocol_folder(spec)
    run.scores, run.statements = _measured(run, [base, trained], folder)
    believe(run.scores)
    return "; ".join(_change(scores) for scores in run.scores)


def _measured(
    run: Run, subjects: list[Subject], folder: Path
) -> tuple[list[Scores], list[Statement]]:
    spec, data = run.trainings[-1].spec, run.trainings[-1].directory.path / "data"
    with run.console.progress(1, "responses") as bar:
        scores = measure_run(
            spec.model_copy(update={"hardware": _hardware(spec, run.part)}),
            subjects,
            test_parquet=data / "test.parquet",
            folder=folder,
            on_progress=lambda _, done, total: bar.advance(done, total),
        )
    said = statements(
        scores,
        folder,
        repro=run.spec.repro,
        variant=run.spec.variant,
        miniature=run.spec.miniature,
        overlaps=training_overlaps(data, spec.eval),
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


def page(run: Run) -> str:
    """The run's page, and its tables where metrics are tracked."""
    folder = run.directory.path
    if run.spec.tracking.backends:
        log_tables(run.spec, folder, identity(run.spec), tables(folder))
    return str(short(write_report(folder)))


def _show_result(run: Run) -> None:
    show(run.console, run.scores, run.statements)
    minutes = sum(run.seconds.values()) / 60
    written = short(run.directory.path / "report.html")
    run.console.say(f"{minutes:.1f} minutes in this attempt; report: {written}")
