"""Takes responses that hit the length limit out of the loss; trainer.py calls it.

Yu et al. 2025 (DAPO), section 3.4, "overlong filtering"; TRL's mask_truncated_completions. Their
rewards still count in the statistics of their group.
"""

import torch
import transfer_queue
from tensordict import TensorDict
from transfer_queue import KVBatchMeta

from harness.verl.plugins.agent_loop import TRUNCATED


def mask_truncated(batch: KVBatchMeta) -> dict[str, float]:
    """Set the masks of truncated responses to 0 in the storage; the share of them as a metric.

    response_mask selects the tokens of every loss term and of whitening; verl counts a mini-batch's
    tokens by loss_mask. A mean over sequences still divides by all of them, as in TRL.
    """
    data = transfer_queue.kv_batch_get(
        keys=batch.keys,
        partition_id=batch.partition_id,
        select_fields=["response_mask", "extra_fields"],
    )
    truncated = [bool(extra[TRUNCATED]) for extra in data["extra_fields"].tolist()]
    masks = [
        torch.zeros_like(mask) if out else mask
        for mask, out in zip(data["response_mask"], truncated, strict=True)
    ]
    mask = torch.nested.as_nested_tensor(masks, layout=torch.jagged)
    fields = TensorDict({"response_mask": mask, "loss_mask": mask.clone()}, batch_size=len(batch))
    transfer_queue.kv_batch_put(keys=batch.keys, partition_id=batch.partition_id, fields=fields)
    real = [
        out
        for out, tag in zip(truncated, batch.tags, strict=True)
        if not tag.get("is_padding", False)
    ]
    return {"training/masked_truncated": sum(real) / len(real)}
