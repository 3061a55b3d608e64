"""Rules between fields of a RunSpec; compose.py refuses a run that breaks one. Each rule answers
with the arithmetic and what to set, or with nothing."""

import difflib
from collections.abc import Iterator

from evals import HELD_OUT
from evals.benchmarks import names
from evals.grading import graders
from harness.budget_rules import budget_violations
from harness.data.prompts import mistakes
from harness.fit import fit, longest_sequence, misfits
from harness.reward_rules import reward_violations
from harness.spec import Backend, Benchmark, Evaluation, Launch, LoRA, RLAlgorithm, RunSpec
from harness.update_rules import COMPARES, update_violations

SECRETS = {"api_key", "auth_token", "header", "headers", "hf_token", "token"}
DERIVED_OPTIONS = {
    "array": "launch.array_parallelism",
    "nodes": "hardware.nodes",
    "ntasks": "hardware.nodes",
    "ntasks-per-node": "hardware.nodes",
    "signal": "launch.notice_s",
}
"""sbatch options on which a job's script depends -> the field that they come from."""
DENSE = ("gae", "reinforce_plus_plus")
"""Advantages that are discounted sums of token rewards."""
VLLM_MAX_RANK = 512
"""Largest rank of an adapter (vllm/config/lora.py, MaxLoRARanks)."""


def violations(spec: RunSpec, *, must_fit: bool = True) -> list[str]:
    """Every broken rule of a run, as text; the plan shows what does not fit instead of refusing."""
    found = [
        *_lengths(spec),
        *_hardware(spec),
        *_schedule(spec),
        *_launch(spec.launch),
        *mistakes(spec.data),
        *benchmark_violations(
            spec.eval, has_data=True, response_tokens=spec.data.max_response_tokens
        ),
    ]
    if must_fit:
        found += misfits(spec)
    found += backend_violations(spec.backend)
    if isinstance(spec.algorithm, RLAlgorithm):
        found += [*_batches(spec, spec.algorithm), *_roles(spec.algorithm), *_task(spec)]
        found += _sampling(spec, spec.algorithm)
        found += _dense(spec, spec.algorithm)
        found += update_violations(spec, spec.algorithm)
        found += reward_violations(spec)
        found += _lora(spec, spec.algorithm.lora) if spec.algorithm.lora else []
    elif spec.schedule.monitor:
        found.append(
            "schedule.monitor samples problems for a reward, and algorithm=sft asks for none: set "
            "schedule.monitor=null"
        )
    elif spec.data.demonstration is None:
        found.append(
            f"algorithm=sft needs worked responses, and data={spec.data.name} has none "
            "(data.demonstration is null). Set data=countdown_demonstrations, or "
            "data.demonstration=<column> for your own file"
        )
    return found


def processes(spec: RunSpec) -> int:
    """Training processes in all: one a GPU."""
    return spec.hardware.nodes * spec.hardware.gpus_per_node


def _launch(launch: Launch) -> Iterator[str]:
    if launch.kind == "local":
        return
    if launch.container.kind != "none" and not launch.container.image:
        yield (
            f"launch.container.kind={launch.container.kind} has no image: set "
            "launch.container.image=<file or reference>, or launch.container.kind=none"
        )
    if launch.time_min and 60 * launch.time_min <= launch.notice_s:
        yield (
            f"launch.time_min={launch.time_min} ends before the notice of its end, which comes "
            f"launch.notice_s={launch.notice_s} seconds earlier: ask for more time, or set "
            f"launch.notice_s below {60 * launch.time_min}"
        )
    for option in launch.sbatch:
        if field := DERIVED_OPTIONS.get(option.replace("_", "-")):
            yield f"launch.sbatch sets {option}, which the run needs as it is: set {field} instead"


