"""Scores for responses that somebody else sampled: log in, graded, checked, reported; the score
action calls it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evals import HELD_OUT, assess
from evals.benchmarks import Problem
from evals.invariants import SAME_SHARE, canaries, identical_share
from evals.job import GeneratedSample, JobModel, canonical_hash
from evals.problem_sets import ProblemSet, from_benchmark, from_problems
from evals.run import verdicts_on, write_verdicts
from evals.sample_logs import LoggedSample, match, match_some, problems_of, read_log
from evals.scores import Check, Scores
from harness import provenance
from harness.cards import Claim
from harness.claims import statements
from harness.console import Console, short
from harness.errors import ConfigError
from harness.evaluation import believe, show, write_statements
from harness.files import write_json, write_text
from harness.report.read import EVALUATION
from harness.report.run.page import write_report
from harness.rundir import RunDir
from harness.spec import EvalSpec

LABEL = "log"
UNKNOWN = {"temperature": None, "top_p": None, "top_k": None}

Responses = Mapping[str, Sequence[LoggedSample]]


def score_log(
    spec: EvalSpec, path: Path, overrides: list[str], claims: Sequence[Claim] = ()
) -> list[Scores]:
    """Grades the responses of a log and writes scores, verdicts and a page.

    Args:
        spec: names benchmarks and grader; held_out takes problems and golds from the log itself.
        path: a log file, or a folder of them.
        overrides: the command line's, for the record.
        claims: published numbers of the user's own to hold the score against.

    Raises:
        EvaluationError: the log cannot be read, fits no benchmark, or the score is invalid.
    """
    log = read_log(path)
    found = sorted_by_benchmark(spec, log)
    digest = canonical_hash([[s.id, s.problem, s.response] for s in log])
    name = f"score-{path.resolve().stem}-{digest[:8]}"
    mine = {"kind": EVALUATION, "identity": digest[:16], "name": name,
            "spec": spec.model_dump(mode="json")}  # fmt: skip
    directory = RunDir(Path(spec.output_root).resolve() / name)
    folder = directory.path / "evaluation" / spec.eval.name
    console = Console()
    model = JobModel(label=LABEL, path=str(path), fingerprint=digest)
    with directory.hold(mine):
        write_json(directory.path / "provenance.json", provenance.collect(overrides))
        console.say(f"{name}  {len(log)} responses from {short(path.resolve())}")
        scores = [
            score_responses(spec, problems, responses, model, folder / problems.name)
            for problems, responses in found
        ]
        said = statements(scores, folder, repro=spec.repro, given=claims)
        write_statements(said, folder)
        directory.event("evaluated", protocol=spec.eval.name)
        directory.status("done", stage="evaluate")
        show(console, scores, said)
        console.say(f"report: {short(write_report(directory.path))}")
        believe(scores, "Give a log that holds, or eval.benchmarks= as it was sampled")
    return scores


def sorted_by_benchmark(
    spec: EvalSpec, log: Sequence[LoggedSample]
) -> list[tuple[ProblemSet, Responses]]:
    """Each benchmark of the protocol that the log has responses to, with them."""
    if [benchmark.name for benchmark in spec.eval.benchmarks] == [HELD_OUT]:
        problems = problems_of(log)
        own = from_problems("log", problems, spec.eval, origin="the golds of the log itself")
        return [(own, match(log, problems))]
    if spec.eval.budgets and len(spec.eval.budgets.tokens) > 1:
        raise ConfigError(
            f"eval={spec.eval.name} asks for {len(spec.eval.budgets.tokens)} budgets, and a log "
            "does not say which of them each response was asked for: score the log of one budget "
            "with eval.budgets.tokens=[512], or set eval.budgets=null"
        )
    sets = [s for one in spec.eval.benchmarks for s in from_benchmark(one, spec.eval)]
    found: list[tuple[ProblemSet, Responses]] = []
    left: Sequence[LoggedSample] = log
    for wanted in sets:
        responses, left = match_some(left, problems_in(wanted))
        if responses:
            found.append((wanted, responses))
    if left:
        # Raises, and says which samples fit nowhere.
        match(left, [problem for wanted in sets for problem in problems_in(wanted)])
    return found


def problems_in(problems: ProblemSet) -> list[Problem]:
    """The problems of a set in the terms of the log reader."""
    return [
        Problem(id=id, problem=text, truth=problems.truths[id])
        for id, text in problems.texts.items()
    ]


def score_responses(
    spec: EvalSpec, problems: ProblemSet, responses: Responses, model: JobModel, folder: Path
) -> Scores:
    """The score of one benchmark's logged responses."""
    ids = [prompt.id for prompt in problems.prompts if prompt.id in responses]
    samples = [
        GeneratedSample(
            id=id, sample=number, seed=None, prompt=problems.texts[id], response=logged.response,
            response_tokens=logged.response_tokens, truncated=logged.truncated, finish=None,
        )
        for id in ids for number, logged in enumerate(responses[id])
    ]  # fmt: skip
    graded = verdicts_on(problems, samples)
    second = problems.second.name if problems.second else None
    protocol = logged_protocol(problems, ids)
    limits, budget = spec.eval.limits, problems.budget
    scores = Scores(
        benchmark=problems.name,
        budget=budget,
        protocol=protocol,
        protocol_hash=canonical_hash(protocol),
        key=canonical_hash([protocol, model.fingerprint, *([limits] if limits else [])]),
        seed=0,
        problem_ids=ids,
        origin=problems.origin,
        samples_per_problem=min(len(responses[id]) for id in ids),
        models=[
            assess.model_score(
                model,
                ids,
                samples,
                graded,
                second,
                {},
                ballot=problems.ballot,
                limits=limits,
                budget=budget.tokens if budget else None,
            )
        ],
        difference=None,
        checks=[
            *log_checks(problems, responses, samples),
            *canaries(problems.judge, problems.task),
        ],
    )
    lines = "".join(sample.model_dump_json() + "\n" for sample in samples)
    write_text(folder / f"samples-{model.label}-0.jsonl", lines)
    write_verdicts(folder, problems, {model.label: samples}, {model.label: graded})
    write_text(folder / "scores.json", scores.model_dump_json(indent=1) + "\n")
    return scores


