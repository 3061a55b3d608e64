"""Memory of one GPU in every phase of a training step, and of a node's host, by component; what
verl's FSDP2 engine holds when is read from its source
(verl==0.9.1:verl/workers/engine/fsdp/transformer_impl.py and verl/workers/engine_workers.py)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.plan.memory.engine import PROCESS_GB, Engine, asleep_gb, engine
from harness.plan.memory.passes import Moment, Part, forward_moments, part, update_moments
from harness.plan.memory.setting import Setting
from harness.plan.memory.states import State, largest_tensor
from harness.spec import RunSpec

BUCKET_BYTES = 2048 * 2**20
"""Buffer through which weights go to the engine (verl's update_weights_bucket_megabytes)."""
CPU_PROCESSES_GB = 3.7
"""Proportional set size of all processes of a laptop run with a model of under a million
parameters, as measured: Python, libraries and Ray, not models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One phase of a step at its peak."""

    name: str
    """generate, log_probs, update, update_critic, sync or save."""
    gb: float
    parts: tuple[Part, ...]


def phases(spec: RunSpec, setting: Setting) -> Iterator[Phase]:
    """Every phase that the training has, in the order of a step."""
    rl = spec.algorithm.kind == "rl"
    idle = [*_processes(spec), *_resident(setting), *_engine_on_cpu(spec, setting)]
    if rl:
        yield _phase("generate", [*_generating(spec, setting)])
    if rl and (passes := _forward(setting)):
        yield _largest("log_probs", [*idle, *_loaded(setting, moments=False)], passes)
    if setting.critic:
        critic = _phase_base(idle, setting, setting.critic, "critic")
        moments = update_moments(setting, setting.critic, logits=False)
        yield _largest("update_critic", critic, moments)
    policy = _phase_base(idle, setting, setting.policy, "policy")
    yield _largest("update", policy, update_moments(setting, setting.policy, logits=True))
    if rl and spec.hardware.device == "cuda":
        yield _phase("sync", [*idle, *_syncing(setting, engine(spec, setting.shape))])
    yield _phase("save", [*idle, *_loaded(setting, moments=False), _whole_tensor(setting)])


def host_parts(spec: RunSpec, setting: Setting) -> Iterator[Part]:
    """What one node's host memory holds: what stays there, and the larger of loading and saving."""
    gpus = spec.hardware.gpus_per_node
    if setting.reference:
        yield part("reference", setting.reference.weights * gpus, "fp32 shards, pinned")
    if setting.offload:
        away = sum(state.weights + state.moments for state in _trained(setting))
        yield part("off-loaded models", away * gpus, "weights and moments, fp32")
    if spec.algorithm.kind == "rl" and setting.policy.trained < setting.policy.count:
        found = engine(spec, setting.shape)
        yield part("engine weights", found.weights_gb * 1e9 * gpus, "kept while the engine sleeps")
    whole = setting.policy.count * 4
    loading = whole * (gpus if setting.shape.tied else 1)
    saving = setting.policy.count * (4 + 2)
    if loading >= saving:
        who = f"a whole fp32 model in {'every process' if setting.shape.tied else 'one process'}"
        yield part("loading", loading, who)
    else:
        yield part("saving", saving, "the whole model, fp32 and bf16, in one process")


def _phase(name: str, parts: Sequence[Part]) -> Phase:
    found = tuple(piece for piece in parts if piece.gb > 0)
    return Phase(name=name, gb=sum(piece.gb for piece in found), parts=found)


def _largest(name: str, base: Sequence[Part], moments: Sequence[Moment]) -> Phase:
    return max((_phase(name, [*base, *more]) for more in moments), key=lambda phase: phase.gb)


def _trained(setting: Setting) -> list[State]:
    return [setting.policy, *([setting.critic] if setting.critic else [])]


def _state_parts(state: State, who: str, *, moments: bool) -> Iterator[Part]:
    size, over = f"{state.count / 1e9:.3g} B", f"/ {state.shards}"
    prefix = "critic " if who == "critic" else ""
    yield part(f"{prefix}weights", state.weights, f"{size} parameters x 4 bytes {over}")
    if moments:
        trained = f"{state.trained / 1e9:.3g} B"
        yield part(f"{prefix}optimizer", state.moments, f"{trained} x 8 bytes {over}")


def _resident(setting: Setting) -> list[Part]:
    """What stays between uses; nothing where models are off-loaded."""
    if setting.offload:
        return []
    parts = [*_state_parts(setting.policy, "policy", moments=True)]
    if setting.critic:
        parts += _state_parts(setting.critic, "critic", moments=True)
    return parts


def _loaded(setting: Setting, *, moments: bool) -> list[Part]:
    """The policy, brought back where it was off-loaded."""
    return [*_state_parts(setting.policy, "policy", moments=moments)] if setting.offload else []


def _phase_base(idle: Sequence[Part], setting: Setting, state: State, who: str) -> list[Part]:
    back = _state_parts(state, who, moments=True) if setting.offload else ()
    return [*idle, *back]


def _processes(spec: RunSpec) -> list[Part]:
    if spec.hardware.device == "cpu":
        return [Part(name="processes", gb=CPU_PROCESSES_GB, note="Python, libraries and Ray")]
    note = "CUDA context and NCCL of the trainer"
    asleep = asleep_gb(spec)
    note += "; the sleeping engine's and its CUDA graphs" if asleep else ""
    return [Part(name="processes", gb=PROCESS_GB + asleep, note=note)]


def _engine_on_cpu(spec: RunSpec, setting: Setting) -> list[Part]:
    """On a laptop nothing is put to sleep, and the reference model shares the memory."""
    if spec.hardware.device != "cpu" or spec.algorithm.kind != "rl":
        return []
    found = engine(spec, setting.shape)
    parts = [Part(name="engine weights", gb=found.weights_gb, note="a whole fp32 model")]
    if setting.reference:
        parts.append(part("reference", setting.reference.weights, "fp32"))
    return parts


def _generating(spec: RunSpec, setting: Setting) -> Iterator[Part]:
    found, cpu = engine(spec, setting.shape), spec.hardware.device == "cpu"
    yield from _resident(setting)
    if cpu:
        yield from [*_processes(spec), *_engine_on_cpu(spec, setting)]
    else:
        yield Part(name="processes", gb=PROCESS_GB, note="CUDA context and NCCL of the trainer")
        split = f"bf16 / {found.tensor_parallel}"
        yield Part(name="engine weights", gb=found.weights_gb, note=split)
    yield Part(name="engine working memory", gb=found.working_gb, note="activations, sampler")
    cache = f"{found.cache.tokens:,} tokens, {found.cache.sequences:.1f} sequences at the limit"
    yield Part(name="KV cache", gb=found.cache.gb, note=cache)


def _forward(setting: Setting) -> list[Moment]:
    """Passes without gradients over the batch: the policy's, the reference's, the critic's."""
    setting = replace(setting, micro_tokens=setting.forward_tokens)
    moments: list[Moment] = []
    if setting.log_probs:
        moments += forward_moments(setting, setting.log_prob_entropy, logits=True)
    if setting.reference:
        moments += forward_moments(setting, "none", logits=True)
    if setting.critic:
        moments += forward_moments(setting, "none", logits=False)
    return moments


def _whole_tensor(setting: Setting) -> Part:
    note = "the embedding, gathered in fp32"
    return part("gathered tensor", largest_tensor(setting.shape), note)


def _syncing(setting: Setting, found: Engine) -> Iterator[Part]:
    """Weights go to the woken engine tensor by tensor, before its cache comes back."""
    split = f"bf16 / {found.tensor_parallel}"
    yield Part(name="engine weights", gb=found.weights_gb, note=split)
    yield _whole_tensor(setting)
    yield part("buffer", BUCKET_BYTES, "between trainer and engine")
