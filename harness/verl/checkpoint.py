"""verl's checkpoint hook of this project: writes the manifest that harness.checkpoints verifies.

Selected by trainer.checkpoint_callback_class; runs in verl's task runner after every save.
"""

import os
from pathlib import Path
from typing import Any

from verl.trainer.ppo.checkpoint_callback import CheckpointCallback

from harness.checkpoints import write_manifest

RUN_ID_VARIABLE = "REPRISE_RUN_ID"


class CheckpointManifest(CheckpointCallback):  # type: ignore[misc]
    """Lists the files of a finished checkpoint."""

    def on_save(
        self,
        trainer: Any,
        global_step: int,
        checkpoint_dir: str,
        async_save: bool = False,
        **_: Any,
    ) -> None:
        """Write the manifest, last of all files."""
        if async_save:
            raise NotImplementedError("async_save: the manifest would list unfinished files")
        write_manifest(Path(checkpoint_dir), os.environ[RUN_ID_VARIABLE], global_step)
