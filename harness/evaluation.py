"""Evaluation inside a run and by itself: which sets, which models, and what is said of them; the
pipeline and the eval and score actions call it."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evals import HELD_OUT
from evals.benchmarks import load_problems
from evals.children import Progress
from evals.models import Subject
from evals.problem_sets import ProblemSet, from_benchmark, from_held_out
from evals.run import Measurement, chosen_engine, measure
from evals.scores import Scores
from evals.statement import Overlap, Statement
from harness import provenance
from harness.cards import Claim
from harness.claims import statements
from harness.console import Console, short
from harness.data import contamination
from harness.data.manifest import file_sha256
from harness.errors import EvaluationError
from harness.files import write_json
from harness.fit import fitted
from harness.hardware import EVALUATION as EVALUATION_WAYS
from harness.hardware import refuse_missing_gpus
from harness.interrupts import sigterm_as_interrupt
from harness.report.read import EVALUATION
from harness.report.run.page import write_report
from harness.results import block
from harness.rundir import RunDir
from harness.spec import EvalSpec, Evaluation, RLAlgorithm, RunSpec

STATEMENT_FILE = "statement.json"
MEND = (
    "Mend the cause, put the samples aside (or give another eval.seed=) and run the same command "
    "again"
)


def protocol_folder(spec: RunSpec | EvalSpec) -> str:
    """A folder for each way of sampling; more samples, benchmarks or budgets join what is there."""
    content = spec.eval.model_dump_json(
        exclude={
            "benchmarks",
            "budgets",
            "limits",
            "grader",
            "second_grader",
            "folder",
            "name",
        }
    )
    content += chosen_engine(spec.backend, spec.hardware)
    return f"{spec.eval.name}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def sets_of_run(spec: RunSpec, test_parquet: Path) -> list[ProblemSet]:
    """The problem sets of a run's protocol."""
    found: list[ProblemSet] = []
    for benchmark in spec.eval.benchmarks:
        if benchmark.name == HELD_OUT:
            found.append(from_held_out(test_parquet, benchmark, spec.data, spec.reward))
        else:
            found += from_benchmark(benchmark, spec.eval)
    return found


def measure_run(
    spec: RunSpec,
    subjects: Sequence[Subject],
    *,
    test_parquet: Path,
    folder: Path,
    on_progress: Progress,
) -> list[Scores]:
    """Scores of the models of a run under its protocol, in the order of its benchmarks."""
    sets = sets_of_run(spec, test_parquet)
    own, named = held_out_protocol(spec), spec.eval
    found: dict[str, Scores] = {}
    for protocol in [named] if own == named else [own, named]:
        mine = [s for s in sets if own == named or (s.name == HELD_OUT) == (protocol is own)]
        measurement = Measurement(
            protocol=protocol,
            max_tokens=protocol.max_tokens or spec.data.max_response_tokens,
            sets=mine,
            subjects=subjects,
            backend=spec.backend,
            hardware=fitted(spec),
            trust_remote_code=spec.model.trust_remote_code,
        )
        scores = measure(measurement, folder=folder, on_progress=on_progress) if mine else []
        found |= {score.benchmark: score for score in scores}
    return [found[problems.name] for problems in sets]


def held_out_protocol(spec: RunSpec) -> Evaluation:
    """The protocol for the run's own held-out rows: a response ends where it does in training,
    unless the protocol has stop texts itself. Benchmarks keep the protocol as it is named."""
    if spec.eval.stop or not isinstance(spec.algorithm, RLAlgorithm):
        return spec.eval
    return spec.eval.model_copy(update={"stop": list(spec.algorithm.sampling.stop)})


def training_overlaps(data: Path, protocol: Evaluation) -> dict[str, Overlap]:
    """Benchmark -> what the prepared training set in `data` shares with it.

    held_out is left out: preparing the data already counts its prompts in the training rows.
    """
    named = [b.name for b in protocol.benchmarks if b.name != HELD_OUT]
    if not named:
        return {}
    folder = Path(protocol.folder) if protocol.folder else None
    train = data / "train.parquet"
    found = contamination.overlaps(
        training_prompts(train),
        file_sha256(train),
        [load_problems(name, folder) for name in named],
        data,
    )
    return {
        name: Overlap(
            exact=overlap.exact,
            share_8=overlap.share_8,
            share_13=overlap.share_13,
            examples=[example.sentence() for example in overlap.examples],
        )
        for name, overlap in found.items()
    }


def training_prompts(path: Path) -> Iterator[str]:
    """The prompt of every training row, read in pieces."""
    import pyarrow.parquet

    for batch in pyarrow.parquet.ParquetFile(path).iter_batches(columns=["prompt"]):
        for row in batch.to_pylist():
            yield "\n".join(message["content"] for message in row["prompt"])


def believe(scores: Sequence[Scores], advice: str = MEND) -> None:
    """Raises EvaluationError when a broken invariant makes a score invalid."""
    broken = [
        f"  {found.benchmark}: {check.name}: {check.detail}"
        for found in scores
        for check in found.invalid
    ]
    if broken:
        raise EvaluationError(
            "the instrument is broken, and its numbers mean nothing:\n"
            + "\n".join(broken)
            + f"\nSamples and scores.json are kept. {advice}"
        )


