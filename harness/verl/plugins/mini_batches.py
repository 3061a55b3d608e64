"""The rows of one update, laid out for verl: mini-batches of our size over its equal ranks.

verl cuts what it is given into mini-batches of one size, rank by rank, and means over sequences
divide by that size. Here the rows fill mini-batches in the order in which they were drawn; the
last one may hold fewer. What is missing to equal ranks are responses that stay out of the update,
masked: they add nothing to a sum, and every row says how many responses its mini-batch really has,
by which losses.py divides. So each mini-batch's loss is the mean over its own rows, on any number
of GPUs.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from verl.utils.seqlen_balancing import calculate_workload, get_seqlen_balanced_partitions

from harness.verl.plugins import storage

RESPONSES = "reprise_responses"
"""Field of every row of an update: responses in its mini-batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The rows of an update as verl takes them."""

    keys: tuple[str, ...]
    """Rank after rank, in each its share of every mini-batch."""
    size: int
    """Rows of one mini-batch, fillers included."""
    fillers: tuple[str, ...]
    """Rows that must count for nothing."""
    responses: Mapping[str, int]
    """Key -> responses that count in its mini-batch."""


def layout(
    rows: Sequence[Sequence[str]],
    spare: Sequence[str],
    lengths: Mapping[str, int],
    *,
    mini_batch: int,
    ranks: int,
) -> Layout:
    """Rows over mini-batches, and each mini-batch over the ranks by its number of tokens.

    Args:
        rows: keys in the order in which they were drawn, in units that stay on one rank.
        spare: keys that may fill up; the shortest are taken. Enough of them exist where the
            mini-batches of all drawn responses divide over the ranks, which rules.py asks for.
        lengths: key -> tokens of prompt and response.
        mini_batch: units of one update.
        ranks: processes that share a mini-batch.
    """
    cuts = [list(rows[i : i + mini_batch]) for i in range(0, len(rows), mini_batch)]
    size = ranks * ceil(len(cuts[0]) / ranks)
    free = iter(sorted(spare, key=lambda key: lengths[key]))
    shares: list[list[str]] = [[] for _ in range(ranks)]
    fillers: list[str] = []
    responses: dict[str, int] = {}
    for cut in cuts:
        added = [next(free) for _ in range(size - len(cut))]
        filled = [*cut, *([key] for key in added)]
        real = sum(map(len, cut))
        responses |= {key: real for unit in filled for key in unit}
        fillers += added
        for share, part in zip(shares, _parts(filled, lengths, ranks), strict=True):
            share += part
    return Layout(
        keys=tuple(key for share in shares for key in share),
        size=size * len(rows[0]),
        fillers=tuple(fillers),
        responses=responses,
    )


def _parts(units: list[Any], lengths: Mapping[str, int], ranks: int) -> list[list[str]]:
    """Equal numbers of units for each rank, with about as much work."""
    work = [sum(_work(lengths[key]) for key in unit) for unit in units]
    parts = get_seqlen_balanced_partitions(work, k_partitions=ranks, equal_size=True)
    return [[key for place in part for key in units[place]] for part in parts]


def _work(tokens: int) -> int:
    return int(calculate_workload(torch.tensor(tokens)))


@contextmanager
def laid_out(found: Layout, partition: str, config: Any, role: str) -> Iterator[None]:
    """While verl updates: fillers masked, counts in the storage, verl's mini-batch of this size.

    Args:
        found: the rows.
        partition: where they are stored.
        config: verl's whole configuration, in which a mini-batch has
            ppo_mini_batch_size x rollout.n rows.
        role: `actor` or `critic`.
    """
    counts = [torch.tensor([found.responses[key]]) for key in found.keys]
    storage.write(found.keys, partition, **{RESPONSES: counts})
    rollout = config.actor_rollout_ref.rollout
    part = config.critic if role == "critic" else config.actor_rollout_ref.actor
    verls = part.ppo_mini_batch_size, rollout.n
    part.ppo_mini_batch_size, rollout.n = found.size, 1
    try:
        with _masked(found.fillers, partition):
            yield
    finally:
        part.ppo_mini_batch_size, rollout.n = verls


@contextmanager
def _masked(keys: Sequence[str], partition: str) -> Iterator[None]:
    """Masks of 0, which verl counts tokens by and every loss term is multiplied with."""
    if not keys:
        yield
        return
    masks = storage.read(keys, partition, "response_mask", "loss_mask")
    storage.write(
        keys, partition, **{name: list(map(torch.zeros_like, rows)) for name, rows in masks.items()}
    )
    yield
    storage.write(keys, partition, **masks)
