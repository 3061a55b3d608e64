"""The control: the authors' released model, measured before training; a stage of the pipeline."""

from pathlib import Path

from evals import verdicts
from evals.models import Subject
from evals.statement import Statement
from harness.cards import load_card
from harness.errors import ConfigError, EvaluationError
from harness.spec import RunSpec


def released(spec: RunSpec) -> Subject:
    """The model that the control measures.

    Raises:
        ConfigError: neither the command line nor the card names one.
    """
    path, revision = spec.control.model, spec.control.revision
    if path is None and spec.repro:
        card = load_card(spec.repro).of([spec.variant] if spec.variant else [])
        path, revision = card.released_model, revision or card.released_revision
    if path is None:
        raise ConfigError(
            f"control.enabled=true, and {spec.repro or 'a free composition'} names no released "
            "model: set control.model=<folder or hub id>, or control.enabled=false"
        )
    local = Path(path).expanduser()
    if local.is_dir():
        path = str(local.resolve())
    elif path.startswith(("/", ".", "~")) or path.count("/") != 1:
        raise ConfigError(
            f"control.model={path} is no folder here and no hub id (owner/name): give the folder "
            "of a Hugging Face model, or its hub id"
        )
    return Subject(label="released", path=path, revision=revision)


def settled(said: list[Statement], *, stop: bool) -> str:
    """What the control says about training.

    Raises:
        EvaluationError: the released weights miss the claim and `stop` is set.
    """
    words = []
    for statement in said:
        for claim in statement.claims:
            found = verdicts.control(claim.verdict())
            words.append(f"{statement.benchmark} {claim.percent:g}: {found.sentences[0]}")
            if found.pointless and stop:
                raise EvaluationError(
                    f"{statement.benchmark}: {' '.join(found.sentences)}\n"
                    "Set control.stop=false to train all the same, or eval= to the protocol of the "
                    "claim"
                )
    return " ".join(words) or "measured; no claim to hold it against"