def write_statements(found: Sequence[Statement], folder: Path) -> None:
    """statement.json beside the benchmarks' folders; what it says of other benchmarks stays."""
    path = folder / STATEMENT_FILE
    before = json.loads(path.read_text())["statements"] if path.exists() else []
    measured = {statement.benchmark for statement in found}
    kept = [said for said in before if said["benchmark"] not in measured]
    said = [{**s.model_dump(mode="json"), "sentences": s.sentences()} for s in found]
    write_json(path, {"statements": [*kept, *said]})


def show(console: Console, scores: Sequence[Scores], said: Sequence[Statement]) -> None:
    """Prints a table and the sentences of every benchmark."""
    for found in scores:
        shown = block(found, [line for line in said if line.benchmark == found.benchmark])
        console.table(shown.title, shown.columns, shown.rows)
        for note in shown.notes:
            console.say(note)


def evaluate_alone(
    spec: EvalSpec, overrides: list[str], claims: Sequence[Claim] = ()
) -> list[Scores]:
    """Measures one model under one protocol; the same command again continues or only reports.

    Raises:
        RepriseError: what went wrong and what to do; responses drawn so far are kept.
    """
    subject = subject_of(spec)
    if spec.backend.engine in ("auto", "hf", "vllm"):
        refuse_missing_gpus(spec.hardware, ways_on=EVALUATION_WAYS)
    console = Console()
    mine = evaluation_record(spec, subject)
    directory = RunDir(Path(spec.output_root).resolve() / str(mine["name"]))
    folder = directory.path / "evaluation" / protocol_folder(spec)
    measurement = Measurement(
        protocol=spec.eval,
        max_tokens=spec.eval.max_tokens or 0,
        sets=[s for one in spec.eval.benchmarks for s in from_benchmark(one, spec.eval)],
        subjects=[subject],
        backend=spec.backend,
        hardware=spec.hardware,
        trust_remote_code=spec.model.trust_remote_code,
    )
    with sigterm_as_interrupt(), directory.hold(mine):
        write_json(directory.path / "provenance.json", provenance.collect(overrides))
        console.say(f"{directory.path.name}  {spec.eval.name}, attempt {directory.attempt}")
        try:
            directory.status("running", stage="evaluate")
            console.say(wanted(measurement))
            with console.progress(1, "responses") as bar:
                scores = measure(
                    measurement,
                    folder=folder,
                    on_progress=lambda _, done, total: bar.advance(done, total),
                )
            said = statements(scores, folder, repro=spec.repro, given=claims)
            write_statements(said, folder)
            show(console, scores, said)
            believe(scores)
        except BaseException as error:
            directory.status("failed", stage="evaluate", reason=f"{type(error).__name__}: {error}")
            # An older page would show another score than the invalid one on disk.
            console.say(f"report: {short(write_report(directory.path))}")
            raise
        directory.event("evaluated", protocol=spec.eval.name)
        directory.status("done", stage="evaluate")
        console.say(f"report: {short(write_report(directory.path))}")
    return scores


def wanted(measurement: Measurement) -> str:
    """What is going to be drawn, in words."""
    sets = measurement.sets
    each = " + ".join(f"{s.name} {len(s.prompts)} x {s.samples_per_problem}" for s in sets)
    responses = sum(len(s.prompts) * s.samples_per_problem for s in sets)
    return (
        f"{each} = {responses} responses of at most {measurement.max_tokens} tokens; those on disk "
        "for these problems are not drawn again"
    )


def subject_of(spec: EvalSpec) -> Subject:
    """The model of an evaluation: served elsewhere, or loaded here."""
    from harness.paths import adapter_path, model_path

    server = spec.backend.url if spec.backend.engine == "openai" else None
    if spec.backend.engine == "lm_eval":
        server = f"{spec.backend.model}:{json.dumps(spec.backend.arguments, sort_keys=True)}"
    if server and spec.model.adapter:
        raise EvaluationError(
            f"model.adapter={spec.model.adapter} is loaded here, and backend={spec.backend.name} "
            "asks a server: let the server load it and set model.path to its name there, or set "
            "backend=auto"
        )
    path = spec.model.path if server else model_path(spec.model)
    adapter = spec.model.adapter and adapter_path(spec.model.adapter)
    return Subject(
        label="model", path=path, revision=spec.model.revision, adapter=adapter, server=server
    )


def evaluation_record(spec: EvalSpec, subject: Subject) -> dict[str, Any]:
    """What run.json says: one directory for each model, whatever it is measured on."""
    model = [subject.path, subject.revision, subject.server]
    model += [subject.adapter] if subject.adapter else []
    digest = hashlib.sha256(json.dumps(model).encode()).hexdigest()
    return {
        "kind": EVALUATION,
        "identity": digest[:16],
        "name": f"eval-{spec.model.name}-{digest[:8]}",
        "spec": spec.model_dump(mode="json"),
    }
