"""monitor.parquet: the training rows that a run watches; the prepare stage writes it and the
trainer's monitor passes read it."""

import random
from pathlib import Path

from harness.data.prepare import write_parquet
from harness.data.row_files import parquet
from harness.errors import DataError

MONITOR = "monitor.parquet"


def write_monitor(folder: Path, rows: int, seed: int) -> None:
    """Draws training rows of prepared data; the same ones for the same data and seed.

    Args:
        folder: holds train.parquet, and gets monitor.parquet.
        rows: how many.
        seed: of the draw.

    Raises:
        DataError: there are fewer training rows.
    """
    stored = parquet(folder / "train.parquet")
    # A row that is repeated (data.repeat) is one problem.
    problems = list({row["extra_info"]["index"]: row for row in stored}.values())
    if rows > len(problems):
        raise DataError(
            f"schedule.monitor.rows={rows}, and there are {len(problems)} training rows: set it to "
            f"at most {len(problems)}, or use more data"
        )
    chosen = sorted(random.Random(seed).sample(range(len(problems)), rows))
    watched = [problems[place] for place in chosen]
    for row in watched:
        row["extra_info"]["split"] = "monitor"
    write_parquet(folder / MONITOR, watched)