def _batches(spec: RunSpec, algorithm: RLAlgorithm) -> Iterator[str]:
    prompts, group, mini = (
        algorithm.prompts_per_step,
        algorithm.group_size,
        algorithm.mini_batch_prompts,
    )
    gpus = processes(spec)
    if mini > prompts:
        yield (
            f"a mini-batch of {mini} prompts does not fit into a step of {prompts} prompts: "
            f"set algorithm.mini_batch_prompts <= {prompts} or algorithm.prompts_per_step >= {mini}"
        )
    elif prompts % mini:
        yield (
            f"{prompts} prompts per step do not divide into mini-batches of {mini} prompts "
            f"({prompts} = {prompts // mini} x {mini} + {prompts % mini}): set "
            f"algorithm.mini_batch_prompts to one of {_divisors(prompts)}"
        )
    critic = algorithm.critic and algorithm.critic.mini_batch_prompts
    if critic and (prompts % critic or critic * group % gpus):
        yield (
            f"the critic's mini-batch of {critic} prompts x {group} responses must divide "
            f"{prompts} prompts and spread over {gpus} GPUs: set "
            f"algorithm.critic.mini_batch_prompts to one of {_divisors(prompts)}, or choose other "
            "hardware"
        )
    if (mini * group) % gpus:
        yield (
            f"a mini-batch of {mini} prompts x {group} responses = {mini * group} does not divide "
            f"over {gpus} GPUs: set algorithm.mini_batch_prompts or algorithm.group_size so that "
            f"their product is a multiple of {gpus}, or choose other hardware"
        )
    longest, room = longest_sequence(spec), fit(spec).tokens_per_gpu
    if longest > room:
        yield (
            f"one sequence of {spec.data.max_prompt_tokens} + {spec.data.max_response_tokens} = "
            f"{longest} tokens exceeds hardware.tokens_per_gpu={room}: "
            f"set hardware.tokens_per_gpu=null (derived) or >= {longest}"
        )


def _schedule(spec: RunSpec) -> Iterator[str]:
    schedule, step = spec.schedule, spec.schedule.export_step
    if step is None:
        return
    if schedule.steps is not None and step > schedule.steps:
        yield (
            f"schedule.export_step={step} is never reached: schedule.steps={schedule.steps}; set a "
            "step up to it, or null for the last"
        )
    elif step % schedule.save_every and step != schedule.steps:
        yield (
            f"schedule.export_step={step} is never saved: a checkpoint comes every "
            f"schedule.save_every={schedule.save_every} steps; set a multiple of it, or null"
        )


def _divisors(number: int) -> str:
    return ", ".join(str(n) for n in range(1, number + 1) if number % n == 0)


def _roles(algorithm: RLAlgorithm) -> Iterator[str]:
    if algorithm.advantage == "gae" and algorithm.critic is None:
        yield (
            "algorithm.advantage=gae needs a critic: set algorithm=ppo, or algorithm.advantage=grpo"
        )
    if algorithm.advantage != "gae" and algorithm.critic is not None:
        yield (
            f"algorithm.advantage={algorithm.advantage} does not use a critic, yet one is set: "
            "set algorithm.critic=null, or algorithm.advantage=gae"
        )
    if algorithm.advantage in COMPARES and algorithm.group_size < 2:
        yield (
            f"algorithm.advantage={algorithm.advantage} compares the responses to one prompt, and "
            f"algorithm.group_size={algorithm.group_size} leaves nothing to compare: set "
            "algorithm.group_size >= 2 (8 is usual)"
        )
    ours = algorithm.std_epsilon != 1e-6 or algorithm.whiten_advantages
    if ours and algorithm.advantage != "grpo":
        yield (
            "algorithm.std_epsilon and algorithm.whiten_advantages belong to advantage=grpo, and "
            f"algorithm.advantage={algorithm.advantage}: leave them at 1e-6 and false"
        )
    for where, optimizer in (
        ("", algorithm.optimizer),
        ("critic.", algorithm.critic and algorithm.critic.optimizer),
    ):
        if optimizer and optimizer.warmup_steps and optimizer.warmup_ratio:
            yield (
                f"algorithm.{where}optimizer has warmup_steps={optimizer.warmup_steps} and "
                f"warmup_ratio={optimizer.warmup_ratio:g}: set one of them to 0"
            )
    if algorithm.sampling.temperature == 0:
        yield (
            "algorithm.sampling.temperature=0 samples the same response every time and cannot "
            "learn: set it above 0 (1.0 is usual)"
        )


def _dense(spec: RunSpec, algorithm: RLAlgorithm) -> Iterator[str]:
    if spec.reward.dense is None:
        return
    if algorithm.advantage not in DENSE:
        yield (
            f"reward.dense gives a reward to every token, and algorithm.advantage="
            f"{algorithm.advantage} has one for a whole response: set algorithm.advantage to one "
            f"of {', '.join(DENSE)}, or reward.dense=null"
        )
    if algorithm.advantage == "gae" and algorithm.lam != 1:
        yield (
            f"reward.dense has a discount of its own, and algorithm.lam={algorithm.lam:g} would "
            "mix it into one value function: set algorithm.lam=1, or reward.dense=null"
        )