def logged_protocol(problems: ProblemSet, ids: Sequence[str]) -> dict[str, Any]:
    """What a log tells about how it was sampled: problems and grader, nothing else."""
    budget = problems.budget
    return {
        "benchmark": problems.name,
        **({"budget": budget.model_dump()} if budget else {}),
        "problems": len(ids),
        "problems_sha256": problems.sha256,
        "sampling": UNKNOWN,
        "max_tokens": None,
        "stop": None,
        "prompt": {"name": None, "render": "unknown"},
        "grader": problems.judge.describe(),
    }


def log_checks(
    problems: ProblemSet, responses: Responses, samples: Sequence[GeneratedSample]
) -> list[Check]:
    """What can be checked of responses from elsewhere."""
    counts = sorted({len(found) for found in responses.values()})
    missing = [prompt.id for prompt in problems.prompts if prompt.id not in responses]
    checks = [
        Check(
            name="every problem has responses",
            passed=not missing,
            detail=f"{len(missing)} of {len(problems.prompts)} have none"
            + (f" ({', '.join(missing[:3])} ...); max_problems in eval.benchmarks takes the first"
               if missing else ""),
            spoils=True,
        ),
        Check(
            name="the same number of responses to each problem",
            passed=len(counts) == 1,
            detail=f"{' or '.join(map(str, counts))} to each",
            spoils=True,
        ),
    ]  # fmt: skip
    if max(counts) > 1:
        share = identical_share(samples)
        checks.append(
            Check(
                name="problems whose samples are all identical",
                passed=share <= SAME_SHARE,
                detail=f"{share:.0%}: above {SAME_SHARE:.0%}, k samples are one counted k times",
                spoils=True,
            )
        )
    return checks
