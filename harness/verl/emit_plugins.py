"""RunSpec -> settings of our plug-ins (harness/verl/plugins), which verl carries and never reads.

emit.py puts them beside verl's own keys.
"""

from pathlib import Path
from typing import Any

from harness.data.monitor import MONITOR
from harness.fit import fit, longest_sequence
from harness.rules import processes
from harness.selection import mini_batch_responses
from harness.spec import PreferenceLoss, RLAlgorithm, RunSpec


def plugin_keys(spec: RunSpec, algorithm: RLAlgorithm, run_dir: Path) -> dict[str, Any]:
    """The keys below `reprise.`, and verl's own where a plug-in needs one set differently."""
    monitor = spec.schedule.monitor
    kl, groups, sampling = algorithm.kl_loss, algorithm.filter_groups, algorithm.sampling
    dense = spec.reward.dense
    keys: dict[str, Any] = {
        "reprise.log_prob_temperature": algorithm.log_prob_temperature or sampling.temperature,
        "reprise.stop": sampling.stop,
        "reprise.stop_token_ids": sampling.stop_token_ids,
        "reprise.mask_truncated": algorithm.mask_truncated,
        "reprise.std_epsilon": algorithm.std_epsilon,
        "reprise.whiten_advantages": algorithm.whiten_advantages,
        "reprise.kl_loss_aggregation": kl.aggregation if kl else None,
        "reprise.kl_loss_token_limit": kl.token_limit if kl else None,
        "reprise.filter_groups.metric": groups.metric if groups else None,
        "reprise.filter_groups.prompts_per_batch": groups.prompts_per_batch if groups else None,
        "reprise.filter_groups.max_batches": groups.max_batches if groups else None,
        "reprise.group_reward": spec.reward.group,
        "reprise.group_reward_arguments": spec.reward.group_arguments,
        "reprise.batch_reward": spec.reward.batch,
        "reprise.batch_reward_arguments": spec.reward.batch_arguments,
        "reprise.monitor.file": str(run_dir / "data" / MONITOR) if monitor else None,
        "reprise.monitor.every": monitor.every if monitor else None,
        "reprise.monitor.samples": monitor.samples if monitor else None,
        "reprise.dense_reward.function": dense.function if dense else None,
        "reprise.dense_reward.arguments": dense.arguments if dense else {},
        "reprise.dense_reward.gamma": dense.gamma if dense else None,
    }
    keys |= _update(spec, algorithm)
    if groups:
        # What verl's data loader hands out at once; without it, the prompts of a step.
        keys["data.gen_batch_size"] = groups.prompts_per_batch
    return keys


def _update(spec: RunSpec, algorithm: RLAlgorithm) -> dict[str, Any]:
    """Which responses are trained on, and with which loss."""
    pruning, entropy = algorithm.pruning, algorithm.adaptive_entropy
    mini = {"actor": mini_batch_responses(algorithm, algorithm.mini_batch_prompts)}
    if algorithm.critic:
        prompts = algorithm.critic.mini_batch_prompts or algorithm.mini_batch_prompts
        mini["critic"] = mini_batch_responses(algorithm, prompts)
    keys: dict[str, Any] = {
        # The whole group is no selection: updates stay verl's own.
        "reprise.selection.train_group_size": (
            algorithm.train_group_size
            if algorithm.train_group_size != algorithm.group_size
            else None
        ),
        "reprise.selection.drop_groups": algorithm.drop_groups,
        "reprise.selection.pruning": pruning.model_dump() if pruning else None,
        "reprise.selection.mini_batch": mini,
        "reprise.adaptive_entropy": entropy.model_dump() if entropy else None,
        "reprise.preference_loss": None,
    }
    if preference := algorithm.preference_loss:
        keys["reprise.preference_loss"] = _preference(spec, algorithm, preference)
        # Pairs need the reference's log-probabilities, whether or not there is a penalty.
        keys["actor_rollout_ref.actor.use_kl_loss"] = True
    return keys


def _preference(
    spec: RunSpec, algorithm: RLAlgorithm, preference: PreferenceLoss
) -> dict[str, Any]:
    trust, group = preference.trust_region, algorithm.group_size
    fits = group * longest_sequence(spec) <= fit(spec).tokens_per_gpu
    whole = fits and algorithm.mini_batch_prompts % processes(spec) == 0
    return {
        "level": preference.level,
        "beta": preference.beta,
        "best_weight": preference.best_weight,
        "trust_coef": trust.coef if trust else 0.0,
        "trust_estimator": trust.estimator if trust else "k3",
        "group_rows": group if whole else None,
    }
