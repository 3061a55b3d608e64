"""verl's reward manager of this project: maps verl's rows to harness.rewards and back.

Selected by reward.reward_manager.{source,module.path,name}; runs in verl's reward workers, one
response at a time. Every scored response leaves a line in the reward log (reward_log.py).
"""

import json
import math
import traceback
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

from omegaconf import OmegaConf
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase
from verl.utils.model import get_generation_config

from harness.rewards import Sample, Score
from harness.verl.endings import Endings, end_tokens
from harness.verl.reward_log import RewardLog

OWN_COLUMNS = frozenset({"acc", "extracted"})
"""What verl gets of every score beside its components."""
SHOWN_CHARACTERS = 400
"""Length of a text's end in the message of a failed reward."""


class RewardFailed(RuntimeError):
    """A response has no score; the run must end, because a guessed score would train the model."""


class RewardManager(RewardManagerBase):  # type: ignore[misc]
    """Builds a Sample from token ids, calls the scoring function, reports its Score."""

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any, **_: Any) -> None:
        super().__init__(config, tokenizer, compute_score)
        settings, model = config.reward.custom_reward_function, config.actor_rollout_ref.model
        if not settings.path:
            raise ValueError("reward.custom_reward_function.path names no scoring function")
        module = settings.path.removeprefix("pkg://")
        self.name = f"{module}:{settings.name}"
        # verl's compute_score passes lists and mappings on as OmegaConf's.
        arguments: Any = OmegaConf.to_container(settings.get("reward_kwargs") or OmegaConf.create())
        self.score = partial(getattr(import_module(module), settings.name), **arguments)
        generation = get_generation_config(model.path, trust_remote_code=model.trust_remote_code)
        self.endings = Endings(tokens=end_tokens(generation, tokenizer))
        self.limit = int(config.actor_rollout_ref.rollout.response_length)
        self.log = RewardLog.from_environment()
        self.components: list[str] | None = None

    async def run_single(self, data: Any) -> dict[str, Any]:
        """Score one response.

        Raises:
            RewardFailed: the scoring function raised, or returned what cannot be trained on.
        """
        row = data[len(data) - 1]  # of a conversation, verl scores the last turn
        info = row.non_tensor_batch
        sample = self._sample(row)
        try:
            score = await self.loop.run_in_executor(None, self.score, sample)
            self._check(score)
        except Exception as error:
            raise RewardFailed(failure(self.name, sample, error)) from error
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
        return Sample(
            prompt=self.tokenizer.decode(prompt),
            response=self.tokenizer.decode(response),
            ground_truth=json.loads(info["reward_model"]["ground_truth"]),
            response_tokens=len(response),
            token_ids=tuple(response),
            truncated=self._truncated(response, info.get("tool_extra_fields") or {}),
        )

    def _truncated(self, response: list[int], said: Mapping[str, Any]) -> bool:
        """The agent loop's word; another loop than ours says nothing."""
        if "reprise_truncated" in said:
            return bool(said["reprise_truncated"])
        return self.endings.reason(response, self.limit, self.tokenizer.decode) == "length"

    def _check(self, score: Any) -> None:
        """verl stacks the extra columns of all samples, so they must be the same ones."""
        if not isinstance(score, Score):
            raise TypeError(f"the scoring function returned {type(score).__name__}, not a Score")
        for name, value in {"value": score.value, **score.components}.items():
            if not math.isfinite(value):
                raise ValueError(f"the scoring function returned {name} = {value}")
        names = sorted(score.components)
        if taken := OWN_COLUMNS.intersection(names):
            raise ValueError(f"components cannot be called {sorted(taken)}: verl's columns are")
        if self.components is None:
            self.components = names
        if names != self.components:
            raise ValueError(
                f"the scoring function returned the components {names}, before {self.components}; "
                "it must always return the same ones"
            )


def failure(function: str, sample: Sample, error: Exception) -> str:
    """What a person needs in order to repeat the failure: function, cause, and the sample.

    Every line but the first is indented, as traceback_text.py expects of one message.
    """
    place = traceback.extract_tb(error.__traceback__)[-1]
    cause = traceback.format_exception_only(error)[-1].strip()
    lines = {
        "raised in": f"{place.name}, {place.filename}:{place.lineno}",
        "prompt ends": repr(sample.prompt[-SHOWN_CHARACTERS:]),
        "response": f"{sample.response_tokens} tokens"
        + (", truncated" if sample.truncated else "")
        + f", ends {sample.response[-SHOWN_CHARACTERS:]!r}",
        "ground truth": json.dumps(sample.ground_truth, ensure_ascii=False),
    }
    message = [f"{function} could not score a response: {cause}"]
    message += [f"{name}: {text}" for name, text in lines.items()]
    return "\n".join(message).replace("\n", "\n    ")