def _lora(spec: RunSpec, lora: LoRA) -> Iterator[str]:
    if lora.rank > VLLM_MAX_RANK and spec.hardware.rollout.engine == "vllm":
        yield (
            f"algorithm.lora.rank={lora.rank} is more than vLLM can serve: set algorithm.lora.rank "
            f"<= {VLLM_MAX_RANK}, or algorithm.lora=null"
        )
    if not lora.target_modules:
        yield (
            "algorithm.lora.target_modules is empty, so that nothing would be trained: name linear "
            "layers, or set it to all-linear"
        )
    if ends := sorted({"embed_tokens", "lm_head"}.intersection(lora.target_modules)):
        yield (
            f"algorithm.lora.target_modules names {', '.join(ends)}, and only adapters of the "
            "layers' linear maps can be exported: leave it out, or set it to all-linear"
        )


def _sampling(spec: RunSpec, algorithm: RLAlgorithm) -> Iterator[str]:
    sampled, computed = algorithm.sampling.temperature, algorithm.log_prob_temperature
    if algorithm.old_log_probs == "rollout" and computed not in (None, sampled):
        yield (
            f"algorithm.old_log_probs=rollout takes log-probabilities at the sampling temperature "
            f"{sampled:g}, and algorithm.log_prob_temperature={computed:g} computes the others "
            "elsewhere: set log_prob_temperature=null, or old_log_probs=trainer"
        )
    groups, prompts = algorithm.filter_groups, algorithm.prompts_per_step
    if groups and spec.schedule.steps is None:
        yield (
            "algorithm.filter_groups takes as many prompts a step as it needs, so epochs do not "
            f"say how many steps there are: set schedule.steps (at most rows x "
            f"{spec.schedule.epochs} epochs / {max(groups.prompts_per_batch, prompts)} prompts)"
        )


def _task(spec: RunSpec) -> Iterator[str]:
    if spec.data.task not in spec.reward.tasks:
        yield (
            f"reward={spec.reward.name} scores {', '.join(spec.reward.tasks)}, and "
            f"data={spec.data.name} is {spec.data.task}: its ground truth would not be understood. "
            "Choose a reward for that task, or data for that reward"
        )


def benchmark_violations(
    protocol: Evaluation, *, has_data: bool, response_tokens: int | None = None
) -> list[str]:
    """Broken rules of a protocol; held_out needs data of one's own, whose longest response is
    `response_tokens`."""
    allowed = (HELD_OUT, *names()) if has_data else names()
    named = [benchmark.name for benchmark in protocol.benchmarks]
    found = [
        _unknown_benchmark(name, allowed, protocol.name) for name in named if name not in allowed
    ]
    if twice := sorted({name for name in named if named.count(name) > 1}):
        found.append(
            f"eval.benchmarks names {', '.join(twice)} more than once: give each benchmark once, "
            "with the larger samples_per_problem"
        )
    copies = [b.name for b in protocol.benchmarks if b.samples_per_problem > 1]
    if copies and protocol.sampling.temperature == 0:
        found.append(
            f"eval.sampling.temperature=0 draws the same response every time, and {copies[0]} asks "
            "for several: set samples_per_problem: 1 in eval.benchmarks, or a temperature above 0"
        )
    used = {protocol.grader, protocol.second_grader, *(b.grader for b in protocol.benchmarks)}
    found += [
        f"grader {name} does not exist; choose one of {', '.join(graders())}"
        for name in sorted(used - {None, *graders()}, key=str)
    ]
    if not has_data and protocol.max_tokens is None and HELD_OUT not in named:
        found.append(f"eval={protocol.name} sets no response limit: set eval.max_tokens=32768")
    found += [text for b in protocol.benchmarks for text in _prompt_missing(b, protocol)]
    return [*found, *budget_violations(protocol, response_tokens)]


