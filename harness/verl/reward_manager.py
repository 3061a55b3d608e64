"""verl's reward manager of this project: maps verl's rows to harness.rewards and back.

Selected by reward.reward_manager.{source,module.path,name}; runs in verl's reward workers, one
response at a time. Every scored response leaves a line in the reward log (reward_log.py).
"""

import json
from typing import Any

from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase
from verl.utils.model import get_generation_config

from harness.rewards import Sample, Score
from harness.verl.reward_log import RewardLog


class RewardManager(RewardManagerBase):  # type: ignore[misc]
    """Builds a Sample from token ids, calls the scoring function, reports its Score."""

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any, **_: Any) -> None:
        super().__init__(config, tokenizer, compute_score)
        if not config.reward.custom_reward_function.path:
            raise ValueError("reward.custom_reward_function.path names no scoring function")
        self.limit = int(config.actor_rollout_ref.rollout.response_length)
        self.ends = _end_tokens(config.actor_rollout_ref.model, tokenizer)
        self.log = RewardLog.from_environment()
        self.components: list[str] | None = None

    async def run_single(self, data: Any) -> dict[str, Any]:
        """Score one response."""
        row = data[len(data) - 1]  # of a conversation, verl scores the last turn
        info = row.non_tensor_batch
        sample = self._sample(row)
        score = await self.loop.run_in_executor(None, self.compute_score, sample)
        self._check(score)
        self.log.add(
            sample,
            score,
            split=str(info["extra_info"]["split"]),
            step=int(info["global_steps"]),
        )
        return {
            "reward_score": float(score.value),
            "reward_extra_info": {
                "acc": float(score.correct),
                "extracted": score.extracted or "",
                **{name: float(value) for name, value in score.components.items()},
            },
        }

    def _sample(self, row: Any) -> Sample:
        info = row.non_tensor_batch
        # Real lengths: verl pads with token 0, which can be a token of the text.
        prompt = row.batch["prompts"][: int(info["prompt_len"])].tolist()
        response = row.batch["responses"][: int(info["response_len"])].tolist()
        ended = bool(response) and response[-1] in self.ends
        return Sample(
            prompt=self.tokenizer.decode(prompt),
            response=self.tokenizer.decode(response),
            ground_truth=json.loads(info["reward_model"]["ground_truth"]),
            response_tokens=len(response),
            truncated=len(response) >= self.limit and not ended,
        )

    def _check(self, score: Any) -> None:
        """verl stacks the extra columns of all samples, so they must be the same ones."""
        if not isinstance(score, Score):
            raise TypeError(f"the scoring function returned {type(score).__name__}, not a Score")
        names = sorted(score.components)
        if self.components is None:
            self.components = names
        if names != self.components:
            raise ValueError(
                f"the scoring function returned the components {names}, before {self.components}; "
                "it must always return the same ones"
            )


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    config = get_generation_config(model.path, trust_remote_code=model.trust_remote_code)
    ends = getattr(config, "eos_token_id", None)
    if ends is None:
        ends = tokenizer.eos_token_id
    return {ends} if isinstance(ends, int) else set(ends)
