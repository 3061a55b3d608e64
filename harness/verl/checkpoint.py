"""verl's checkpoint hook of this project: writes the manifest that harness.checkpoints verifies.

Selected by trainer.checkpoint_callback_class; runs in verl's task runner after every save.
"""

import json
import os
from pathlib import Path
from typing import Any

from verl.trainer.ppo.checkpoint_callback import CheckpointCallback

from harness.checkpoints import write_manifest

RUN_FILE_VARIABLE = "REPRISE_RUN_FILE"


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
        run = json.loads(Path(os.environ[RUN_FILE_VARIABLE]).read_text())
        write_manifest(Path(checkpoint_dir), run, global_step)