def backend_violations(backend: Backend) -> list[str]:
    """Broken rules of a back end: what it needs, and secrets, which would reach the disk."""
    found = []
    if backend.engine == "openai" and not backend.url:
        found.append("backend=openai needs a server: set backend.url=http://127.0.0.1:8000/v1")
    if backend.engine == "lm_eval" and not backend.model:
        found.append("backend=lm_eval needs a model class: set backend.model=local-completions")
    if secrets := sorted(SECRETS & set(backend.arguments)):
        found.append(
            f"backend.arguments holds {', '.join(secrets)}, which would be written to disk: put "
            "the secret into an environment variable and set backend.api_key_env to its name"
        )
    return found


def _prompt_missing(benchmark: Benchmark, protocol: Evaluation) -> Iterator[str]:
    if benchmark.name != HELD_OUT and benchmark.prompt is None and protocol.prompt is None:
        yield (
            f"eval={protocol.name} measures {benchmark.name} and does not say how to show it: set "
            "'eval.prompt={render: chat, template: \"{problem}\"}', or choose another eval="
        )


def _unknown_benchmark(name: str, allowed: tuple[str, ...], protocol: str) -> str:
    if name == HELD_OUT:
        return (
            f"eval={protocol} measures {HELD_OUT}, the test part of a run's data, and action=eval "
            f"has no run: choose another protocol, for example eval=aime24 (benchmarks: "
            f"{', '.join(allowed)})"
        )
    near = difflib.get_close_matches(name, allowed, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"benchmark {name} does not exist; {hint}Benchmarks: {', '.join(allowed)}"


def _lengths(spec: RunSpec) -> Iterator[str]:
    prompt, response = spec.data.max_prompt_tokens, spec.data.max_response_tokens
    if prompt + response > spec.model.context_length:
        yield (
            f"{prompt} prompt + {response} response tokens = {prompt + response} exceed the "
            f"context length {spec.model.context_length} of model={spec.model.name}: set "
            f"data.max_response_tokens <= {spec.model.context_length - prompt}, or another model"
        )
    limit = spec.eval.max_tokens
    if any(benchmark.name != HELD_OUT for benchmark in spec.eval.benchmarks):
        prompt = 1  # the lengths of a benchmark's prompts are known when they are rendered
    if limit and prompt + limit > spec.model.context_length:
        yield (
            f"{prompt} prompt + {limit} evaluation tokens = {prompt + limit} exceed the context "
            f"length {spec.model.context_length} of model={spec.model.name}: set "
            f"eval.max_tokens <= {spec.model.context_length - prompt}"
        )


def _hardware(spec: RunSpec) -> Iterator[str]:
    hardware, rollout = spec.hardware, spec.hardware.rollout
    if (hardware.device == "cpu") != (rollout.engine == "hf_cpu"):
        yield (
            f"hardware.rollout.engine={rollout.engine} does not run on device {hardware.device}: "
            f"set hardware.rollout.engine={'hf_cpu' if hardware.device == 'cpu' else 'vllm'}"
        )
    if hardware.device == "cpu" and (rollout.tensor_parallel or 1) > 1:
        yield (
            f"hardware.rollout.tensor_parallel={rollout.tensor_parallel}: hf_cpu generates with a "
            "whole model in each process; set it to null"
        )
    if hardware.nodes > 1 and spec.algorithm.kind == "sft":
        yield (
            f"algorithm=sft trains on one node, and hardware.nodes={hardware.nodes}: set "
            "hardware.nodes=1 and more hardware.gpus_per_node"
        )
    if rollout.tensor_parallel and hardware.gpus_per_node % rollout.tensor_parallel:
        yield (
            f"{hardware.gpus_per_node} GPUs per node do not divide by "
            f"hardware.rollout.tensor_parallel={rollout.tensor_parallel}: set a divisor, or null"
        )
    if hardware.remove_padding and hardware.attention == "sdpa":
        yield (
            "hardware.remove_padding=true packs sequences into one row, of which "
            "hardware.attention=sdpa would compute all pairs of tokens: set "
            "hardware.attention=varlen or hardware.remove_padding=false"
        )
    if hardware.device == "cuda" and hardware.attention != "sdpa" and hardware.precision == "fp32":
        yield (
            f"hardware.attention={hardware.attention} computes half precision only on a GPU: set "
            "hardware.precision=bf16, or hardware.attention=sdpa hardware.remove_padding=false"
        )
    if not hardware.remove_padding and hardware.attention == "varlen":
        yield (
            "hardware.attention=varlen computes packed sequences only: set "
            "hardware.remove_padding=true or hardware.attention=sdpa"
        )
