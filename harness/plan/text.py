"""What a run will do, as text for `action=plan`. Pure functions."""

from collections.abc import Iterator

from harness.chain import legs
from harness.fit import fit
from harness.plan.batches import Batches
from harness.plan.estimates_text import changing, costs, deciding, fitting
from harness.plan.hours.evaluating import times_asked
from harness.plan.run_plan import RunPlan, TrainingPlan
from harness.plan.tables import pairs, plural
from harness.selection import selects
from harness.spec import FileSource, GeneratorSource, RLAlgorithm, RunSpec


def text(found: RunPlan, spec: RunSpec) -> str:
    """The plan of one run."""
    sections = [_what(spec, found.name), *_trainings(found, spec), *changing(found)]
    return "\n\n".join([*sections, _stages(spec), costs(found), *deciding(found)])


def _trainings(found: RunPlan, spec: RunSpec) -> Iterator[str]:
    """Each training with its memory; one that does the same as an earlier one refers to it."""
    place = "process" if spec.hardware.device == "cpu" else "GPU"
    told: dict[str, str] = {}
    for leg, training in zip(legs(spec), found.trainings, strict=True):
        said = f"{_step(leg.spec, training)}\n\n{fitting(training, place)}"
        first = told.setdefault(said, leg.name)
        if not leg.name:
            yield said
            continue
        title = f"stage {leg.name} (starts from {leg.spec.starts_from or 'model'})"
        yield f"{title}\n{said}" if first == leg.name else f"{title}: as stage {first}"


def _what(spec: RunSpec, name: str) -> str:
    hardware = spec.hardware
    gpus = f"{hardware.nodes} x {hardware.gpus_per_node} {hardware.gpu or 'process'}"
    size = "in miniature (laptop size)" if spec.miniature else "at full size"
    rows = [
        ("run", name),
        ("repro", f"{spec.repro} {size}" if spec.repro else "none (free composition)"),
        ("model", f"{spec.model.name}  {spec.model.path}"),
        ("algorithm", f"{spec.algorithm.name} ({_algorithm(spec)})"),
        ("stages", ", ".join(stage.name for stage in spec.stages) or "one training"),
        ("reward", f"{spec.reward.name}  {spec.reward.function}"),
        ("data", f"{spec.data.name}  {_source(spec)}; prompt rendered {spec.data.render}"),
        ("hardware", f"{hardware.name}: {gpus}, {hardware.precision}, {hardware.rollout.engine}"),
        ("eval", f"{spec.eval.name}: {_benchmarks(spec)}, T={spec.eval.sampling.temperature:g}"),
        ("seed", str(spec.seed)),
    ]
    if spec.verl:
        rows.append(("extra verl", ", ".join(f"{k}={v}" for k, v in spec.verl.items())))
    return pairs(rows)


def _algorithm(spec: RunSpec) -> str:
    algorithm = spec.algorithm
    rate = f"lr {algorithm.optimizer.lr:g}"
    if not isinstance(algorithm, RLAlgorithm):
        return rate
    parts = [f"{algorithm.advantage} advantage", rate, f"clip {algorithm.clip_low:g}"]
    parts[-1] += f"/{algorithm.clip_high:g}"
    if algorithm.critic:
        parts.append(f"critic lr {algorithm.critic.optimizer.lr:g}")
    if algorithm.kl_in_reward:
        kl = algorithm.kl_in_reward
        parts.append(f"KL {kl.coef:g} {kl.estimator} in the reward")
    if algorithm.kl_loss:
        parts.append(f"KL {algorithm.kl_loss.coef:g} {algorithm.kl_loss.estimator} in the loss")
    parts.append(_entropy(algorithm))
    parts.append(f"dual clip {algorithm.dual_clip:g}" if algorithm.dual_clip else "no dual clip")
    return ", ".join([*parts, *_unusual(algorithm)])


def _entropy(algorithm: RLAlgorithm) -> str:
    if adaptive := algorithm.adaptive_entropy:
        return (
            f"entropy {adaptive.min_coef:g} to {adaptive.max_coef:g} below {adaptive.target:g} nats"
        )
    return f"entropy {algorithm.entropy_coef:g}"


def _unusual(algorithm: RLAlgorithm) -> Iterator[str]:
    """Settings that most algorithms leave alone, where this one does not."""
    if algorithm.whiten_advantages:
        yield "whitened advantages"
    if algorithm.log_prob_temperature:
        yield f"log-probabilities at T={algorithm.log_prob_temperature:g}"
    if algorithm.old_log_probs == "rollout":
        yield "ratio against the engine's log-probabilities"
    if groups := algorithm.filter_groups:
        yield f"groups of equal {groups.metric} replaced ({groups.prompts_per_batch} prompts a try)"
    if algorithm.drop_groups:
        yield f"groups of equal {algorithm.drop_groups} left out of the update"
    if first := algorithm.train_group_size:
        yield f"the first {first} of each group trained on"
    if pruning := algorithm.pruning:
        yield f"{pruning.rate:.4g} of each {pruning.across} pruned ({pruning.drop} advantages)"
    if preference := algorithm.preference_loss:
        yield f"loss over pairs of {preference.level} (beta {preference.beta:g})"
    if algorithm.mask_truncated:
        yield "truncated responses masked"
    if algorithm.lora:
        yield f"LoRA rank {algorithm.lora.rank}"
    if stops := [*algorithm.sampling.stop, *algorithm.sampling.stop_token_ids]:
        yield f"{len(stops)} stop texts or tokens"


