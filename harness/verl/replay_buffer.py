"""verl's replay buffer with a short poll, a stable order, and no tolerance for lost samples.

Selected by trainer.v1.sampler.custom_sampler.{path,name}; runs in verl's task runner.
"""

from typing import Any

from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

POLL_S = 0.05
"""verl polls every 2 s, which a short step on a small machine would spend waiting."""


class RolloutFailed(RuntimeError):
    """A response could not be generated or scored; the cause is earlier in the log."""


class StrictReplayBuffer(ReplayBuffer):  # type: ignore[misc]
    """Ends the run on a failed sample and hands batches over in the order of the data loader."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "poll_interval": POLL_S})

    def _sync_metadata_from_transfer_queue(self) -> None:
        """Refuse failed prompts: verl would go on and train on fewer samples than asked for."""
        super()._sync_metadata_from_transfer_queue()
        failed = sum(map(len, self.failure_keys.values()))
        if failed:
            raise RolloutFailed(
                f"{failed} prompt(s) failed while responses were generated or scored"
            )

    def _materialize_batch(
        self, partition_id: str, selected_prompt_uids: list[str], partition_snapshot: Any
    ) -> Any:
        """Order trajectories by prompt and session; verl's order is that of their arrival."""
        # Prompts are registered in the order of the data loader, and dictionaries keep it.
        place = {uid: i for i, uid in enumerate(self.prompt_global_steps[partition_id])}

        def order(key: str) -> tuple[int, int, int]:
            uid, session, index = key.rsplit("_", 2)
            return place.get(uid, len(place)), int(session), int(index)

        ordered = {key: partition_snapshot[key] for key in sorted(partition_snapshot, key=order)}
        return super()._materialize_batch(partition_id, selected_prompt_uids, ordered)
