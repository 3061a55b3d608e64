"""TransferQueue in one dictionary, with rows as verl and our reward manager leave them; read by the
tests of rewards over groups and steps and of truncation."""

import json
from typing import Any

import torch
from transfer_queue import KVBatchMeta
from verl.utils.tensordict_utils import list_of_dict_to_tensordict


class Queue:
    """TransferQueue with everything in one dictionary; it hands out what verl puts in."""

    def __init__(self, rows: dict[str, dict[str, Any]]) -> None:
        self.rows = rows

    def kv_batch_get(self, keys: list[str], partition_id: str, select_fields: list[str]) -> Any:
        assert partition_id == "train"
        return list_of_dict_to_tensordict(
            [{name: self.rows[key][name] for name in select_fields} for key in keys]
        )

    def kv_clear(self, keys: list[str], partition_id: str) -> None:
        assert partition_id == "train"
        for key in keys:
            del self.rows[key]

    def kv_batch_put(self, keys: list[str], partition_id: str, fields: Any) -> None:
        for name, column in fields.items():
            for key, value in zip(keys, column.unbind(), strict=True):
                self.rows[key][name] = value


def row(tokens: int, reward: float, *, correct: bool, truncated: bool) -> dict[str, Any]:
    scores = torch.zeros(tokens)
    scores[-1] = reward
    info = {"acc": float(correct), "extracted": "42" if correct else "", "format": 1.0}
    return {
        "prompts": torch.tensor([7, 8]),
        "responses": torch.arange(tokens),
        "rm_scores": scores,
        "response_mask": torch.ones(tokens, dtype=torch.int64),
        "extra_fields": {"reward_extra_info": info, "reprise_truncated": truncated},
        "reward_model": {"ground_truth": json.dumps({"answer": "42"})},
    }


def two_groups() -> Queue:
    """Two prompts with two responses each, and a row of verl's padding."""
    return Queue(
        {
            "a_2_0": row(3, 1.0, correct=True, truncated=False),
            "a_10_0": row(5, 0.0, correct=False, truncated=True),
            "b_0_0": row(2, 1.0, correct=True, truncated=False),
            "b_1_0": row(4, 1.0, correct=True, truncated=True),
            "pad_0_0": row(1, 0.0, correct=False, truncated=True),
        }
    )


def batch(*keys: str) -> KVBatchMeta:
    tags = [{"is_padding": key.startswith("pad")} for key in keys]
    return KVBatchMeta(partition_id="train", keys=list(keys), tags=tags)