def _source(spec: RunSpec) -> str:
    source = spec.data.source
    train = "all" if spec.data.train_rows is None else f"{spec.data.train_rows:,}"
    rows = f"{train} train + {spec.data.test_rows:,} held-out rows"
    if isinstance(source, GeneratorSource):
        return f"generator {source.generator} (seed {source.seed}), {rows}"
    if isinstance(source, FileSource):
        return f"file {source.path}, {rows}"
    return f"hub {source.dataset}@{source.revision or 'newest'}, {rows}"


def _benchmarks(spec: RunSpec) -> str:
    return ", ".join(
        f"{b.name} k={b.samples_per_problem}"
        + (f" first {b.max_problems}" if b.max_problems else "")
        + (f" at {plural(times, 'budget')}" if (times := times_asked(b, spec)) > 1 else "")
        for b in spec.eval.benchmarks
    )


def _step(spec: RunSpec, training: TrainingPlan) -> str:
    step = training.batches
    longest = f"({spec.data.max_prompt_tokens:,} + {spec.data.max_response_tokens:,})"
    place = "per process" if spec.hardware.device == "cpu" else "per GPU"
    micro = plural(step.max_micro_batches_per_gpu, "micro-batch", "micro-batches")
    return pairs(
        [
            *_batch(spec, step),
            (
                "tokens",
                f"at most {step.responses:,} x {longest} = {step.max_tokens:,} per step",
            ),
            (
                place,
                f"at most {step.max_tokens_per_gpu:,} tokens per step, in {micro} of "
                f"{fit(spec).tokens_per_gpu:,}",
            ),
            ("layout", _layout(spec)),
            ("steps", _steps(spec, training)),
        ]
    )


def _layout(spec: RunSpec) -> str:
    sits = fit(spec)
    away = "models leave the GPU between uses" if sits.offload else "nothing off-loaded"
    if not isinstance(spec.algorithm, RLAlgorithm):
        return away
    if spec.hardware.device == "cpu":
        return f"a copy of the engine in each process; {away}"
    each = "each GPU" if sits.tensor_parallel == 1 else f"every {sits.tensor_parallel} GPUs"
    return f"a copy of the engine on {each}; {away}"


def _batch(spec: RunSpec, step: Batches) -> Iterator[tuple[str, str]]:
    algorithm = spec.algorithm
    if not isinstance(algorithm, RLAlgorithm):
        yield "sequences", f"{step.prompts:,} per step, one optimizer update"
        return
    yield (
        "responses",
        f"{step.prompts:,} prompts x {algorithm.group_size} = {step.responses:,} per step",
    )
    if selects(algorithm):
        most = "at most " if algorithm.drop_groups else ""
        yield "trained on", f"{most}{step.trained:,} of these {step.responses:,}"
    yield (
        "updates",
        f"{step.prompts:,} / {algorithm.mini_batch_prompts:,} prompts x "
        f"{plural(algorithm.epochs, 'epoch')} = "
        f"{plural(step.optimizer_updates, 'optimizer update')} per step",
    )


def _steps(spec: RunSpec, training: TrainingPlan) -> str:
    if training.steps is None or training.optimizer_updates is None:
        return f"{plural(spec.schedule.epochs, 'epoch')}; the rows are known after prepare"
    updates = f"{training.optimizer_updates:,} optimizer updates"
    saves = f"a checkpoint every {spec.schedule.save_every:,}"
    if training.steps_are_exact:
        return f"{training.steps:,}; {updates}; {saves}"
    return (
        f"about {training.steps:,} (by the card's number of rows; exact after prepare); {updates}; "
        f"{saves}"
    )


def _stages(spec: RunSpec) -> str:
    texts = {
        "prepare": f"data from {spec.data.source.kind} to parquet, with a manifest",
        "control": "the authors' released model under this protocol"
        if spec.control.enabled
        else "off (control.enabled=true measures the authors' released model first)",
        "train": "verl 0.9.1 " + ("main_ppo" if spec.algorithm.kind == "rl" else "sft_trainer"),
        "export": f"{_exported(legs(spec)[-1].spec)} as a Hugging Face folder",
        "evaluate": f"base and trained model on {_benchmarks(spec)}",
        "report": "one HTML page",
    }
    return pairs(list(texts.items()))


def _exported(spec: RunSpec) -> str:
    step = spec.schedule.export_step
    return f"the checkpoint of step {step:,}" if step else "the last checkpoint"
