"""Dynamic sampling: generation goes on until enough groups hold responses that differ.

Yu et al. 2025 (DAPO), section 3.2, equation 11, as its own loop runs it
(volcengine/verl@4f80e46:recipe/dapo/src/dapo_ray_trainer.py:216). verl's algorithm.filter_groups
refills prompt by prompt and knows no limit. trainer.py puts this in front of the replay buffer.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from transfer_queue import KVBatchMeta

from harness.verl.plugins import storage

PREFIX = "training/filter_groups"


class TooFewGroups(RuntimeError):
    """The limit of generation batches is reached, or the rows are used up."""


def by_prompt(keys: Sequence[str]) -> dict[str, list[str]]:
    """Prompt -> the keys of its responses, in the order given; a key is prompt_session_index."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(key.split("_", 1)[0], []).append(key)
    return groups


def differ(values: Sequence[float]) -> bool:
    """Has a group something to learn from? A response without a companion counts as such."""
    # Not the standard deviation: rounding can leave one above 0 where all values are the same.
    return len(values) == 1 or min(values) != max(values)


class DynamicSampling:
    """A replay buffer whose training batches hold no group of equal metric values."""

    def __init__(
        self,
        buffer: Any,
        generate: Callable[[int], Any],
        *,
        metric: str,
        prompts_per_batch: int,
        max_batches: int,
    ) -> None:
        """Stand in front of a replay buffer.

        Args:
            buffer: verl's replay buffer.
            generate: starts the generation of so many new prompts.
            metric: `correct` or `reward`: what must differ within a group.
            prompts_per_batch: prompts of one generation batch.
            max_batches: generation batches of one step before TooFewGroups; 0 never stops.
        """
        self.buffer = buffer
        self.generate = generate
        self.metric = metric
        self.prompts_per_batch = prompts_per_batch
        self.max_batches = max_batches

    def sample(
        self, global_steps: int, partition_id: str, batch_size: int
    ) -> tuple[KVBatchMeta, dict[str, float]]:
        """A batch of `batch_size` groups; for training those kept first, the rest is discarded.

        Raises:
            TooFewGroups: max_batches were generated and too few groups differ.
        """
        if partition_id != "train":
            batch, metrics = self.buffer.sample(
                global_steps=global_steps, partition_id=partition_id, batch_size=batch_size
            )
            return batch, metrics
        kept: dict[str, list[str]] = {}
        tags: dict[str, Any] = {}
        batches = 0
        while len(kept) < batch_size:
            self._refuse_another(batches, kept=len(kept), needed=batch_size)
            self.generate(self.prompts_per_batch)
            batch, _ = self.buffer.sample(
                global_steps=global_steps,
                partition_id=partition_id,
                batch_size=self.prompts_per_batch,
            )
            batches += 1
            tags |= dict(zip(batch.keys, batch.tags, strict=True))
            kept |= self._keep(batch)
        keys = _flat(list(kept.values())[:batch_size])
        storage.clear(_flat(list(kept.values())[batch_size:]), partition_id)
        prompts = batches * self.prompts_per_batch
        metrics = {
            f"{PREFIX}/batches": batches,
            f"{PREFIX}/scored": len(tags),
            f"{PREFIX}/constant": prompts - len(kept),
            f"{PREFIX}/surplus": len(kept) - batch_size,
        }
        chosen = [tags[key] for key in keys]
        return KVBatchMeta(partition_id=partition_id, keys=keys, tags=chosen), metrics

    def _keep(self, batch: KVBatchMeta) -> dict[str, list[str]]:
        """Groups that differ; the others leave the storage."""
        groups = by_prompt(batch.keys)
        values = metric_values(batch, self.metric)
        kept = {
            prompt: keys for prompt, keys in groups.items() if differ([values[key] for key in keys])
        }
        dropped = [keys for prompt, keys in groups.items() if prompt not in kept]
        storage.clear(_flat(dropped), batch.partition_id)
        return kept

    def _refuse_another(self, batches: int, *, kept: int, needed: int) -> None:
        if self.max_batches and batches >= self.max_batches:
            raise TooFewGroups(
                f"{batches} generation batches of {self.prompts_per_batch} prompts gave {kept} "
                f"groups whose `{self.metric}` values differ, and a step needs {needed}: the model "
                "finds the problems too hard or too easy. Raise "
                "algorithm.filter_groups.max_batches (0: no limit) or prompts_per_batch, or choose "
                "other data"
            )


def metric_values(batch: KVBatchMeta, metric: str) -> dict[str, float]:
    """Key -> the value that must differ; `reward` is the total of the scoring function."""
    field = "rm_scores" if metric == "reward" else "extra_fields"
    column = storage.read(batch.keys, batch.partition_id, field)[field]
    if metric == "reward":
        numbers = [float(scores.sum()) for scores in column]
    else:
        numbers = [float(extra["reward_extra_info"]["acc"]) for extra in column]
    return dict(zip(batch.keys, numbers, strict=True))


def _flat(groups: Iterable[Sequence[str]]) -> list[str]:
    return [key for keys in groups for key in keys]


class CountedPasses:
    """verl's data loader, counting passes over the rows; the count survives a resume.

    verl derives the epoch from the number of steps, which no longer holds where a step takes more
    prompts than it trains on.
    """

    def __init__(self, loader: Any, limit: int) -> None:
        """Wrap a loader that may give out its rows `limit` times."""
        if len(loader) == 0:
            raise TooFewGroups(
                f"{len(loader.dataset)} training rows do not fill one generation batch of "
                f"{loader.batch_size} prompts: lower algorithm.filter_groups.prompts_per_batch, "
                "or use more rows"
            )
        self.loader = loader
        self.limit = limit
        self.finished = 0

    def __iter__(self) -> Iterator[Any]:
        """One pass, or the rest of one after a resume."""
        if self.finished >= self.limit:
            raise TooFewGroups(
                f"all training rows were used {self.finished} time(s) (schedule.epochs) before the "
                "last step: raise schedule.epochs, or set schedule.steps to the steps done"
            )
        yield from self.loader
        self.finished += 1

    def state_dict(self) -> dict[str, Any]:
        """The loader's state and the passes finished; verl saves it with a checkpoint."""
        return {"loader": self.loader.state_dict(), "finished": self.finished}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where a checkpoint was saved."""
        self.finished = state["finished"]
        self.loader.load_state_dict(state["loader"])
