"""Checks that an evaluation measured what its protocol says; read by evals/run.py."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from evals.job import GeneratedSample, Generation, Job
from evals.scores import Check
from harness.errors import EvaluationError

SAME_SHARE = 0.9  # above it, samples of one problem are suspected to be copies

Samples = Mapping[str, Sequence[GeneratedSample]]


def complete(label: str, samples: Sequence[GeneratedSample], ids: Sequence[str], k: int) -> Check:
    """Every problem has exactly the samples 0 to k - 1."""
    found = Counter((sample.id, sample.sample) for sample in samples)
    wanted = {(problem, index) for problem in ids for index in range(k)}
    missing, extra = wanted - set(found), set(found) - wanted
    twice = [key for key, count in found.items() if count > 1]
    if missing or extra or twice:
        raise EvaluationError(
            f"{label}: {len(missing)} samples are missing, {len(extra)} belong to no problem of "
            f"the protocol, {len(twice)} are there twice (wanted {len(ids)} problems x {k}); "
            f"delete samples-{label}.jsonl and run again"
        )
    return Check(
        name=f"{label}: generations per problem",
        passed=True,
        detail=f"{k} for each of {len(ids)} problems",
    )


def sampling_as_asked(job: Job, record: Generation) -> Check:
    """The engine received the protocol's temperature, top_p and top_k."""
    received, asked = record.engine_arguments, job.sampling
    label = record.model.label
    wanted: dict[str, float | bool] = {"temperature": asked.temperature}
    if asked.temperature > 0:
        top_k = max(asked.top_k, 0) if job.backend == "hf" else asked.top_k
        wanted |= {"do_sample": True, "top_p": asked.top_p, "top_k": top_k}
    else:
        wanted |= {"do_sample": False}
    wrong = {key: received.get(key) for key in wanted if received.get(key) != wanted[key]}
    if wrong or record.identity != job.identity(record.model):
        raise EvaluationError(
            f"{label}: the engine received {received}, the protocol asks for {wanted}; the samples "
            f"belong to another protocol, delete samples-{label}.jsonl and run again"
        )
    return Check(name=f"{label}: sampling parameters read back", passed=True, detail=str(received))


def same_prompts(samples: Samples) -> list[Check]:
    """All models continued the same text."""
    prompts = {label: {s.id: s.prompt for s in lines} for label, lines in samples.items()}
    labels = list(prompts)
    for label in labels[1:]:
        different = [i for i, text in prompts[labels[0]].items() if prompts[label].get(i) != text]
        if different:
            raise EvaluationError(
                f"{label} and {labels[0]} got different prompts for {len(different)} problems, "
                f"first {different[0]}; the chat templates of the two models differ, make them the "
                "same or set data.render=raw"
            )
    detail = f"{', '.join(labels)}: identical rendered prompts"
    return [Check(name="same prompts", passed=True, detail=detail)] if len(labels) > 1 else []


def identical_share(samples: Sequence[GeneratedSample]) -> float:
    """Share of problems whose samples are all the same text."""
    texts: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        texts[sample.id].add(sample.response)
    return sum(len(found) == 1 for found in texts.values()) / len(texts)


def samples_differ(job: Job, samples: Samples) -> list[Check]:
    """Samples of a problem differ; an error only if no model shows variety.

    A trained policy can honestly become nearly deterministic, but an engine that repeats a seed
    repeats it for every model.
    """
    if job.samples_per_problem == 1 or job.sampling.temperature == 0:
        return []
    shares = {label: identical_share(lines) for label, lines in samples.items()}
    seen = ", ".join(f"{label} {share:.0%}" for label, share in shares.items())
    if all(share > SAME_SHARE for share in shares.values()):
        raise EvaluationError(
            f"all {job.samples_per_problem} samples are identical for most problems ({seen}) at "
            f"temperature {job.sampling.temperature}; the engine repeats its seed, or the "
            "temperature is too low for k > 1 to mean anything: set "
            "eval.sampling.temperature=0 and samples_per_problem=1, or raise it"
        )
    passed = all(share <= SAME_SHARE for share in shares.values())
    return [Check(name="problems whose samples are all identical", passed=passed, detail=seen)]


def check_all(
    job: Job, ids: Sequence[str], samples: Samples, records: Mapping[str, Generation]
) -> list[Check]:
    """Every invariant; raises EvaluationError on the first that spoils the score."""
    checks = [
        complete(label, lines, ids, job.samples_per_problem) for label, lines in samples.items()
    ]
    checks += [sampling_as_asked(job, record) for record in records.values()]
    return checks + same_prompts(samples) + samples_differ(job, samples)
