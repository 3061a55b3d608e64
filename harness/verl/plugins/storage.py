"""Columns of TransferQueue, where verl keeps the responses of a step, as plain lists; the trainer's
additions read and write them here."""

from collections.abc import Sequence
from typing import Any

import torch
import transfer_queue
from tensordict import TensorDict


def read(keys: Sequence[str], partition: str, *fields: str) -> dict[str, list[Any]]:
    """Field -> one value a key: a tensor of the row's own length, or an object."""
    data = transfer_queue.kv_batch_get(
        keys=list(keys), partition_id=partition, select_fields=list(fields)
    )
    return {field: [_plain(item) for item in data[field]] for field in fields}


def _plain(item: Any) -> Any:
    """Objects come bare or in tensordict's wrapper, depending on the storage."""
    return item if isinstance(item, torch.Tensor) else getattr(item, "data", item)


def write(keys: Sequence[str], partition: str, **columns: Sequence[torch.Tensor]) -> None:
    """Replace fields by one tensor a key."""
    fields = {
        name: torch.nested.as_nested_tensor(list(rows), layout=torch.jagged)
        for name, rows in columns.items()
    }
    transfer_queue.kv_batch_put(
        keys=list(keys), partition_id=partition, fields=TensorDict(fields, batch_size=len(keys))
    )


def clear(keys: Sequence[str], partition: str) -> None:
    """Remove rows."""
    if keys:
        transfer_queue.kv_clear(keys=list(keys), partition_id=partition)
