"""Takes responses that hit the length limit out of the loss; trainer.py calls it.

Yu et al. 2025 (DAPO), section 3.4, "overlong filtering"; TRL's mask_truncated_completions. Their
rewards still count in the statistics of their group.
"""

import torch
from transfer_queue import KVBatchMeta

from harness.verl.plugins import storage
from harness.verl.plugins.agent_loop import TRUNCATED


class AllTruncated(RuntimeError):
    """Every response of a step hit the length limit: nothing is left to learn from."""


def mask_truncated(batch: KVBatchMeta) -> dict[str, float]:
    """Set the masks of truncated responses to 0 in the storage; the share of them as a metric.

    response_mask selects the tokens of every loss term and of whitening; verl counts a mini-batch's
    tokens by loss_mask. A mean over sequences still divides by all of them, as in TRL.

    Raises:
        AllTruncated: no response is left.
    """
    data = storage.read(batch.keys, batch.partition_id, "response_mask", "extra_fields")
    truncated = [bool(extra[TRUNCATED]) for extra in data["extra_fields"]]
    real = [
        out
        for out, tag in zip(truncated, batch.tags, strict=True)
        if not tag.get("is_padding", False)
    ]
    if all(real):
        raise AllTruncated(
            f"all {len(real)} responses of this step hit the length limit, and "
            "algorithm.mask_truncated=true leaves them out of the loss: raise "
            "data.max_response_tokens, or set algorithm.mask_truncated=false"
        )
    masks = [
        torch.zeros_like(mask) if out else mask
        for mask, out in zip(data["response_mask"], truncated, strict=True)
    ]
    storage.write(batch.keys, batch.partition_id, response_mask=masks, loss_mask=masks)
    return {"training/masked_truncated": sum(real) / len(real)}
