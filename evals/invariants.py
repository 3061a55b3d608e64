"""Checks that an evaluation measured what its protocol says; read by evals/run.py.

A check that fails and spoils makes the score invalid; the samples stay on disk either way.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from evals.canaries import CANARIES
from evals.grading import Item, grade_all
from evals.job import GeneratedSample, Generation, Job, Task, effective
from evals.judges import Graded, GraderJudge, Judge
from evals.scores import Check
from harness.errors import EvaluationError

SAME_SHARE = 0.9  # above it, samples of one problem are suspected to be copies
CUT_SHARE = 0.1  # above it, the score says as much about the limit as about the model
SHOWN = 3

Samples = Mapping[str, Sequence[GeneratedSample]]
Records = Mapping[str, Sequence[Generation]]


def complete(label: str, samples: Sequence[GeneratedSample], ids: Sequence[str], k: int) -> Check:
    """Every problem has exactly the samples 0 to k - 1.

    Raises:
        EvaluationError: it has not, and no score can be computed.
    """
    found = Counter((sample.id, sample.sample) for sample in samples)
    wanted = {(problem, index) for problem in ids for index in range(k)}
    missing = wanted - set(found)
    twice = [key for key, count in found.items() if count > 1]
    if missing or twice:
        raise EvaluationError(
            f"{label}: {len(missing)} samples are missing, {len(twice)} are there twice (wanted "
            f"{len(ids)} problems x {k}); put samples-{label}-*.jsonl aside and run again"
        )
    return Check(
        name=f"{label}: generations per problem",
        passed=True,
        detail=f"{k} for each of {len(ids)} problems",
    )


def sampling_as_asked(job: Job, task: Task, label: str, records: Sequence[Generation]) -> Check:
    """Every attempt's engine received the protocol's temperature, top_p and top_k."""
    (model,) = [model for model in job.models if model.label == label]
    asked = effective(job.sampling)
    wrong = [
        line.sampling.model_dump()
        for line in records
        if line.sampling != asked or line.identity != job.identity(task, model)
    ]
    detail = f"asked {asked.model_dump()}" + (f", received {wrong[0]}" if wrong else "")
    return Check(
        name=f"{label}: sampling parameters read back",
        passed=bool(records) and not wrong,
        detail=detail,
        spoils=True,
    )


def one_engine(label: str, records: Sequence[Generation]) -> Check:
    """All samples come from one set of package versions, precision, template and server."""
    kinds = {(line.dtype, line.template, tuple(sorted(line.versions.items()))) for line in records}
    servers = {
        name for line in records for name in (*line.served_models, *line.system_fingerprints)
    }
    varied = len(kinds) > 1 or any(len(line.system_fingerprints) > 1 for line in records)
    return Check(
        name=f"{label}: one engine for all samples",
        passed=not varied,
        detail=f"{len(kinds)} set-up(s)" + (f"; {', '.join(sorted(servers))}" if servers else ""),
    )


def same_prompts(samples: Samples) -> list[Check]:
    """All models continued the same text."""
    prompts = {label: {s.id: s.prompt for s in lines} for label, lines in samples.items()}
    labels = list(prompts)
    if len(labels) < 2:
        return []
    first = prompts[labels[0]]
    different = sorted(
        problem
        for label in labels[1:]
        for problem, text in first.items()
        if prompts[label].get(problem) != text
    )
    detail = f"{', '.join(labels)}: identical rendered prompts"
    if different:
        detail = (
            f"{', '.join(labels)} got different prompts for {len(different)} problems, first "
            f"{different[0]}: their chat templates differ; make them the same or use a raw prompt"
        )
    return [Check(name="same prompts", passed=not different, detail=detail, spoils=True)]


def identical_share(samples: Sequence[GeneratedSample]) -> float:
    """Share of problems whose samples are all the same text."""
    texts: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        texts[sample.id].add(sample.response)
    return sum(len(found) == 1 for found in texts.values()) / len(texts)


def samples_differ(job: Job, task: Task, samples: Samples) -> list[Check]:
    """Samples of a problem differ; the score is spoilt only if no model shows variety.

    A trained policy can honestly become nearly deterministic, but an engine that repeats a seed
    repeats it for every model.
    """
    if task.samples_per_problem == 1:
        return []
    shares = {label: identical_share(lines) for label, lines in samples.items()}
    seen = ", ".join(f"{label} {share:.0%}" for label, share in shares.items())
    all_same = all(share > SAME_SHARE for share in shares.values())
    if all_same:
        seen += (
            f" at temperature {job.sampling.temperature:g}: k samples are one sample counted k "
            "times; the engine repeats its seed, or the temperature is too low for k > 1 to mean "
            "anything: set eval.sampling.temperature=0 and samples_per_problem=1"
        )
    passed = all(share <= SAME_SHARE for share in shares.values())
    name = "problems whose samples are all identical"
    return [Check(name=name, passed=passed, detail=seen, spoils=all_same)]


def cut_off(job: Job, task: Task, label: str, samples: Sequence[GeneratedSample]) -> list[Check]:
    """Few responses ended at the token limit, where the engine tells; most of them are wrong."""
    known = [sample.truncated for sample in samples if sample.truncated is not None]
    if not known:
        return []
    share = sum(known) / len(known)
    detail = f"{share:.1%} at {job.limit(task)} tokens"
    if share > CUT_SHARE:
        detail += "; a larger eval.max_tokens may give a higher score"
    name = f"{label}: share of responses cut off"
    return [Check(name=name, passed=share <= CUT_SHARE, detail=detail)]


def own_seeds(job: Job, label: str, samples: Sequence[GeneratedSample]) -> list[Check]:
    """Every sample of a problem was drawn with a seed of its own (hf seeds whole batches)."""
    seeds: dict[str, list[int]] = defaultdict(list)
    for sample in samples:
        if sample.seed is not None:
            seeds[sample.id].append(sample.seed)
    if not seeds or job.engine == "hf":
        return []
    repeated = sorted(problem for problem, found in seeds.items() if len(set(found)) < len(found))
    detail = f"distinct in {len(seeds) - len(repeated)} of {len(seeds)} problems"
    name = f"{label}: one seed for each sample"
    return [Check(name=name, passed=not repeated, detail=detail, spoils=True)]


def mean_is_independent_of_grouping(
    label: str, graded: Sequence[Graded], accuracy: float, k: int
) -> Check:
    """avg@k over problems equals the mean of the k single-sample runs."""
    runs: dict[int, list[bool]] = defaultdict(list)
    for line in graded:
        runs[line.sample].append(line.correct)
    by_run = sum(sum(run) / len(run) for run in runs.values()) / len(runs)
    return Check(
        name=f"{label}: avg@{k} independent of grouping",
        passed=abs(by_run - accuracy) < 1e-9,
        detail=f"{accuracy:.6f} by problem, {by_run:.6f} by run",
        spoils=True,
    )


def canaries(judge: Judge, task: str) -> list[Check]:
    """The judge's verdicts on known answers; a run's own reward has golden cases instead."""
    known = CANARIES.get(task, ())
    if not isinstance(judge, GraderJudge) or not known:
        return []
    verdicts = grade_all(
        [Item(truth=c.truth, response=c.response) for c in known], grader=judge.name
    )
    wrong = [c.response for c, v in zip(known, verdicts, strict=True) if v.correct != c.correct]
    detail = f"{len(known) - len(wrong)} of {len(known)} as known"
    if wrong:
        detail += f"; wrong on: {'; '.join(wrong[:SHOWN])}"
    name = f"grader {judge.name}: canaries"
    return [Check(name=name, passed=not wrong, detail=detail, spoils=True)]


def check_samples(
    job: Job, task: Task, ids: Sequence[str], samples: Samples, records: Records
) -> list[Check]:
    """Every invariant of generation; raises EvaluationError when samples are missing."""
    k = task.samples_per_problem
    checks = [complete(label, lines, ids, k) for label, lines in samples.items()]
    for label, lines in samples.items():
        checks.append(sampling_as_asked(job, task, label, records[label]))
        checks.append(one_engine(label, records[label]))
        checks += cut_off(job, task, label, lines)
        checks += own_seeds(job, label, lines)
    return checks + same_prompts(samples) + samples_differ(job, task, samples)
