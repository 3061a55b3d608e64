"""Passes over the monitor problems: now and then the policy answers the same training problems, and
reward.batch receives the responses. trainer.py makes a pass at the start of a step."""

import uuid
from typing import Any

import numpy as np
from omegaconf import DictConfig
from tensordict.tensorclass import NonTensorData
from transfer_queue import kv_batch_put
from verl.trainer.ppo.utils import create_rl_dataset
from verl.utils import tensordict_utils
from verl.utils.dataset.rl_dataset import collate_fn

from harness.rewards import Scored
from harness.verl.plugins import storage
from harness.verl.plugins.agent_loop import MONITOR_LOOP
from harness.verl.plugins.dynamic_sampling import by_prompt
from harness.verl.plugins.group_rewards import scored_responses

PARTITION = "val"
"""Where verl keeps responses that are not trained on; its own validation leaves nothing there."""


class MonitorProblems:
    """The rows of data/monitor.parquet as verl's data loader would hand them out at once."""

    def __init__(self, config: DictConfig, tokenizer: Any, processor: Any) -> None:
        """Read the rows; `config` is verl's whole configuration."""
        settings = config.reprise.monitor
        self.samples: int = settings.samples
        self.tokenizer = tokenizer
        rows = create_rl_dataset(settings.file, config.data, tokenizer, processor, is_train=False)
        self.rows = [rows[place] for place in range(len(rows))]

    def sample(self, agent_loops: Any, replay_buffer: Any, step: int) -> list[list[Scored]]:
        """The responses to every problem, sampled as in training and scored by reward.function.

        Args:
            agent_loops: verl's manager of agent loops; its servers must be awake.
            replay_buffer: where responses arrive.
            step: the training step that follows, for the reward log.
        """
        columns = collate_fn(self.rows)
        count = len(self.rows)
        columns["uid"] = np.array([str(uuid.uuid4()) for _ in range(count)], dtype=object)
        columns["__rollout_n__"] = np.array([self.samples] * count, dtype=object)
        prompts = tensordict_utils.get_tensordict(columns)
        tensordict_utils.assign_non_tensor_data(prompts, "global_steps", step)
        tensordict_utils.assign_non_tensor_data(prompts, "validate", True)
        prompts["agent_name"] = NonTensorData(MONITOR_LOOP)
        tags = [
            {"is_prompt": True, "status": "pending", "global_steps": step} for _ in range(count)
        ]
        kv_batch_put(keys=list(columns["uid"]), partition_id=PARTITION, tags=tags)
        agent_loops.generate_sequences(prompts)
        batch, _ = replay_buffer.sample(global_steps=step, partition_id=PARTITION, batch_size=count)
        scored = scored_responses(batch.keys, PARTITION, self.tokenizer)
        storage.clear(batch.keys, PARTITION)
        by_key = dict(zip(batch.keys, scored, strict=True))
        return [[by_key[key] for key in keys] for keys in by_prompt(batch.keys).values()]


def is_due(step: int, every: int) -> bool:
    """Does a pass come before this step? The first one comes after `every` steps."""
    return step > 1 and (step - 1) % every == 0
