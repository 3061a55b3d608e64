"""Ray's temporary folder on this node, which main.py makes and which goes with this process."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Not TMPDIR: Ray's sockets lie about 65 characters below, and a unix socket's path ends at 107.
PARENT = Path("/tmp")
LOCK = ".owner"


@contextlib.contextmanager
def scratch(job_id: int, rank: int) -> Iterator[Path]:
    """A new folder, readable by this user alone; removed at the end.

    It holds a locked file for as long as this process lives, so that the next start on this node
    can tell, and remove, the folder of one that was killed: it may hold spilled objects.
    """
    sweep()
    hidden = Path(tempfile.mkdtemp(prefix=".ray-", dir=PARENT))
    with (hidden / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = hidden.rename(PARENT / f"ray-{job_id}-{rank}-{hidden.name[-8:]}")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Removes this user's folders whose process is gone."""
    for folder in PARENT.glob("ray-*-*-*"):
        # Another user's, another start's that sweeps too, or one whose process lives: not ours.
        with contextlib.suppress(OSError), (folder / LOCK).open("r+") as lock:
            if os.fstat(lock.fileno()).st_uid == os.getuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
